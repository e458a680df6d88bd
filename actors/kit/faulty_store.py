"""A store that fails at chosen calls, in chosen ways: always the same calls, always the same way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

from msgspec.structs import replace

from ...events.errors import OutcomeUnknownError, StaleVersionError, StoreBusyError, StoreError
from ...events.stores.saver import BaseCheckpointSaver
from ...events.stores.store import Entry, Position, Row, Store, ThreadHead, Verdict
from .simulation.processes import Crash

Kind = Literal["fail", "refuse", "lose", "keep", "delay", "half", "crash before", "crash after"]
"""What happens at a call.

- "fail": `StoreBusyError`; nothing was written or read.
- "refuse": `StaleVersionError`, as if another writer had been first.
- "lose", "keep": `OutcomeUnknownError`; the commit was not written, or was.
- "delay": it takes so many seconds longer.
- "half": only half of the commit's bytes are written, and the process dies: what a store without transactions leaves.
- "crash before", "crash after": the process dies before anything is written, or when all is and nobody was told.
"""
METHODS = ("append", "read", "head", "heads", "follow", "erase", "retire")


@final
@dataclass(frozen=True)
class Fault:
    """What happens at which call."""

    kind: Kind
    at: int = 0
    """Number of the call of this method, from 0."""
    method: str = "append"
    """"append" (commits of a batch count one by one), "read", "head", "heads", "follow", "erase" or "retire"."""
    for_ever: bool = False
    """True: at every later call, too."""
    seconds: float = 0.0
    """Of "delay"."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"a store has no method {self.method!r}: use one of {', '.join(METHODS)}")
        if self.method != "append" and self.kind not in ("fail", "delay"):
            raise ValueError(f"{self.kind!r} is for appends: {self.method!r} can 'fail' or be met by a 'delay'")

    def is_met(self, method: str, call: int) -> bool:
        """True for a call at which it happens."""
        return method == self.method and (call == self.at or (self.for_ever and call > self.at))


class FaultyStore:
    """A `Store` around another one that meets faults. May be used from any thread; appends are made one by one.

    After a crash nothing gets through any more, as nothing of a dead process does: a new `FaultyStore` around the same
    store is the next process.
    """

    def __init__(self, inner: Store, *faults: Fault, wait: Callable[[float], Any] = time.sleep) -> None:
        """Wrap a store.

        Args:
            inner: what keeps the threads; it is its maker's to close.
            faults: what happens when.
            wait: what lets a delay pass, for instance `clock.advance`.
        """
        self.inner = inner
        self.durable = inner.durable
        self.faults = faults
        self.wait = wait
        self.calls: dict[str, int] = dict.fromkeys(METHODS, 0)
        """Calls so far by method, those that failed included."""
        self.met: list[tuple[str, int]] = []
        """(kind, number of the call) of every fault that happened."""
        self.dead = False
        """True after a crash."""
        self.acknowledged: list[tuple[str, int, bytes]] = []
        """(thread, version, digest) of every append that a caller was told of."""
        self._lock = threading.Lock()

    @property
    def appends(self) -> int:
        """Appends so far, those that failed included."""
        return self.calls["append"]

    def setup(self) -> None:
        """See `Store.setup`."""
        self.inner.setup()

    def append(self, entry: Entry) -> int:
        """See `Store.append`; raises `Crash` too."""
        with self._lock:
            fault = self._next("append")
            if fault is None:
                return self._keep(entry)
            return self._fail(fault, entry)

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`: one after the other, so that each can be the one that fails."""
        return one_by_one(self.append, entries)

    def read(self, thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> list[Row]:
        """See `Store.read`."""
        self._look("read")
        return self.inner.read(thread, after, until, tenant)

    def head(self, thread: str, tenant: str = "") -> ThreadHead | None:
        """See `Store.head`."""
        self._look("head")
        return self.inner.head(thread, tenant)

    def heads(
        self, status: int | None = None, limit: int = 50, newest_first: bool = True, tenant: str = ""
    ) -> list[ThreadHead]:
        """See `Store.heads`."""
        self._look("heads")
        return self.inner.heads(status, limit, newest_first, tenant)

    def follow(self, after: Position, limit: int = 500) -> list[tuple[Position, Row]]:
        """See `Store.follow`."""
        self._look("follow")
        return self.inner.follow(after, limit)

    def erase(self, thread: str, tenant: str = "", expected: int | None = None) -> None:
        """See `Store.erase`."""
        self._look("erase")
        self.inner.erase(thread, tenant, expected)

    def retire(self, thread: str, tenant: str = "") -> None:
        """See `Store.retire`."""
        self._look("retire")
        self.inner.retire(thread, tenant)

    def close(self) -> None:
        """The store around which it stands is its maker's to close."""

    def _next(self, method: str) -> Fault | None:
        if self.dead:
            raise Crash("the process is dead")
        call = self.calls[method]
        self.calls[method] += 1
        fault = next((fault for fault in self.faults if fault.is_met(method, call)), None)
        if fault is not None:
            self.met.append((fault.kind, call))
        return fault

    def _look(self, method: str) -> None:
        with self._lock:
            fault = self._next(method)
        if fault is not None and fault.kind == "delay":
            self.wait(fault.seconds)
        elif fault is not None:
            raise StoreError(f"the store does not answer ({method}, as the test has it)")

    def _keep(self, entry: Entry) -> int:
        position = self.inner.append(entry)
        self.acknowledged.append((entry.thread, entry.version, entry.digest))
        return position

    def _fail(self, fault: Fault, entry: Entry) -> int:
        match fault.kind:
            case "delay":
                self.wait(fault.seconds)
                return self._keep(entry)
            case "fail":
                raise StoreBusyError("the store is locked (as the test has it)")
            case "refuse":
                raise StaleVersionError(entry.thread, entry.expected)
            case "lose":
                raise OutcomeUnknownError(entry.thread, entry.version, "no reply (as the test has it)")
            case "keep":
                self.inner.append(entry)
                raise OutcomeUnknownError(entry.thread, entry.version, "no reply (as the test has it)")
            case "half":
                self.inner.append(replace(entry, body=entry.body[: len(entry.body) // 2]))
            case "crash after":
                self.inner.append(entry)
        self.dead = True
        raise Crash(f"the process dies: {fault.kind} at append {self.appends - 1}")


def faulty_saver(inner: Store | BaseCheckpointSaver, *faults: Fault) -> tuple[FaultyStore, BaseCheckpointSaver]:
    """A faulty store around a store or a saver's, and a saver on it for `compile(checkpointer=…)`."""
    if not isinstance(inner, BaseCheckpointSaver):
        store = FaultyStore(inner, *faults)
        return store, BaseCheckpointSaver(store)
    store = FaultyStore(inner.store, *faults)
    return store, BaseCheckpointSaver(store, tenant=inner.tenant, cipher=inner.cipher)


def one_by_one(append: Callable[[Entry], int], entries: Sequence[Entry]) -> list[Verdict]:
    """A batch that is no transaction: each entry appended by itself, with its own verdict."""
    verdicts: list[Verdict] = []
    for entry in entries:
        try:
            verdicts.append(append(entry))
        except Exception as error:
            verdicts.append(error)
    return verdicts
