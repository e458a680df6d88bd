"""`kill -9` at every append: what survives it, and the bugs that it finds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from clew import START, Command, PostgresSaver, SqliteSaver, StateGraph, interrupt
from clew.actors.kit.crash.sites import Site
from clew.checkpoint import BaseCheckpointSaver
from clew.events.stores.store import Entry
from clew.testing import SITES, CrashFailed, FaultyStore, SqliteFiles, crash_everywhere, load_log

from .desk import CONVERSATION, Bag, desk, market, pay, remembering

pytestmark = [pytest.mark.slow, pytest.mark.forks]
TEA = [{"names": ["x"]}, Command(resume="green")]


def test_a_sound_graph_survives_every_kill(report_figure: Callable[[str], None]) -> None:
    report = crash_everywhere(desk(), CONVERSATION)
    assert report.kills == dict.fromkeys(SITES, report.appends)
    assert report.outlived == 0
    assert report.appends >= 8
    report_figure(f"crash_everywhere, SQLite: {report} (target 60 a second)")


@pytest.mark.parametrize(("journal", "sites"), [("wal", SITES), ("delete", SITES[1:2])], ids=["wal", "delete"])
def test_tasks_async_nodes_and_graphs_inside_survive_every_kill(
    journal: str, sites: Sequence[Site], tmp_path: Path
) -> None:
    report = crash_everywhere(market(), TEA, SqliteFiles(tmp_path, journal=journal), sites=sites)
    assert report.total + report.outlived == len(sites) * report.appends
    assert report.total > report.outlived


def test_a_kill_on_postgres_is_survived(postgres_dsn: str) -> None:
    with PostgresSaver.from_conn_string(postgres_dsn) as saver:
        saver.setup()
    report = crash_everywhere(desk(), CONVERSATION[:2], lambda case: PostgresSaver.from_conn_string(postgres_dsn))
    assert report.kills == dict.fromkeys(SITES, report.appends)


def test_state_in_a_process_s_memory_is_found_and_its_log_is_saved(tmp_path: Path) -> None:
    with pytest.raises(CrashFailed, match="after nothing") as caught:
        crash_everywhere(remembering, [{"names": []}], save_to=tmp_path)
    assert {failure["append"] for failure in caught.value.failures} >= {1}
    saved = sorted(tmp_path.glob("*.jsonl"))
    assert saved
    assert load_log(saved[0]).replay(remembering()).values["names"] == ["first", "after nothing"]


def test_an_effect_that_is_done_again_though_it_is_on_record_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: records of tasks are not played back."""
    from clew.actors.engine import effects

    monkeypatch.setattr(effects.Records, "take", lambda self, place: None)
    monkeypatch.setattr(effects.Records, "passed_over", lambda self, effect: None)

    def node(state: Bag) -> dict[str, Any]:
        return {"names": [pay("tea").result(), interrupt("ok?")]}

    graph = StateGraph(Bag).add_node("node", node).add_edge(START, "node").compile()
    with pytest.raises(CrashFailed, match="on record and was done again"):
        crash_everywhere(graph, [{"names": []}, Command(resume="yes")], sites=SITES[-1:])


def test_a_store_that_acknowledges_before_it_is_durable_is_found(tmp_path: Path) -> None:
    """The planted bug: a lost fsync, as it looks after a kill: commits are acknowledged and written later."""

    class Late(FaultyStore):
        def __init__(self, path: str) -> None:
            super().__init__(SqliteSaver(path, durability="os").store)
            self.kept: list[Entry] = []

        def append(self, entry: Entry) -> int:
            self._write()
            self.kept.append(entry)
            return entry.version + 1

        def read(self, *args: Any, **kwargs: Any) -> Any:
            self._write()
            return super().read(*args, **kwargs)

        def _write(self) -> None:
            for entry in self.kept:
                self.inner.append(entry)
            self.kept.clear()

    with pytest.raises(CrashFailed, match="was acknowledged before the crash and is not in the log"):
        crash_everywhere(
            desk(),
            CONVERSATION[:2],
            lambda case: BaseCheckpointSaver(Late(str(tmp_path / f"{case}.db"))),
            sites=SITES[-1:],
        )


def test_a_check_of_the_caller_s_sees_each_end(tmp_path: Path) -> None:
    def careful(state: Any) -> None:
        assert state.values["log"] == ["never so"]

    with pytest.raises(CrashFailed, match="never so"):
        crash_everywhere(desk(), CONVERSATION[:1], check=careful, sites=SITES[:1])


def test_a_conversation_that_fails_by_itself_is_refused() -> None:
    def fails(state: Bag) -> None:
        raise LookupError("always")

    graph = StateGraph(Bag).add_node("fails", fails).add_edge(START, "fails").compile()
    with pytest.raises(ValueError, match="raises when nobody dies: LookupError: always"):
        crash_everywhere(graph, [{"names": []}])
    chance = (
        StateGraph(Bag).add_node("n", lambda state: {"names": [os.urandom(8).hex()]}).add_edge(START, "n").compile()
    )
    with pytest.raises(ValueError, match="end differently when nobody dies"):
        crash_everywhere(chance, [{"names": []}])


def test_a_store_that_has_had_the_conversation_is_refused(tmp_path: Path) -> None:
    """It would say that nobody needed to die."""

    def open_store(case: str) -> SqliteSaver:
        return SqliteSaver(str(tmp_path / "one.db"), durability="os")

    assert crash_everywhere(desk(), CONVERSATION[:1], open_store, sites=SITES[:1]).total >= 2
    with pytest.raises(ValueError, match="give each call a store of its own"):
        crash_everywhere(desk(), CONVERSATION[:1], open_store, sites=SITES[:1])
