"""`SqliteSaver` and its async twin: find out which file a tutorial's connection means, and open the store on it.

A saver opens connections of its own to the same file, because a store needs one writer and several readers, usable from
any thread. Only a database in memory, which nothing else can reach, is used through the connection that was given.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any, final

from ..privacy.cipher import Cipher
from ..privacy.keyring import Keyring
from .saver import BaseCheckpointSaver
from .sqlite import SqliteStore
from .sqlite_addresses import file_of_async, place_of
from .sqlite_connections import Durability


@final
class SqliteSaver(BaseCheckpointSaver):
    """Keeps threads in a SQLite file. Ready when made: the tables are there."""

    def __init__(
        self,
        conn: sqlite3.Connection | str | os.PathLike[str],
        *,
        serde: Any = None,
        durability: Durability = "sync",
        tenant: str = "",
        cipher: Keyring | Cipher | None = None,
    ) -> None:
        """Open the store on the file of a connection, or on a path.

        Args:
            conn: the connection stays the caller's, and may be closed, unless its database is in memory: then the saver
                uses it (all its settings for rows and transactions are reset) as long as it lives.
            serde: an `EncryptedSerializer`, to encrypt all with one key; a `JsonPlusSerializer`, without effect;
                another one is refused.
            durability: "sync" (an fsync per append) or "os" (survives `kill -9`, not a power loss).
            tenant: whose threads.
            cipher: a `Keyring`, to encrypt each subject's threads under a key of its own.

        Raises:
            StoreError: the file is no database, of a newer clew, or cannot be opened; or a database in memory
                belongs to one thread alone (`check_same_thread`).
        """
        path, shared = place_of(conn, "SqliteSaver")
        store = SqliteStore(path, durability, connection=shared)
        super().__init__(store, tenant=tenant, serde=serde, cipher=cipher)

    @classmethod
    @contextmanager
    def from_conn_string(
        cls,
        conn_string: str,
        *,
        serde: Any = None,
        durability: Durability = "sync",
        tenant: str = "",
        cipher: Keyring | Cipher | None = None,
    ) -> Iterator[SqliteSaver]:
        """A saver on a file, ":memory:" or a "file:" address; closed when the block ends."""
        with closing(cls(conn_string, serde=serde, durability=durability, tenant=tenant, cipher=cipher)) as saver:
            yield saver

    def setup(self) -> None:
        """Create the tables if they are missing. Made savers have done so."""
        self._set_up()


@final
class AsyncSqliteSaver(BaseCheckpointSaver):
    """`SqliteSaver` for async code: the same store, opened and closed with `async with`."""

    def __init__(
        self,
        conn: Any,
        *,
        serde: Any = None,
        durability: Durability = "sync",
        tenant: str = "",
        cipher: Keyring | Cipher | None = None,
    ) -> None:
        """Open the store on the file of an `aiosqlite` connection, awaited or not; it stays the caller's.

        Raises:
            StoreError: the connection does not tell its file, or its database is in memory.
        """
        store = SqliteStore(file_of_async(conn, "AsyncSqliteSaver"), durability)
        super().__init__(store, tenant=tenant, serde=serde, cipher=cipher)

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls,
        conn_string: str,
        *,
        serde: Any = None,
        durability: Durability = "sync",
        tenant: str = "",
        cipher: Keyring | Cipher | None = None,
    ) -> AsyncIterator[AsyncSqliteSaver]:
        """A saver on a file, ":memory:" or a "file:" address; closed when the block ends."""
        saver = await asyncio.to_thread(
            cls, conn_string, serde=serde, durability=durability, tenant=tenant, cipher=cipher
        )
        with closing(saver):
            yield saver

    async def setup(self) -> None:
        """Create the tables if they are missing. Made savers have done so."""
        await asyncio.to_thread(self._set_up)
