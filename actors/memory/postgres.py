"""The long-term store in a Postgres database. psycopg is imported when a store is made, not when this module is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict, final

from .items import IndexConfig, TTLConfig
from .sweeper import SweptStore

if TYPE_CHECKING:
    from .postgres_backend import PostgresBackend

INDEX_SETTINGS: Final = frozenset({*IndexConfig.__annotations__, "ann_index_config", "distance_type"})
"""The last two choose an approximate index and another distance elsewhere: taken, and without effect here."""

Deserializer = Callable[[str], dict[str, Any]]


class PoolConfig(TypedDict, total=False):
    """The connections of a store that opens its own."""

    min_size: int
    max_size: int | None
    kwargs: dict[str, Any]


class _PostgresStore(SweptStore):
    """What both stores in Postgres are."""

    _backend: PostgresBackend

    def __init__(
        self,
        conn: Any,
        *,
        pipe: Any = None,
        deserializer: Deserializer | None = None,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        """Open the store for a pool, a connection, or a connection string.

        Args:
            conn: a psycopg `ConnectionPool` is used as it is and stays the caller's. A connection or an async pool
                tells where to connect: a pool of the store's own is opened.
            pipe: without effect; a batch is one transaction.
            deserializer: reads the JSON of a value, instead of `json.loads`.
            index: makes values searchable by meaning: `{"embed": ..., "dims": ..., "fields": [...]}`. pgvector computes
                where the database has it, with the same results.
            ttl: the default time to live, and whether reading begins it anew.

        Raises:
            MissingPackageError: psycopg or its pool is not installed.
            StoreBusyError: the server cannot be reached.
            ValueError: a setting that does not exist.
        """
        super().__init__(_open(conn, deserializer, None), index, INDEX_SETTINGS, ttl)

    def _close(self) -> None:
        self._sweeper.stop(None)
        self._backend.close()


@final
class PostgresStore(_PostgresStore):
    """Keeps values in a Postgres database, as JSON. Call `setup()` once per database. Safe for threads.

    Searches without a query give what was put last first. Its async methods work too.
    """

    @classmethod
    @contextmanager
    def from_conn_string(
        cls,
        conn_string: str,
        *,
        pipeline: bool = False,
        pool_config: PoolConfig | None = None,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> Iterator[PostgresStore]:
        """A store for a connection string; its sweeper and connections end with the block.

        Args:
            conn_string: the server and database.
            pipeline: without effect; a batch is one transaction.
            pool_config: how many connections, and keywords for them.
            index: see the class.
            ttl: see the class.
        """
        store = cls.__new__(cls)
        SweptStore.__init__(store, _open(conn_string, None, pool_config), index, INDEX_SETTINGS, ttl)
        try:
            yield store
        finally:
            store._close()

    def setup(self) -> None:
        """Create the tables if they are missing; safe when several processes do it at once."""
        self._backend.setup()

    def sweep_ttl(self) -> int:
        """Delete what has expired; how many items that were."""
        return self._sweep()

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> Future[None]:
        """Sweep at intervals, on a thread of its own, until `stop_ttl_sweeper`.

        Returns:
            A future that is done when the sweeper has ended; done already for a store without `ttl`.
        """
        return self._start(sweep_interval_minutes)

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """End the sweeper; False if it was still busy after `timeout` seconds."""
        return self._sweeper.stop(timeout)


@final
class AsyncPostgresStore(_PostgresStore):
    """`PostgresStore` for async code: the same store, opened and swept with `await`. Its sync methods work too."""

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls,
        conn_string: str,
        *,
        pipeline: bool = False,
        pool_config: PoolConfig | None = None,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> AsyncIterator[AsyncPostgresStore]:
        """As `PostgresStore.from_conn_string`."""
        store = cls.__new__(cls)
        backend = await asyncio.to_thread(_open, conn_string, None, pool_config)
        SweptStore.__init__(store, backend, index, INDEX_SETTINGS, ttl)
        try:
            yield store
        finally:
            await asyncio.to_thread(store._close)

    async def setup(self) -> None:
        """Create the tables if they are missing; safe when several processes do it at once."""
        await asyncio.to_thread(self._backend.setup)

    async def sweep_ttl(self) -> int:
        """Delete what has expired; how many items that were."""
        return await asyncio.to_thread(self._sweep)

    async def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> asyncio.Future[None]:
        """As `PostgresStore.start_ttl_sweeper`; the future belongs to the calling event loop."""
        return asyncio.wrap_future(self._start(sweep_interval_minutes))

    async def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """End the sweeper; False if it was still busy after `timeout` seconds."""
        return await asyncio.to_thread(self._sweeper.stop, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)


def _open(conn: Any, deserializer: Deserializer | None, pool_config: Mapping[str, Any] | None) -> PostgresBackend:
    from .postgres_backend import PostgresBackend

    return PostgresBackend(conn, deserializer, pool_config)
