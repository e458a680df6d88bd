"""Which database a tutorial's SQLite connection means: its file, or the connection itself for one in memory.

Called by what keeps something in SQLite and opens connections of its own. `opener` is the name of the class that is
being made, for the advice in errors.
"""

from __future__ import annotations

import inspect
import os
import sqlite3
from threading import Thread
from typing import Any

from ..errors import StoreError

_DATABASES = "PRAGMA database_list"
_BY_ADDRESS = "open it by its path instead: {name}.from_conn_string('threads.db')"


def place_of(
    connection: sqlite3.Connection | str | os.PathLike[str], opener: str
) -> tuple[str, sqlite3.Connection | None]:
    """The path to open, and the connection itself if its database is in memory, which nothing else can reach.

    Such a connection is taken over: all its settings for rows and transactions are reset.

    Raises:
        StoreError: a database in memory that belongs to one thread alone, or a connection inside a transaction.
    """
    if not isinstance(connection, sqlite3.Connection):
        return str(connection), None
    path = _file_of(connection, opener)
    if path:
        return path, None
    if not _usable_from_any_thread(connection):
        raise StoreError(
            "a SQLite database in memory can only be reached through its own connection, and this one is bound to the "
            f"thread that made it: connect with check_same_thread=False, or use {opener}.from_conn_string(':memory:')"
        )
    if connection.in_transaction:
        raise StoreError(f"the connection is inside a transaction: commit or roll back before making a {opener} of it")
    _take_over(connection)
    return ":memory:", connection


def file_of_async(connection: Any, opener: str) -> str:
    """The file that an aiosqlite connection was, or will be, opened on.

    aiosqlite keeps it only in the function that connects, and its sqlite3 connection may not be touched outside its own
    thread; so the function's variable is read.
    """
    if isinstance(connection, str | os.PathLike):
        return str(connection)
    advice = _BY_ADDRESS.format(name=opener)
    connector = getattr(connection, "_connector", None)
    if not inspect.isfunction(connector):
        raise StoreError(f"{type(connection).__name__} is no aiosqlite connection; {advice}")
    path = inspect.getclosurevars(connector).nonlocals.get("database")
    if path is None or isinstance(path, bytes):
        raise StoreError(f"this aiosqlite connection does not tell which file it is on; {advice}")
    if str(path) in ("", ":memory:"):
        raise StoreError(
            "a database in memory can only be reached through its own connection, which aiosqlite keeps to itself: "
            f"use {opener}.from_conn_string(':memory:')"
        )
    return str(path)


def _file_of(connection: sqlite3.Connection, opener: str) -> str:
    """The file of the main database, "" for one in memory. Not through the caller's row factory."""
    try:
        cursor = connection.cursor()
        cursor.row_factory = None
        return next(path for _, name, path in cursor.execute(_DATABASES) if name == "main") or ""
    except sqlite3.ProgrammingError as error:
        advice = _BY_ADDRESS.format(name=opener)
        raise StoreError(f"cannot ask the connection which file it is on ({error}); {advice}") from error


def _usable_from_any_thread(connection: sqlite3.Connection) -> bool:
    refusals: list[sqlite3.ProgrammingError] = []

    def try_it() -> None:
        try:
            connection.cursor()
        except sqlite3.ProgrammingError as error:
            refusals.append(error)

    probe = Thread(target=try_it)
    probe.start()
    probe.join()
    return not refusals


def _take_over(connection: sqlite3.Connection) -> None:
    connection.row_factory = None
    connection.text_factory = str
    connection.isolation_level = None
    if hasattr(sqlite3, "LEGACY_TRANSACTION_CONTROL"):
        # Python 3.12: with autocommit=False the module would open transactions on its own.
        connection.autocommit = sqlite3.LEGACY_TRANSACTION_CONTROL  # pyright: ignore[reportAttributeAccessIssue]
