"""Losing the connection to Postgres at a chosen append, before or after the server did it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from clew.events.stores import postgres_connections
from clew.events.stores.postgres_schema import BATCH, FIRST, NEXT, NEXT_PLAIN


class LostConnection:
    """Ends the server's side of the connection in the middle of one append. The next appends go through."""

    def __init__(self, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._dsn = dsn
        self._appends_left = -1
        self._after_commit = False
        self._execute = postgres_connections.execute
        monkeypatch.setattr(postgres_connections, "RECONNECT_SECONDS", 0.0)
        monkeypatch.setattr("clew.events.stores.postgres.execute", self._cut)

    def at_append(self, number: int, *, after_commit: bool) -> None:
        """Lose it at the `number`-th append from now, counted from 0, whose commit the server did or did not make."""
        self._appends_left = number
        self._after_commit = after_commit

    def _cut(self, connection: Any, statement: Any, parameters: Any = ()) -> Any:
        if statement not in (FIRST, NEXT, NEXT_PLAIN, BATCH):
            return self._execute(connection, statement, parameters)
        self._appends_left -= 1
        if self._appends_left != -1:
            return self._execute(connection, statement, parameters)
        if self._after_commit:
            self._execute(connection, statement, parameters)
        with psycopg.connect(self._dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        return self._execute(connection, "SELECT 1")
