"""`SqliteSaver` and its async twin: find out which file a tutorial's connection means, and open the store on it.

A saver opens connections of its own to the same file, because a store needs one writer and several readers, usable from
any thread. Only a database in memory, which nothing else can reach, is used through the connection that was given.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any, final

from ..errors import StoreError
from .saver import BaseCheckpointSaver
from .sqlite import SqliteStore
from .sqlite_connections import Durability

_DATABASES = "PRAGMA database_list"
_BY_ADDRESS = "open it by its path instead: {name}.from_conn_string('threads.db')"


@final
class SqliteSaver(BaseCheckpointSaver):
    """Keeps threads in a SQLite file. Ready when made: the tables are there."""

    def __init__(
        self, conn: sqlite3.Connection | str | os.PathLike[str], *, durability: Durability = "sync", tenant: str = ""
    ) -> None:
        """Open the store on the file of a connection, or on a path.

        Args:
            conn: the connection stays the caller's, and may be closed, unless its database is in memory: then the saver
                uses it (all its settings for rows and transactions are reset) as long as it lives.
            durability: "sync" (an fsync per append) or "os" (survives `kill -9`, not a power loss).
            tenant: whose threads.

        Raises:
            StoreError: the file is no database, of a newer clew, or cannot be opened; or a database in memory
                belongs to one thread alone (`check_same_thread`).
        """
        super().__init__(_store_of(conn, durability), tenant=tenant)

    @classmethod
    @contextmanager
    def from_conn_string(
        cls, conn_string: str, *, durability: Durability = "sync", tenant: str = ""
    ) -> Iterator[SqliteSaver]:
        """A saver on a file, ":memory:" or a "file:" address; closed when the block ends."""
        saver = cls(conn_string, durability=durability, tenant=tenant)
        try:
            yield saver
        finally:
            saver.close()

    def setup(self) -> None:
        """Create the tables if they are missing. Made savers have done so."""
        self.store.setup()


@final
class AsyncSqliteSaver(BaseCheckpointSaver):
    """`SqliteSaver` for async code: the same store, opened and closed with `async with`."""

    def __init__(self, conn: Any, *, durability: Durability = "sync", tenant: str = "") -> None:
        """Open the store on the file of an `aiosqlite` connection, awaited or not; it stays the caller's.

        Raises:
            StoreError: the connection does not tell its file, or its database is in memory.
        """
        super().__init__(SqliteStore(_file_of_async(conn), durability), tenant=tenant)

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls, conn_string: str, *, durability: Durability = "sync", tenant: str = ""
    ) -> AsyncIterator[AsyncSqliteSaver]:
        """A saver on a file, ":memory:" or a "file:" address; closed when the block ends."""
        saver = cls.__new__(cls)
        store = await asyncio.to_thread(SqliteStore, conn_string, durability)
        BaseCheckpointSaver.__init__(saver, store, tenant=tenant)
        try:
            yield saver
        finally:
            saver.close()

    async def setup(self) -> None:
        """Create the tables if they are missing. Made savers have done so."""
        await asyncio.to_thread(self.store.setup)


def _store_of(connection: sqlite3.Connection | str | os.PathLike[str], durability: Durability) -> SqliteStore:
    if not isinstance(connection, sqlite3.Connection):
        return SqliteStore(str(connection), durability)
    path = _file_of(connection)
    if path:
        return SqliteStore(path, durability)
    if not _usable_from_any_thread(connection):
        raise StoreError(
            "a SQLite database in memory can only be reached through its own connection, and this one is bound to the "
            "thread that made it: connect with check_same_thread=False, or use SqliteSaver.from_conn_string(':memory:')"
        )
    if connection.in_transaction:
        raise StoreError("the connection is inside a transaction: commit or roll back before giving it to a saver")
    _take_over(connection)
    return SqliteStore(":memory:", durability, connection=connection)


def _file_of(connection: sqlite3.Connection) -> str:
    """The file of the main database, "" for one in memory. Not through the caller's row factory."""
    try:
        cursor = connection.cursor()
        cursor.row_factory = None
        return next(path for _, name, path in cursor.execute(_DATABASES) if name == "main") or ""
    except sqlite3.ProgrammingError as error:
        advice = _BY_ADDRESS.format(name="SqliteSaver")
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


def _file_of_async(connection: Any) -> str:
    """The file that an aiosqlite connection was, or will be, opened on.

    aiosqlite keeps it only in the function that connects, and its sqlite3 connection may not be touched outside its own
    thread; so the function's variable is read.
    """
    if isinstance(connection, str | os.PathLike):
        return str(connection)
    advice = _BY_ADDRESS.format(name="AsyncSqliteSaver")
    connector = getattr(connection, "_connector", None)
    if not inspect.isfunction(connector):
        raise StoreError(f"{type(connection).__name__} is no aiosqlite connection; {advice}")
    path = inspect.getclosurevars(connector).nonlocals.get("database")
    if path is None or isinstance(path, bytes):
        raise StoreError(f"this aiosqlite connection does not tell which file it is on; {advice}")
    if str(path) in ("", ":memory:"):
        raise StoreError(
            "a database in memory can only be reached through its own connection, which aiosqlite keeps to itself: "
            "use AsyncSqliteSaver.from_conn_string(':memory:') or InMemorySaver()"
        )
    return str(path)
