"""A cache in a SQLite file, which several processes may share."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Generic

from ...events.errors import CodecError, StoreError
from .base import BaseCache, FullKey, Namespace, Serializer, ValueT

BUSY_SECONDS = 5.0
"""How long a call waits for another writer of the file."""

_CREATE = """
CREATE TABLE IF NOT EXISTS clew_cache (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    good_until REAL,
    encoding TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID
"""
_EXPIRE = "DELETE FROM clew_cache WHERE good_until <= ?"
_GET = (
    "SELECT encoding, value FROM clew_cache WHERE namespace = ? AND key = ? AND (good_until IS NULL OR good_until > ?)"
)
_SET = "INSERT OR REPLACE INTO clew_cache (namespace, key, good_until, encoding, value) VALUES (?, ?, ?, ?, ?)"
_CLEAR = "DELETE FROM clew_cache WHERE namespace = ?"
_CLEAR_ALL = "DELETE FROM clew_cache"


class SqliteCache(BaseCache[ValueT], Generic[ValueT]):
    """Keeps entries in a table of a SQLite file. Rows that clew did not write are misses.

    Entries past their time are dropped when the file is opened and when something is set.
    """

    def __init__(self, *, path: str, serde: Serializer | None = None) -> None:
        """Open or create the file at `path` (":memory:" keeps all in this object). Raises `StoreError`."""
        super().__init__(serde=serde)
        self._path = path
        self._lock = threading.Lock()
        with self._trouble():
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            with self._connection:
                self._connection.execute(_CREATE)
                self._connection.execute(_EXPIRE, (time.time(),))

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """The values of those keys that have one that is still good and can be read. Raises `StoreError`."""
        now = time.time()
        rows: dict[FullKey, tuple[str, bytes]] = {}
        with self._lock, self._trouble():
            for namespace, key in keys:
                with closing(self._connection.execute(_GET, (_text(namespace), key, now))) as cursor:
                    row = cursor.fetchone()
                if row is not None:
                    rows[(namespace, key)] = row
        found: dict[FullKey, ValueT] = {}
        for place, row in rows.items():
            try:
                found[place] = self.serde.loads_typed(row)
            except CodecError:
                continue
        return found

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """As `get`, off the event loop."""
        return await asyncio.to_thread(self.get, keys)

    def set(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values: key to (value, seconds it stays good; None for ever). Raises `StoreError`."""
        now = time.time()
        rows: list[tuple[str, str, float | None, str, bytes]] = []
        for (namespace, key), (value, ttl) in pairs.items():
            encoding, encoded = self.serde.dumps_typed(value)
            rows.append((_text(namespace), key, None if ttl is None else now + ttl, encoding, encoded))
        with self._lock, self._trouble(), self._connection:
            self._connection.execute(_EXPIRE, (now,))
            self._connection.executemany(_SET, rows)

    async def aset(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """As `set`, off the event loop."""
        await asyncio.to_thread(self.set, pairs)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Drop everything in these namespaces, each taken exactly; None drops everything. Raises `StoreError`."""
        with self._lock, self._trouble(), self._connection:
            if namespaces is None:
                self._connection.execute(_CLEAR_ALL)
            else:
                self._connection.executemany(_CLEAR, [(_text(namespace),) for namespace in namespaces])

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """As `clear`, off the event loop."""
        await asyncio.to_thread(self.clear, namespaces)

    def close(self) -> None:
        """Close the file; the cache cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Turn what SQLite raises into an error that names the file."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter quotes a damaged schema, as bytes
            raise StoreError(
                f"the cache file {self._path!r} could not be used ({error}): nothing was lost but the cache; "
                "close other writers, or delete the file"
            ) from error


def _text(namespace: Namespace) -> str:
    """The namespace as one text; parts may hold any character."""
    return json.dumps(list(namespace))
