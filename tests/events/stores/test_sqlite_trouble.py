"""SQLite's trouble becomes typed errors, and nothing acknowledged is lost by it."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from clew.actors.kit.store_contract import HOSTILE_NAMES, entry
from clew.events.errors import (
    CorruptCommitError,
    EncodeError,
    MissingStoreError,
    OutcomeUnknownError,
    StoreBusyError,
    StoreError,
)
from clew.events.stores import sqlite_connections, sqlite_schema
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import WAITING, Mode, Position
from clew.events.stores.stream import TOPIC
from eventsourcing.persistence import StoredEvent


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "threads.db")


@pytest.fixture
def store(path: str) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path, lock_wait_seconds=0.05)) as store:
        store.append(entry("t", 0))
        yield store


def versions(store: SqliteStore, thread: str = "t") -> list[int]:
    return [row.version for row in store.read(thread)]


def test_a_lock_held_by_another_process_is_reported_and_nothing_written(store: SqliteStore, path: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError, match=r"locked by another process.*nothing was written"):
            store.append(entry("t", 1))
        verdicts = store.append_batch([entry("t", 1), entry("u", 0)])
        assert [type(verdict) for verdict in verdicts] == [StoreBusyError, StoreBusyError]
        assert versions(store) == [0]
    store.append(entry("t", 1))
    assert versions(store) == [0, 1]


def test_a_full_disk_is_reported_and_nothing_written(store: SqliteStore) -> None:
    with store._connections.writing() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute("COMMIT")
        connection.execute(f"PRAGMA max_page_count={pages}")
        connection.execute("BEGIN")
    with pytest.raises(StoreBusyError, match=r"no room.*nothing was written"):
        store.append(entry("t", 1, body=bytes(1_000_000)))
    assert versions(store) == [0]
    store.append(entry("t", 1))
    assert versions(store) == [0, 1]


def test_a_read_only_store_is_read_and_refuses_to_write(store: SqliteStore, path: str) -> None:
    with closing(SqliteStore(f"file:{path}?mode=ro")) as reader:
        assert versions(reader) == [0]
        with pytest.raises(StoreBusyError, match=r"read-only.*nothing was written"):
            reader.append(entry("t", 1))
    assert versions(store) == [0]


def test_a_failed_fsync_leaves_the_outcome_unknown(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC

    class FailingAtCommit:
        in_transaction = True

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
            if statement == sqlite_schema.COMMIT:
                raise error
            return self._connection.execute(statement, *parameters)

    monkeypatch.setattr(store._connections, "_writer", FailingAtCommit(store._connections._writer_open()))
    with pytest.raises(OutcomeUnknownError) as caught:
        store.append(entry("t", 1))
    assert (caught.value.thread, caught.value.version) == ("t", 1)
    verdicts = store.append_batch([entry("t", 4), entry("u", 0)])
    assert [type(verdict).__name__ for verdict in verdicts] == ["StaleVersionError", "OutcomeUnknownError"]


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 1000)
    with pytest.raises(StoreError, match=r"notes\.txt.*no SQLite database"):
        SqliteStore(str(path))
    assert path.read_text().startswith("not a database")


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot open.*directory"):
        SqliteStore(str(tmp_path / "nowhere" / "threads.db"))


def test_a_store_of_a_newer_clew_is_refused(store: SqliteStore, path: str) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO clew_schema VALUES (99)")
    with pytest.raises(StoreError, match=r"version 99.*newer clew"):
        SqliteStore(path)


def test_other_tables_of_the_file_are_left_alone(path: str) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE journal (mine TEXT)")
        other.execute("INSERT INTO journal VALUES ('kept')")
    with closing(SqliteStore(path)) as store, closing(sqlite3.connect(path)) as other:
        store.append(entry("t", 0))
        assert other.execute("SELECT mine FROM journal").fetchall() == [("kept",)]


def test_a_missing_or_foreign_row_is_named_and_other_threads_go_on(store: SqliteStore, path: str) -> None:
    for version in range(1, 4):
        store.append(entry("t", version))
    store.append(entry("u", 0))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DELETE FROM clew_journal WHERE stream = 1 AND version = 1")
        other.execute("UPDATE clew_journal SET state = 'short' WHERE stream = 1 AND version = 3")
    with pytest.raises(CorruptCommitError, match="'t', version 1: the commit is missing"):
        store.read("t")
    with pytest.raises(CorruptCommitError, match="'t', version 3: the state"):
        store.read("t", after=1)
    assert versions(store, "u") == [0]
    assert len(store.follow(Position())) == 4
    store.append(entry("u", 1))


def test_a_commit_too_large_for_a_row_is_refused_alone(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clew.events.stores.stream.COMMIT_BYTES_MAX", 1000)
    verdicts = store.append_batch([entry("t", 1, body=bytes(2000)), entry("u", 0)])
    assert [type(verdict) for verdict in verdicts] == [EncodeError, int]
    assert versions(store) == [0]


def test_an_error_in_mid_transaction_rolls_back(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clew.events.stores.sqlite.sql.INSERT", "INSERT INTO no_such_table VALUES (?, ?, ?)")
    with pytest.raises(StoreError, match="no_such_table"):
        store.append(entry("t", 1))
    monkeypatch.undo()
    store.append(entry("t", 1))
    assert versions(store) == [0, 1]


def test_an_interrupted_append_leaves_the_store_usable(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_place", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.append(entry("t", 1))
    monkeypatch.undo()
    store.append(entry("t", 1))
    assert versions(store) == [0, 1]


def test_erased_data_is_not_in_the_file(store: SqliteStore, path: str) -> None:
    secret = b"a very particular secret"
    store.append(entry("someone@example.org", 0, body=secret * 50))
    store.erase("someone@example.org")
    for file in Path(path).parent.iterdir():
        content = file.read_bytes()
        assert secret not in content, file.name
        assert b"someone@example.org" not in content, file.name


def test_a_change_is_seen_through_another_connection(store: SqliteStore, path: str) -> None:
    before = store.change_token()
    assert store.change_token() == before
    store.append(entry("t", 1))
    after = store.change_token()
    assert after != before
    with closing(SqliteStore(path)) as other:
        other.append(entry("u", 0))
    assert store.change_token() != after


def test_a_change_of_a_database_in_memory_is_seen() -> None:
    with closing(SqliteStore(":memory:")) as store:
        before = store.change_token()
        assert store.change_token() == before
        store.append(entry("t", 0))
        assert store.change_token() != before


def test_a_change_of_directory_does_not_change_the_file(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(path).parent)
    with closing(SqliteStore("threads.db")) as store:
        store.append(entry("t", 0))
        monkeypatch.chdir("/")
        with store._connections.reading(), store._connections.reading() as second:
            assert second.execute("SELECT count(*) FROM clew_journal").fetchone() == (1,)


def test_every_write_that_fails_names_the_file(store: SqliteStore, path: str) -> None:
    """What somebody else did to the tables is no reason to hide which file it is."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TABLE clew_heads")
    event = StoredEvent(UUID(int=1), 0, TOPIC, bytes(33))
    writes = (
        lambda: store.append(entry("t", 1)),
        lambda: store.erase("t"),
        lambda: store.erase("t", expected=0),
        lambda: store.retire("t"),
        lambda: store.insert_events([event]),
    )
    for write in writes:
        with pytest.raises(StoreError, match=re.escape(f"the SQLite file {path!r}") + ".*no such table: .*clew_heads"):
            write()


def test_durability_chooses_the_fsync(path: str) -> None:
    for durability, synchronous in (("sync", 2), ("os", 1)):
        with closing(SqliteStore(path, durability)) as store, store._connections.writing() as connection:
            assert connection.execute("PRAGMA synchronous").fetchone()[0] == synchronous
    with pytest.raises(ValueError, match="durability 'fast'"):
        SqliteStore(path, "fast")  # type: ignore[arg-type]


def test_a_forked_child_opens_its_own_connections(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    parents = store._connections._writer
    monkeypatch.setattr(os, "getpid", lambda: -1)
    store.append(entry("t", 1))
    assert store._connections._writer is not parents
    assert parents is not None
    assert parents.execute("SELECT 1").fetchone() == (1,)
    assert versions(store) == [0, 1]


def test_statements_are_constants_whatever_the_names(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own trace shows each statement with its values filled in: the rest must be one of our constants."""
    executed: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)  # type: ignore[arg-type, call-overload]
        connection.set_trace_callback(executed.append)
        return connection

    monkeypatch.setattr(sqlite_connections.sqlite3, "connect", traced)
    with closing(SqliteStore(path)) as store:
        for name in HOSTILE_NAMES:
            store.append(entry(name, 0, tenant=name, status=WAITING))
            store.append_batch([entry(name, 1, tenant=name), entry(name, 1, tenant=f"not {name}")])
            store.read(name, tenant=name)
            store.head(name, tenant=name)
            store.heads(tenant=name)
            store.heads(WAITING, tenant=name, newest_first=False)
            store.follow(Position())
            store.erase(name, tenant=name)
    literal = r"(?:'(?:[^']|'')*'|NULL|-?\d+|x'[0-9a-f]*')"
    known = [
        re.compile(re.sub(r"\\\?|:\w+", lambda _: literal, re.escape(text)), re.DOTALL)
        for text in sqlite_schema.STATEMENTS | sqlite_connections.STATEMENTS
    ]
    assert len(executed) > 8 * len(HOSTILE_NAMES)
    assert [text for text in executed if not any(pattern.fullmatch(text) for pattern in known)] == []


def test_a_damaged_schema_is_named_though_what_sqlite_quotes_of_it_is_no_text(tmp_path: Path) -> None:
    """SQLite quotes a name of the schema in its error; Python cannot decode the error then, and raises another one."""
    path = tmp_path / "threads.db"
    SqliteStore(str(path)).close()
    content = path.read_bytes()
    assert b"CREATE TABLE clew_" in content
    path.write_bytes(content.replace(b"CREATE TABLE clew_", b"CREATE \xe5\xe5BLE clew_"))
    with pytest.raises(StoreError, match=r"damaged.*restore it from a backup"):
        SqliteStore(str(path))


@pytest.mark.parametrize("mode", ["rw", "ro"])
def test_a_file_without_clews_tables_is_left_as_it_is_unless_it_may_be_set_up(path: str, mode: Mode) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE journal (mine TEXT)")
    with pytest.raises(MissingStoreError, match=r"no clew tables: it is no store of threads"):
        SqliteStore(path, mode=mode)
    SqliteStore(path).close()
    SqliteStore(path, mode=mode).close()


def test_a_store_that_is_opened_to_be_read_takes_no_append(path: str, store: SqliteStore) -> None:
    store.append(entry("t", 0))
    with closing(SqliteStore(path, mode="ro")) as reader:
        assert [row.version for row in reader.read("t")] == [0]
        with pytest.raises(StoreBusyError, match="read-only"):
            reader.append(entry("t", 1))
