"""The store in memory: for tests, notebooks and graphs that may forget. Nothing outlives the process."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import nlargest, nsmallest
from threading import Lock
from typing import final

from eventsourcing.persistence import IntegrityError

from ..errors import CodecError, StaleVersionError, StoreError, ThreadErasedError
from ..privacy.vault import MemoryVault
from . import recorder
from .recorder import Stored, Version
from .store import Entry, Head, Position, Row, ThreadHead, Verdict
from .stream import DIGEST_BYTES, check_size, stream_key


class _Stream:
    """One thread: its rows by version, its head, and whether it was erased. Written under the store's lock."""

    __slots__ = ("erased", "head", "rows", "tenant", "thread")

    def __init__(self, thread: str, tenant: str) -> None:
        self.thread = thread
        self.tenant = tenant
        self.rows: list[Row] = []
        self.head = Head()
        self.erased = False


@final
class MemoryStore(recorder.CommitRecorder):
    """A `Store` in this process's memory, safe for threads."""

    durable = False

    def __init__(self) -> None:
        self._lock = Lock()
        self._streams: dict[bytes, _Stream] = {}
        self._journal: list[tuple[bytes, Row]] = []
        """Every row with its stream's key, by position; an erase takes its rows out."""
        self._position = 0
        """The last position given; an erase does not give it back."""
        self._closed = False
        self._vault = MemoryVault()

    def setup(self) -> None:
        """Nothing to create."""

    def append(self, entry: Entry) -> int:
        """See `Store.append`."""
        key = stream_key(entry.tenant, entry.thread)
        with self._lock:
            if self._closed:
                self._refuse_closed()
            verdict = self._place(key, entry)
        if isinstance(verdict, int):
            return verdict
        raise verdict

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`."""
        keys = recorder.checked_keys(entries)
        with self._lock:
            self._refuse_closed()
            return [
                self._place(key, entry) if isinstance(key, bytes) else key
                for key, entry in zip(keys, entries, strict=True)
            ]

    def read(self, thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> list[Row]:
        """See `Store.read`."""
        with self._lock:
            self._refuse_closed()
            stream = self._streams.get(stream_key(tenant, thread))
            return stream.rows[_slice(after, until)] if stream else []

    def head(self, thread: str, tenant: str = "") -> ThreadHead | None:
        """See `Store.head`."""
        with self._lock:
            self._refuse_closed()
            stream = self._streams.get(stream_key(tenant, thread))
        if stream is None:
            return None
        if stream.erased:
            raise ThreadErasedError(thread)
        return _thread_head(stream)

    def heads(
        self, status: int | None = None, limit: int = 50, newest_first: bool = True, tenant: str = ""
    ) -> list[ThreadHead]:
        """See `Store.heads`."""
        with self._lock:
            self._refuse_closed()
            found = [
                stream
                for stream in self._streams.values()
                if stream.tenant == tenant and not stream.erased and (status is None or stream.head.status == status)
            ]
            some = nlargest if newest_first else nsmallest
            return [_thread_head(stream) for stream in some(limit, found, key=lambda stream: stream.head.updated)]

    def follow(self, after: Position, limit: int = 500) -> list[tuple[Position, Row]]:
        """See `Store.follow`."""
        with self._lock:
            self._refuse_closed()
            start = self._index_of(after.number + 1)
            return [(Position(0, row.position), row) for _, row in self._journal[start : start + limit]]

    def erase(self, thread: str, tenant: str = "", expected: int | None = None) -> None:
        """See `Store.erase`. An unknown thread stays unknown."""
        key = stream_key(tenant, thread)
        with self._lock:
            self._refuse_closed()
            stream = self._streams.get(key)
            if expected is not None and (stream is None or stream.erased or len(stream.rows) - 1 != expected):
                raise StaleVersionError(thread, expected)
            if stream is None:
                return
            stream.erased = True
            stream.head = Head(epoch=stream.head.epoch)
            stream.rows = []
            self._journal = [(owner, row) for owner, row in self._journal if owner != key]

    def retire(self, thread: str, tenant: str = "") -> None:
        """See `Store.retire`."""
        with self._lock:
            self._refuse_closed()
            stream = self._streams.get(stream_key(tenant, thread))
            if stream is not None:
                stream.erased = True
                stream.head = Head(epoch=stream.head.epoch)

    def vault(self) -> MemoryVault:
        """The keys beside the threads, see `clew.privacy`."""
        return self._vault

    def close(self) -> None:
        """See `Store.close`. The threads stay in memory as long as the store does."""
        self._closed = True

    def change_token(self) -> object:
        """See `CommitRecorder.change_token`."""
        return self._position

    def _place(self, key: bytes, entry: Entry) -> Verdict:
        stream = self._streams.get(key)
        version = len(stream.rows) - 1 if stream else -1
        begins = entry.expected < 0 and entry.head.epoch > (stream.head.epoch if stream else 0)
        if stream and stream.erased and (stream.rows or not begins):
            return ThreadErasedError(entry.thread, None if stream.rows else stream.head.epoch)
        if version != entry.expected or (stream and entry.head.epoch < stream.head.epoch):
            if stream and 0 <= entry.version <= version and stream.rows[entry.version].digest == entry.digest:
                return stream.rows[entry.version].position
            return StaleVersionError(entry.thread, entry.expected, version)
        try:
            check_size(entry)
        except CodecError as error:
            return error
        return self._add(key, entry.thread, entry.tenant, entry.digest, entry.body, entry.head)

    def _add(self, key: bytes, thread: str, tenant: str, digest: bytes, body: bytes, head: Head) -> int:
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream(thread, tenant)
        self._position += 1
        stream.erased, stream.thread = False, thread  # a thread's next life, where it was erased
        row = Row(thread, len(stream.rows), self._position, digest, body, stream.tenant)
        stream.rows.append(row)
        stream.head = head
        self._journal.append((key, row))
        return self._position

    def _insert(self, events: Sequence[tuple[bytes, int, bytes]]) -> list[int]:
        with self._lock:
            self._refuse_closed()
            self._refuse_stale(events)
            return [
                self._add(key, self._name_of(key), "", state[:DIGEST_BYTES], state[DIGEST_BYTES:], self._head_of(key))
                for key, _, state in events
            ]

    def _refuse_stale(self, events: Sequence[tuple[bytes, int, bytes]]) -> None:
        following: dict[bytes, int] = {}
        for key, version, _ in events:
            stream = self._streams.get(key)
            expected = following.get(key, len(stream.rows) if stream else 0)
            if version != expected or (stream and stream.erased):
                raise IntegrityError(
                    f"stream {recorder.name_of(key)}: version {version} is not the next, {expected} is"
                )
            following[key] = version + 1

    def _name_of(self, key: bytes) -> str:
        stream = self._streams.get(key)
        return stream.thread if stream else recorder.name_of(key)

    def _head_of(self, key: bytes) -> Head:
        stream = self._streams.get(key)
        return stream.head if stream else Head()

    def _select(self, key: bytes, after: int, until: int, limit: int, descending: bool) -> list[Version]:
        with self._lock:
            self._refuse_closed()
            stream = self._streams.get(key)
            rows = stream.rows[_slice(after, until)] if stream else []
            if descending:
                rows.reverse()
            return [(row.position, row.version, row.digest + row.body) for row in rows[:limit]]

    def _select_all(self, first: int, last: int, limit: int) -> list[Stored]:
        with self._lock:
            self._refuse_closed()
            start, end = self._index_of(first), self._index_of(last + 1)
            return [_stored(key, row) for key, row in self._journal[start : min(end, start + limit)]]

    def _last_position(self) -> int | None:
        with self._lock:
            return self._journal[-1][1].position if self._journal else None

    def _index_of(self, position: int) -> int:
        return bisect_left(self._journal, position, key=lambda item: item[1].position)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError("the store in memory is closed; open another saver")


@final
class MemoryFactory(recorder.CommitFactory):
    """What `PERSISTENCE_MODULE=clew.events.stores.memory` selects."""

    def application_recorder(self) -> MemoryStore:
        """A new, empty store."""
        return MemoryStore()


def _slice(after: int, until: int | None) -> slice:
    return slice(max(after + 1, 0), None if until is None else max(until + 1, 0))


def _thread_head(stream: _Stream) -> ThreadHead:
    return ThreadHead(stream.thread, len(stream.rows) - 1, stream.head, stream.tenant)


def _stored(key: bytes, row: Row) -> Stored:
    return Stored(row.position, key, row.version, row.digest + row.body)
