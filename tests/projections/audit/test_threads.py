"""Threads as lists show them: statuses by name, questions from the head, and what filters leave."""

from __future__ import annotations

import msgspec
import pytest
from clew.events.stores.store import RESTING, RUNNING, STOPPED, WAITING, Head, ThreadHead
from clew.projections.audit.threads import Wanted, selected, summary_of
from clew.projections.inbox.summary import OpenQuestion

QUESTION = OpenQuestion("q" * 32, "ask", 5)


def head(thread: str, status: int, updated: int = 0, graph: str = "g", questions: tuple = ()) -> ThreadHead:
    encoded = msgspec.msgpack.encode(list(questions)) if questions else b""
    return ThreadHead(thread, 3, Head(status, encoded, graph, updated=updated))


HEADS = [
    head("a", RESTING, 10),
    head("ab", RUNNING, 20, "other"),
    head("b", WAITING, 30, questions=(QUESTION,)),
    head("c", STOPPED, 40),
]


def test_a_summary_says_the_status_and_the_questions() -> None:
    assert [summary_of(one).status for one in HEADS] == ["resting", "running", "waiting", "stopped"]
    assert summary_of(HEADS[2]).questions == [QUESTION]
    assert summary_of(head("d", 9)).status == "status 9"


def test_questions_that_cannot_be_read_are_none() -> None:
    assert summary_of(ThreadHead("t", 0, Head(WAITING, b"\xc1"))).questions == []


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), "a ab b c"),
        (Wanted(statuses=frozenset({"running", "stopped"})), "ab c"),
        (Wanted(graph="other"), "ab"),
        (Wanted(prefix="a"), "a ab"),
        (Wanted(asking=True), "b"),
        (Wanted(since=20, until=30), "ab b"),
        (Wanted(until=10), "a"),
        (Wanted(prefix="a", graph="g"), "a"),
    ],
)
def test_filters_leave_what_is_wanted_in_order(wanted: Wanted, names: str) -> None:
    assert [one.thread for one in selected(HEADS, wanted)] == names.split()
