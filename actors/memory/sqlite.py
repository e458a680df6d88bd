"""The long-term store in a SQLite file: write-ahead log, every value a bound parameter of constant statements.

A namespace is one text, its labels joined by "." (which no label holds), so that what is below it is a range of the
index. Filters are applied to what such a range gives.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import weakref
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any, Final, TypeVar, final

from ...events.stores.sqlite_addresses import file_of_async, place_of
from ...events.stores.sqlite_connections import SqliteConnections
from ...events.stores.sqlite_errors import store_error
from .checks import json_text
from .core import MINUTE, Address, Entry, Record, Session, Vector
from .embedding import best_scores
from .items import IndexConfig, TTLConfig
from .sweeper import AsyncStore, SyncStore

_WAL: Final = "PRAGMA journal_mode=WAL"
_COMMIT: Final = "COMMIT"
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS clew_items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        namespace TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        ttl REAL,
        expires INTEGER,
        UNIQUE (namespace, key))""",
    "CREATE INDEX IF NOT EXISTS clew_items_expires ON clew_items (expires) WHERE expires IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS clew_item_vectors (
        item INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        vector BLOB NOT NULL,
        PRIMARY KEY (item, ordinal)) WITHOUT ROWID""",
)
_GET: Final = """SELECT id, namespace, key, value, created, updated, ttl FROM clew_items
WHERE namespace = ? AND key = ? AND (?3 IS NULL OR expires IS NULL OR expires > ?3)"""
_SCAN: Final = {
    False: """SELECT id, namespace, key, value, created, updated, ttl FROM clew_items
WHERE (namespace = :name OR (namespace >= :first AND namespace < :after))
AND (:alive IS NULL OR expires IS NULL OR expires > :alive) ORDER BY updated DESC, id LIMIT :limit""",
    True: """SELECT id, namespace, key, value, created, updated, ttl FROM clew_items
WHERE :alive IS NULL OR expires IS NULL OR expires > :alive ORDER BY updated DESC, id LIMIT :limit""",
}
"""By "all of the store", as the next two."""
_VECTORS: Final = {
    False: """SELECT v.item, v.vector FROM clew_items i JOIN clew_item_vectors v ON v.item = i.id
WHERE i.namespace = :name OR (i.namespace >= :first AND i.namespace < :after)""",
    True: "SELECT item, vector FROM clew_item_vectors",
}
_SCORES: Final = {
    False: """SELECT v.item, max(coalesce(1 - vec_distance_cosine(v.vector, :query), 0))
FROM clew_items i JOIN clew_item_vectors v ON v.item = i.id
WHERE i.namespace = :name OR (i.namespace >= :first AND i.namespace < :after) GROUP BY v.item""",
    True: """SELECT item, max(coalesce(1 - vec_distance_cosine(vector, :query), 0)) FROM clew_item_vectors
GROUP BY item""",
}
"""With sqlite-vec's function."""
_NAMESPACES: Final = """SELECT DISTINCT namespace FROM clew_items
WHERE ?1 IS NULL OR expires IS NULL OR expires > ?1"""
_PUT: Final = """INSERT INTO clew_items (namespace, key, value, created, updated, ttl, expires)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, key) DO UPDATE SET
value = excluded.value, updated = excluded.updated, ttl = excluded.ttl, expires = excluded.expires RETURNING id"""
_FORGET_VECTORS: Final = "DELETE FROM clew_item_vectors WHERE item = ?"
_PUT_VECTOR: Final = "INSERT INTO clew_item_vectors (item, ordinal, vector) VALUES (?, ?, ?)"
_DELETE: Final = "DELETE FROM clew_items WHERE namespace = ? AND key = ? RETURNING id"
_REFRESH: Final = "UPDATE clew_items SET expires = ? + CAST(ttl * ? AS INTEGER) WHERE id = ? AND ttl IS NOT NULL"
_SWEEP: Final = "DELETE FROM clew_items WHERE expires <= ? RETURNING id"
_VEC_VERSION: Final = "SELECT vec_version()"
STATEMENTS: Final = frozenset(
    {_WAL, _COMMIT, *_SCHEMA, _GET, *_SCAN.values(), *_VECTORS.values(), *_SCORES.values(), _NAMESPACES}
    | {_PUT, _FORGET_VECTORS, _PUT_VECTOR, _DELETE, _REFRESH, _SWEEP, _VEC_VERSION}
)
"""Every statement of the store besides its connections' own; nothing else is ever sent."""

Answer = TypeVar("Answer")


@final
class SqliteStore(SyncStore):
    """Keeps values in a SQLite file, as JSON. Ready when made: the tables are there. Safe for threads.

    Searches without a query give what was put last first. Its async methods work too.
    """

    def __init__(
        self,
        conn: sqlite3.Connection | str,
        *,
        deserializer: Callable[[str], dict[str, Any]] | None = None,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        """Open the store on the file of a connection, or on a path.

        Args:
            conn: the connection stays the caller's; one to a database in memory is used itself, and its settings reset.
            deserializer: reads the JSON of a value, instead of `json.loads`.
            index: makes values searchable by meaning: `{"embed": ..., "dims": ..., "fields": [...]}`. sqlite-vec
                computes where it is installed and SQLite may load it, with the same results.
            ttl: the default time to live, and whether reading begins it anew.

        Raises:
            StoreError: the file cannot be opened or is no database.
            ValueError: a setting that does not exist.
        """
        path, shared = place_of(conn, "SqliteStore")
        super().__init__(SqliteBackend(path, shared, deserializer), index, ttl)

    @classmethod
    @contextmanager
    def from_conn_string(
        cls, conn_string: str, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None
    ) -> Iterator[SqliteStore]:
        """A store on a file or ":memory:"; its sweeper and connections end with the block."""
        store = cls(conn_string, index=index, ttl=ttl)
        try:
            yield store
        finally:
            store._close()


@final
class AsyncSqliteStore(AsyncStore):
    """`SqliteStore` for async code: the same store, opened and swept with `await`. Its sync methods work too."""

    def __init__(
        self,
        conn: Any,
        *,
        deserializer: Callable[[str], dict[str, Any]] | None = None,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        """Open the store on the file of an `aiosqlite` connection, which stays the caller's. Else as `SqliteStore`."""
        super().__init__(SqliteBackend(file_of_async(conn, "AsyncSqliteStore"), None, deserializer), index, ttl)

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls, conn_string: str, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None
    ) -> AsyncIterator[AsyncSqliteStore]:
        """A store on a file or ":memory:"; its sweeper and connections end with the block."""
        async with await asyncio.to_thread(cls, conn_string, index=index, ttl=ttl) as store:
            yield store


@final
class SqliteBackend:
    """A `Backend` in a SQLite file."""

    waits = True

    def __init__(
        self,
        path: str,
        shared: sqlite3.Connection | None = None,
        deserializer: Callable[[str], dict[str, Any]] | None = None,
    ) -> None:
        self._connections = SqliteConnections(path, shared=shared)
        self._read = deserializer or json.loads
        weakref.finalize(self, self._connections.close)
        self.setup()

    def setup(self) -> None:
        """Create what is missing."""
        try:
            with self._connections.preparing() as connection:
                if not self._connections.in_memory:
                    connection.execute(_WAL)
                for statement in _SCHEMA:
                    connection.execute(statement)
        except sqlite3.Error as error:
            raise store_error(error, self._connections.path) from error

    def close(self) -> None:
        """Close our connections."""
        self._connections.close()

    def keep(self, value: Mapping[str, Any]) -> str:
        """The value as JSON."""
        return json_text(value)

    def load(self, kept: str) -> dict[str, Any]:
        """The value of its JSON."""
        return self._read(kept)

    def reading(self, work: Callable[[Session], Answer]) -> Answer:
        """Do `work` on a reader."""
        with self._connections.reading() as connection:
            return work(_SqliteSession(connection))

    def writing(self, work: Callable[[Session], Answer]) -> Answer:
        """Do `work` in a transaction of the writer."""
        try:
            with self._connections.writing() as connection:
                answer = work(_SqliteSession(connection))
                connection.execute(_COMMIT)
                return answer
        except sqlite3.Error as error:
            raise store_error(error, self._connections.path) from error


class _SqliteSession:
    """A `Session` on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, namespace: tuple[str, ...], key: str, alive: int | None) -> Record | None:
        row = self._connection.execute(_GET, (".".join(namespace), key, alive)).fetchone()
        return None if row is None else record(row)

    def scan(self, prefix: tuple[str, ...], alive: int | None, limit: int | None = None) -> Iterable[Record]:
        wanted = {**span(prefix), "alive": alive, "limit": -1 if limit is None else limit}
        with closing(self._connection.execute(_SCAN[not prefix], wanted)) as rows:
            for row in rows:
                yield record(row)

    def scores(self, prefix: tuple[str, ...], query: Vector) -> Mapping[int, float]:
        wanted = span(prefix)
        if _load_sqlite_vec(self._connection):
            try:
                packed = array("f", query).tobytes()
                return dict(self._connection.execute(_SCORES[not prefix], {**wanted, "query": packed}))
            except sqlite3.OperationalError:
                pass  # vectors of another length: what follows says so
        rows = self._connection.execute(_VECTORS[not prefix], wanted)
        return best_scores(query, ((item, array("f", kept)) for item, kept in rows))

    def namespaces(self, alive: int | None) -> Iterable[tuple[str, ...]]:
        return [tuple(row[0].split(".")) for row in self._connection.execute(_NAMESPACES, (alive,))]

    def hold(self, addresses: Iterable[Address]) -> None:
        """A writing transaction holds the whole file."""

    def put(self, entry: Entry) -> None:
        times = (entry.now, entry.now, entry.ttl, entry.expires)
        address = (".".join(entry.namespace), entry.key)
        item = self._connection.execute(_PUT, (*address, entry.kept, *times)).fetchone()[0]
        self._connection.execute(_FORGET_VECTORS, (item,))
        for ordinal, vector in enumerate(entry.vectors):
            self._connection.execute(_PUT_VECTOR, (item, ordinal, array("f", vector).tobytes()))

    def delete(self, namespace: tuple[str, ...], key: str) -> None:
        self._forget(self._connection.execute(_DELETE, (".".join(namespace), key)).fetchall())

    def refresh(self, records: Iterable[int], now: int) -> None:
        self._connection.executemany(_REFRESH, [(now, MINUTE, item) for item in records])

    def sweep(self, now: int) -> int:
        return self._forget(self._connection.execute(_SWEEP, (now,)).fetchall())

    def _forget(self, rows: list[tuple[int]]) -> int:
        self._connection.executemany(_FORGET_VECTORS, rows)
        return len(rows)


def record(row: tuple[Any, ...]) -> Record:
    """A row of `clew_items`."""
    item, namespace, key, value, created, updated, ttl = row
    return Record(item, tuple(namespace.split(".")), key, value, created, updated, ttl)


def span(prefix: tuple[str, ...]) -> dict[str, Any]:
    """The namespaces below a prefix: the one itself, and the range of those that go on from it.

    Texts are compared by their code points; "/" is the one after ".".
    """
    name = ".".join(prefix)
    return {"name": name, "first": f"{name}.", "after": f"{name}/"}


def _load_sqlite_vec(connection: sqlite3.Connection) -> bool:
    """Whether the connection has sqlite-vec's functions, loaded if need be. Not every Python lets SQLite load any."""
    try:
        connection.execute(_VEC_VERSION)
        return True
    except sqlite3.OperationalError:
        pass
    try:
        import sqlite_vec  # pyright: ignore[reportMissingImports]  # the extra `vectors`

        connection.enable_load_extension(True)
        try:
            sqlite_vec.load(connection)
        finally:
            connection.enable_load_extension(False)
        return True
    except (ImportError, AttributeError, sqlite3.Error):
        return False
