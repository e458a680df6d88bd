"""A store over any recorder of the eventsourcing ecosystem: KurrentDB, Axon, UmaDB, SQLAlchemy, Django and others.

It asks for the portable contract only (a UUID per stream, versions from 0 without gaps, one stream per insert,
`IntegrityError` means stale). What such a recorder lacks is made up for: each commit carries its thread's name and
head, heads are folded from the recorder's notifications when they are asked for, a batch is appended one by one. It
cannot erase.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import nlargest, nsmallest
from threading import Lock
from typing import Final, cast, final
from uuid import UUID

import msgspec
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    Notification,
    PersistenceError,
    StoredEvent,
)
from msgspec import Struct

from ..errors import ClewError, CorruptCommitError, OutcomeUnknownError, StaleVersionError, StoreError
from .recorder import CommitRecorder
from .rows import checked_rows
from .store import Entry, Head, Position, Row, Store, ThreadHead, Verdict
from .stream import DIGEST_BYTES, check_size, stream_key

TOPIC_WITH_HEAD: Final = "clew.commit.with-head"
"""Topic of a state that is digest, length of the label (4 bytes, big-endian), label, body."""
_LENGTH_BYTES: Final = 4
_PAGE: Final = 500
_VERSIONS_KNOWN_MAX: Final = 10_000


class _Label(Struct, frozen=True, array_like=True, gc=False):
    """What a recorder has no column for."""

    thread: str
    tenant: str
    head: Head


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Label)


@final
class RecorderStore:
    """A `Store` over a foreign `ApplicationRecorder`, safe for threads if the recorder is."""

    durable = True

    def __init__(self, recorder: ApplicationRecorder, close: Callable[[], object] | None = None) -> None:
        """`close` is called when the store is closed; a recorder itself has nothing to close."""
        self._recorder = recorder
        self._close = close
        self._closed = False
        self._lock = Lock()
        """Guards the two caches; never held while the recorder works."""
        self._versions: OrderedDict[bytes, int] = OrderedDict()
        """A version that each of the latest threads has at least; versions only rise."""
        self._heads: dict[bytes, ThreadHead] = {}
        """Every thread's head as of `_heads_at`; empty until heads are asked for."""
        self._heads_at: int | None = None

    def setup(self) -> None:
        """Nothing: a recorder is set up by its factory."""

    def append(self, entry: Entry) -> int:
        """See `Store.append`."""
        self._refuse_closed()
        key = stream_key(entry.tenant, entry.thread)
        event = StoredEvent(UUID(bytes=key), entry.version, TOPIC_WITH_HEAD, _state(entry))
        if entry.expected >= 0 and not self._has(key, entry.expected):
            raise StaleVersionError(entry.thread, entry.expected, self._version(key))
        try:
            positions = self._recorder.insert_events([event])
        except PersistenceError as error:
            return self._recognise(key, entry, error)
        self._remember(key, entry.version)
        return positions[0] if positions else self._position_of(key, entry.version)

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`; here each is a transaction of its own."""
        named = {(entry.tenant, entry.thread) for entry in entries}
        if len(named) != len(entries):
            raise StoreError("a batch holds two commits of one thread; append the second after the first")
        self._refuse_closed()
        return [self._attempt(entry) for entry in entries]

    def read(self, thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> list[Row]:
        """See `Store.read`. Rows have position -1: a recorder tells positions to followers only."""
        self._refuse_closed()
        key = stream_key(tenant, thread)
        if until is not None and until <= after:
            return []
        with self._reading():
            events = self._recorder.select_events(UUID(bytes=key), gt=after if after >= 0 else None, lte=until)
        try:
            found = [(-1, event.originator_version, _without_label(event.state)) for event in events]
        except ValueError as error:
            raise CorruptCommitError(
                thread, after + 1, f"a state from here on is no labelled commit ({error})"
            ) from error
        return checked_rows(found, thread, tenant, after)

    def head(self, thread: str, tenant: str = "") -> ThreadHead | None:
        """See `Store.head`."""
        self._refuse_closed()
        last = self._last(stream_key(tenant, thread))
        return None if last is None else _thread_head(last)

    def heads(
        self, status: int | None = None, limit: int = 50, newest_first: bool = True, tenant: str = ""
    ) -> list[ThreadHead]:
        """See `Store.heads`. The first call reads the whole store, later ones what is new."""
        self._refuse_closed()
        self._catch_up()
        with self._lock:
            found = [
                known
                for known in self._heads.values()
                if known.tenant == tenant and (status is None or known.head.status == status)
            ]
        some = nlargest if newest_first else nsmallest
        return some(limit, found, key=lambda known: known.head.updated)

    def follow(self, after: Position, limit: int = 500) -> list[tuple[Position, Row]]:
        """See `Store.follow`. It misses as little as the recorder's own notifications do."""
        self._refuse_closed()
        return [(Position(0, found.id), _row(found)) for found in self._notifications(after.number or None, limit)]

    def erase(self, thread: str, tenant: str = "", expected: int | None = None) -> None:
        """Not possible: eventsourcing's recorders delete nothing.

        Raises:
            StoreError: always; nothing is changed.
        """
        self._refuse_closed()
        raise StoreError(
            f"cannot erase thread {thread!r}: {type(self._recorder).__name__} deletes nothing; delete the stream "
            f"{UUID(bytes=stream_key(tenant, thread))} with the database's own tools"
        )

    def retire(self, thread: str, tenant: str = "") -> None:
        """Not possible: eventsourcing's recorders have no heads to mark. Nothing is changed.

        Whoever still works on a thread whose key is destroyed is refused when its process asks for the key again.
        """
        self._refuse_closed()

    def close(self) -> None:
        """See `Store.close`."""
        if not self._closed:
            self._closed = True
            if self._close is not None:
                self._close()

    def _attempt(self, entry: Entry) -> Verdict:
        try:
            return self.append(entry)
        except ClewError as error:
            return error

    def _recognise(self, key: bytes, entry: Entry, error: PersistenceError) -> int:
        """What became of an insert that failed: ours after all, lost to another, or unknown."""
        try:
            found = self._recorder.select_events(UUID(bytes=key), gt=entry.expected if entry.expected >= 0 else None)
        except PersistenceError:
            raise OutcomeUnknownError(entry.thread, entry.version, str(error)) from error
        if found and found[0].state[:DIGEST_BYTES] == entry.digest:
            return self._position_of(key, entry.version)
        if isinstance(error, IntegrityError) or found:
            actual = found[-1].originator_version if found else None
            raise StaleVersionError(entry.thread, entry.expected, actual) from error
        raise OutcomeUnknownError(entry.thread, entry.version, str(error)) from error

    def _has(self, key: bytes, version: int) -> bool:
        """Whether the thread has this version. A recorder's unique key alone would let a gap in."""
        with self._lock:
            if self._versions.get(key, -1) >= version:
                return True
        return self._version(key) >= version

    def _version(self, key: bytes) -> int:
        last = self._last(key)
        if last is None:
            return -1
        self._remember(key, last.originator_version)
        return last.originator_version

    def _last(self, key: bytes) -> StoredEvent | None:
        with self._reading():
            found = self._recorder.select_events(UUID(bytes=key), desc=True, limit=1)
        return found[0] if found else None

    def _remember(self, key: bytes, version: int) -> None:
        with self._lock:
            self._versions[key] = max(version, self._versions.get(key, -1))
            self._versions.move_to_end(key)
            if len(self._versions) > _VERSIONS_KNOWN_MAX:
                self._versions.popitem(last=False)

    def _position_of(self, key: bytes, version: int) -> int:
        """Found by reading the notifications: for a lost reply, and for recorders that return no positions."""
        stream = UUID(bytes=key)
        for found in self._all_notifications(None):
            if found.originator_id == stream and found.originator_version == version:
                return found.id
        raise StoreError(f"version {version} of stream {stream} is stored and the recorder's notifications lack it")

    def _catch_up(self) -> None:
        with self._lock:
            after = self._heads_at
        for found in self._all_notifications(after):
            known = _thread_head(found)
            key = stream_key(known.tenant, known.thread)
            with self._lock:
                # Another caller may have come further meanwhile.
                if key not in self._heads or self._heads[key].version < known.version:
                    self._heads[key] = known
                self._heads_at = max(found.id, self._heads_at or 0)

    def _all_notifications(self, after: int | None) -> Iterator[Notification]:
        while page := self._notifications(after, _PAGE):
            yield from page
            after = page[-1].id

    def _notifications(self, after: int | None, limit: int) -> Sequence[Notification]:
        with self._reading():
            return self._recorder.select_notifications(
                after, limit, topics=[TOPIC_WITH_HEAD], inclusive_of_start=after is None
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except PersistenceError as error:
            raise StoreError(f"{type(self._recorder).__name__}: {error}") from error

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError(f"the store on {type(self._recorder).__name__} is closed; open another")


def open_store(settings: Mapping[str, str]) -> Store:
    """The store that eventsourcing's settings describe: `PERSISTENCE_MODULE` and what that module asks for.

    Args:
        settings: such as `{"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": "threads.db"}`. Our own
        modules
            (`clew.events.stores.sqlite` …) give their store itself, any other a `RecorderStore`.
    """
    factory = InfrastructureFactory.construct(dict(settings))
    recorder = factory.application_recorder()
    if isinstance(recorder, CommitRecorder):
        return cast("Store", recorder)
    return RecorderStore(recorder, factory.close)


def _state(entry: Entry) -> bytes:
    check_size(entry)
    label = _encoder.encode(_Label(entry.thread, entry.tenant, entry.head))
    return b"".join((entry.digest, len(label).to_bytes(_LENGTH_BYTES, "big"), label, entry.body))


def _split(state: bytes) -> tuple[bytes, bytes]:
    """Label and body, undecoded."""
    start = DIGEST_BYTES + _LENGTH_BYTES
    end = start + int.from_bytes(state[DIGEST_BYTES:start], "big")
    if len(state) < end:
        raise ValueError(f"{len(state)} bytes where the label alone ends at {end}")
    return state[start:end], state[end:]


def _without_label(state: bytes) -> bytes:
    return state[:DIGEST_BYTES] + _split(state)[1]


def _label(event: StoredEvent) -> _Label:
    try:
        return _decoder.decode(_split(event.state)[0])
    except (ValueError, msgspec.DecodeError) as error:
        stream = str(event.originator_id)
        raise CorruptCommitError(stream, event.originator_version, f"no labelled commit ({error})") from error


def _thread_head(event: StoredEvent) -> ThreadHead:
    label = _label(event)
    return ThreadHead(label.thread, event.originator_version, label.head, label.tenant)


def _row(found: Notification) -> Row:
    label = _label(found)
    body = _split(found.state)[1]
    return Row(label.thread, found.originator_version, found.id, found.state[:DIGEST_BYTES], body, label.tenant)
