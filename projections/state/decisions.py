"""A commit of a whole run, taken apart again: the decisions that it consists of, with the states between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from ...events.vocabulary import (
    AnswerRefused,
    EffectRecorded,
    Forked,
    GraphSeen,
    InterruptRaised,
    NodeCompleted,
    NodeFailed,
    NodeStarted,
    QuestionDrifted,
    QuestionWithdrawn,
    Recorded,
    RunContinued,
    RunFinished,
    RunStarted,
    StateUpcast,
    StepAbandoned,
    StepCommitted,
    StepPlanned,
)
from .fold import Draft, draft_of
from .merge import Channels
from .thread import ThreadState

_FIRST = (
    *(GraphSeen, StepAbandoned, Forked, StateUpcast, RunStarted, RunContinued),
    *(EffectRecorded, NodeCompleted, NodeFailed, InterruptRaised, QuestionWithdrawn, QuestionDrifted, AnswerRefused),
)
"""What a decision begins with: the beginning of a run, or what a task reports."""
_LAST = (StepCommitted, StepPlanned, NodeStarted, RunFinished)
"""What it ends with, if it leads anywhere."""


class Decided(Struct, frozen=True):
    """One decision of a commit."""

    events: Sequence[Any]
    before: ThreadState
    """The thread as the decision found it."""
    after: ThreadState


def decisions(state: ThreadState, recorded: Recorded, channels: Channels) -> Iterator[Decided]:
    """The decisions of one more commit of the thread, in order; the state after the last is that after the commit.

    Nearly every commit is one decision; that of a run which is stored at its end has one for each of its steps.
    """
    commit = recorded.commit
    draft = draft_of(state, recorded, channels)
    *earlier, last = _apart(commit.events)
    before = state
    for events in earlier:
        _record(draft, events)
        after = draft.standing(commit.time - events[0].lag)
        yield Decided(events, before, after)
        before = after
    _record(draft, last)
    yield Decided(last, before, draft.finish(recorded.digest, commit.command))


def _record(draft: Draft, events: Sequence[Any]) -> None:
    for event in events:
        draft.record(event)


def _apart(events: Sequence[Any]) -> list[Sequence[Any]]:
    parts: list[Sequence[Any]] = []
    first = 0
    for place in range(1, len(events)):
        if isinstance(events[place], _FIRST) and isinstance(events[place - 1], _LAST):
            parts.append(events[first:place])
            first = place
    return [*parts, events[first:]]
