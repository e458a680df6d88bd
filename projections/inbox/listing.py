"""The inbox: every open question of every thread, the one that waits longest first. From heads: no log is read."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from ...events.stores.store import ThreadHead
from .summary import OpenQuestion, decode_questions


class InboxItem(Struct, frozen=True):
    """One open question with its thread. What it asks is in the thread's log."""

    thread: str
    question: OpenQuestion
    graph: str
    tenant: str = ""

    @property
    def id(self) -> str:
        """The question's id."""
        return self.question.id

    def may_answer(self, who: str) -> bool:
        """True where anybody may, or `who` is among those who may."""
        return not self.question.who or who in self.question.who

    def overdue(self, now: int) -> bool:
        """True when its deadline has passed by `now`, microseconds since the epoch."""
        return 0 < self.question.deadline < now


def inbox_items(heads: Iterable[ThreadHead]) -> list[InboxItem]:
    """The open questions of the threads, by the time at which they were asked.

    Total: a head whose questions cannot be read gives none.
    """
    found: list[InboxItem] = []
    for head in heads:
        try:
            questions = decode_questions(head.head.questions)
        except msgspec.MsgspecError:
            continue
        found += [InboxItem(head.thread, question, head.head.graph, head.tenant) for question in questions]
    return sorted(found, key=lambda item: (item.question.asked_at, item.thread))
