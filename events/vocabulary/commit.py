"""The commit: what one append stores, as it is written and as it was recorded."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from .base import VOCABULARY_VERSION
from .question import (
    AnswerRefused,
    InterruptRaised,
    QuestionDrifted,
    QuestionEscalated,
    QuestionExpired,
    QuestionReassigned,
    QuestionWithdrawn,
    Resumed,
)
from .run import CommandApplied, GraphSeen, RunContinued, RunFinished, RunPaused, RunStarted, Taken, ValueSaved
from .step import (
    EffectRecorded,
    NodeCompleted,
    NodeFailed,
    NodeStarted,
    StepAbandoned,
    StepCommitted,
    StepFailed,
    StepPlanned,
)
from .thread import Forked, StateUpcast, StateUpdated, ThreadErased


class Unknown(Struct, array_like=True, frozen=True, gc=False):
    """An event that a newer clew wrote. A thread that holds one can be read, never appended to."""

    tag: int
    fields: list[object]
    ns: str = ""
    lag: int = 0


AnyEvent: TypeAlias = (
    GraphSeen
    | RunStarted
    | RunContinued
    | CommandApplied
    | RunPaused
    | RunFinished
    | ValueSaved
    | Taken
    | StepPlanned
    | NodeStarted
    | EffectRecorded
    | NodeCompleted
    | NodeFailed
    | StepCommitted
    | StepFailed
    | StepAbandoned
    | InterruptRaised
    | Resumed
    | AnswerRefused
    | QuestionWithdrawn
    | QuestionExpired
    | QuestionEscalated
    | QuestionReassigned
    | QuestionDrifted
    | StateUpdated
    | Forked
    | ThreadErased
    | StateUpcast
)
"""Every event that this clew writes: one tagged union, closed."""

EVENT_TYPES: tuple[type, ...] = AnyEvent.__args__
"""The classes of the union, in the order of the reference page."""


class Commit(Struct, array_like=True, frozen=True, gc=False):
    """What one append says: a few events and their envelope. Encoded, it is one row of the store."""

    id: bytes
    """16 random bytes. They tell our own append from another writer's, and are the entropy of its checkpoint ids."""
    time: int
    """When it was made: microseconds since the epoch, UTC; greater than the time of the commit before it."""
    events: list[AnyEvent | Unknown]
    """In the order in which they happened; never empty."""
    command: str = ""
    """Id of the command that caused it, if the caller gave one: the same id again changes nothing."""
    actor: str = ""
    """Who sent the command, if the caller said so."""
    causation: str = ""
    """What led to it outside clew: a request id, a trace parent."""
    vocabulary: int = VOCABULARY_VERSION


class Recorded(Struct, frozen=True, gc=False):
    """A commit as the store gave it a place."""

    thread: str
    version: int
    """The commit's number in its thread: from 0, without gaps."""
    position: int
    """The commit's place among all commits of the store: rising, gaps allowed; -1 where the store gives none."""
    digest: bytes
    """32 bytes: the chain up to and with this commit."""
    commit: Commit
