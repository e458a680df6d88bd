"""What is wrong with a thread is seen from outside: its chain, its head, its run, its questions."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pytest
from clew import START, InMemorySaver, SqliteSaver, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.events.stores.store import RUNNING
from clew.operator import look_at_thread

from .conftest import CONFIG, make


def now() -> int:
    return time.time_ns() // 1000


def found(saver: BaseCheckpointSaver, at: int = 0) -> list[tuple[str, str]]:
    head = saver.store.head("t", saver.tenant)
    assert head is not None
    return [(one.level, one.what) for one in look_at_thread(saver, head, at or now())]


def test_a_sound_thread_has_no_findings(saver: BaseCheckpointSaver, graph: Any) -> None:
    assert found(saver) == []
    graph.update_state(CONFIG, {"log": ["by hand"]})
    assert found(saver) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("UPDATE clew_heads SET status = 0", ("bad", "head")),
        ("UPDATE clew_heads SET questions = x''", ("bad", "head")),
        ("UPDATE clew_journal SET state = state || x'00' WHERE version = 1", ("bad", "chain")),
        ("DELETE FROM clew_journal WHERE version = 2", ("bad", "chain")),
    ],
)
def test_what_was_changed_behind_the_store_s_back_is_bad(tmp_path: Path, change: str, finding: tuple[str, str]) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "t.db")) as saver:
        make(saver).invoke({"log": []}, CONFIG)
        with sqlite3.connect(tmp_path / "t.db") as connection:
            connection.execute(change)
        connection.close()
        assert set(found(saver)) == {finding}


def test_a_run_whose_process_is_dead_or_silent_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    saver = InMemorySaver()
    began, go = threading.Event(), threading.Event()

    def slow(_: Any) -> dict[str, Any]:
        began.set()
        go.wait(10)
        return {}

    builder = StateGraph(TypedDict("Any", {"a": Any})).add_node(slow).add_edge(START, "slow")
    runner = threading.Thread(target=builder.compile(checkpointer=saver).invoke, args=({"a": 1}, CONFIG))
    runner.start()
    try:
        assert began.wait(10)
        assert found(saver) == []
        for lives, at, noted in ((False, 0, True), (None, 0, False), (None, now() + 3600 * 10**6, True)):
            monkeypatch.setattr("clew.actors.engine.work.processes.lives", lambda _, lives=lives: lives)
            assert found(saver, at) == ([("note", "run")] if noted else [])
    finally:
        go.set()
        runner.join()


def test_a_thread_that_went_on_meanwhile_is_left_alone(saver: BaseCheckpointSaver, graph: Any) -> None:
    head = saver.store.head("t")
    assert head is not None
    older = msgspec.structs.replace(head, version=1, head=msgspec.structs.replace(head.head, status=RUNNING))
    assert [*look_at_thread(saver, older, now())] == []
