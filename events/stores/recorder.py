"""What our stores share: eventsourcing's recorder port over a store, and its factory.

A store of ours *is* an `ApplicationRecorder`, so the ecosystem's tools read it and `PERSISTENCE_MODULE` selects it.
The port speaks of streams by UUID where `Store` speaks of threads by name; both reach the same rows. It keeps clew's
commits only.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from threading import Event
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    Notification,
    NotSupportedError,
    ProcessRecorder,
    ProgrammingError,
    StoredEvent,
    Subscription,
    TrackingRecorder,
)

from ..errors import CodecError, StoreError
from .store import Entry, Verdict
from .stream import TOPIC, stream_key

NUMBER_MAX: Final = 2**63 - 1
"""Stands for "no upper limit" in statements, whose text never changes."""
POLL_SECONDS: Final = 0.02
"""How often a subscription looks for news."""
_NOTIFICATIONS_PAGE: Final = 500


Version = tuple[int, int, bytes]
"""One row of a stream: position, version, state."""


class Stored(NamedTuple):
    """One row of the whole store, whose thread has no name here."""

    position: int
    key: bytes
    version: int
    state: bytes


class CommitRecorder(ApplicationRecorder):
    """Base of our stores: a store brings reads and writes by stream key, this class the ecosystem's names."""

    @abstractmethod
    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`."""

    @abstractmethod
    def change_token(self) -> object:
        """A value that differs from the last one if anything was appended since, by whomever; cheap to ask for."""

    @abstractmethod
    def _insert(self, events: Sequence[tuple[bytes, int, bytes]]) -> list[int]:
        """Store (key, version, state)s, all or nothing; their positions. `IntegrityError`: a version is not the
        next."""

    @abstractmethod
    def _select(self, key: bytes, after: int, until: int, limit: int, descending: bool) -> list[Version]:
        """The stream's rows with `after < version <= until`."""

    @abstractmethod
    def _select_all(self, first: int, last: int, limit: int) -> list[Stored]:
        """The store's rows with `first <= position <= last`, by position; none is ever added below a row once
        returned."""

    @abstractmethod
    def _last_position(self) -> int | None:
        """The highest position that `_select_all` returns; None for an empty store."""

    def append(self, entry: Entry) -> int:
        """See `Store.append`."""
        verdict = self.append_batch((entry,))[0]
        if isinstance(verdict, int):
            return verdict
        raise verdict

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Store commits through the port, all or nothing. `IntegrityError`: stale, a gap, or an erased stream."""
        return self._insert([(_key_of(event.originator_id), *_checked(event)) for event in stored_events])

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """A stream's commits with `gt < version <= lte`."""
        after = -1 if gt is None else gt
        until = NUMBER_MAX if lte is None else lte
        stream = UUID(bytes=_key_of(originator_id))
        rows = self._select(stream.bytes, after, until, NUMBER_MAX if limit is None else limit, desc)
        return [StoredEvent(stream, version, TOPIC, state) for _, version, state in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Commits of the whole store by position, from `start` to `stop`."""
        if topics and TOPIC not in topics:
            return []
        first = 0 if start is None else start + (not inclusive_of_start)
        rows = self._select_all(first, NUMBER_MAX if stop is None else stop, limit)
        return [Notification(UUID(bytes=row.key), row.version, TOPIC, row.state, id=row.position) for row in rows]

    def max_notification_id(self) -> int | None:
        """The highest position of the store, or None."""
        return self._last_position()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> PollingSubscription:
        """An endless iterator over commits after position `gt`; it waits for new ones until it is stopped."""
        return PollingSubscription(self, gt, topics)


class PollingSubscription(Subscription[CommitRecorder]):
    """Reads a store to its end and then looks again every `POLL_SECONDS`; no thread, no connection of its own."""

    def __init__(self, recorder: CommitRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._ready: deque[Notification] = deque()
        self._stopped = Event()

    def stop(self) -> None:
        """End the iteration, from any thread."""
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        seen: object = None
        while not self._stopped.is_set():
            if self._ready:
                notification = self._ready.popleft()
                self._last_notification_id = notification.id
                return notification
            token = self._recorder.change_token()
            if token != seen:
                self._ready.extend(self._pull())
                seen = token
            if not self._ready:
                self._stopped.wait(POLL_SECONDS)
        raise StopIteration

    def _pull(self) -> Sequence[Notification]:
        return self._recorder.select_notifications(
            self._last_notification_id or 0, _NOTIFICATIONS_PAGE, topics=self._topics, inclusive_of_start=False
        )


class CommitFactory(InfrastructureFactory[TrackingRecorder]):
    """Base of the factories that `PERSISTENCE_MODULE` finds, one in each store's module."""

    @abstractmethod
    def application_recorder(self) -> CommitRecorder:
        """The store that the environment describes, set up."""

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The same recorder; eventsourcing's own snapshots are not kept here."""
        if purpose != "events":
            raise NotSupportedError(
                f"clew's stores keep no stored {purpose!r} of eventsourcing's; use its own recorders"
            )
        return self.application_recorder()

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> TrackingRecorder:
        """Not offered: keep a follower's position with what it projects, in one transaction of that database."""
        raise NotSupportedError("clew's stores track no projections; keep the position beside what you project")

    def process_recorder(self) -> ProcessRecorder:
        """Not offered, as `tracking_recorder`."""
        raise NotSupportedError("clew's stores track no projections; keep the position beside what you project")


def checked_keys(entries: Sequence[Entry]) -> list[bytes | CodecError]:
    """Each entry's stream key, or why its thread's name has none.

    Raises:
        StoreError: a thread comes twice; its second commit could not know what became of the first.
    """
    keys: list[bytes | CodecError] = []
    for entry in entries:
        try:
            keys.append(stream_key(entry.tenant, entry.thread))
        except CodecError as error:
            keys.append(error)
    named = [key for key in keys if isinstance(key, bytes)]
    if len(set(named)) != len(named):
        raise StoreError("a batch holds two commits of one thread; append the second after the first")
    return keys


def name_of(key: bytes) -> str:
    """The thread name of a stream that came in through the port, which knows no names."""
    return str(UUID(bytes=key))


def _key_of(originator_id: UUID | str) -> bytes:
    try:
        return (originator_id if isinstance(originator_id, UUID) else UUID(originator_id)).bytes
    except ValueError:
        raise ProgrammingError(f"stream id {originator_id!r} is no UUID; clew's stores key streams by UUID") from None


def _checked(event: StoredEvent) -> tuple[int, bytes]:
    if event.topic != TOPIC:
        raise ProgrammingError(f"topic {event.topic!r}: clew's stores keep commits of clew only ({TOPIC!r})")
    return event.originator_version, event.state
