"""`PostgresSaver` and its async twin. psycopg is imported when a saver is made, not when this module is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any, final

from ..privacy.cipher import Cipher
from ..privacy.keyring import Keyring
from .saver import BaseCheckpointSaver
from .store import Store


class _PostgresSaver(BaseCheckpointSaver):
    """What both savers in Postgres are."""

    def __init__(
        self,
        conn: Any,
        pipe: Any = None,
        serde: Any = None,
        *,
        durability: str = "sync",
        tenant: str = "",
        cipher: Keyring | Cipher | None = None,
    ) -> None:
        """Open the store for a pool, a connection, or a connection string.

        Args:
            conn: a psycopg `ConnectionPool` is used as it is and stays the caller's. A psycopg connection, which cannot
                be reconnected nor shared by threads, or an async pool tells where to connect: a pool of the saver's own
                is opened.
            pipe: without effect: an append is one statement.
            serde: an `EncryptedSerializer`, to encrypt all with one key; a `JsonPlusSerializer`, without effect;
                another one is refused.
            durability: "sync" waits for the server's disk; "os" does not (`synchronous_commit=off`; not for a given
                pool, whose connections are set up by whoever made it).
            tenant: whose threads.
            cipher: a `Keyring`, to encrypt each subject's threads under a key of its own.

        Raises:
            MissingPackageError: psycopg or its pool is not installed.
            StoreBusyError: the server cannot be reached.
        """
        super().__init__(_open(conn, durability), tenant=tenant, serde=serde, cipher=cipher)


@final
class PostgresSaver(_PostgresSaver):
    """Keeps threads in a Postgres database. Call `setup()` once per database."""

    @classmethod
    @contextmanager
    def from_conn_string(
        cls,
        conn_string: str,
        *,
        pipeline: bool = False,
        serde: Any = None,
        durability: str = "sync",
        tenant: str = "",
        cipher: Keyring | Cipher | None = None,
    ) -> Iterator[PostgresSaver]:
        """A saver for a connection string; its connections are closed when the block ends. `pipeline` has no effect."""
        with closing(cls(conn_string, serde=serde, durability=durability, tenant=tenant, cipher=cipher)) as saver:
            yield saver

    def setup(self) -> None:
        """Create the tables if they are missing; safe when several processes do it at once."""
        self._set_up()


@final
class AsyncPostgresSaver(_PostgresSaver):
    """`PostgresSaver` for async code: the same store and its own pool, opened and closed with `async with`."""

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls,
        conn_string: str,
        *,
        pipeline: bool = False,
        serde: Any = None,
        durability: str = "sync",
        tenant: str = "",
        cipher: Keyring | Cipher | None = None,
    ) -> AsyncIterator[AsyncPostgresSaver]:
        """A saver for a connection string; its connections are closed when the block ends. `pipeline` has no effect."""
        saver = await asyncio.to_thread(
            cls, conn_string, serde=serde, durability=durability, tenant=tenant, cipher=cipher
        )
        try:
            yield saver
        finally:
            await asyncio.to_thread(saver.close)

    async def setup(self) -> None:
        """Create the tables if they are missing; safe when several processes do it at once."""
        await asyncio.to_thread(self._set_up)


def _open(conn: Any, durability: str) -> Store:
    from .postgres import PostgresStore

    return PostgresStore(conn, durability)
