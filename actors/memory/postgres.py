"""The long-term store in a Postgres database. psycopg is imported when a store is made, not when this module is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypedDict, final

from .items import IndexConfig, TTLConfig
from .sweeper import AsyncStore, SweptStore, SyncStore

if TYPE_CHECKING:
    from .postgres_backend import PostgresBackend

Deserializer = Callable[[str], dict[str, Any]]


class PoolConfig(TypedDict, total=False):
    """The connections of a store that opens its own."""

    min_size: int
    max_size: int | None
    kwargs: dict[str, Any]


class _PostgresStore(SweptStore):
    """What both stores in Postgres are."""

    _index_extras = frozenset({"ann_index_config", "distance_type"})
    """They choose an approximate index and another distance elsewhere."""

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
        super().__init__(_open(conn, deserializer, None), index, ttl)


@final
class PostgresStore(SyncStore, _PostgresStore):
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
        store = cls._on(_open(conn_string, None, pool_config), index, ttl)
        try:
            yield store
        finally:
            store._close()


@final
class AsyncPostgresStore(AsyncStore, _PostgresStore):
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
        backend = await asyncio.to_thread(_open, conn_string, None, pool_config)
        async with cls._on(backend, index, ttl) as store:
            yield store


def _open(conn: Any, deserializer: Deserializer | None, pool_config: Mapping[str, Any] | None) -> PostgresBackend:
    from .postgres_backend import PostgresBackend

    return PostgresBackend(conn, deserializer, pool_config)
