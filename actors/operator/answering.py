"""Recording an answer to an open question: checked against its schema, taken once, and durable when this returns."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...events.errors import InvalidAnswer
from ...events.stores.saver import BaseCheckpointSaver
from ...events.vocabulary import Payload, Resumed
from ...projections.inbox.schema import misfit
from ...projections.state.fold import Draft
from ...projections.state.thread import Line, Question, ThreadState
from ..decider.answering import check_permitted, not_open
from .appending import append


class RecordedAnswer(Struct, frozen=True):
    """An answer that is in the log."""

    thread: str
    question: str
    node: str
    """The node that asked, and goes on with the answer."""
    version: int
    """Of the commit that holds it."""
    open: int
    """How many questions of the thread wait still."""


def answer_question(
    saver: BaseCheckpointSaver, thread: str, question: str, value: Any, *, who: str = "", comment: str = ""
) -> RecordedAnswer:
    """Record the answer to a question. Nothing runs: whoever has the graph goes on with `invoke(None, config)`.

    A process that works on the thread meanwhile meets the answer at its next commit, and goes on with it.

    Args:
        saver: where the thread is.
        thread: its id.
        question: the question's id, or the beginning of it that no other open question of the thread has.
        value: the answer.
        who: who answers, for the log and for whoever comes too late.
        comment: what they say besides, for the log.

    Raises:
        AlreadyAnsweredError: it has its answer; the error names who gave it, and when.
        UnknownInterruptError: nobody asked it, or it is asked no longer.
        InvalidAnswer: the answer does not fit the question's schema; nothing was written.
        RefusedError: `who` may not answer it.
        EncodeError: the value cannot be stored.
        UnknownThreadError: there is no such thread.
    """
    payload = Payload(value)
    found: list[tuple[Line, Question]] = []

    def say(draft: Draft) -> None:
        line, asked = _open(draft.state, question)
        check_permitted(asked, who)
        check_answer(asked, value)
        draft.record(Resumed(ns=line.ns, question=asked.raised.question, value=payload, who=who, comment=comment))
        found[:] = [(line, asked)]

    after = append(saver, thread, say, who)
    line, asked = found[0]
    node = line.tasks[asked.raised.task].node if asked.raised.task < len(line.tasks) else ""
    return RecordedAnswer(thread, asked.raised.question, node, after.version, len(after.open_questions()))


def check_answer(question: Question, value: Any) -> None:
    """Refuse an answer that does not fit the question's schema.

    Raises:
        InvalidAnswer: it does not.
    """
    schema = question.raised.schema
    wrong = "" if schema is None else misfit(schema.value, value)
    if wrong:
        raise InvalidAnswer(question.raised.question, wrong)


def _open(state: ThreadState, name: str) -> tuple[Line, Question]:
    found = [
        (line, question)
        for line in state.live_lines()
        for question in line.open_questions
        if question.raised.question.startswith(name)
    ]
    if len(found) == 1:
        return found[0]
    waiting = [question.raised.question for question in state.open_questions()]
    answered = [one.raised.question for one in state.answered if one.raised.question.startswith(name)]
    raise not_open(state, answered[-1] if answered and not found else name, waiting)
