"""Whatever is done to a store's rows from outside is found, and named with thread and version, on every store."""

from __future__ import annotations

import operator
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import pytest
from clew import START, InMemorySaver, SqliteSaver, StateGraph
from clew.archive import export_threads
from clew.checkpoint import BaseCheckpointSaver, PostgresSaver
from clew.events.archive.store import ArchiveStore
from clew.events.chain.heads import heads_of
from clew.events.chain.store import verify_threads
from clew.events.stores.memory import MemoryStore
from clew.events.stores.store import Store


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def fill(saver: BaseCheckpointSaver, threads: int = 3, nodes: int = 5) -> None:
    builder = StateGraph(State)
    for number in range(nodes):
        builder.add_node(f"n{number}", lambda _, number=number: {"log": [f"step {number}"]})
    builder.add_edge(START, "n0")
    for number in range(nodes - 1):
        builder.add_edge(f"n{number}", f"n{number + 1}")
    graph = builder.compile(checkpointer=saver)
    for number in range(threads):
        config: Any = {"configurable": {"thread_id": f"t{number}"}, "recursion_limit": 1000}
        graph.invoke({"log": []}, config)


def found(store: Store, **options: Any) -> list[tuple[str, int, str]]:
    """(thread, version, kind) of every finding."""
    return [
        (one.thread, finding.version, finding.kind)
        for one in verify_threads(store, **options)
        for finding in one.findings
    ]


Run = Callable[..., None]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, Run, str]]:
    """A filled store, a way to change its tables behind its back, and what names a thread's rows there."""
    if request.param == "sqlite":
        path = str(tmp_path / "threads.db")
        with SqliteSaver.from_conn_string(path) as saver:
            fill(saver)
            with sqlite3.connect(path, isolation_level=None) as connection:

                def run(statement: str, *values: Any) -> None:
                    connection.execute(statement.replace("%s", "?"), values)

                yield saver.store, run, "stream = (SELECT stream FROM clew_heads WHERE thread = 't1')"
            connection.close()
        return
    import psycopg

    dsn = request.getfixturevalue("postgres_dsn")
    with PostgresSaver.from_conn_string(dsn) as saver, psycopg.connect(dsn, autocommit=True) as other:
        saver.setup()
        fill(saver)

        def run(statement: str, *values: Any) -> None:
            other.execute(statement, values)

        yield saver.store, run, "id = (SELECT id FROM clew_heads WHERE thread = 't1')"


def test_a_whole_store_has_no_findings(database: tuple[Store, Run, str]) -> None:
    store, _, _ = database
    done = [*verify_threads(store)]
    assert [one.findings for one in done] == [[], [], []]
    assert {one.version for one in done} == {5}
    assert all(one.events > one.commits == 6 for one in done)


def test_what_is_done_to_the_tables_is_found(database: tuple[Store, Run, str]) -> None:
    store, run, mine = database
    whole = found(store)
    (row,) = [row for row in store.read("t1") if row.version == 3]
    changed = row.digest + row.body[:-1] + bytes([row.body[-1] ^ 1])
    run(f"UPDATE clew_journal SET state = %s WHERE {mine} AND version = 3", changed)
    assert whole == []
    assert found(store) == [("t1", 3, "changed")]


def test_a_missing_commit_is_found(database: tuple[Store, Run, str]) -> None:
    store, run, mine = database
    run(f"DELETE FROM clew_journal WHERE {mine} AND version = 2")
    assert found(store) == [("t1", 2, "missing")]


def test_a_cut_off_end_is_found_by_the_store_s_own_head(database: tuple[Store, Run, str]) -> None:
    store, run, mine = database
    run(f"DELETE FROM clew_journal WHERE {mine} AND version > 3")
    assert found(store) == [("t1", 4, "truncated")]


def test_swapped_commits_are_found(database: tuple[Store, Run, str]) -> None:
    store, run, mine = database
    for old, new in ((2, 102), (3, 2), (102, 3)):
        run(f"UPDATE clew_journal SET version = %s WHERE {mine} AND version = %s", new, old)
    assert found(store) == [("t1", 2, "swapped"), ("t1", 3, "swapped")]


def test_a_duplicated_commit_is_found(database: tuple[Store, Run, str]) -> None:
    store, run, mine = database
    (row,) = [row for row in store.read("t1") if row.version == 1]
    run(f"UPDATE clew_journal SET state = %s WHERE {mine} AND version = 4", row.digest + row.body)
    assert ("t1", 4, "duplicated") in found(store)


def test_a_row_that_is_no_commit_is_found(database: tuple[Store, Run, str]) -> None:
    store, run, mine = database
    run(f"UPDATE clew_journal SET state = %s WHERE {mine} AND version = 5", b"short")
    assert [one[:2] for one in found(store)] == [("t1", 5)]


def test_a_row_that_keeps_its_thread_from_being_read_is_found(tmp_path: Path) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        fill(saver)
        with sqlite3.connect(tmp_path / "threads.db") as connection:
            mine = "stream = (SELECT stream FROM clew_heads WHERE thread = 't1') AND version = 3"
            # Text now, and no UTF-8: the driver refuses all rows that are asked for with it.
            connection.execute(f"UPDATE clew_journal SET state = state || x'00' WHERE {mine}")
        connection.close()
        assert [one[:2] for one in found(saver.store)] == [("t1", 3)]


def test_an_end_cut_off_with_its_head_shows_against_what_was_known(database: tuple[Store, Run, str]) -> None:
    store, run, mine = database
    known = {head.thread: head for head in heads_of(store, ["t0", "t1", "t2"])}
    assert found(store, known=known) == []
    run(f"DELETE FROM clew_journal WHERE {mine} AND version > 3")
    run("UPDATE clew_heads SET version = 3 WHERE thread = 't1'")
    assert found(store) == []
    assert found(store, known=known) == [("t1", 4, "truncated")]


def test_a_thread_that_is_gone_shows_against_what_was_known(database: tuple[Store, Run, str]) -> None:
    store, run, mine = database
    known = {head.thread: head for head in heads_of(store, ["t0", "t1"])}
    run(f"DELETE FROM clew_journal WHERE {mine}")
    run("DELETE FROM clew_heads WHERE thread = 't1'")
    assert found(store, known=known) == [("t1", 0, "missing")]


def test_an_erased_thread_is_said_to_be_erased_and_so_is_one_begun_anew(tmp_path: Path) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        fill(saver)
        known = {head.thread: head for head in heads_of(saver.store, ["t1"])}
        saver.delete_thread("t1")
        assert found(saver.store) == []
        assert found(saver.store, known=known) == [("t1", 0, "erased")]
        fill(saver, threads=2, nodes=2)
        assert found(saver.store, known=known) == [("t1", 0, "erased")]


def test_a_history_that_was_written_anew_shows_against_what_was_known() -> None:
    first, second = InMemorySaver(), InMemorySaver()
    fill(first, threads=1)
    fill(second, threads=1)
    known = {head.thread: head for head in heads_of(first.store, ["t0"])}
    assert found(second.store) == []
    assert found(second.store, known=known) == [("t0", 5, "changed")]


def test_an_exported_file_is_checked_as_its_store(tmp_path: Path) -> None:
    saver = InMemorySaver()
    fill(saver)
    export_threads(saver.store, tmp_path / "threads.jsonl")
    assert found(ArchiveStore(tmp_path / "threads.jsonl")) == []
    lines = (tmp_path / "threads.jsonl").read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if '"thread":"t1"' in line) + 3
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    (tmp_path / "threads.jsonl").write_text("\n".join(lines) + "\n")
    assert {one[0] for one in found(ArchiveStore(tmp_path / "threads.jsonl"))} == {"t1"}


@pytest.mark.slow
def test_each_flipped_byte_of_each_row_of_200_events_is_named_by_its_version(
    report_figure: Callable[[str], None],
) -> None:
    saver = InMemorySaver()
    fill(saver, threads=1, nodes=49)
    (before,) = verify_threads(saver.store)
    assert before.findings == []
    assert before.events >= 200
    rows = _rows(saver.store)
    flips, wrong = 0, []
    for version, row in enumerate(rows):
        state = row.digest + row.body
        for place in range(len(state)):
            flipped = bytearray(state)
            flipped[place] ^= 1 << place % 8
            rows[version] = msgspec.structs.replace(row, digest=bytes(flipped[:32]), body=bytes(flipped[32:]))
            flips += 1
            named = found(saver.store)
            if not named or {one[1] for one in named} != {version}:
                wrong.append((version, place, named))
        rows[version] = row
    assert wrong == []
    report_figure(f"verify: {flips:,} flipped bytes of {before.events} events, each named by its version")


@pytest.mark.slow
def test_a_store_is_verified_at_this_rate(report_figure: Callable[[str], None], tmp_path: Path) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db"), durability="os") as saver:
        fill(saver, threads=40, nodes=50)
        rates = []
        for _ in range(3):
            began = time.perf_counter()
            events = sum(one.events for one in verify_threads(saver.store))
            rates.append(events / (time.perf_counter() - began))
    report_figure(f"verify on SQLite: {max(rates):,.0f} events a second (at least 100,000)")
    assert max(rates) > 25_000, "four times slower than promised: too much for a busy machine"


def _rows(store: Store) -> list[Any]:
    assert isinstance(store, MemoryStore)
    (stream,) = store._streams.values()
    return stream.rows
