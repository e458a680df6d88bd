"""What is asked of a server with LangGraph's interface, and what its answers mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.graph import Edge, Graph, Node
from msgspec import Struct

from ...events.errors import ClewError
from ...events.vocabulary import INTERRUPT, Command, Interrupt, Send
from ...projections.state.views import PregelTask, StateSnapshot

COORDINATES = ("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map")
"""What of a config's `configurable` says where, and goes to the server in places of its own."""
_SCALARS = (str, int, float, bool, type(None))


class RemoteException(ClewError):
    """The server's run failed; the first argument is what it said."""


class Asked(Struct, frozen=True):
    """What a caller wants to see of a run."""

    modes: tuple[str, ...]
    """Stream modes to be shown."""
    several: bool
    """True where chunks name their mode: a list of modes was given."""
    subgraphs: bool = False
    version: str = "v1"

    def sent(self) -> list[str]:
        """The modes under their names at the server, which streams tokens as "messages-tuple"."""
        return ["messages-tuple" if mode == "messages" else mode for mode in self.modes]


def run_arguments(
    assistant: str,
    given: Any,
    config: RunnableConfig,
    asked: Asked,
    *,
    context: Any = None,
    interrupt_before: Any = None,
    interrupt_after: Any = None,
    headers: Any = None,
    params: Any = None,
) -> dict[str, Any]:
    """The arguments of a client's `runs.stream`."""
    command = asdict(given) if isinstance(given, Command) else None
    return {
        "thread_id": (config.get("configurable") or {}).get("thread_id"),
        "assistant_id": assistant,
        "input": None if command is not None else _plain(given),
        "command": _plain(command),
        "config": sent_config(config),
        "context": context,
        "stream_mode": asked.sent(),
        "interrupt_before": interrupt_before,
        "interrupt_after": interrupt_after,
        "stream_subgraphs": asked.subgraphs,
        "if_not_exists": "create",
        "headers": headers,
        "params": params,
    }


def sent_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config can be sent: limits, tags and names, and entries that JSON has."""
    sent: dict[str, Any] = {key: config[key] for key in ("recursion_limit", "run_name") if key in config}
    if config.get("tags"):
        sent["tags"] = [tag for tag in config["tags"] if isinstance(tag, str)]
    if config.get("metadata"):
        sent["metadata"] = _sendable(config["metadata"])
    configurable = config.get("configurable") or {}
    own = [key for key in configurable if key not in COORDINATES and not str(key).startswith("__")]
    sent["configurable"] = _sendable({key: configurable[key] for key in own})
    return sent


def checkpoint_of(config: RunnableConfig | None) -> dict[str, Any] | None:
    """Where a config points, as the server takes it; None for nowhere."""
    configurable = (config or {}).get("configurable") or {}
    found = {key: configurable[key] for key in COORDINATES if configurable.get(key) is not None}
    return found or None


def config_of(checkpoint: Mapping[str, Any] | None) -> Any:
    """The config of a checkpoint that the server named; None for none."""
    if not checkpoint:
        return None
    named = {key: checkpoint.get(key) for key in ("thread_id", "checkpoint_ns", "checkpoint_id")}
    return {"configurable": {**named, "checkpoint_map": checkpoint.get("checkpoint_map") or {}}}


def snapshot_of(state: Mapping[str, Any]) -> StateSnapshot:
    """A thread's state as the server gives it."""
    tasks = tuple(
        PregelTask(
            id=task["id"],
            name=task["name"],
            path=(),
            error=task.get("error"),
            interrupts=interrupts_of(task.get("interrupts")),
            state=snapshot_of(task["state"]) if task.get("state") else config_of(task.get("checkpoint")),
            result=task.get("result"),
        )
        for task in state.get("tasks") or ()
    )
    return StateSnapshot(
        values=state["values"],
        next=tuple(state["next"] or ()),
        config=config_of(state["checkpoint"]),
        metadata=state.get("metadata"),
        created_at=state.get("created_at"),
        parent_config=config_of(state.get("parent_checkpoint")),
        tasks=tasks,
        interrupts=tuple(one for task in tasks for one in task.interrupts),
    )


def interrupts_of(given: Sequence[Mapping[str, Any]] | None) -> tuple[Interrupt, ...]:
    """Questions as the server gives them."""
    return tuple(Interrupt(one["value"], **({"id": one["id"]} if one.get("id") else {})) for one in given or ())


def drawn(graph: Mapping[str, Any]) -> Graph:
    """A graph as the server describes it."""
    nodes = {
        str(one["id"]): Node(str(one["id"]), _name_in(one), _data(one), one.get("metadata")) for one in graph["nodes"]
    }
    edges = [
        Edge(str(one["source"]), str(one["target"]), one.get("data"), bool(one.get("conditional", False)))
        for one in graph["edges"]
    ]
    return Graph(nodes, edges)


def _data(node: Mapping[str, Any]) -> Any:
    return node.get("data") or {}


def _name_in(node: Mapping[str, Any]) -> str:
    data = node.get("data")
    return str(data["name"]) if isinstance(data, Mapping) and "name" in data else str(node["id"])


class Seen(Struct, frozen=True):
    """One piece of a run's stream."""

    ns: tuple[str, ...]
    mode: str
    data: Any
    interrupts: tuple[Interrupt, ...] = ()

    def chunk(self, asked: Asked) -> Any:
        """The piece in the form that the caller asked for."""
        if asked.version == "v2":
            data = self.data
            if self.mode == "values" and isinstance(data, dict):
                data = {key: value for key, value in data.items() if key != INTERRUPT}
            part = {"type": self.mode, "ns": self.ns, "data": data}
            return {**part, "interrupts": self.interrupts} if self.mode == "values" else part
        if asked.subgraphs:
            return (self.ns, self.mode, self.data) if asked.several else (self.ns, self.data)
        return (self.mode, self.data) if asked.several else self.data


def seen(part: Any) -> Iterator[Seen]:
    """What a part of the server's stream shows: nothing of its housekeeping.

    Raises:
        RemoteException: the run failed.
    """
    event, data = part.event, part.data
    if event.startswith("error"):
        raise RemoteException(data)
    mode, *ns = event.split("|")
    if mode in ("metadata", "end"):
        return
    interrupts: tuple[Interrupt, ...] = ()
    if isinstance(data, dict) and INTERRUPT in data:
        interrupts = interrupts_of(data[INTERRUPT])
        data = {**data, INTERRUPT: interrupts}
    if mode == "messages" and isinstance(data, list):
        data = tuple(data)
    yield Seen(tuple(ns), mode, data, interrupts)


def _plain(value: Any) -> Any:
    """The value as JSON has it: messages and Sends as dicts, tuples as lists."""
    if isinstance(value, BaseMessage):
        return value.model_dump()
    if isinstance(value, Send):
        return {"node": value.node, "input": _plain(value.arg)}
    if isinstance(value, Mapping):
        return {key: _plain(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(held) for held in value]
    return value


def _sendable(entries: Mapping[Any, Any]) -> dict[str, Any]:
    """The entries that JSON has, at every depth; others are left out."""
    return {key: held for key, value in entries.items() if isinstance(key, str) for held in _sendable_value(value)}


def _sendable_value(value: Any) -> Iterator[Any]:
    if isinstance(value, _SCALARS):
        yield value
    elif isinstance(value, Mapping):
        yield _sendable(value)
    elif isinstance(value, (list, tuple)):
        yield [held for one in value for held in _sendable_value(one)]
