"""Keys in Postgres: a store's own database, or another one. Constant statements, every value a bound parameter."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, LiteralString, final
from uuid import UUID

from ..errors import StoreError
from ..stores.postgres_connections import Connection, ConnectionLostError, PostgresConnections, address_of, execute
from .vault import WrappedKey

_LOCK: Final = "SELECT pg_advisory_xact_lock(7235126840713)"
_SCHEMA: Final[tuple[LiteralString, ...]] = (
    """CREATE TABLE IF NOT EXISTS clew_keys (
        number bigserial PRIMARY KEY,
        id uuid NOT NULL UNIQUE,
        tenant text NOT NULL,
        subject text NOT NULL,
        master text NOT NULL,
        wrapped bytea NOT NULL,
        made bigint NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS clew_keys_subject ON clew_keys (tenant, subject) WHERE wrapped <> ''",
)
_THERE: Final = "SELECT to_regclass('clew_keys') IS NOT NULL"
_ADD: Final = "INSERT INTO clew_keys (id, tenant, subject, master, wrapped, made) VALUES (%s, %s, %s, %s, %s, %s)"
_GET: Final = "SELECT id, tenant, subject, master, wrapped, made FROM clew_keys WHERE id = %s"
_NEWEST: Final = """SELECT id, tenant, subject, master, wrapped, made FROM clew_keys
WHERE tenant = %s AND subject = %s AND wrapped <> '' ORDER BY number DESC LIMIT 1"""
_OTHERS: Final = """SELECT id, tenant, subject, master, wrapped, made FROM clew_keys
WHERE master <> %s AND wrapped <> '' ORDER BY number LIMIT %s"""
_REWRAP: Final = "UPDATE clew_keys SET master = %s, wrapped = %s WHERE id = %s AND wrapped <> ''"
_DESTROY: Final = """UPDATE clew_keys SET subject = '', wrapped = ''
WHERE tenant = %s AND subject = %s AND wrapped <> '' RETURNING number"""
_FORGET: Final = "VACUUM clew_keys"
STATEMENTS: Final = frozenset({_LOCK, *_SCHEMA, _THERE, _ADD, _GET, _NEWEST, _OTHERS, _REWRAP, _DESTROY, _FORGET})
"""Every statement of the vault."""


@final
class PostgresVault:
    """A `Vault` in a Postgres database. Call `setup()` once per database."""

    def __init__(self, connections: PostgresConnections) -> None:
        self._connections = connections

    @classmethod
    def open(cls, address: Any) -> PostgresVault:
        """A vault in a database of its own, for a connection string or pool; its table is created if need be."""
        place, options = address_of(address)
        vault = cls(PostgresConnections(place, "sync", options))
        vault.setup()
        return vault

    def setup(self) -> None:
        """See `Vault.setup`. Safe when several processes do it at once; asks for no rights if the table is there."""
        self._run(_create)

    def add(self, key: WrappedKey) -> None:
        """See `Vault.add`."""
        # A reply that was lost is asked for again; a key is there once, because its id is unique.
        self._run(partial(_add, key))

    def get(self, key_id: bytes) -> WrappedKey | None:
        """See `Vault.get`."""
        return next(iter(self._read(_GET, UUID(bytes=key_id))), None)

    def newest(self, tenant: str, subject: str) -> WrappedKey | None:
        """See `Vault.newest`."""
        return next(iter(self._read(_NEWEST, tenant, subject)), None)

    def others(self, master: str, limit: int) -> list[WrappedKey]:
        """See `Vault.others`."""
        return self._read(_OTHERS, master, limit)

    def rewrap(self, key: WrappedKey) -> None:
        """See `Vault.rewrap`."""
        self._ask(_REWRAP, key.master, key.wrapped, UUID(bytes=key.id))

    def destroy(self, tenant: str, subject: str) -> int:
        """See `Vault.destroy`. The table is vacuumed, so that its file no longer holds them; the server's own log does
        until it is recycled."""
        destroyed = len(self._ask(_DESTROY, tenant, subject))
        self._ask(_FORGET)
        return destroyed

    def close(self) -> None:
        """Close the connections, unless they are a store's."""
        self._connections.close()

    def _read(self, statement: LiteralString, *parameters: object) -> list[WrappedKey]:
        return [WrappedKey(key.bytes, *row) for key, *row in self._ask(statement, *parameters)]

    def _ask(self, statement: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
        return self._run(lambda connection: execute(connection, statement, parameters))

    def _run(self, operation: Any) -> Any:
        try:
            return self._connections.run(operation)
        except ConnectionLostError as error:
            raise StoreError(f"{self._connections.name}: the connection was lost ({error}); try again") from error


def _add(key: WrappedKey, connection: Connection) -> None:
    if not execute(connection, _GET, (UUID(bytes=key.id),)):
        execute(connection, _ADD, (UUID(bytes=key.id), key.tenant, key.subject, key.master, key.wrapped, key.made))


def _create(connection: Connection) -> None:
    if execute(connection, _THERE)[0][0]:
        return
    with connection.transaction():
        execute(connection, _LOCK)
        for statement in _SCHEMA:
            execute(connection, statement)
