"""Counts of threads from their heads, and of events from their logs."""

from __future__ import annotations

import msgspec
from clew.events.stores.store import RESTING, WAITING, Head, ThreadHead
from clew.events.vocabulary import Commit, Payload, Resumed, RunFinished, Unknown
from clew.projections.audit.statistics import LogCounts, counts_of
from clew.projections.inbox.summary import OpenQuestion


def head(thread: str, status: int, graph: str, updated: int, *asked: int) -> ThreadHead:
    questions = [OpenQuestion(str(at), "ask", at) for at in asked]
    encoded = msgspec.msgpack.encode(questions) if questions else b""
    return ThreadHead(thread, 4, Head(status, encoded, graph, updated=updated))


def test_heads_are_counted_by_status_and_graph() -> None:
    counts = counts_of([head("a", RESTING, "x", 5), head("b", WAITING, "y", 7, 3, 2), head("c", RESTING, "y", 6)])
    assert (counts.threads, counts.commits, counts.questions) == (3, 15, 2)
    assert counts.statuses == {"resting": 2, "running": 0, "waiting": 1, "stopped": 0}
    assert list(counts.graphs.items()) == [("y", 2), ("x", 1)]
    assert (counts.oldest_question, counts.last) == (2, 7)


def test_an_empty_store_has_no_times() -> None:
    counts = counts_of([])
    assert (counts.threads, counts.oldest_question, counts.last) == (0, 0, 0)


def test_events_are_counted_by_name_answers_by_person_and_runs_by_their_end() -> None:
    counts = LogCounts()
    answers = [Resumed(question="q", value=Payload(1), who="ann"), Resumed(question="p", value=Payload(1))]
    counts.add(Commit(bytes(16), 1, [*answers], actor="bob"), 100)
    ended = [RunFinished(status="completed"), RunFinished(ns="inner:1", status="failed"), Unknown(99, [])]
    counts.add(Commit(bytes(16), 2, [*ended]), 50)
    assert counts.bytes == 150
    assert counts.events == {"Resumed": 2, "RunFinished": 2, "Unknown": 1}
    assert counts.answers == {"ann": 1, "bob": 1}
    assert counts.runs == {"completed": 1}
