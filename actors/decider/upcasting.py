"""A thread whose state was written under another version of the schema: brought up before anything goes on from it.

Where that cannot be, the thread is refused by name; it is read and listed as before, and the code that it fits goes on.
"""

from __future__ import annotations

from ...events.errors import UpcastError
from ...projections.state.fold import Draft
from ...projections.state.thread import Line
from ...projections.state.upcast import made_by
from .commands import Upcast, UpcastWanted
from .request import Request


class Wanted(Exception):
    """Leaves a decision that cannot be made yet: user code has something to do first."""

    def __init__(self, upcast: UpcastWanted) -> None:
        self.upcast = upcast
        super().__init__(upcast)


def say_continued(request: Request, draft: Draft, reason: str) -> None:
    """Say that a run takes up open work, on a state that this graph can work on."""
    bring_up(request, draft)
    draft.say(request.continued(reason))


def other_schema(request: Request, draft: Draft, line: Line) -> int | None:
    """The version of the line's state where it is not the graph's; None where it is."""
    run = None if line.head is None else line.head.run
    if run is None or run.fingerprint == request.plan.fingerprint:
        return None
    seen = made_by(draft.state, line)
    schema = 0 if seen is None else seen.schema
    return None if schema == request.plan.schema else schema


def bring_up(request: Request, draft: Draft, done: Upcast | None = None, *, step: bool = True) -> None:
    """Say what the speaking line's state is under the graph's schema, if it is one of an earlier version.

    Args:
        request: the command's circumstances.
        draft: what is said stands on it; the graph has been seen.
        done: the user's part in it, where that was done already; else what the request brings.
        step: False where the open step is given up.

    Raises:
        UpcastError: no upcasters lead from there to here, or one of them raised.
        Wanted: the user's upcasters are to be called first.
    """
    line = draft.line()
    made = None if line.head is None else line.head.run
    if made is None or made.fingerprint == request.plan.fingerprint:
        return  # at once, where the very same code goes on: nearly always
    wanted = upcast_wanted(request, draft, line, step=step)
    if wanted is None:
        return
    if done is None and request.merged is not None:
        done = request.merged.upcast
    if done is None or done.place != wanted.place:
        raise Wanted(wanted)
    if done.error is not None:
        raise done.error
    draft.say(done.event, done.cells)


def upcast_wanted(request: Request, draft: Draft, line: Line, *, step: bool = True) -> UpcastWanted | None:
    """What is to be brought up before a command goes on from the line; None where nothing is.

    Raises `UpcastError` where no upcasters lead from there to here.
    """
    schema, head = other_schema(request, draft, line), line.head
    if schema is None or head is None:
        return None
    _check_way(request, schema)
    tasks, inputs = (tuple(line.tasks), head.input_writes) if step else ((), ())
    rules = request.channels.then(made_by(draft.state, line))
    return UpcastWanted(head.address, schema, rules, line.cells, tasks, inputs, request.thread)


def _check_way(request: Request, schema: int) -> None:
    plan = request.plan
    if schema > plan.schema:
        raise UpcastError(
            request.thread, schema, plan.schema, "later code wrote it; go on with that code, or with its upcasters"
        )
    missing = next((version for version in range(schema, plan.schema) if version not in plan.upcasters), None)
    if missing is not None:
        raise UpcastError(
            request.thread,
            schema,
            plan.schema,
            f"no upcaster leads from version {missing}; say how with compile(upcasters={{{missing}: function}})",
        )
