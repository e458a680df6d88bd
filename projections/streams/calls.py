"""How a call of a functional task shows itself in a stream: that it began, what it returned, what it raised.

Such a call is no task of a super-step: its chunks come from the running node, not from a commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from .tasks import PUSH

CALL_MODES = frozenset({"updates", "tasks", "debug"})
"""Stream modes that show the calls of tasks as they begin and end."""
RETURN = "__return__"
"""Key of a task's result in `tasks` chunks."""
Shown = Iterator[tuple[str, Any]]
"""(stream mode, payload) of each chunk."""


class CallShape(Struct, frozen=True):
    """One call of a task, as streams name it."""

    id: str
    name: str
    step: int
    """Number of the super-step whose node makes the call."""
    at: float
    """When what is shown happened: Unix time, in seconds."""


def call_began(call: CallShape, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Shown:
    """The chunks of a call that begins, or is played back."""
    payload = {"id": call.id, "name": call.name, "input": (arguments, dict(keywords)), "triggers": (PUSH,)}
    yield "tasks", payload
    yield _debug(call, "task", payload)


def call_returned(call: CallShape, value: Any, *, cached: bool = False) -> Shown:
    """The chunks of a call that ended: its update, then its end. What came from a cache only has the update."""
    update = {call.name: value}
    yield "updates", {**update, "__metadata__": {"cached": True}} if cached else update
    if not cached:
        yield from _ended(call, None, {RETURN: value})


def call_raised(call: CallShape, error: BaseException) -> Shown:
    """The chunks of a call that raised."""
    return _ended(call, error, {})


def _ended(call: CallShape, error: BaseException | None, result: Any) -> Shown:
    payload = {"id": call.id, "name": call.name, "error": error, "result": result, "interrupts": []}
    yield "tasks", payload
    yield _debug(call, "task_result", payload)


def _debug(call: CallShape, kind: str, payload: Any) -> tuple[str, Any]:
    stamp = datetime.fromtimestamp(call.at, UTC).isoformat()
    return "debug", {"step": call.step, "timestamp": stamp, "type": kind, "payload": payload}
