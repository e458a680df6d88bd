"""The long-term store in this process's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count, islice
from threading import RLock
from typing import Any, TypeVar, final

from .core import MINUTE, Address, Entry, KeptStore, Record, Session, Vector
from .embedding import best_scores
from .items import IndexConfig

Answer = TypeVar("Answer")


class InMemoryStore(KeptStore):
    """Keeps values in this process, for tests and notebooks; they end with it.

    Values are not encoded: whatever is in them comes back as the same object, in dicts and lists of the caller's own.
    Searches without a query give namespaces, and the items of each, in the order in which they were first put. No time
    to live.

    Args:
        index: makes values searchable by meaning: `{"embed": ..., "dims": ..., "fields": [...]}`.
    """

    def __init__(self, *, index: IndexConfig | None = None) -> None:
        super().__init__(MemoryBackend(), index)


@final
class MemoryBackend:
    """A `Backend` of dicts under one lock, which is its own session."""

    waits = False

    def __init__(self) -> None:
        self._lock = RLock()
        self._ids = count(1)
        self._records: dict[tuple[str, ...], dict[str, Record]] = {}
        """By namespace and key, each in the order in which they were first put to. No namespace is empty."""
        self._vectors: dict[int, tuple[Vector, ...]] = {}
        self._expires: dict[int, int] = {}

    def keep(self, value: Mapping[str, Any]) -> Any:
        """The value, its dicts and lists copied, so that what the caller does with his own changes nothing here."""
        return _own(value)

    def load(self, kept: Any) -> dict[str, Any]:
        """A copy again."""
        return _own(kept)

    def reading(self, work: Callable[[Session], Answer]) -> Answer:
        """Do `work` under the lock."""
        with self._lock:
            return work(self)

    def writing(self, work: Callable[[Session], Answer]) -> Answer:
        """Do `work` under the lock. Nothing in it can fail once it writes."""
        with self._lock:
            return work(self)

    def get(self, namespace: tuple[str, ...], key: str, alive: int | None) -> Record | None:
        """See `Session.get`."""
        record = self._records.get(namespace, {}).get(key)
        return record if record is not None and self._is_alive(record.id, alive) else None

    def scan(self, prefix: tuple[str, ...], alive: int | None, limit: int | None = None) -> Iterable[Record]:
        """Namespace by namespace, in the order in which they were first put."""
        spaces = [records for namespace, records in self._records.items() if namespace[: len(prefix)] == prefix]
        below = (record for records in spaces for record in records.values())
        return islice((record for record in below if self._is_alive(record.id, alive)), limit)

    def scores(self, prefix: tuple[str, ...], query: Vector) -> Mapping[int, float]:
        """See `Session.scores`."""
        records = self.scan(prefix, None)
        return best_scores(
            query, ((record.id, vector) for record in records for vector in self._vectors.get(record.id, ()))
        )

    def namespaces(self, alive: int | None) -> Iterable[tuple[str, ...]]:
        """See `Session.namespaces`."""
        return {record.namespace for record in self.scan((), alive)}

    def hold(self, addresses: Iterable[Address]) -> None:
        """See `Session.hold`. One writer at a time holds everything."""

    def put(self, entry: Entry) -> None:
        """See `Session.put`."""
        records = self._records.setdefault(entry.namespace, {})
        before = records.get(entry.key)
        number = next(self._ids) if before is None else before.id
        created = entry.now if before is None else before.created
        records[entry.key] = Record(number, entry.namespace, entry.key, entry.kept, created, entry.now, entry.ttl)
        self._vectors[number] = entry.vectors
        self._expire(number, entry.expires)

    def delete(self, namespace: tuple[str, ...], key: str) -> None:
        """See `Session.delete`."""
        records = self._records.get(namespace, {})
        record = records.pop(key, None)
        if record is not None:
            self._vectors.pop(record.id, None)
            self._expire(record.id, None)
            if not records:
                del self._records[namespace]

    def refresh(self, records: Iterable[int], now: int) -> None:
        """See `Session.refresh`."""
        wanted = set(records)
        for record in self.scan((), None) if wanted else ():
            if record.id in wanted and record.ttl is not None:
                self._expire(record.id, now + round(record.ttl * MINUTE))

    def sweep(self, now: int) -> int:
        """See `Session.sweep`."""
        expired = [record for record in self.scan((), None) if not self._is_alive(record.id, now)]
        for record in expired:
            self.delete(record.namespace, record.key)
        return len(expired)

    def _is_alive(self, number: int, alive: int | None) -> bool:
        return alive is None or self._expires.get(number, alive + 1) > alive

    def _expire(self, number: int, at: int | None) -> None:
        if at is None:
            self._expires.pop(number, None)
        else:
            self._expires[number] = at


def _own(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _own(one) for name, one in value.items()}
    if type(value) is list:
        return [_own(one) for one in value]
    return value
