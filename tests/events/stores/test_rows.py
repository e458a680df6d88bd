"""From what a recorder stored to rows: a gap, a state that is none, and an end that is missing are named by version."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clew.actors.kit.store_contract import entry
from clew.errors import CorruptCommitError, StaleVersionError
from clew.events.stores.rows import checked_rows, loose_row, rows_to_the_end
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import Row
from clew.events.stores.stream import DIGEST_BYTES

DIGEST = b"d" * DIGEST_BYTES


def version(number: int) -> tuple[int, int, bytes]:
    """(position, version, state) as a recorder has it."""
    return 10 + number, number, DIGEST + b"body %d" % number


def row(number: int, tenant: str = "acme") -> Row:
    return Row("t", number, 10 + number, DIGEST, b"body %d" % number, tenant)


def told(error: pytest.ExceptionInfo[CorruptCommitError]) -> tuple[str, int]:
    return error.value.thread, error.value.version


@pytest.mark.parametrize(("after", "first"), [(-1, 0), (2, 3)])
def test_a_state_is_a_digest_and_a_body(after: int, first: int) -> None:
    found = [version(first), version(first + 1)]
    assert checked_rows(found, "t", "acme", after) == [row(first), row(first + 1)]


def test_the_first_version_that_is_missing_is_named() -> None:
    with pytest.raises(CorruptCommitError, match="the commit is missing") as error:
        checked_rows([version(0), version(2)], "t", "", -1)
    assert told(error) == ("t", 1)


@pytest.mark.parametrize("state", ["text", None, 7, b"", b"short", DIGEST])
def test_a_state_that_is_no_digest_and_body_is_named(state: Any) -> None:
    with pytest.raises(CorruptCommitError, match="no digest and commit") as error:
        checked_rows([version(0), (11, 1, state)], "t", "", -1)
    assert told(error) == ("t", 1)


def test_the_shortest_body_is_one_byte() -> None:
    assert checked_rows([(10, 0, DIGEST + b"x")], "t", "", -1)[0].body == b"x"


def rest(*versions: int, end: int, erased: bool = False) -> list[tuple[Any, ...]]:
    """What `REST` gives: the rows, each with the head's end; a row of nothing where there is none after."""
    return [(*version(number), end, erased) for number in versions] or [(None, None, None, end, erased)]


@pytest.mark.parametrize(
    ("found", "after", "versions"),
    [
        ([], -1, []),
        (rest(0, 1, end=1), -1, [0, 1]),
        (rest(1, end=1), 0, [1]),
        (rest(end=1), 1, []),
        (rest(end=1), 5, []),
        (rest(end=-1), -1, []),
        (rest(end=4, erased=True), -1, []),
        (rest(0, end=4, erased=True), -1, [0]),
    ],
)
def test_rows_up_to_the_threads_end(found: list[tuple[Any, ...]], after: int, versions: list[int]) -> None:
    assert rows_to_the_end(found, "t", "acme", after) == [row(number) for number in versions]


@pytest.mark.parametrize(
    ("found", "after", "named", "reason"),
    [
        (rest(0, 1, end=2), -1, 2, "the commit is missing"),
        (rest(0, end=4), -1, 1, "the commit is missing"),
        (rest(end=3), 2, 3, "the commit is missing"),
        (rest(0, 1, 2, end=1), -1, 2, "it comes after the thread's end, version 1"),
        (rest(1, 2, 3, end=1), 0, 2, "it comes after the thread's end, version 1"),
        (rest(2, end=1), 1, 2, "it comes after the thread's end, version 1"),
    ],
)
def test_an_end_that_is_not_the_heads_is_named(
    found: list[tuple[Any, ...]], after: int, named: int, reason: str
) -> None:
    with pytest.raises(CorruptCommitError) as error:
        rows_to_the_end(found, "t", "", after)
    assert told(error) == ("t", named)
    assert reason in str(error.value)


def test_a_foreign_row_stops_no_follower() -> None:
    assert loose_row((3, 0, "text"), "t", "acme") == Row("t", 0, 3, b"", b"", "acme")  # type: ignore[arg-type]
    assert loose_row(version(0), "t", "acme") == row(0)


def test_a_gap_in_a_file_is_named_whichever_way_it_is_read(tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path / "threads.db"))) as store:
        for number in range(4):
            store.append(entry("t", number, tenant="acme"))
        with closing(sqlite3.connect(store.path)) as other, other:
            other.execute("DELETE FROM clew_journal WHERE version = 1")
        for until in (None, 2):
            with pytest.raises(CorruptCommitError, match="the commit is missing") as error:
                store.read("t", until=until, tenant="acme")
            assert told(error) == ("t", 1)
        assert [one.tenant for one in store.read("t", after=1, until=2, tenant="acme")] == ["acme"]


def test_an_append_to_a_thread_that_is_not_there_says_so(tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path / "threads.db"))) as store, pytest.raises(StaleVersionError) as error:
        store.append(entry("t", 3))
    assert (error.value.thread, error.value.expected, error.value.actual) == ("t", 2, -1)
