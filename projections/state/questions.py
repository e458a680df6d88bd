"""Changes of questions: pure functions that the fold applies to a task's."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from .thread import Question, Task


def with_questions(task: Task, change: Callable[[Question], Question]) -> Task:
    """The task with each of its questions changed."""
    if not task.questions:
        return task
    return replace(task, questions=tuple(change(question) for question in task.questions))


def withdraw(question_id: str, reason: str) -> Callable[[Question], Question]:
    """A change that withdraws one question."""

    def change(question: Question) -> Question:
        if question.raised.question != question_id or question.withdrawn:
            return question
        return replace(question, withdrawn=reason)

    return change


def withdraw_open(reason: str) -> Callable[[Question], Question]:
    """A change that withdraws every question without an answer."""
    return lambda question: replace(question, withdrawn=reason) if question.open else question
