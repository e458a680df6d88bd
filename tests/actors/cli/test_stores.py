"""Stores that cannot be used: one clear line, exit code 2, and nothing made or changed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from clew import SqliteSaver
from clew.actors.cli.commands import clew
from clew.archive import export_threads
from click.testing import CliRunner, Result

from .conftest import postgres_url


def threads(store: object) -> Result:
    return CliRunner().invoke(clew, ["threads", "list", "--store", str(store)])


def wrong(result: Result) -> str:
    """The one line on standard error of a command that could not be asked like this."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("clew: ")
    return line


def test_no_store_says_how_to_name_one() -> None:
    result = CliRunner().invoke(clew, ["threads", "list"])
    assert "--store sqlite:///threads.db, or set CLEW_STORE" in wrong(result)


@pytest.mark.parametrize("form", ["sqlite:///{}", "{}"])
def test_a_missing_file_is_not_made(tmp_path: Path, form: str) -> None:
    missing = tmp_path / "missing.db"
    assert "there is no file" in wrong(threads(form.format(missing)))
    assert not missing.exists()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("mysql://host/db", "'mysql' is no kind of store"),
        ("sqlite://threads.db", "sqlite has three slashes"),
        ("sqlite:///", "ends with its process"),
        ("sqlite:///:memory:", "ends with its process"),
        (".", "is a folder"),
    ],
)
def test_an_address_that_is_none_says_what_one_looks_like(address: str, says: str) -> None:
    line = wrong(threads(address))
    assert says in line
    assert "sqlite:///threads.db" in line


def no_database(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0 and then something else" * 100)


def other_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    connection.close()


def text(path: Path) -> None:
    path.write_text("dear diary")


def newer(path: Path) -> None:
    SqliteSaver(str(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO clew_schema (version) VALUES (99)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (no_database, "no SQLite database"),
        (other_tables, "has no clew tables"),
        (text, "neither a SQLite file nor an exported file"),
        (newer, "install a newer clew"),
    ],
)
def test_a_file_that_is_no_store_is_said_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "found"
    make(path)
    before = path.read_bytes()
    assert says in wrong(threads(path))
    assert path.read_bytes() == before


def test_a_locked_store_can_still_be_read(filled: Path, tmp_path: Path) -> None:
    shutil.copy(filled, tmp_path / "shop.db")
    holder = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert threads(tmp_path / "shop.db").exit_code == 0
    finally:
        holder.close()


def test_a_store_that_is_locked_altogether_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.db"
    SqliteSaver(str(path)).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA journal_mode=DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("clew.events.stores.sqlite_connections.LOCK_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("clew.events.stores.sqlite_connections.SqliteConnections.open.__defaults__", (0.0,))
    monkeypatch.setattr("clew.events.stores.sqlite.SqliteStore.__init__.__defaults__", ("sync", 0.0, None, "rwc"))
    try:
        assert "is locked by another process" in wrong(threads(path))
    finally:
        holder.close()


def test_reading_leaves_the_file_as_it_was(filled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shop.db"
    shutil.copy(filled, copy)
    before = copy.read_bytes()
    assert threads(copy).exit_code == 0
    assert copy.read_bytes() == before


def test_a_damaged_commit_is_named_by_thread_and_version(filled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shop.db"
    shutil.copy(filled, copy)
    with sqlite3.connect(copy) as connection:
        query = "SELECT j.position, j.state FROM clew_journal j JOIN clew_heads h USING (stream) WHERE thread = ?"
        position, state = connection.execute(f"{query} AND j.version = 3", ("order-3",)).fetchone()
        changed = state[:-1] + bytes([state[-1] ^ 1])
        connection.execute("UPDATE clew_journal SET state = ? WHERE position = ?", (changed, position))
    connection.close()
    result = CliRunner().invoke(clew, ["events", "order-3", "--store", str(copy)])
    assert "thread 'order-3', version 3" in wrong(result)
    assert CliRunner().invoke(clew, ["events", "order-1", "--store", str(copy)]).exit_code == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"clew": "archive", "form": 99}', "its form is 99"),
        (b'{"clew": "log", "form": 1}', "no head of a thread"),
        (b"{no json", "cannot be read"),
        (b"\x1f\x8b" + b"not gzip after all", "cannot be read"),
    ],
)
def test_a_malformed_export_is_said_with_its_line(tmp_path: Path, line: bytes, says: str) -> None:
    path = tmp_path / "threads.jsonl"
    path.write_bytes(line)
    said = wrong(threads(path))
    assert says in said
    assert "threads.jsonl" in said


def test_an_export_that_was_cut_off_is_said_with_its_line(filled: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    with SqliteSaver.from_conn_string(str(filled)) as saver:
        export_threads(saver.store, whole)
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(whole.read_text().splitlines(keepends=True)[:-2]))
    assert "the file ends after" in wrong(threads(cut))


def test_a_postgres_without_tables_is_said_and_none_are_made(postgres_dsn: str) -> None:
    import psycopg

    assert "no clew tables" in wrong(threads(postgres_url(postgres_dsn)))
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT to_regclass('clew_schema')").fetchone() == (None,)


def test_a_postgres_that_is_not_there_is_said() -> None:
    assert "cannot reach Postgres" in wrong(threads("postgresql://nobody@127.0.0.1:1/none"))


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith(("psycopg", "clew.events.stores.postgres"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert 'pip install "clew[postgres]"' in wrong(threads("postgresql://host/database"))
