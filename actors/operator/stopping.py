"""Ending a thread's run and its open work: what finished stays, what was asked is withdrawn, nothing is due."""

from __future__ import annotations

from msgspec import Struct

from ...events.errors import EmptyInputError
from ...events.stores.saver import BaseCheckpointSaver
from ...events.vocabulary import RunFinished, StateUpdated, StepAbandoned
from ...projections.state.fold import Draft
from .appending import append


class Stopped(Struct, frozen=True):
    """What was ended."""

    thread: str
    version: int
    """Of the commit that says so."""
    nodes: tuple[str, ...]
    """Nodes that were due or running and are not any more."""
    questions: tuple[str, ...]
    """Ids of the questions that were withdrawn."""


def cancel_thread(saver: BaseCheckpointSaver, thread: str, *, who: str = "", reason: str = "") -> Stopped:
    """End what is open in a thread: its run, its open step, its questions. The state stays as it was committed.

    What finished nodes of the open step wrote counts. Who runs the thread, in any process, is told at its next commit
    that it was overtaken; what its nodes do until then is not recorded. New input begins the next turn as ever.

    Args:
        saver: where the thread is.
        thread: its id.
        who: who does it, for the log.
        reason: why, for the log.

    Raises:
        EmptyInputError: nothing is open.
        UnknownThreadError, ThreadErasedError: there is no such thread.
    """
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []

    def say(draft: Draft) -> None:
        state = draft.state
        line = draft.line()
        questions = tuple(question.raised.question for question in state.open_questions())
        if not (state.running or line.tasks):
            raise EmptyInputError(f"nothing is open in thread {thread!r}: there is nothing to cancel")
        found[:] = [(tuple(task.node for task in line.unfinished), questions)]
        if state.running:
            draft.say(RunFinished(status="cancelled", error=reason))
        if line.tasks:
            draft.say(StepAbandoned(questions=list(questions)))
            draft.say(StateUpdated(updates=[], who=who))

    after = append(saver, thread, say, who)
    nodes, questions = found[0]
    return Stopped(thread, after.version, nodes, questions)
