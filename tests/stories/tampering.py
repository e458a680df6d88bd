"""Another program's hands in clew's tables: one stored row is read, changed, taken away and put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

SQLITE = {
    "read": "SELECT state FROM clew_journal WHERE version = ? AND stream = "
    "(SELECT stream FROM clew_heads WHERE thread = ?)",
    "change": "UPDATE clew_journal SET state = ? WHERE version = ? AND stream = "
    "(SELECT stream FROM clew_heads WHERE thread = ?)",
    "take": "DELETE FROM clew_journal WHERE version = ? AND stream = (SELECT stream FROM clew_heads WHERE thread = ?)",
    "put": "INSERT INTO clew_journal (state, version, stream) SELECT ?, ?, stream FROM clew_heads WHERE thread = ?",
}
POSTGRES = {
    "read": "SELECT state FROM clew_journal WHERE version = %s AND id = (SELECT id FROM clew_heads WHERE thread = %s)",
    "change": "UPDATE clew_journal SET state = %s WHERE version = %s AND id = "
    "(SELECT id FROM clew_heads WHERE thread = %s)",
    "take": "DELETE FROM clew_journal WHERE version = %s AND id = (SELECT id FROM clew_heads WHERE thread = %s)",
    "put": "INSERT INTO clew_journal (state, version, id) SELECT %s, %s, id FROM clew_heads WHERE thread = %s",
}


class StoredRow:
    """One commit's row: digest and body, as bytes."""

    def __init__(self, address: str, thread: str, version: int) -> None:
        self._address = address
        self._place = (version, thread)
        self.state: bytes = self._run("read", *self._place)

    def change(self, state: bytes) -> None:
        """Write something else in its place."""
        self._run("change", state, *self._place)

    def take_away(self) -> None:
        """Delete the row."""
        self._run("take", *self._place)

    def restore(self) -> None:
        """Put the row back as it was."""
        self._run("take", *self._place)
        self._run("put", self.state, *self._place)

    def _run(self, what: str, *values: object) -> bytes:
        if "dbname=" not in self._address:
            with closing(sqlite3.connect(self._address)) as sqlite, sqlite:
                found = sqlite.execute(SQLITE[what], values).fetchall()
        else:
            import psycopg

            with psycopg.connect(self._address, autocommit=True) as postgres:
                cursor = postgres.execute(POSTGRES[what], values, binary=True)  # type: ignore[arg-type]
                found = cursor.fetchall() if cursor.description else []
        return bytes(found[0][0]) if found else b""
