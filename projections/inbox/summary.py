"""A thread's open questions as its head keeps them, so that the inbox needs no log: written with every append."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ...events.errors import LimitError
from ..state.thread import ThreadState


class OpenQuestion(Struct, array_like=True, frozen=True, gc=False):
    """An open question as the inbox lists it. What was asked is in the log."""

    id: str
    node: str
    asked_at: int
    """Microseconds since the epoch."""
    scope: str = ""
    deadline: int = 0
    who: list[str] = []


QUESTIONS_MAX = 10_000
"""Questions of one thread that may be open at once: its head holds them all, and is written with each append."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[OpenQuestion])


def encode_questions(state: ThreadState) -> bytes:
    """The open questions of every namespace, encoded; empty when there is none.

    Raises `LimitError` for more than `QUESTIONS_MAX`.
    """
    if not state.asking:
        return b""
    root = state.root
    questions = [
        OpenQuestion(
            question.raised.question,
            task.node,
            question.asked_at,
            question.raised.scope,
            question.raised.deadline,
            question.raised.who,
        )
        for line in (state.live_lines() if root.below else (root,))
        for task in line.tasks
        if task.questions
        for question in task.open_questions
    ]
    if len(questions) > QUESTIONS_MAX:
        raise LimitError("QUESTIONS_MAX", QUESTIONS_MAX, "too many questions of one thread are open at once")
    return _encoder.encode(questions) if questions else b""


def decode_questions(encoded: bytes) -> list[OpenQuestion]:
    """The open questions of a head, in task order."""
    return _decoder.decode(encoded) if encoded else []
