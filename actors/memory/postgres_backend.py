"""Where `PostgresStore` keeps its records: two tables, constant statements, every value a bound parameter.

A namespace is one text, its labels joined by "." and compared by code points (`COLLATE "C"`), so that what is below it
is a range of the index. Values are `json`, not `jsonb`, which keeps neither the order of fields nor a NUL in a text.
"""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, LiteralString, TypeVar, final

import psycopg
from psycopg_pool import ConnectionPool

from ...events.errors import StoreError
from ...events.stores.postgres_connections import (
    Connection,
    ConnectionLostError,
    PostgresConnections,
    address_of,
    execute,
)
from .checks import json_text
from .core import MINUTE, Address, Entry, Record, Session, Vector
from .embedding import best_scores
from .sqlite import record, span

_SETUP_LOCK: Final = "SELECT pg_advisory_xact_lock(7235126840713)"
_HAS_TABLES: Final = "SELECT to_regclass('clew_item_vectors') IS NOT NULL"
_SCHEMA: Final[tuple[LiteralString, ...]] = (
    """CREATE TABLE IF NOT EXISTS clew_items (
        id bigserial PRIMARY KEY,
        namespace text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        value json NOT NULL,
        created bigint NOT NULL,
        updated bigint NOT NULL,
        ttl double precision,
        expires bigint,
        UNIQUE (namespace, key))""",
    "CREATE INDEX IF NOT EXISTS clew_items_expires ON clew_items (expires) WHERE expires IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS clew_item_vectors (
        item bigint NOT NULL REFERENCES clew_items ON DELETE CASCADE,
        ordinal int NOT NULL,
        vector real[] NOT NULL,
        PRIMARY KEY (item, ordinal))""",
)
_GET: Final = """SELECT id, namespace, key, value::text, created, updated, ttl FROM clew_items
WHERE namespace = %(name)s AND key = %(key)s
AND (%(alive)s::bigint IS NULL OR expires IS NULL OR expires > %(alive)s::bigint)"""
_SCAN: Final[Mapping[bool, LiteralString]] = {
    False: """SELECT id, namespace, key, value::text, created, updated, ttl FROM clew_items
WHERE (namespace = %(name)s OR (namespace >= %(first)s AND namespace < %(after)s))
AND (%(alive)s::bigint IS NULL OR expires IS NULL OR expires > %(alive)s::bigint)
ORDER BY updated DESC, id LIMIT %(limit)s""",
    True: """SELECT id, namespace, key, value::text, created, updated, ttl FROM clew_items
WHERE %(alive)s::bigint IS NULL OR expires IS NULL OR expires > %(alive)s::bigint
ORDER BY updated DESC, id LIMIT %(limit)s""",
}
"""By "all of the store", as the next two."""
_VECTORS: Final[Mapping[bool, LiteralString]] = {
    False: """SELECT v.item, v.vector FROM clew_items i JOIN clew_item_vectors v ON v.item = i.id
WHERE i.namespace = %(name)s OR (i.namespace >= %(first)s AND i.namespace < %(after)s)""",
    True: "SELECT item, vector FROM clew_item_vectors",
}
_SCORES: Final[Mapping[bool, LiteralString]] = {
    False: """SELECT v.item,
max(coalesce(nullif((1 - (v.vector::vector <=> %(query)s::real[]::vector))::float8, 'NaN'), 0))
FROM clew_items i JOIN clew_item_vectors v ON v.item = i.id
WHERE i.namespace = %(name)s OR (i.namespace >= %(first)s AND i.namespace < %(after)s) GROUP BY v.item""",
    True: """SELECT item, max(coalesce(nullif((1 - (vector::vector <=> %(query)s::real[]::vector))::float8, 'NaN'), 0))
FROM clew_item_vectors GROUP BY item""",
}
"""With pgvector's operator."""
_HAS_PGVECTOR: Final = "SELECT to_regtype('vector') IS NOT NULL"
_NAMESPACES: Final = """SELECT DISTINCT namespace FROM clew_items
WHERE %(alive)s::bigint IS NULL OR expires IS NULL OR expires > %(alive)s::bigint"""
_HOLD: Final = "SELECT pg_advisory_xact_lock(address) FROM unnest(%s::bigint[]) AS address"
"""In the array's order. A row that is not there yet cannot be locked, and two inserts wait for each other too."""
_PUT: Final = """INSERT INTO clew_items (namespace, key, value, created, updated, ttl, expires)
VALUES (%s, %s, %s::json, %s, %s, %s, %s) ON CONFLICT (namespace, key) DO UPDATE SET
value = excluded.value, updated = excluded.updated, ttl = excluded.ttl, expires = excluded.expires RETURNING id"""
_FORGET_VECTORS: Final = "DELETE FROM clew_item_vectors WHERE item = %s"
_PUT_VECTOR: Final = "INSERT INTO clew_item_vectors (item, ordinal, vector) VALUES (%s, %s, %s::real[])"
_DELETE: Final = "DELETE FROM clew_items WHERE namespace = %s AND key = %s"
_REFRESH: Final = """UPDATE clew_items SET expires = %s::bigint + (ttl * %s::bigint)::bigint
WHERE id = ANY(%s::bigint[]) AND ttl IS NOT NULL"""
_SWEEP: Final = "DELETE FROM clew_items WHERE expires <= %s RETURNING id"

Answer = TypeVar("Answer")


@final
class PostgresBackend:
    """A `Backend` in a Postgres database."""

    waits = True

    def __init__(
        self,
        address: Any,
        deserializer: Callable[[str], dict[str, Any]] | None = None,
        pool_config: Mapping[str, Any] | None = None,
    ) -> None:
        place, options = address_of(address)
        self._pool: ConnectionPool[Any] | None = None
        """The pool that was made as `pool_config` asked, which is ours to close."""
        if pool_config is not None and isinstance(place, str):
            place = self._pool = _pool(place, options, pool_config)
        self._connections = PostgresConnections(place, "sync", options)
        self._read = deserializer or json.loads
        self._pgvector: bool | None = None
        """Whether the database has pgvector; None until asked."""
        weakref.finalize(self, _close, self._connections, self._pool)

    def setup(self) -> None:
        """Create what is missing."""
        self._run(_set_up)

    def close(self) -> None:
        """Close our connections."""
        _close(self._connections, self._pool)

    def keep(self, value: Mapping[str, Any]) -> str:
        """The value as JSON."""
        return json_text(value)

    def load(self, kept: str) -> dict[str, Any]:
        """The value of its JSON."""
        return self._read(kept)

    def reading(self, work: Callable[[Session], Answer]) -> Answer:
        """Do `work` on a connection."""
        return self._run(lambda connection: work(_PostgresSession(self, connection)))

    def writing(self, work: Callable[[Session], Answer]) -> Answer:
        """Do `work` in a transaction."""

        def together(connection: Connection) -> Answer:
            with connection.transaction():
                return work(_PostgresSession(self, connection))

        return self._run(together)

    def has_pgvector(self, connection: Connection) -> bool:
        """Whether pgvector's type is there; asked once."""
        if self._pgvector is None:
            self._pgvector = bool(execute(connection, _HAS_PGVECTOR)[0][0])
        return self._pgvector

    def _run(self, operation: Callable[[Connection], Answer]) -> Answer:
        try:
            return self._connections.run(operation)
        except ConnectionLostError as error:
            raise StoreError(
                f"{self._connections.name}: the connection was lost ({error}); the puts may have been made or not, and "
                "making them again does no harm"
            ) from error


class _PostgresSession:
    """A `Session` on one connection."""

    def __init__(self, backend: PostgresBackend, connection: Connection) -> None:
        self._backend = backend
        self._connection = connection

    def get(self, namespace: tuple[str, ...], key: str, alive: int | None) -> Record | None:
        rows = self._ask(_GET, {"name": ".".join(namespace), "key": key, "alive": alive})
        return record(rows[0]) if rows else None

    def scan(self, prefix: tuple[str, ...], alive: int | None, limit: int | None = None) -> Iterable[Record]:
        return map(record, self._ask(_SCAN[not prefix], {**span(prefix), "alive": alive, "limit": limit}))

    def scores(self, prefix: tuple[str, ...], query: Vector) -> Mapping[int, float]:
        wanted = span(prefix)
        if self._backend.has_pgvector(self._connection):
            try:
                with self._connection.transaction():
                    return dict(self._ask(_SCORES[not prefix], {**wanted, "query": list(query)}))
            except psycopg.DataError:
                pass  # vectors of another length: what follows says so
        return best_scores(query, self._ask(_VECTORS[not prefix], wanted))

    def namespaces(self, alive: int | None) -> Iterable[tuple[str, ...]]:
        return [tuple(row[0].split(".")) for row in self._ask(_NAMESPACES, {"alive": alive})]

    def hold(self, addresses: Iterable[Address]) -> None:
        self._ask(_HOLD, (sorted(map(_lock_of, addresses)),))

    def put(self, entry: Entry) -> None:
        times = (entry.now, entry.now, entry.ttl, entry.expires)
        address = (".".join(entry.namespace), entry.key)
        item = self._ask(_PUT, (*address, entry.kept, *times))[0][0]
        self._ask(_FORGET_VECTORS, (item,))
        for ordinal, vector in enumerate(entry.vectors):
            self._ask(_PUT_VECTOR, (item, ordinal, list(vector)))

    def delete(self, namespace: tuple[str, ...], key: str) -> None:
        self._ask(_DELETE, (".".join(namespace), key))

    def refresh(self, records: Iterable[int], now: int) -> None:
        if ids := list(records):
            self._ask(_REFRESH, (now, MINUTE, ids))

    def sweep(self, now: int) -> int:
        return len(self._ask(_SWEEP, (now,)))

    def _ask(self, statement: LiteralString, parameters: Any) -> list[tuple[Any, ...]]:
        return execute(self._connection, statement, parameters)


def _lock_of(address: Address) -> int:
    """An address's number among the advisory locks; two of one number wait without need, and that is all."""
    digest = hashlib.blake2b(repr(address).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _set_up(connection: Connection) -> None:
    if execute(connection, _HAS_TABLES)[0][0]:
        return
    with connection.transaction():
        execute(connection, _SETUP_LOCK)
        for statement in _SCHEMA:
            execute(connection, statement)


def _pool(address: str, options: Mapping[str, Any], config: Mapping[str, Any]) -> ConnectionPool[Any]:
    keywords = {**options, **(config.get("kwargs") or {}), "autocommit": True}
    return ConnectionPool(
        address,
        kwargs=keywords,
        min_size=config.get("min_size", 1),
        max_size=config.get("max_size"),
        open=True,
        name="clew-store",
    )


def _close(connections: PostgresConnections, pool: ConnectionPool[Any] | None) -> None:
    connections.close()
    if pool is not None:
        pool.close()
