"""What is over leaves the store for an archive; what somebody may still need stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import pytest
from clew import START, Command, StateGraph, interrupt
from clew.archive import archive_idle_threads, import_threads
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import ArchiveError
from clew.events.archive import retention
from clew.events.archive.transfer import Exported
from clew.events.stores.memory import MemoryStore
from clew.events.stores.store import Store

MONTH = timedelta(days=30)


class Case(TypedDict):
    text: str
    answer: str


def ask(state: Case) -> dict[str, str]:
    if state["text"] == "fail":
        raise ValueError("this one fails")
    return {"answer": interrupt("Yes?") if state["text"] == "ask" else "no question"}


def at(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


def clinic(store: Store) -> Any:
    return StateGraph(Case).add_node(ask).add_edge(START, "ask").compile(checkpointer=BaseCheckpointSaver(store))


def later(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@pytest.fixture
def graph(store: Store) -> Any:
    """Threads that are over, asked, failed, and stopped before their node."""
    found = clinic(store)
    found.invoke({"text": "plain"}, at("over"))
    found.invoke({"text": "ask"}, at("asked"))
    with pytest.raises(ValueError, match="this one fails"):
        found.invoke({"text": "fail"}, at("failed"))
    found.invoke({"text": "plain"}, at("stopped"), interrupt_before=["ask"])
    return found


def test_only_a_thread_that_is_over_and_old_is_moved(store: Store, graph: Any, tmp_path: Path) -> None:
    assert archive_idle_threads(store, tmp_path / "young.jsonl", idle_for=MONTH) == []
    assert list(tmp_path.glob("*.jsonl")) == []
    moved = archive_idle_threads(store, tmp_path / "old.jsonl", idle_for=MONTH, now=later(31))
    assert [one.thread for one in moved] == ["over"]
    assert {head.thread for head in store.heads()} == {"asked", "failed", "stopped"}
    assert store.read("over") == []
    assert graph.invoke(Command(resume="yes"), at("asked")) == {"text": "ask", "answer": "yes"}
    assert graph.invoke(None, at("stopped")) == {"text": "plain", "answer": "no question"}


def test_a_moved_thread_can_be_read_from_its_archive(store: Store, graph: Any, tmp_path: Path) -> None:
    before = store.read("over")
    archive_idle_threads(store, tmp_path / "old.jsonl", idle_for=MONTH, now=later(31))
    elsewhere = MemoryStore()
    import_threads(elsewhere, tmp_path / "old.jsonl")
    assert [row.body for row in elsewhere.read("over")] == [row.body for row in before]
    assert clinic(elsewhere).get_state(at("over")).values == {"text": "plain", "answer": "no question"}


def test_threads_that_are_to_be_kept_stay(store: Store, graph: Any, tmp_path: Path) -> None:
    moved = archive_idle_threads(
        store, tmp_path / "old.jsonl", idle_for=MONTH, now=later(31), keep=lambda thread: thread == "over"
    )
    assert moved == []
    assert store.read("over") != []


def test_the_oldest_go_first_and_so_many_at_once(store: Store, tmp_path: Path) -> None:
    found = clinic(store)
    for number in range(4):
        found.invoke({"text": "plain"}, at(f"t{number}"))
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    moved = [
        [one.thread for one in archive_idle_threads(store, file, idle_for=MONTH, now=later(31), limit=2)]
        for file in files
    ]
    assert moved == [["t0", "t1"], ["t2", "t3"]]


def test_a_thread_that_went_on_meanwhile_is_not_erased(
    store: Store, graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_on_and_check(*_: object) -> None:
        graph.invoke({"text": "more"}, at("over"))

    monkeypatch.setattr(retention, "_check_written", go_on_and_check)
    assert archive_idle_threads(store, tmp_path / "old.jsonl", idle_for=MONTH, now=later(31)) == []
    assert graph.get_state(at("over")).values["text"] == "more"


def test_nothing_is_erased_when_the_archive_does_not_read_back(
    store: Store, graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        retention, "export_threads", lambda store, path, due, tenant: [Exported(thread, 1, b"") for thread in due]
    )
    (tmp_path / "old.jsonl").write_text("")
    with pytest.raises(ArchiveError, match="thread 'over' does not read back as it was written"):
        archive_idle_threads(store, tmp_path / "old.jsonl", idle_for=MONTH, now=later(31))
    assert store.read("over") != []
