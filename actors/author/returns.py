"""What user code gave back, read as writes and routes. Calls nothing of the user's, changes only missing message ids.

The node runner calls it with what nodes and path functions returned, the doors with a run's input and with the values
of `update_state`, which are read as if their node had returned them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from msgspec import Struct

from ...events.errors import InvalidUpdateError, with_code
from ...events.vocabulary import END, PARENT, START, Command, Payload, Route, Send, Write, recorded_timeout
from ...projections.channels.channel import Channel
from ...projections.channels.message_ids import assign_message_ids
from ...projections.channels.messages_channel import MessagesChannel
from ...projections.channels.overwrite import unwrap_overwrite
from ...projections.state.merge import ATOMS
from .checks import checked
from .plan import Branch, Node, Plan
from .schemas import model_fields

R = TypeVar("R")
S = TypeVar("S")

PREVIOUS = "__previous__"
"""Channel of what an entrypoint saved for its next call; empty where that is what it returned."""
_log = logging.getLogger(__name__)
_MISSING: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Final(Generic[R, S]):
    """Returned from an entrypoint: `value` is what the caller gets, `save` what the next call gets as `previous`."""

    value: R
    """What the call returns, and what `get_state` shows."""
    save: S
    """What the thread's next call receives as `previous`."""


class Returned(Struct):
    """What one return value of a node comes to."""

    writes: list[Write] = []
    routes: list[Route] = []
    """Gotos and Sends, in the order they were given; static edges and path functions come on top."""
    parent: Command[Any] | None = None
    """A Command for the calling graph: this graph is left at once, and writes and routes here do not count."""
    extra: dict[str, Any] = {}
    """Keys of the return value that are no channels: dropped, but the node's own path functions see them."""


def interpret(plan: Plan, node: Node, returned: Any) -> Returned:
    """The writes and routes of what a node returned.

    Raises:
        InvalidUpdateError: it is no update, a route leads nowhere, or a Send leads to END. The message names the node.
        InvalidValueError: a value does not fit, where values are checked.
    """
    if plan.checks:
        understood = _interpret(plan, node, returned)
        understood.writes = checked(plan.checks, understood.writes, node.name)
        return understood
    return _interpret(plan, node, returned)


def _interpret(plan: Plan, node: Node, returned: Any) -> Returned:
    if plan.entry and node is not plan.start:
        return Returned(_of_entrypoint(returned))
    if returned is None:
        return Returned()
    if type(returned) is dict and plan.root is None:  # by far the most frequent
        result = Returned()
        _from_mapping(plan, node.name, returned, result)
        return result
    result = Returned()
    if isinstance(returned, (list, tuple)) and any(isinstance(item, Command) for item in returned):
        for item in returned:
            _interpret_one(plan, node.name, item, result)
            if result.parent is not None:
                return Returned(parent=result.parent)
        return result
    _interpret_one(plan, node.name, returned, result)
    return Returned(parent=result.parent) if result.parent is not None else result


def _of_entrypoint(returned: Any) -> list[Write]:
    """The writes of what an entrypoint returned: its value, and what it saves for the next call where that differs."""
    if not isinstance(returned, Final):
        assign_message_ids(returned)
        return [Write(END, Payload(returned))]
    assign_message_ids(returned.value)
    assign_message_ids(returned.save)
    return [Write(END, Payload(returned.value)), Write(PREVIOUS, Payload(returned.save))]


def beyond_view(node: Node, returned: Returned) -> dict[str, Any]:
    """What a node returned under keys that it does not read itself, as it was returned."""
    written = {write.channel: write.payload.value for write in returned.writes if write.channel not in node.view.keys}
    return {**written, **returned.extra} if written else returned.extra


def input_writes(plan: Plan, given: Any) -> list[Write]:
    """The writes of a run's input: the keys of the input schema, others dropped. `given` is not None.

    Raises:
        InvalidUpdateError: it is neither a dict nor an instance of an annotated class, where the state has keys.
        InvalidValueError: a value does not fit, where values are checked.
    """
    writes = _input_writes(plan, given)
    return checked(plan.checks, writes, START) if plan.checks else writes


def _input_writes(plan: Plan, given: Any) -> list[Write]:
    if plan.entry:
        assign_message_ids(given)
        return [Write(START, Payload(given))]
    if plan.root is not None:
        return [_write(plan.root, plan.channels[plan.root], given)]
    items = _items_of(given if plan.takes is None else plan.takes(given))
    if items is None:
        raise InvalidUpdateError(
            with_code(
                f"the graph's input is {given!r}: give a dict of state keys, or an instance of the input schema",
                "INVALID_GRAPH_NODE_RETURN_VALUE",
            )
        )
    keys = plan.input_view.keys
    channels = plan.channels
    return [_write(key, channels[key], value) for key, value in items if key in channels and key in keys]


def branch_routes(plan: Plan, node: Node, branch: Branch, result: Any) -> list[Route]:
    """The routes of what a path function returned: a name, a Send, a key of the path map, or a list of those.

    END and [] lead nowhere. The same node named twice runs once; each Send is a run of its own.

    Raises:
        KeyError: the path map lacks a result.
        ValueError: a result is None or START.
        InvalidUpdateError: a Send leads to END, or a name is no node.
    """
    results = result if isinstance(result, (list, tuple)) else (result,)
    who = f"path function {branch.name!r} of node {node.name!r}"
    routes: list[Route] = []
    for item in results:
        target = item if isinstance(item, Send) else _mapped(branch, item, who)
        if target is None or target == START:
            raise ValueError(f"{who} returned {item!r}, which is no destination: return a node's name, a Send or END")
        _add_route(plan, target, who, routes)
    return routes


def _mapped(branch: Branch, item: Any, who: str) -> Any:
    if branch.path_map is None:
        return item
    try:
        return branch.path_map[item]
    except (KeyError, TypeError):  # TypeError: an unhashable result
        known = ", ".join(repr(key) for key in branch.path_map)
        raise KeyError(f"{who} returned {item!r}, which its path_map lacks: add it, or return one of {known}") from None


def _interpret_one(plan: Plan, node: str, item: Any, result: Returned) -> None:
    if item is None:
        return
    if isinstance(item, Command):
        _from_command(plan, node, item, result)
    elif isinstance(item, Send):
        _add_route(plan, item, f"node {node!r}", result.routes)
    elif plan.root is not None:
        result.writes.append(_write(plan.root, plan.channels[plan.root], item))
    else:
        _from_object(plan, node, item, result, "returned")


def _from_command(plan: Plan, node: str, command: Command[Any], result: Returned) -> None:
    if command.graph == PARENT:
        result.parent = command
        return
    # any other graph name means this graph, as in LangGraph; `resume` is for a run's input and means nothing here
    if command.update is not None:
        _from_update(plan, node, command.update, result)
    goto = command.goto
    targets = (goto,) if isinstance(goto, (str, Send)) else goto
    if not isinstance(targets, Iterable):
        who = "the graph's input is" if node == START else f"node {node!r} returned"
        raise InvalidUpdateError(f"{who} Command(goto={goto!r}): give a node's name, a Send, or a list")
    who = "Command(goto=…) as the graph's input" if node == START else f"Command(goto=…) of node {node!r}"
    for target in targets:
        _add_route(plan, target, who, result.routes)


def _from_update(plan: Plan, node: str, update: Any, result: Returned) -> None:
    """A Command's update: as a return value, or a list of (key, value) pairs."""
    pairs = _pairs_of(update)
    if plan.root is not None:
        if isinstance(update, dict):
            pairs = list(update.items())
        # only under the root's own name: any other pair or dict is the new value itself
        values = [value for _, value in pairs] if pairs and all(key == plan.root for key, _ in pairs) else [update]
        result.writes.extend(_write(plan.root, plan.channels[plan.root], value) for value in values)
    elif pairs is not None:
        _from_items(plan, node, pairs, result)
    else:
        _from_object(plan, node, update, result, "gave an update")


def _pairs_of(update: Any) -> list[tuple[str, Any]] | None:
    """The pairs of a list of (key, value) pairs; [] is one. None for anything else."""
    if not isinstance(update, (list, tuple)):
        return None
    if all(isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) for pair in update):
        return [(pair[0], pair[1]) for pair in update]
    return None


def _from_object(plan: Plan, node: str, value: Any, result: Returned, verb: str) -> None:
    if isinstance(value, Mapping):
        _from_mapping(plan, node, value, result)
        return
    items = _items_of(value)
    if items is None or (items and not any(key in plan.channels or key in plan.managed for key, _ in items)):
        who = "the graph's input" if node == START else f"node {node!r}"
        raise InvalidUpdateError(
            with_code(
                f"{who} {verb} {value!r}: return a dict of state keys ({', '.join(plan.channels)}), "
                "an instance of a state class, a Command, or None",
                "INVALID_GRAPH_NODE_RETURN_VALUE",
            )
        )
    _from_items(plan, node, items, result)


def _from_items(plan: Plan, node: str, items: Iterable[tuple[str, Any]], result: Returned) -> None:
    for key, value in items:
        _from_mapping(plan, node, {key: value}, result)


def _from_mapping(plan: Plan, node: str, update: Mapping[Any, Any], result: Returned) -> None:
    channels = plan.channels
    writes = result.writes
    for key, value in update.items():
        channel = channels.get(key)
        if channel is not None:
            writes.append(_write(key, channel, value))
        elif key in plan.managed:
            _log.warning(
                "node %r wrote %r, a managed value: it is computed for each step, the write is ignored", node, key
            )
        else:
            result.extra[key] = value


def write_of(plan: Plan, key: str, value: Any) -> Write:
    """The write of a value to a key, as a node's return would have it."""
    return _write(key, plan.channels[key], value)


def _write(key: str, channel: Channel[Any], value: Any) -> Write:
    content, overwrite = value, False
    if type(value) not in ATOMS:
        content, overwrite = unwrap_overwrite(value)
        if type(channel) is not MessagesChannel:  # which sees to the ids itself
            assign_message_ids(content)
    normalised = channel.normalise(content) if channel.normalises else content
    payload = Payload(normalised)
    if normalised is not content:
        payload.given = content
    return Write(key, payload, overwrite)


def _add_route(plan: Plan, target: Any, who: str, routes: list[Route]) -> None:
    """Append the route, if it leads anywhere. Raises `InvalidUpdateError` for one that cannot."""
    if isinstance(target, Send):
        if target.node == END:
            raise InvalidUpdateError(f"{who} sends {target.arg!r} to END, which runs nothing: send it to a node")
        if not _is_known(plan, target.node, who):
            return
        _assign_ids_of_input(target.arg)
        routes.append(Route(target.node, Payload(target.arg), True, recorded_timeout(target.timeout)))
    elif target != END and _is_known(plan, target, who) and Route(target) not in routes:
        routes.append(Route(target))


def _is_known(plan: Plan, target: Any, who: str) -> bool:
    """True for a node. For anything else `InvalidUpdateError`, or False with a line in the log, as the graph says."""
    # LangGraph always logs it and ends the run quietly, so a misspelt name looks like a finished job
    node = plan.nodes.get(target) if isinstance(target, str) else None
    if node is not None and not node.hidden:
        return True
    known = ", ".join(repr(name) for name, node in plan.nodes.items() if not node.hidden)
    message = f"{who} leads to {target!r}, which is no node of graph {plan.name!r}: use one of {known}, or END"
    if not plan.ignores_unknown_routes:
        raise InvalidUpdateError(message)
    _log.warning("%s; it is ignored", message)
    return False


def _items_of(value: Any) -> list[tuple[str, Any]] | None:
    """Key and value of each field of a dict or an instance of an annotated class; None for anything else.

    Of a pydantic model, a field that is None by default and was not set is left out; every other field is written,
    defaults included (LangGraph's rule).
    """
    if isinstance(value, Mapping):
        return list(value.items())
    kind = type(value)
    names = _field_names(kind)
    if not names:
        return None
    described = model_fields(kind)
    if described:
        given = value.model_fields_set
        return [
            (name, held)
            for name, description in described.items()
            if (held := getattr(value, name)) is not None or description.default is not None or name in given
        ]
    return [(name, held) for name in names if (held := getattr(value, name, _MISSING)) is not _MISSING]


@lru_cache(maxsize=256)
def _field_names(kind: type) -> tuple[str, ...]:
    """Names of a class's fields, bases first; () for a class that declares none. Evaluates no annotation."""
    if kind.__module__ == "builtins":
        return ()
    if is_dataclass(kind):
        return tuple(entry.name for entry in fields(kind))
    described = model_fields(kind)
    if described:
        return tuple(described)
    names: dict[str, None] = {}
    for base in reversed(kind.__mro__):
        for name, annotation in vars(base).get("__annotations__", {}).items():
            if "ClassVar" not in str(annotation) and not name.startswith("__"):
                names[name] = None
    return tuple(names)


def _assign_ids_of_input(argument: Any) -> None:
    assign_message_ids(argument)
    if isinstance(argument, dict):
        for held in argument.values():
            assign_message_ids(held)
