"""Events of a question's life: asked, answered or refused, and what else may become of it."""

from __future__ import annotations

from .base import Event, Payload, Write


class InterruptRaised(Event, tag=40, frozen=True, kw_only=True):
    """A task asked a person something and waits."""

    task: int
    question: str
    """The question's id: 32 hexadecimal characters."""
    scope: str
    """Where in the task it was asked: a tool call's id, a key, or "" for the task itself."""
    ordinal: int
    """How many questions the scope had asked before it."""
    digest: bytes
    """Digest (16 bytes) of value and schema: what an answer is bound to."""
    value: Payload
    schema: Payload | None = None
    """JSON schema of the answer, if one was given."""
    deadline: int = 0
    """Microseconds since the epoch; 0 for none."""
    who: list[str] = []
    """Who may answer; empty for anybody."""
    wrote: list[Write] = []
    """What the task had written when it asked: shown to the caller who is asked, never merged."""


class Resumed(Event, tag=41, frozen=True, kw_only=True):
    """A person answered."""

    question: str
    value: Payload
    who: str = ""
    comment: str = ""


class AnswerRefused(Event, tag=42, frozen=True, kw_only=True):
    """An answer was not taken."""

    question: str
    reason: str
    """"wrong_schema", "already_answered", "question_changed" or "not_permitted"."""
    who: str = ""


class QuestionWithdrawn(Event, tag=43, frozen=True, kw_only=True):
    """A question is no longer asked: its task ended or asked something else in its place."""

    question: str
    reason: str = ""


class QuestionExpired(Event, tag=44, frozen=True, kw_only=True):
    """A question's deadline passed."""

    question: str


class QuestionEscalated(Event, tag=45, frozen=True, kw_only=True):
    """A question was brought before somebody else as well."""

    question: str
    who: list[str]


class QuestionReassigned(Event, tag=46, frozen=True, kw_only=True):
    """A question was given to other people."""

    question: str
    who: list[str]


class QuestionDrifted(Event, tag=47, frozen=True, kw_only=True):
    """An answer was given to another question than the one it answers: answers are bound to their place alone."""

    question: str
    """Id of the question that was answered."""
    value: Payload
    """What the task asks in its place."""
