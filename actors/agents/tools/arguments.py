"""The parameters of a tool that the graph fills in: found once for each tool, filled at each call.

Looks at signatures and schemas, runs nothing of the tool's.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId
from langchain_core.tools.base import get_all_basemodel_annotations
from msgspec import Struct

from ..injection import InjectedState, InjectedStore, ToolRuntime

STATE, STORE, CALL_ID, RUNTIME, HIDDEN = "state", "store", "tool call id", "runtime", "nothing"
"""What a parameter receives. `HIDDEN` ones are langchain-core's plain `InjectedToolArg`: only kept from the model."""


class Injection(Struct, frozen=True):
    """One parameter that the model has no say in."""

    name: str
    receives: str
    """`STATE`, `STORE`, `CALL_ID`, `RUNTIME` or `HIDDEN`."""
    field: str | None = None
    """The field of the state; None for the whole."""
    has_default: bool = False


class Surroundings(Struct, frozen=True):
    """What parameters are filled from, at one call."""

    state: Any
    store: Any
    call_id: str
    runtime: Callable[[], ToolRuntime[Any, Any]]
    """Made only for tools that want it."""
    messages_only: bool
    """True when the node's input was a bare list of messages: then that is all the state there is."""


def injections_of(tool: BaseTool) -> tuple[Injection, ...]:
    """The parameters of a tool that are filled in, by its schema and by its function's signature.

    Raises:
        ValueError: a parameter is marked to receive two things.
    """
    found: dict[str, Injection] = {}
    for name, annotation, has_default, by_name in _parameters(tool):
        receives, field = _received(tool, name, annotation, by_name)
        if receives:
            default = has_default or (name in found and found[name].has_default)
            found[name] = Injection(name, receives, field, default)
    return tuple(found.values())


def fill(
    tool_name: str, given: dict[str, Any], injections: tuple[Injection, ...], around: Surroundings
) -> dict[str, Any]:
    """The arguments for the tool: what the model gave, but for the parameters that are not its to give.

    Raises:
        KeyError, AttributeError: the state lacks a field.
        ValueError: the graph has no store, or the node's input no state.
    """
    hidden = {injection.name for injection in injections}
    arguments = {name: value for name, value in given.items() if name not in hidden}
    for injection in injections:
        if injection.receives == STATE:
            _fill_state(tool_name, injection, around, arguments)
        elif injection.receives == STORE:
            arguments[injection.name] = _store(tool_name, injection, around)
        elif injection.receives == CALL_ID:
            arguments[injection.name] = around.call_id
        elif injection.receives == RUNTIME:
            arguments[injection.name] = around.runtime()
    return arguments


def functions_of(tool: BaseTool) -> list[Callable[..., Any]]:
    """The functions that do a tool's work: the ones it was made from, else its `_run` and `_arun`."""
    made_from = [getattr(tool, name, None) for name in ("func", "coroutine")]
    return [function for function in made_from if callable(function)] or [tool._run, tool._arun]


def config_parameter(function: Callable[..., Any]) -> str | None:
    """Name of the parameter that is annotated `RunnableConfig`, or None."""
    return next((name for name, annotation in _hints(function).items() if annotation is RunnableConfig), None)


def _parameters(tool: BaseTool) -> Iterator[tuple[str, Any, bool, bool]]:
    """(name, annotation, has a default, may be told by its name alone) of each parameter, of schema and functions."""
    schema = None if isinstance(tool.args_schema, dict) else tool.get_input_schema()
    if schema is not None:
        fields = getattr(schema, "model_fields", {})
        for name, annotation in get_all_basemodel_annotations(schema).items():
            yield name, annotation, name in fields and not fields[name].is_required(), True
    for function in functions_of(tool):
        hints = _hints(function)
        for name, parameter in inspect.signature(function).parameters.items():
            has_default = parameter.default is not parameter.empty
            yield name, hints.get(name, parameter.annotation), has_default, schema is None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:
        # An annotation that only type checkers can evaluate. The schema tells what langchain-core made of it.
        return {}


def _received(tool: BaseTool, name: str, annotation: Any, by_name: bool) -> tuple[str, str | None]:
    marks = [mark for mark in map(_received_by, _marks(annotation)) if mark is not None]
    told = {receives for receives, _ in marks if receives != HIDDEN}
    if len(told) > 1:
        raise ValueError(
            f"parameter {name!r} of tool {tool.name!r} is marked to receive {' and '.join(sorted(told))}: one of them"
        )
    if not marks and by_name and name == "runtime":
        return RUNTIME, None
    return next((mark for mark in marks if mark[0] in told), marks[0]) if marks else ("", None)


def _marks(annotation: Any) -> Iterator[Any]:
    """The annotation's own class and what its `Annotated` says, also inside a union."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from arguments[1:]
        yield from _marks(arguments[0])
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from _marks(argument)
    else:
        yield origin or annotation


def _received_by(mark: Any) -> tuple[str, str | None] | None:
    kind = mark if isinstance(mark, type) else type(mark)
    if issubclass(kind, ToolRuntime):
        return RUNTIME, None
    if not issubclass(kind, InjectedToolArg):
        return None
    if issubclass(kind, InjectedState):
        return STATE, getattr(mark, "field", None)
    if issubclass(kind, InjectedStore):
        return STORE, None
    return (CALL_ID, None) if issubclass(kind, InjectedToolCallId) else (HIDDEN, None)


def _fill_state(tool_name: str, injection: Injection, around: Surroundings, arguments: dict[str, Any]) -> None:
    state, field = around.state, injection.field
    if field is None:
        arguments[injection.name] = state
        return
    found = field in state if isinstance(state, dict) else hasattr(state, field)
    if found:
        arguments[injection.name] = state[field] if isinstance(state, dict) else getattr(state, field)
    elif not injection.has_default:
        raise _missing(tool_name, injection, around)


def _missing(tool_name: str, injection: Injection, around: Surroundings) -> Exception:
    state, field = around.state, injection.field
    wants = f"tool {tool_name!r} wants the state's field {field!r} (parameter {injection.name!r})"
    if around.messages_only:
        return ValueError(f"{wants}, and the node's input is a bare list of messages: give it the state, as a dict")
    if isinstance(state, dict):
        return KeyError(f"{wants}, and the state has only {sorted(state)}: write it before, or give a default")
    return AttributeError(f"{wants}, and {type(state).__name__} has none: add it, or give the parameter a default")


def _store(tool_name: str, injection: Injection, around: Surroundings) -> Any:
    if around.store is None:
        raise ValueError(
            f"tool {tool_name!r} wants the store (parameter {injection.name!r}) and there is none: "
            "compile the graph with compile(store=...)"
        )
    return around.store
