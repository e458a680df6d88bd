"""A store that fails at one chosen append, in one chosen way: always the same append, always the same way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

from clew.checkpoint import BaseCheckpointSaver
from clew.errors import OutcomeUnknownError, StaleVersionError, StoreBusyError
from clew.events.stores.store import Entry, Position, Row, Store, ThreadHead, Verdict

Site = Literal["before", "after", "busy", "lost", "kept", "stale"]
"""What happens at the append.

"before", "after": the process dies before the append, or when the commit is durable and nobody was told.
"busy": the store is locked; nothing was written. "lost", "kept": no reply, and the commit was not, or was, written.
"stale": the store says that another writer was first, though none was.
"""
CRASHES: tuple[Site, ...] = ("before", "after")
ERRORS: tuple[Site, ...] = ("busy", "lost", "kept", "stale")


class Crash(BaseException):
    """Stands for the death of the process: what it had in memory is gone. No `except Exception` survives it."""


class FaultyStore:
    """A `Store` around another one; the thread of control that reaches append number `at` (from 0) meets the fault.

    After a crash no append gets through any more, as none of a dead process does: a new `FaultyStore` around the same
    store is the next process.
    """

    def __init__(self, inner: Store, site: Site = "before", at: int | None = None) -> None:
        self.inner = inner
        self.durable = inner.durable
        self.site = site
        self.at = at
        self.appends = 0
        """Appends so far, the failed one included."""
        self.met = False
        """True once the fault happened."""
        self.dead = False
        self.acknowledged: list[tuple[str, int, bytes]] = []
        """(thread, version, digest) of every append that a caller was told of."""
        self._lock = threading.Lock()

    def setup(self) -> None:
        """See `Store.setup`."""
        self.inner.setup()

    def append(self, entry: Entry) -> int:
        """See `Store.append`; raises `Crash` too."""
        with self._lock:
            if self.dead:
                raise Crash("the process is dead")
            fails = self.appends == self.at
            self.appends += 1
            self.met |= fails
            self.dead |= fails and self.site in CRASHES
            if not fails:
                position = self.inner.append(entry)
                self.acknowledged.append((entry.thread, entry.version, entry.digest))
                return position
            if self.site in ("after", "kept"):
                self.inner.append(entry)
            raise self._fault(entry)

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`: one after the other, so that each can be the one that fails."""
        verdicts: list[Verdict] = []
        for entry in entries:
            try:
                verdicts.append(self.append(entry))
            except Exception as error:
                verdicts.append(error)
        return verdicts

    def read(self, thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> list[Row]:
        """See `Store.read`."""
        return self.inner.read(thread, after, until, tenant)

    def head(self, thread: str, tenant: str = "") -> ThreadHead | None:
        """See `Store.head`."""
        return self.inner.head(thread, tenant)

    def heads(
        self, status: int | None = None, limit: int = 50, newest_first: bool = True, tenant: str = ""
    ) -> list[ThreadHead]:
        """See `Store.heads`."""
        return self.inner.heads(status, limit, newest_first, tenant)

    def follow(self, after: Position, limit: int = 500) -> list[tuple[Position, Row]]:
        """See `Store.follow`."""
        return self.inner.follow(after, limit)

    def erase(self, thread: str, tenant: str = "") -> None:
        """See `Store.erase`."""
        self.inner.erase(thread, tenant)

    def retire(self, thread: str, tenant: str = "") -> None:
        """See `Store.retire`."""
        self.inner.retire(thread, tenant)

    def close(self) -> None:
        """The store around which it stands is its maker's to close."""

    def _fault(self, entry: Entry) -> BaseException:
        if self.dead:
            return Crash(f"the process dies {self.site} append {self.at}")
        if self.site == "busy":
            return StoreBusyError("the store is locked")
        if self.site == "stale":
            return StaleVersionError(entry.thread, entry.expected)
        return OutcomeUnknownError(entry.thread, entry.version, "no reply")


def faulty_saver(inner: Store, site: Site = "before", at: int | None = None) -> tuple[FaultyStore, BaseCheckpointSaver]:
    """A faulty store around `inner`, and a saver on it."""
    store = FaultyStore(inner, site, at)
    return store, BaseCheckpointSaver(store)
