"""The last touch on a chunk: values in the classes that people declared.

It calls those classes, user code: only whoever takes a chunk does it, on its own thread; never the actor, never a fold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...events.vocabulary import INTERRUPT, START
from .tasks import PUSH
from .view import Chunk, RunView, Values

_FINISHED = frozenset({"values", "tasks", "checkpoints", "debug"})
"""Modes whose chunks are touched at all."""


def finished(view: RunView, chunk: Chunk) -> Chunk:
    """The chunk with inputs of tasks, and under version "v2" the state, in their declared classes.

    Raises whatever a declared class raises for a state that does not fit it; what `checkpoints` and `tasks` show of
    such a state stays a dict.
    """
    ns, mode, payload = chunk
    if mode not in _FINISHED or ns != view.ns:
        # Of a graph called inside: finished where it was made.
        return chunk
    if mode == "values" and view.version == "v2":
        return (ns, mode, _values(view, payload))
    if mode in ("tasks", "checkpoints"):
        return (ns, mode, _payload(view, payload))
    if mode == "debug":
        return (ns, mode, {**payload, "payload": _payload(view, payload["payload"])})
    return chunk


def _values(view: RunView, payload: Any) -> Values:
    interrupts: tuple[Any, ...] = ()
    if isinstance(payload, dict) and INTERRUPT in payload:
        interrupts = payload[INTERRUPT]
        payload = {key: value for key, value in payload.items() if key != INTERRUPT}
    if view.output is not None and isinstance(payload, dict):
        keys, declared = view.output
        payload = declared(**_only(keys, payload))
    return Values(payload, interrupts)


def _payload(view: RunView, payload: dict[str, Any]) -> dict[str, Any]:
    if "input" in payload:
        declared = view.node(payload["name"]).coerce
        if declared is not None and payload["triggers"] != (PUSH,):
            return {**payload, "input": _coerced(declared, payload["input"])}
    # Before its input is in the state, a dict shows what there is: a class would show its defaults.
    elif view.version == "v2" and view.state and "parent_config" in payload and START not in payload["next"]:
        keys, declared = view.state
        return {**payload, "values": _coerced(declared, payload["values"], keys)}
    return payload


def _only(keys: Iterable[str], values: dict[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in keys if key in values}


def _coerced(declared: Any, values: Any, keys: Iterable[str] | None = None) -> Any:
    try:
        return declared(**(values if keys is None else _only(keys, values)))
    except Exception:
        # The state does not fit its class yet, as before the first input: shown as it is.
        return values
