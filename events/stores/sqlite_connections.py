"""Connections to one SQLite file: one writer under a lock, a few readers, and new ones after a fork.

The writer never waits inside SQLite: its own back-off starves one process for seconds when several write. It never
reads for others either, because it would see its own uncommitted rows. A database in memory has one connection for
everything.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Final, Literal, final
from urllib.parse import quote

from ..errors import StoreError
from .sqlite_errors import LOCKED, primary_code, store_error
from .store import Mode

Durability = Literal["sync", "os"]
"""When an append counts as stored: "sync" after an fsync; "os" after a write, which survives `kill -9` but not power
loss."""

LOCK_WAIT_SECONDS: Final = 10.0
"""How long an append waits for another process's lock before it is refused."""
RETRY_SECONDS: Final = (0.0002, 0.0015)
"""Bounds of the random pause between two tries for the lock: short, so that no process starves."""
READERS_KEPT_MAX: Final = 8
"""Idle read connections that are kept; more are opened when more threads read at once, and closed after."""

_SYNCHRONOUS: Final = {"sync": "PRAGMA synchronous=FULL", "os": "PRAGMA synchronous=NORMAL"}
_DATA_VERSION: Final = "PRAGMA data_version"
_BEGIN: Final = "BEGIN IMMEDIATE"
_ROLLBACK: Final = "ROLLBACK"
STATEMENTS: Final = frozenset({*_SYNCHRONOUS.values(), _DATA_VERSION, _BEGIN, _ROLLBACK})
"""Every statement of this module."""
_ABANDONED: Final[list[object]] = []
"""A parent process's connections, kept alive in its forked child: SQLite forbids even to close them there."""


@final
class SqliteConnections:
    """The connections of one store, safe for threads."""

    def __init__(
        self,
        path: str,
        durability: Durability = "sync",
        lock_wait_seconds: float = LOCK_WAIT_SECONDS,
        shared: sqlite3.Connection | None = None,
        mode: Mode = "rwc",
    ) -> None:
        """`shared` is a caller's connection to a database in memory: used for everything, never closed."""
        if durability not in _SYNCHRONOUS:
            raise ValueError(f"durability {durability!r}: 'sync' (an fsync per append) or 'os' (none)")
        # A connection that is opened later must not follow a change of directory.
        self.path = path if path in ("", ":memory:") or path.startswith("file:") else os.path.abspath(path)
        self.in_memory = shared is not None or path in ("", ":memory:") or "mode=memory" in path
        self.mode: Mode = mode
        self._durability = durability
        self._lock_wait_seconds = lock_wait_seconds
        self._shared = shared
        self._process = os.getpid()
        self._lock = RLock()
        """Held for a transaction of the writer, and for every use of a database in memory."""
        self._writer: sqlite3.Connection | None = None
        self._watcher: sqlite3.Connection | None = None
        """Asked for `data_version` only: the number means something on one connection."""
        self._readers: deque[sqlite3.Connection] = deque()
        """Idle read connections; one in use belongs to the thread that took it."""
        self._closed = False

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The writer inside a transaction, until the block ends. The block commits; what it did not is rolled back.

        Raises:
            StoreBusyError: another process held the lock too long, or the file is read-only. Nothing was written.
        """
        self._leave_parent()
        with self._lock:
            connection = self._writer_open()
            self._begin(connection)
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    self._roll_back(connection)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one read; errors of SQLite's inside the block leave it as clew's."""
        self._leave_parent()
        try:
            if self.in_memory:
                with self._lock:
                    yield self._writer_open()
            else:
                with self._reader() as connection:
                    yield connection
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error

    @contextmanager
    def preparing(self) -> Iterator[sqlite3.Connection]:
        """A connection to look at the schema and create it, in no transaction; errors of SQLite's pass unchanged."""
        self._leave_parent()
        if self.in_memory:
            with self._lock:
                yield self._writer_open()
            return
        connection = self.open()
        try:
            yield connection
        finally:
            connection.close()

    def data_version(self) -> int:
        """A number that changes when any connection of any process has committed. About 3 microseconds."""
        self._leave_parent()
        with self._lock:
            if self.in_memory:
                return self._writer_open().total_changes
            if self._watcher is None:
                self._watcher = self.open()
            return self._watcher.execute(_DATA_VERSION).fetchone()[0]

    def trace(self, told: Callable[[str], None] | None) -> None:
        """Have `told` called with each statement of the writer as it begins to run; None ends that."""
        self._leave_parent()
        with self._lock:
            self._writer_open().set_trace_callback(told)

    def open(self, timeout_seconds: float = LOCK_WAIT_SECONDS) -> sqlite3.Connection:
        """A new connection, which waits up to `timeout_seconds` for a lock by SQLite's own handler."""
        self._refuse_closed()
        try:
            address = self.path if self.mode == "rwc" else f"file:{quote(self.path)}?mode={self.mode}"
            connection = sqlite3.connect(
                address,
                timeout=timeout_seconds,
                isolation_level=None,
                check_same_thread=False,
                uri=address.startswith("file:"),
            )
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error
        try:
            # The first statement reads the schema; the error of a damaged one quotes it, and that may be no text.
            connection.execute(_SYNCHRONOUS[self._durability])
        except (sqlite3.Error, UnicodeDecodeError) as error:
            connection.close()
            raise store_error(error, self.path) from error
        return connection

    def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back. Further use raises `StoreError`."""
        self._leave_parent()
        with self._lock:
            self._closed = True
            idle = [self._watcher, self._writer if self._writer is not self._shared else None]
            self._watcher = self._writer = None
            while self._readers:
                idle.append(self._readers.pop())
            for connection in idle:
                if connection is not None:
                    connection.close()

    def _begin(self, connection: sqlite3.Connection) -> None:
        patient_until = time.monotonic() + self._lock_wait_seconds
        while True:
            try:
                connection.execute(_BEGIN)
                return
            except sqlite3.Error as error:
                if primary_code(error) not in LOCKED or time.monotonic() > patient_until:
                    raise store_error(error, self.path) from error
            time.sleep(random.uniform(*RETRY_SECONDS))

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        """Roll back; if that fails the connection's state is anyone's guess, so the next append opens another."""
        try:
            connection.execute(_ROLLBACK)
        except sqlite3.Error:
            if connection is not self._shared:
                self._writer = None
                connection.close()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self.open()
        try:
            yield connection
        finally:
            self._readers.append(connection)
            if self._closed or len(self._readers) > READERS_KEPT_MAX:
                self._readers.popleft().close()

    def _writer_open(self) -> sqlite3.Connection:
        self._refuse_closed()
        if self._writer is None:
            self._writer = self._shared or self.open(timeout_seconds=0)
        return self._writer

    def _leave_parent(self) -> None:
        if self._process == os.getpid():
            return
        self._process = os.getpid()
        self._lock = RLock()
        if not self.in_memory:
            _ABANDONED.append((self._writer, self._watcher, self._readers))
            self._writer = self._watcher = None
            self._readers = deque()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError(f"the store on {self.path!r} is closed; open another saver")
