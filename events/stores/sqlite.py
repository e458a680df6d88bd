"""The store in one SQLite file: write-ahead log, one fsync per append or per batch, any number of processes of one
machine.

Not for network file systems: SQLite's locks do not hold there. After `kill -9` every acknowledged commit is in the
file.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Callable, Sequence
from typing import final

from eventsourcing.persistence import IntegrityError

from ..errors import CodecError, MissingStoreError, StaleVersionError, StoreBusyError, StoreError, ThreadErasedError
from ..privacy.sqlite_vault import SqliteVault
from . import recorder
from . import sqlite_schema as sql
from .recorder import NUMBER_MAX, Stored, Version
from .rows import checked_rows, loose_row, rows_to_the_end
from .sqlite_connections import LOCK_WAIT_SECONDS, Durability, SqliteConnections
from .sqlite_errors import LOCKED, commit_error, primary_code, store_error
from .store import WAITING, Entry, Head, Mode, Position, Row, ThreadHead, Verdict
from .stream import state_of, stream_key


@final
class SqliteStore(recorder.CommitRecorder):
    """A `Store` in a SQLite file, safe for threads and processes. Made, it is set up and ready.

    A forked child may go on using it: it opens connections of its own. (A database in memory becomes the child's copy.)
    """

    durable = True

    def __init__(
        self,
        path: str,
        durability: Durability = "sync",
        lock_wait_seconds: float = LOCK_WAIT_SECONDS,
        connection: sqlite3.Connection | None = None,
        mode: Mode = "rwc",
    ) -> None:
        """Open or create the file.

        Args:
            path: a file, ":memory:", or a "file:" address with SQLite's parameters (`?mode=ro` reads only).
            durability: "sync" waits for the disk at each append; "os" does not and may lose the last ones at a power
            loss. lock_wait_seconds: how long an append waits for another process's lock.
            connection: a database in memory to use instead of `path`; usable from any thread, and the caller's to
            close.
            mode: of a file given by its path: "rwc" makes what is missing, "rw" and "ro" open a store that is there, to
            write or only to read it.

        Raises:
            StoreError: no database, a damaged one, one of a newer clew, or a path that cannot be opened.
            StoreBusyError: locked or read-only, and not set up yet.
        """
        if sqlite3.sqlite_version_info < (3, 35):  # the first with RETURNING
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: clew needs 3.35 (2021) or newer")
        self._connections = SqliteConnections(path, durability, lock_wait_seconds, connection, mode)
        self._lock_wait_seconds = lock_wait_seconds
        # A tutorial never closes its saver; an unclosed connection is a warning in Python 3.13.
        weakref.finalize(self, self._connections.close)
        self.setup()

    @property
    def path(self) -> str:
        """The file."""
        return self._connections.path

    def setup(self) -> None:
        """See `Store.setup`. Two processes may do it at once."""
        patient_until = time.monotonic() + self._lock_wait_seconds
        while True:
            try:
                return self._set_up()
            except sqlite3.Error as error:
                # Going over to the write-ahead log answers "locked" at once, without waiting.
                if primary_code(error) not in LOCKED or time.monotonic() > patient_until:
                    raise store_error(error, self.path) from error
            time.sleep(0.005)

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`."""
        keys = recorder.checked_keys(entries)
        try:
            with self._connections.writing() as connection:
                verdicts = [
                    self._place(connection, key, entry) if isinstance(key, bytes) else key
                    for key, entry in zip(keys, entries, strict=True)
                ]
                if any(isinstance(verdict, int) for verdict in verdicts):
                    return self._commit(connection, entries, verdicts)
                return verdicts
        except sqlite3.Error as error:
            return [store_error(error, self.path) for _ in entries]
        except StoreBusyError as error:
            return [StoreBusyError(str(error)) for _ in entries]

    def read(self, thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> list[Row]:
        """See `Store.read`. `CorruptCommitError`: a row is missing or is no commit."""
        key = stream_key(tenant, thread)
        if until is not None:
            return checked_rows(self._select(key, after, until, NUMBER_MAX, False), thread, tenant, after)
        with self._connections.reading() as connection:
            return rows_to_the_end(connection.execute(sql.REST, (after, key)).fetchall(), thread, tenant, after)

    def head(self, thread: str, tenant: str = "") -> ThreadHead | None:
        """See `Store.head`."""
        with self._connections.reading() as connection:
            row = connection.execute(sql.HEAD, (stream_key(tenant, thread),)).fetchone()
        if row is None:
            return None
        if row[0]:
            raise ThreadErasedError(thread)
        return _thread_head(row[1:])

    def heads(
        self, status: int | None = None, limit: int = 50, newest_first: bool = True, tenant: str = ""
    ) -> list[ThreadHead]:
        """See `Store.heads`. Waiting threads come from an index, others from a walk over all heads."""
        statement = (sql.HEADS_WAITING if status == WAITING else sql.HEADS)[newest_first]
        with self._connections.reading() as connection:
            parameters = {"tenant": tenant, "status": status, "limit": limit}
            return [_thread_head(row) for row in connection.execute(statement, parameters)]

    def follow(self, after: Position, limit: int = 500) -> list[tuple[Position, Row]]:
        """See `Store.follow`. One writer at a time: positions become visible in order."""
        with self._connections.reading() as connection:
            found = connection.execute(sql.FOLLOW, (after.number + 1, NUMBER_MAX, limit)).fetchall()
        return [
            (Position(0, position), loose_row((position, version, state), thread, tenant))
            for position, _, version, state, thread, tenant in found
        ]

    def erase(self, thread: str, tenant: str = "", expected: int | None = None) -> None:
        """See `Store.erase`. The deleted pages are overwritten; an unknown thread stays unknown."""
        key = stream_key(tenant, thread)
        try:
            with self._connections.writing() as connection:
                if expected is None:
                    connection.execute(sql.ERASE_HEAD, (key,))
                elif not connection.execute(sql.ERASE_HEAD_AT, (key, expected)).fetchall():
                    raise StaleVersionError(thread, expected)
                connection.execute(sql.SECURE_DELETE_ON)
                connection.execute(sql.ERASE_JOURNAL, (key,))
                connection.execute(sql.COMMIT)
                connection.execute(sql.SECURE_DELETE_OFF)
                # The log still holds the commits; while others read it cannot be emptied, a later one will be.
                connection.execute(sql.CHECKPOINT)
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error

    def retire(self, thread: str, tenant: str = "") -> None:
        """See `Store.retire`."""
        try:
            with self._connections.writing() as connection:
                connection.execute(sql.ERASE_HEAD, (stream_key(tenant, thread),))
                connection.execute(sql.COMMIT)
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error

    def vault(self) -> SqliteVault:
        """The keys in the same file, see `clew.privacy`; their table is there."""
        vault = SqliteVault(self._connections)
        vault.setup()
        return vault

    def close(self) -> None:
        """See `Store.close`."""
        self._connections.close()

    def trace(self, told: Callable[[str], None] | None) -> None:
        """Have `told` called with each statement of an append as it begins to run; None ends that. For tests."""
        self._connections.trace(told)

    def change_token(self) -> object:
        """See `CommitRecorder.change_token`; `PRAGMA data_version`."""
        return self._connections.data_version()

    def _set_up(self) -> None:
        with self._connections.preparing() as connection:
            found = _schema_version(connection)
            if found > sql.SCHEMA_VERSION:
                raise StoreError(
                    f"the SQLite file {self.path!r} has clew's tables in version {found}, this clew knows "
                    f"{sql.SCHEMA_VERSION}: install a newer clew"
                )
            if not found and self._connections.mode != "rwc":
                raise MissingStoreError(f"the SQLite file {self.path!r} has no clew tables: it is no store of threads")
            if found < sql.SCHEMA_VERSION:
                if not self._connections.in_memory:
                    connection.execute(sql.PAGE_SIZE)
                    connection.execute(sql.WAL)
                connection.execute(sql.BEGIN)
                for statement in sql.SCHEMA:
                    connection.execute(statement)
                connection.execute(sql.COMMIT)

    def _place(self, connection: sqlite3.Connection, key: bytes, entry: Entry) -> Verdict:
        """Move the head on if it stands where the entry expects, then store the commit."""
        try:
            state = state_of(entry)
        except CodecError as error:
            return error
        head = entry.head
        values = (head.status, head.questions, head.graph, head.owner, head.epoch, head.updated)
        if entry.expected == -1:
            found = connection.execute(sql.FIRST, (key, entry.tenant, entry.thread, *values)).fetchall()
            if not found and head.epoch:
                found = connection.execute(sql.AGAIN, (entry.thread, *values, key, head.epoch)).fetchall()
        else:
            found = connection.execute(sql.NEXT, (entry.version, *values, key, entry.expected, head.epoch)).fetchall()
        if not found:
            return self._lost(connection, key, entry)
        position = connection.execute(sql.INSERT, (found[0][0], entry.version, state)).lastrowid
        return position if position is not None else StoreError(f"SQLite gave no position to {entry.thread!r}")

    def _lost(self, connection: sqlite3.Connection, key: bytes, entry: Entry) -> Verdict:
        row = connection.execute(sql.STANDING, (entry.version, key)).fetchone()
        if row is None:
            return StaleVersionError(entry.thread, entry.expected, -1)
        version, erased, position, digest, epoch = row
        if erased:
            return ThreadErasedError(entry.thread, epoch)
        return position if digest == entry.digest else StaleVersionError(entry.thread, entry.expected, version)

    def _commit(
        self, connection: sqlite3.Connection, entries: Sequence[Entry], verdicts: list[Verdict]
    ) -> list[Verdict]:
        try:
            connection.execute(sql.COMMIT)
            return verdicts
        except sqlite3.Error as error:
            return [
                commit_error(error, entry, self.path) if isinstance(verdict, int) else verdict
                for entry, verdict in zip(entries, verdicts, strict=True)
            ]

    def _insert(self, events: Sequence[tuple[bytes, int, bytes]]) -> list[int]:
        try:
            with self._connections.writing() as connection:
                positions = [self._insert_one(connection, *event) for event in events]
                connection.execute(sql.COMMIT)
                return positions
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error

    def _insert_one(self, connection: sqlite3.Connection, key: bytes, version: int, state: bytes) -> int:
        if version == 0:
            first = (key, "", recorder.name_of(key), 0, b"", "", "", 0, 0)
            found = connection.execute(sql.FIRST, first).fetchall()
        else:
            found = connection.execute(sql.NEXT_PLAIN, (version, key, version - 1)).fetchall()
        if not found:
            raise IntegrityError(f"stream {recorder.name_of(key)}: version {version} is not the next, or it was erased")
        return connection.execute(sql.INSERT, (found[0][0], version, state)).lastrowid or 0

    def _select(self, key: bytes, after: int, until: int, limit: int, descending: bool) -> list[Version]:
        with self._connections.reading() as connection:
            return connection.execute(sql.READ[descending], (key, after, until, limit)).fetchall()

    def _select_all(self, first: int, last: int, limit: int) -> list[Stored]:
        with self._connections.reading() as connection:
            found = connection.execute(sql.FOLLOW, (first, last, limit)).fetchall()
        return [Stored(*row[:4]) for row in found]

    def _last_position(self) -> int | None:
        with self._connections.reading() as connection:
            return connection.execute(sql.LAST).fetchone()[0]


@final
class SqliteFactory(recorder.CommitFactory):
    """What `PERSISTENCE_MODULE=clew.events.stores.sqlite` selects; `SQLITE_DBNAME` names the file."""

    def application_recorder(self) -> SqliteStore:
        """The store on the file that the environment names."""
        path = self.env.get("SQLITE_DBNAME")
        if not path:
            raise OSError(f"no SQLite file given: set one of {self.env.create_keys('SQLITE_DBNAME')}")
        return SqliteStore(path)


def _schema_version(connection: sqlite3.Connection) -> int:
    if not connection.execute(sql.HAS_SCHEMA).fetchone()[0]:
        return 0
    return connection.execute(sql.SCHEMA_FOUND).fetchone()[0]


def _thread_head(row: Sequence[object]) -> ThreadHead:
    thread, tenant, version, *head = row
    return ThreadHead(thread, version, Head(*head), tenant)  # type: ignore[arg-type]
