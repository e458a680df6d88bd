"""Keys in a SQLite file: a store's own, or one of their own. Constant statements, every value a bound parameter."""

from __future__ import annotations

import os
import sqlite3
from typing import Final, final

from ..stores.sqlite_connections import SqliteConnections
from ..stores.sqlite_errors import store_error
from .vault import WrappedKey

_TABLE: Final = """CREATE TABLE IF NOT EXISTS clew_keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    master TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    made INTEGER NOT NULL)"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS clew_keys_subject ON clew_keys (tenant, subject) WHERE wrapped <> x''"
_THERE: Final = "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name = 'clew_keys_subject'"
_ADD: Final = "INSERT INTO clew_keys (id, tenant, subject, master, wrapped, made) VALUES (?, ?, ?, ?, ?, ?)"
_GET: Final = "SELECT id, tenant, subject, master, wrapped, made FROM clew_keys WHERE id = ?"
_NEWEST: Final = """SELECT id, tenant, subject, master, wrapped, made FROM clew_keys
WHERE tenant = ? AND subject = ? AND wrapped <> x'' ORDER BY number DESC LIMIT 1"""
_OTHERS: Final = """SELECT id, tenant, subject, master, wrapped, made FROM clew_keys
WHERE master <> ? AND wrapped <> x'' ORDER BY number LIMIT ?"""
_REWRAP: Final = "UPDATE clew_keys SET master = ?, wrapped = ? WHERE id = ? AND wrapped <> x''"
_DESTROY: Final = """UPDATE clew_keys SET subject = '', wrapped = x''
WHERE tenant = ? AND subject = ? AND wrapped <> x''"""
_COMMIT: Final = "COMMIT"
_SECURE_DELETE: Final = "PRAGMA secure_delete=ON"
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
STATEMENTS: Final = frozenset(
    {_TABLE, _INDEX, _THERE, _ADD, _GET, _NEWEST, _OTHERS, _REWRAP, _DESTROY, _COMMIT, _SECURE_DELETE, _CHECKPOINT}
)
"""Every statement of the vault."""


@final
class SqliteVault:
    """A `Vault` in a SQLite file."""

    def __init__(self, connections: SqliteConnections) -> None:
        self._connections = connections

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> SqliteVault:
        """A vault in a file of its own, created if it is not there."""
        vault = cls(SqliteConnections(os.fspath(path)))
        vault.setup()
        return vault

    def setup(self) -> None:
        """See `Vault.setup`. Writes nothing if the table is there."""
        with self._connections.reading() as connection:
            if connection.execute(_THERE).fetchone()[0]:
                return
        self._write(_TABLE)
        self._write(_INDEX)

    def add(self, key: WrappedKey) -> None:
        """See `Vault.add`."""
        self._write(_ADD, key.id, key.tenant, key.subject, key.master, key.wrapped, key.made)

    def get(self, key_id: bytes) -> WrappedKey | None:
        """See `Vault.get`."""
        return next(iter(self._read(_GET, key_id)), None)

    def newest(self, tenant: str, subject: str) -> WrappedKey | None:
        """See `Vault.newest`."""
        return next(iter(self._read(_NEWEST, tenant, subject)), None)

    def others(self, master: str, limit: int) -> list[WrappedKey]:
        """See `Vault.others`."""
        return self._read(_OTHERS, master, limit)

    def rewrap(self, key: WrappedKey) -> None:
        """See `Vault.rewrap`."""
        self._write(_REWRAP, key.master, key.wrapped, key.id)

    def destroy(self, tenant: str, subject: str) -> int:
        """See `Vault.destroy`. What the pages held is overwritten; the log is emptied unless others read it now."""
        return self._write(_DESTROY, tenant, subject, forget=True)

    def close(self) -> None:
        """Close the file, unless it is a store's."""
        self._connections.close()

    def _read(self, statement: str, *parameters: object) -> list[WrappedKey]:
        with self._connections.reading() as connection:
            return [WrappedKey(*row) for row in connection.execute(statement, parameters)]

    def _write(self, statement: str, *parameters: object, forget: bool = False) -> int:
        try:
            with self._connections.writing() as connection:
                if forget:
                    connection.execute(_SECURE_DELETE)
                changed = connection.execute(statement, parameters).rowcount
                connection.execute(_COMMIT)
                if forget:
                    connection.execute(_CHECKPOINT)
                return changed
        except sqlite3.Error as error:
            raise store_error(error, self._connections.path) from error
