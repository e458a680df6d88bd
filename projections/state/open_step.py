"""The open super-step in the fold: what becomes of its tasks and of the questions that they ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ...events.vocabulary import (
    AnswerRefused,
    EffectRecorded,
    InterruptRaised,
    NodeCompleted,
    NodeFailed,
    NodeStarted,
    QuestionDrifted,
    QuestionExpired,
    QuestionWithdrawn,
    Resumed,
)
from ..channels.cells import Cells
from .namespaces import graph_of
from .questions import with_questions, withdraw
from .thread import Question

if TYPE_CHECKING:
    from .fold import Draft

ANSWERED_MAX = 64
"""How many answered questions a thread's state remembers by itself; the log remembers all."""


def _node_started(draft: Draft, event: NodeStarted, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    line.change_task(event.task, attempt=event.attempt)


def _effect_recorded(draft: Draft, event: EffectRecorded, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    if event.task < len(line.tasks):
        line.change_task(event.task, effects=(*line.tasks[event.task].effects, event))


def _node_completed(draft: Draft, event: NodeCompleted, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    line.change_task(event.task, completed=event)


def _node_failed(draft: Draft, event: NodeFailed, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    line.change_task(event.task, failed=line.handled(event.task) or event)


def _interrupt_raised(draft: Draft, event: InterruptRaised, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    run = line.run
    question = Question(event, draft.time - event.lag, run.id if run else "", run.fingerprint if run else b"")
    if event.task < len(line.tasks):
        line.change_task(event.task, questions=(*line.tasks[event.task].questions, question))


def _resumed(draft: Draft, event: Resumed, _: Cells | None) -> None:
    def answered(question: Question) -> Question:
        if question.raised.question != event.question or question.answer is not None:
            return question
        run = draft.state.run
        who = event.who or (f"run {run.id}" if run is not None else "")
        question = replace(question, answer=event, answered_at=draft.time - event.lag, answered_by=who)
        draft.state.answered = (*draft.state.answered, question)[-ANSWERED_MAX:]
        return question

    line = draft.line(event.ns)
    for ordinal, task in enumerate(line.tasks):
        if any(asked.raised.question == event.question for asked in task.questions):
            questions = tuple(answered(asked) for asked in task.questions)
            line.change_task(ordinal, questions=questions, answered=task.attempt)
    _nothing_ahead(draft, event.ns)


def _nothing_ahead(draft: Draft, ns: str) -> None:
    """An answer given ahead, here or to a graph around, has found its question."""
    line = draft.lines[ns]
    line.ahead = None
    while line.ns:
        above = graph_of("" if line.run is None else line.run.caller)
        line = draft.state.line(above)
        if line.ahead is not None:
            draft.lines[above].ahead = None


def _question_drifted(draft: Draft, event: QuestionDrifted, _: Cells | None) -> None:
    def drifted(question: Question) -> Question:
        return replace(question, drifted=True) if question.raised.question == event.question else question

    _change_questions(draft, event.ns, drifted)


def _asked_again(draft: Draft, event: AnswerRefused) -> None:
    """An answer in a wrong form: the question is open as before, and nobody has answered it."""

    def reopened(question: Question) -> Question:
        if question.raised.question != event.question:
            return question
        return replace(question, answer=None, answered_at=0, answered_by="")

    _change_questions(draft, event.ns, reopened)
    _nothing_ahead(draft, event.ns)
    answered = draft.state.answered
    draft.state.answered = tuple(one for one in answered if one.raised.question != event.question)


def _answer_refused(draft: Draft, event: AnswerRefused, _: Cells | None) -> None:
    if event.reason == "wrong_schema":
        _asked_again(draft, event)
    if event.reason == "question_changed":
        _change_questions(draft, event.ns, withdraw(event.question, "question_changed"))


def _question_withdrawn(draft: Draft, event: QuestionWithdrawn, _: Cells | None) -> None:
    _change_questions(draft, event.ns, withdraw(event.question, event.reason or "withdrawn"))


def _question_expired(draft: Draft, event: QuestionExpired, _: Cells | None) -> None:
    _change_questions(draft, event.ns, withdraw(event.question, "expired"))


def _change_questions(draft: Draft, ns: str, change: Callable[[Question], Question]) -> None:
    line = draft.lines[ns]
    line.tasks = tuple(with_questions(task, change) for task in line.tasks)


APPLY: dict[type, Callable[[Draft, Any, Cells | None], None]] = {
    NodeStarted: _node_started,
    EffectRecorded: _effect_recorded,
    NodeCompleted: _node_completed,
    NodeFailed: _node_failed,
    InterruptRaised: _interrupt_raised,
    Resumed: _resumed,
    AnswerRefused: _answer_refused,
    QuestionDrifted: _question_drifted,
    QuestionWithdrawn: _question_withdrawn,
    QuestionExpired: _question_expired,
}
"""What each event does to the draft."""
