"""Sub-graphs as a stream of `tasks` tells of them: which began, under what name, and how each ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NotRequired, TypedDict

from msgspec import Struct

from ...events.errors import GraphDrained, GraphInterrupt

SubgraphStatus = Literal["started", "completed", "failed", "interrupted", "drained"]
"""Where a sub-graph is in its life: the last four are its end."""
Namespace = tuple[str, ...]


class LifecycleCause(TypedDict):
    """What made a sub-graph run: the call of a tool, by its id."""

    type: Literal["toolCall"]
    tool_call_id: str


class LifecyclePayload(TypedDict, total=False):
    """What a `lifecycle` event says: which sub-graph, what became of it; the rest where it is known."""

    event: SubgraphStatus
    namespace: list[str]
    graph_name: NotRequired[str]
    trigger_call_id: NotRequired[str]
    cause: NotRequired[LifecycleCause]
    error: NotRequired[str]


class Began(Struct, frozen=True):
    """A sub-graph was seen for the first time."""

    ns: Namespace
    graph_name: str | None
    trigger_call_id: str | None
    cause: LifecycleCause | None = None


class Ended(Struct, frozen=True):
    """A sub-graph came to its end; `error` is the text of what it failed with."""

    ns: Namespace
    status: SubgraphStatus
    error: str | None = None


class Sightings:
    """The sub-graphs seen in one stream's `tasks` payloads, each from its first task to its task's result."""

    def __init__(self, tracked: Callable[[Namespace], bool]) -> None:
        self._tracked = tracked
        self._seen: set[Namespace] = set()
        self._open: dict[Namespace, tuple[Namespace, str]] = {}
        """Namespace of each sub-graph under way: where the task that it runs in is, and that task's id."""
        self._names: dict[Namespace, Any] = {}
        """Namespace to the agent's name that its first task carries in its metadata."""
        self._tool_calls: dict[str, str] = {}
        """Id of a task that runs a tool to the id of the tool's call."""

    def observe(self, ns: Namespace, payload: Mapping[str, Any]) -> Iterator[Began | Ended]:
        """What a payload tells: a task's start may be the first of its graph, its result the end of graphs in it."""
        if "result" in payload:
            yield from self._ends(ns, payload)
            return
        name = (payload.get("metadata") or {}).get("lc_agent_name")
        if name is not None:
            self._names.setdefault(ns, name)
        call = tool_call_id(payload.get("input"))
        if call is not None:
            self._tool_calls[payload["id"]] = call
        if ns not in self._seen and self._tracked(ns):
            yield self._begins(ns)

    def _begins(self, ns: Namespace) -> Began:
        self._seen.add(ns)
        node, task = segment(ns[-1])
        self._open[ns] = (ns[:-1], task or "")
        cause: LifecycleCause | None = None
        if ns in self._names and task in self._tool_calls:
            cause = {"type": "toolCall", "tool_call_id": self._tool_calls[task]}
        return Began(ns, self._names.get(ns, node), task, cause)

    def _ends(self, ns: Namespace, payload: Mapping[str, Any]) -> Iterator[Ended]:
        place = (ns, payload["id"])
        for child in [child for child, where in self._open.items() if where == place]:
            del self._open[child]
            yield Ended(child, *result_status(payload))

    def close(self, status: SubgraphStatus, error: str | None = None) -> Iterator[Ended]:
        """The end of the whole stream: of every sub-graph whose task's result did not come."""
        for ns in list(self._open):
            del self._open[ns]
            yield Ended(ns, status, error)


def segment(text: str) -> tuple[str, str | None]:
    """A namespace's part as (node, task id); a sub-graph with a history of its own has no task in its namespace."""
    node, colon, task = text.partition(":")
    return node, task if colon else None


def tool_call_id(given: Any) -> str | None:
    """The id of the tool call that a task was given as its input, or None when it was given something else."""
    if isinstance(given, Mapping):
        given = given.get("tool_call") if given.get("__type") == "tool_call_with_context" else None
    elif isinstance(given, (list, tuple)):
        given = given[0] if given else None
    else:
        return None
    found = given.get("id") if isinstance(given, Mapping) else None
    return found if isinstance(found, str) else None


def result_status(payload: Mapping[str, Any]) -> tuple[SubgraphStatus, str | None]:
    """How the sub-graphs in a task ended, by the task's result."""
    if payload.get("interrupts"):
        return "interrupted", None
    error = payload.get("error")
    return ("completed", None) if error is None else ("failed", str(error))


def error_status(error: BaseException) -> tuple[SubgraphStatus, str | None]:
    """How sub-graphs ended that were under way when this ended the run."""
    if isinstance(error, GraphInterrupt):
        return "interrupted", None
    if isinstance(error, GraphDrained):
        return "drained", None
    return "failed", str(error)


def payload_of(change: Began | Ended) -> LifecyclePayload:
    """The `lifecycle` payload of a change."""
    if isinstance(change, Ended):
        payload: LifecyclePayload = {"event": change.status, "namespace": list(change.ns)}
        if change.error is not None:
            payload["error"] = change.error
        return payload
    payload = {"event": "started", "namespace": list(change.ns)}
    if change.graph_name:
        payload["graph_name"] = change.graph_name
    if change.trigger_call_id:
        payload["trigger_call_id"] = change.trigger_call_id
    if change.cause is not None:
        payload["cause"] = change.cause
    return payload
