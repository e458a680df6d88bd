"""The store in Postgres: one statement per append, or per batch; any number of processes and machines.

Needs psycopg 3 and its pool (`clew[postgres]`) and Postgres 13 or newer. The tables are created by `setup()`, never
by an append, and found through the connection's search_path.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar, final
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from ..errors import (
    CodecError,
    MissingStoreError,
    OutcomeUnknownError,
    StaleVersionError,
    StoreBusyError,
    StoreError,
    ThreadErasedError,
)
from ..privacy.postgres_vault import PostgresVault
from . import postgres_schema as sql
from . import recorder
from .postgres_connections import Connection, ConnectionLostError, PostgresConnections, address_of, execute
from .recorder import NUMBER_MAX, Stored, Version
from .rows import checked_rows, loose_row, rows_to_the_end
from .store import WAITING, Entry, Head, Mode, Position, Row, ThreadHead, Verdict
from .stream import state_of, stream_key

HORIZON_WAIT_SECONDS: Final = 0.2
"""How long the port's notifications wait for appends in flight before they give what is certain: nothing new."""
_PAUSE_SECONDS: Final = 0.001
_EPOCH: Final = 4
"""Place of the epoch among a head's fields."""

Answer = TypeVar("Answer")
Values = tuple[UUID, str, str, int, int, bytes, str, str, int, int, bytes]
"""An entry as the statements take it: id, tenant, thread, version, the head's six fields, state."""


@final
class PostgresStore(recorder.CommitRecorder):
    """A `Store` in a Postgres database, safe for threads, processes and machines. Call `setup()` once per database."""

    durable = True

    def __init__(self, address: Any, durability: str = "sync", mode: Mode = "rwc") -> None:
        """Open the store; the database is asked for nothing yet but a connection.

        Args:
            address: a connection string, a psycopg `ConnectionPool` (used as it is, and the caller's to close), or a
                connection or async pool, whose server is connected to anew.
            durability: "sync" waits for the server's disk; "os" does not (`synchronous_commit=off`; not for a given
            pool).
            mode: "ro" has the server refuse to write, where the pool is our own; `setup()` makes what is missing with
            "rwc" alone.

        Raises:
            StoreBusyError: the server cannot be reached.
            StoreError: the address is none.
        """
        place, options = address_of(address)
        self._connections = PostgresConnections(place, durability, options, mode)
        weakref.finalize(self, self._connections.close)

    def setup(self) -> None:
        """See `Store.setup`. Safe when several processes do it at once; asks for no rights if all is there."""
        self._ask(self._set_up)

    def append(self, entry: Entry) -> int:
        """See `Store.append`."""
        key = UUID(bytes=stream_key(entry.tenant, entry.thread))
        values = _values(key, entry)
        try:
            found = self._connections.run(partial(_append_one, values))
        except ConnectionLostError as error:
            raise OutcomeUnknownError(entry.thread, entry.version, str(error)) from error
        if found is not None:
            return found
        verdict = self._lost_ones([(key, entry)])[0]
        if isinstance(verdict, int):
            return verdict
        raise verdict

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`."""
        verdicts: dict[int, Verdict] = {}
        rows: dict[int, Values] = {}
        for number, (key, entry) in enumerate(zip(recorder.checked_keys(entries), entries, strict=True)):
            try:
                rows[number] = _values(UUID(bytes=_or_raise(key)), entry)
            except CodecError as error:
                verdicts[number] = error
        if rows:
            verdicts.update(self._place(rows, entries))
        return [verdicts[number] for number in range(len(entries))]

    def read(self, thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> list[Row]:
        """See `Store.read`. `CorruptCommitError`: a row is missing or is no commit."""
        key = stream_key(tenant, thread)
        if until is not None:
            return checked_rows(self._select(key, after, until, NUMBER_MAX, False), thread, tenant, after)
        return rows_to_the_end(self._query(sql.REST, after, UUID(bytes=key)), thread, tenant, after)

    def head(self, thread: str, tenant: str = "") -> ThreadHead | None:
        """See `Store.head`."""
        found = self._query(sql.HEAD, UUID(bytes=stream_key(tenant, thread)))
        if not found:
            return None
        erased, *row = found[0]
        if erased:
            raise ThreadErasedError(thread)
        return _thread_head(row)

    def heads(
        self, status: int | None = None, limit: int = 50, newest_first: bool = True, tenant: str = ""
    ) -> list[ThreadHead]:
        """See `Store.heads`. Waiting threads come from an index, others from a walk over all heads."""
        if status == WAITING:
            found = self._query(sql.HEADS_WAITING[newest_first], tenant, limit)
        else:
            found = self._query(sql.HEADS[newest_first], tenant, status, status, limit)
        return [_thread_head(row) for row in found]

    def follow(self, after: Position, limit: int = 500) -> list[tuple[Position, Row]]:
        """See `Store.follow`. A transaction that writes for long, anybody's in the cluster, holds the feed back."""
        found = self._query(sql.FOLLOW, str(after.transaction), after.number, limit)
        return [
            (Position(int(transaction), number), loose_row((number, version, state), thread, tenant))
            for transaction, number, version, state, thread, tenant in found
        ]

    def erase(self, thread: str, tenant: str = "", expected: int | None = None) -> None:
        """See `Store.erase`. An unknown thread stays unknown. Postgres frees the space, and the bytes, at its next
        vacuum."""
        if not self._ask(partial(_erase, UUID(bytes=stream_key(tenant, thread)), expected)) and expected is not None:
            raise StaleVersionError(thread, expected)

    def retire(self, thread: str, tenant: str = "") -> None:
        """See `Store.retire`."""
        self._query(sql.ERASE_HEAD, UUID(bytes=stream_key(tenant, thread)))

    def vault(self) -> PostgresVault:
        """The keys in the same database, see `clew.privacy`; its `setup()` makes their table."""
        return PostgresVault(self._connections)

    def close(self) -> None:
        """See `Store.close`. A pool that was given stays open."""
        self._connections.close()

    def change_token(self) -> object:
        """See `CommitRecorder.change_token`. There is no cheap sign, so every look is a look."""
        return object()

    def _ask(self, operation: Callable[[Connection], Answer]) -> Answer:
        """Run what may be repeated without harm: a read, an erase, the set-up."""
        try:
            return self._connections.run(operation)
        except ConnectionLostError as error:
            raise StoreError(f"{self._connections.name}: the connection was lost ({error}); try again") from error

    def _query(self, statement: Any, *parameters: object) -> list[tuple[Any, ...]]:
        return self._ask(lambda connection: execute(connection, statement, parameters))

    def _place(self, rows: dict[int, Values], entries: Sequence[Entry]) -> dict[int, Verdict]:
        # In the order of the ids, so that two processes take the heads' locks in the same order.
        columns = list(zip(*sorted(rows.values(), key=lambda row: row[0].bytes), strict=True))
        try:
            found = self._connections.run(
                lambda connection: execute(connection, sql.BATCH, [list(column) for column in columns])
            )
        except ConnectionLostError as error:
            return {
                number: OutcomeUnknownError(entries[number].thread, entries[number].version, str(error))
                for number in rows
            }
        except StoreBusyError as error:
            return {number: StoreBusyError(str(error)) for number in rows}
        positions: dict[UUID, int] = dict(found)  # type: ignore[arg-type]
        lost = [number for number, row in rows.items() if row[0] not in positions]
        again = {number: self._attempt(entries[number]) for number in lost if _may_begin_again(entries[number])}
        losers = [number for number in lost if number not in again]
        verdicts: dict[int, Verdict] = {
            number: positions[row[0]] for number, row in rows.items() if row[0] in positions
        }
        if losers:
            reasons = self._lost_ones([(rows[number][0], entries[number]) for number in losers])
            verdicts.update(zip(losers, reasons, strict=True))
        return verdicts | again

    def _attempt(self, entry: Entry) -> Verdict:
        try:
            return self.append(entry)
        except StoreError as error:
            return error

    def _lost_ones(self, losers: Sequence[tuple[UUID, Entry]]) -> list[Verdict]:
        """Why each was not placed: erased, stale, or there already because it is our own and its reply was lost."""
        keys = [key for key, _ in losers]
        versions = [entry.version for _, entry in losers]
        standings = self._query(sql.STANDING, keys, versions)
        return [_verdict(entry, *standing) for (_, entry), standing in zip(losers, standings, strict=True)]

    def _set_up(self, connection: Connection) -> None:
        if connection.info.server_version < sql.SERVER_VERSION_MIN:
            raise StoreError(f"{self._connections.name} is too old: clew needs Postgres 13 or newer")
        found = self._schema_version(connection)
        if found == sql.SCHEMA_VERSION:
            return
        if not found and self._connections.mode != "rwc":
            raise MissingStoreError(f"{self._connections.name} has no clew tables: it is no store of threads")
        with connection.transaction():
            execute(connection, sql.SETUP_LOCK)
            for statement in sql.SCHEMA:
                execute(connection, statement)

    def _schema_version(self, connection: Connection) -> int:
        if not execute(connection, sql.HAS_SCHEMA)[0][0]:
            return 0
        found = execute(connection, sql.SCHEMA_FOUND)[0][0]
        if found > sql.SCHEMA_VERSION:
            raise StoreError(
                f"{self._connections.name} has clew's tables in version {found}, this clew knows {sql.SCHEMA_VERSION}: "
                "install a newer clew"
            )
        return found

    def _insert(self, events: Sequence[tuple[bytes, int, bytes]]) -> list[int]:
        return self._ask(partial(_insert_all, events))

    def _select(self, key: bytes, after: int, until: int, limit: int, descending: bool) -> list[Version]:
        return self._query(sql.READ[descending], UUID(bytes=key), after, until, limit)  # type: ignore[return-value]

    def _select_all(self, first: int, last: int, limit: int) -> list[Stored]:
        """By position, up to the highest that no append in flight can still get below."""
        found = self._query(sql.BY_POSITION, first, min(last, self._last_position() or 0), limit)
        return [Stored(position, key.bytes, version, state) for position, key, version, state in found]

    def _last_position(self) -> int | None:
        """The highest position below which nothing will appear any more.

        A transaction has its id before it takes a position. So once all transactions that had begun when a position was
        seen have ended, every position below that one is settled.
        """
        position, newest = self._query(sql.HORIZON)[0]
        patient_until = time.monotonic() + HORIZON_WAIT_SECONDS
        while not self._query(sql.IS_PAST, newest)[0][0]:
            if time.monotonic() > patient_until:
                return None
            time.sleep(_PAUSE_SECONDS)
        return position or None


@final
class PostgresFactory(recorder.CommitFactory):
    """What `PERSISTENCE_MODULE=clew.events.stores.postgres` selects, with eventsourcing's own `POSTGRES_…` settings."""

    def application_recorder(self) -> PostgresStore:
        """The store in the database that the environment names, set up."""
        from psycopg.conninfo import make_conninfo

        settings = {
            "dbname": self.env.get("POSTGRES_DBNAME"),
            "host": self.env.get("POSTGRES_HOST"),
            "port": self.env.get("POSTGRES_PORT"),
            "user": self.env.get("POSTGRES_USER"),
            "password": self.env.get("POSTGRES_PASSWORD"),
        }
        if not settings["dbname"]:
            raise OSError(f"no Postgres database given: set one of {self.env.create_keys('POSTGRES_DBNAME')}")
        schema = self.env.get("POSTGRES_SCHEMA")
        options = {"options": f"-c search_path={schema}"} if schema else {}
        store = PostgresStore(make_conninfo(**{name: value for name, value in settings.items() if value}, **options))
        store.setup()
        return store


def _values(key: UUID, entry: Entry) -> Values:
    head = entry.head
    return (
        *(key, entry.tenant, entry.thread, entry.version),
        *(head.status, head.questions, head.graph, head.owner, head.epoch, head.updated),
        state_of(entry),
    )


def _may_begin_again(entry: Entry) -> bool:
    """True for the first commit of a life after an erasure, for which a batch has no part of its own."""
    return entry.expected < 0 and entry.head.epoch > 0


def _append_one(values: Values, connection: Connection) -> int | None:
    """The position, or None if the head does not stand where the entry expects."""
    key, tenant, thread, version, *head, state = values
    if version == 0:
        found = execute(connection, sql.FIRST, (key, tenant, thread, *head, state))
        if not found and head[_EPOCH]:
            found = execute(connection, sql.AGAIN, (thread, *head, key, head[_EPOCH], state))
    else:
        found = execute(connection, sql.NEXT, (*head, key, version - 1, head[_EPOCH], state))
    return found[0][0] if found else None


def _verdict(
    entry: Entry,
    version: int | None,
    erased: bool | None,
    position: int | None,
    digest: bytes | None,
    epoch: int | None,
) -> Verdict:
    if erased:
        return ThreadErasedError(entry.thread, epoch)
    if position is not None and digest == entry.digest:
        return position
    return StaleVersionError(entry.thread, entry.expected, -1 if version is None else version)


def _insert_all(events: Sequence[tuple[bytes, int, bytes]], connection: Connection) -> list[int]:
    with connection.transaction():
        return [_insert_one(connection, *event) for event in events]


def _insert_one(connection: Connection, key: bytes, version: int, state: bytes) -> int:
    stream = UUID(bytes=key)
    if version == 0:
        found = execute(connection, sql.FIRST, (stream, "", str(stream), 0, b"", "", "", 0, 0, state))
    else:
        found = execute(connection, sql.NEXT_PLAIN, (stream, version - 1, state))
    if not found:
        raise IntegrityError(f"stream {stream}: version {version} is not the next, or it was erased")
    return found[0][0]


def _erase(key: UUID, expected: int | None, connection: Connection) -> bool:
    """The head first: its lock waits for an append in flight, whose commit the delete then sees. False: it stands
    elsewhere than expected."""
    with connection.transaction():
        if expected is None:
            execute(connection, sql.ERASE_HEAD, (key,))
        elif not execute(connection, sql.ERASE_HEAD_AT, (key, expected)):
            return False
        execute(connection, sql.ERASE_JOURNAL, (key,))
    return True


def _or_raise(key: bytes | CodecError) -> bytes:
    if isinstance(key, bytes):
        return key
    raise key


def _thread_head(row: Sequence[Any]) -> ThreadHead:
    thread, tenant, version, *head = row
    return ThreadHead(thread, version, Head(*head), tenant)
