"""Connections to one Postgres: a pool, and a second try on a fresh connection when one was lost.

Every statement is a transaction of its own (autocommit), so a lost reply is the only doubt there can be. Repeating an
append is safe: the commit id tells the store that it is already there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, LiteralString, TypeAlias, TypeVar, final

from ..errors import MissingPackageError, MissingStoreError, StoreBusyError, StoreError
from . import postgres_schema as sql
from .store import Mode

try:
    import psycopg
    from psycopg import errors as pg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg.rows import tuple_row
    from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests
except ImportError as error:
    raise MissingPackageError(
        f'the Postgres store needs psycopg and its pool ({error}): pip install "clew[postgres]"'
    ) from error

POOL_MAX: Final = 10
"""Connections of one store at most."""
CONNECT_SECONDS: Final = 10.0
"""How long a call waits for a connection before it is refused."""
RECONNECT_SECONDS: Final = 5.0
"""How long a call whose connection was lost tries others; a restart of the server takes about one."""
_TRY_SECONDS: Final = 1.0
"""How long one try for a connection takes; then another is begun."""
_PAUSE_SECONDS: Final = 0.02
_TRIES_MAX: Final = 20
"""Tries of one statement that ends in deadlocks or serialisation failures, which write nothing."""
_NOT_FOR_POOL: Final = frozenset({"autocommit", "row_factory", "cursor_factory", "context"})
"""Keywords of a caller's connections that ours set themselves."""

Answer = TypeVar("Answer")
Connection: TypeAlias = "psycopg.Connection[Any]"


class ConnectionLostError(Exception):
    """The connection broke while it was used and no other could be had in time: what was sent may have happened."""


class _NoConnectionError(StoreBusyError):
    """The pool gave no connection: nothing was sent."""


@final
class PostgresConnections:
    """A pool of its own for a connection string, or a caller's pool. Safe for threads."""

    def __init__(
        self,
        address: str | ConnectionPool[Any],
        durability: str,
        options: dict[str, Any] | None = None,
        mode: Mode = "rwc",
    ) -> None:
        """`options`: keywords for our connections, such as `prepare_threshold`."""
        if durability not in ("sync", "os"):
            raise ValueError(f"durability {durability!r}: 'sync' (waits for the server's disk) or 'os' (does not)")
        self.name = _name_of(address)
        self._address = address
        self._options = {name: value for name, value in (options or {}).items() if name not in _NOT_FOR_POOL}
        self._settings: list[LiteralString] = (
            [sql.GENERIC_PLANS] if durability == "sync" else [sql.GENERIC_PLANS, sql.NO_FSYNC]
        )
        if mode == "ro":
            self._settings.append(sql.READ_ONLY)
        self.mode: Mode = mode
        self._pool = self._open_pool() if isinstance(address, str) else address
        self._process = os.getpid()
        self._closed = False

    def run(self, operation: Callable[[Connection], Answer]) -> Answer:
        """Do `operation` on a connection, and again on another while connections are lost.

        Raises:
            StoreBusyError: no connection could be had, or Postgres was busy; nothing was written.
            ConnectionLostError: see there.
            StoreError: Postgres refused; nothing was written.
        """
        doubt: ConnectionLostError | None = None
        patient_until = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                return self._run_once(operation)
            except ConnectionLostError as error:
                failure: Exception = error
                if doubt is None:
                    doubt = error
                    patient_until = time.monotonic() + RECONNECT_SECONDS
            except _NoConnectionError as error:
                failure = error
            except StoreError:
                if doubt is None:
                    raise
                # What this connection refuses, the lost one may have done.
                raise doubt from None
            if time.monotonic() > patient_until:
                raise doubt or failure
            time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """Close our own pool; a caller's stays open. Further use raises `StoreError`."""
        self._closed = True
        if isinstance(self._address, str) and self._process == os.getpid():
            self._pool.close()

    def _run_once(self, operation: Callable[[Connection], Answer]) -> Answer:
        with self._connection() as connection:
            for _ in range(_TRIES_MAX):
                try:
                    return operation(connection)
                except (pg.DeadlockDetected, pg.SerializationFailure):
                    continue
                except psycopg.Error as error:
                    if connection.closed or isinstance(error, (pg.AdminShutdown, pg.CrashShutdown, pg.InterfaceError)):
                        raise ConnectionLostError(_text(error)) from error
                    raise self._refusal(error) from error
        raise StoreBusyError(f"{self.name}: {_TRIES_MAX} deadlocks in a row; nothing was written, try again")

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection in autocommit mode, given back as it was."""
        self._leave_parent()
        if self._closed:
            raise StoreError(f"the store on {self.name} is closed; open another saver")
        try:
            connection = self._pool.getconn(min(_TRY_SECONDS, CONNECT_SECONDS))
        except (PoolTimeout, PoolClosed, TooManyRequests) as error:
            raise _NoConnectionError(f"no connection to {self.name} ({_text(error)}); nothing was written") from error
        before = connection.autocommit
        try:
            if not before:
                connection.autocommit = True
            yield connection
        finally:
            if not before and not connection.closed:
                with suppress(psycopg.Error):
                    connection.autocommit = before
            self._pool.putconn(connection)

    def _open_pool(self) -> ConnectionPool[Any]:
        """Connect once before, for an error that says why: a pool only says that it waited."""
        address = str(self._address)
        try:
            psycopg.connect(address, connect_timeout=int(CONNECT_SECONDS)).close()
        except psycopg.Error as error:
            raise StoreBusyError(f"cannot reach {self.name}: {_text(error)}") from error
        return ConnectionPool(
            address,
            kwargs={**self._options, "autocommit": True},
            configure=self._configure,
            min_size=1,
            max_size=POOL_MAX,
            # A pool waits twice as long after each failed try, up to minutes; a new call should try at once.
            reconnect_timeout=_TRY_SECONDS,
            open=True,
            name="clew",
        )

    def _configure(self, connection: Connection) -> None:
        for setting in self._settings:
            connection.execute(setting)

    def _leave_parent(self) -> None:
        """In a forked child our pool's connections are the parent's and its threads are gone: open another pool."""
        if self._process != os.getpid() and isinstance(self._address, str):
            # Kept alive: its end would close the parent's connections.
            self._abandoned = self._pool
            self._process = os.getpid()
            self._pool = self._open_pool()

    def _refusal(self, error: psycopg.Error) -> StoreError:
        if isinstance(error, pg.UndefinedTable):
            return MissingStoreError(
                f"{self.name} has no clew tables ({_text(error)}): call setup() once, of the saver or store"
            )
        if isinstance(error, _BUSY):
            return StoreBusyError(f"{self.name}: {_text(error)}; nothing was written, try again when this is mended")
        return StoreError(f"{self.name}: {_text(error)}")


_BUSY: Final = (
    pg.DiskFull,
    pg.InsufficientResources,
    pg.LockNotAvailable,
    pg.QueryCanceled,
    pg.ReadOnlySqlTransaction,
    pg.CannotConnectNow,
)


def execute(
    connection: Connection,
    statement: LiteralString,
    parameters: Sequence[object] | Mapping[str, object] = (),
) -> list[tuple[Any, ...]]:
    """The rows of one statement, in Postgres' binary format, whatever rows and cursors the connection makes by
    default."""
    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    cursor.execute(statement, parameters, binary=True)
    return cursor.fetchall() if cursor.description else []


def address_of(given: Any) -> tuple[str | ConnectionPool[Any], dict[str, Any]]:
    """What to open for what a tutorial passes: a pool is used, a connection or an async pool tells where to connect.

    Raises:
        StoreError: it tells no address.
    """
    if isinstance(given, str | ConnectionPool):
        return given, {}
    if isinstance(given, AsyncConnectionPool) and isinstance(given.conninfo, str):
        options = given.kwargs if isinstance(given.kwargs, dict) else {}
        return given.conninfo, options
    if isinstance(given, psycopg.Connection | psycopg.AsyncConnection) and not given.closed:
        known = given.info.get_parameters()
        password = given.info.password
        options = {"prepare_threshold": given.prepare_threshold}
        return make_conninfo(**{**known, "password": password} if password else known), options
    raise StoreError(
        f"{type(given).__name__} does not tell where to connect: pass an open psycopg connection, a ConnectionPool, "
        "or use PostgresSaver.from_conn_string('postgresql://…')"
    )


def _name_of(address: str | ConnectionPool[Any]) -> str:
    """The server for messages, without the password."""
    text = address if isinstance(address, str) else address.conninfo
    try:
        known = conninfo_to_dict(text) if isinstance(text, str) else {}
    except psycopg.Error as error:
        advice = "write 'postgresql://user@host/database'"
        raise StoreError(f"no Postgres connection string ({_text(error)}): {advice}") from None
    place = "/".join(str(known[part]) for part in ("host", "port", "dbname") if known.get(part))
    return f"Postgres {place}" if place else "Postgres"


def _text(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
