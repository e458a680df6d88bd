"""What every vault promises, three times, and that keys are gone once they are destroyed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clew.actors.kit.store_contract import HOSTILE_NAMES
from clew.actors.kit.vault_contract import wrapped_key
from clew.events.privacy import postgres_vault, sqlite_vault
from clew.events.stores import postgres_connections, sqlite_connections
from clew.events.stores.store import Store
from clew.privacy import MemoryVault, PostgresVault, SqliteVault, Vault
from clew.testing import VaultContract
from msgspec.structs import replace


class TestMemoryVault(VaultContract):
    @pytest.fixture
    def vault(self) -> Vault:
        return MemoryVault()


class TestSqliteVault(VaultContract):
    @pytest.fixture
    def vault(self, tmp_path: Path) -> Iterator[Vault]:
        with closing(SqliteVault.open(tmp_path / "keys.sqlite")) as opened:
            yield opened


class TestPostgresVault(VaultContract):
    @pytest.fixture
    def vault(self, postgres_dsn: str) -> Iterator[Vault]:
        with closing(PostgresVault.open(postgres_dsn)) as opened:
            yield opened


class TestAVaultInItsStore(VaultContract):
    """The one that a saver's own database has."""

    @pytest.fixture
    def vault(self, store: Store) -> Vault:
        opened: Vault = store.vault()  # type: ignore[attr-defined]
        opened.setup()
        return opened


def test_destroyed_bytes_are_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    secret = b"the wrapped bytes of one key" * 2
    with closing(SqliteVault.open(path)) as vault:
        vault.add(replace(wrapped_key(1, "someone@example.org"), wrapped=secret))
        assert any(secret in file.read_bytes() for file in tmp_path.iterdir())
        vault.destroy("", "someone@example.org")
        for file in tmp_path.iterdir():
            content = file.read_bytes()
            assert secret not in content
            assert b"someone@example.org" not in content


def test_statements_are_constants_whatever_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(executed.append)
        return connection

    monkeypatch.setattr(sqlite_connections.sqlite3, "connect", traced)
    with closing(SqliteVault.open(tmp_path / "keys.sqlite")) as vault:
        use_with_hostile_names(vault)
    literal = r"(?:'(?:[^']|'')*'|-?\d+|x'[0-9a-fA-F]*')"
    known = [
        re.compile(re.escape(text).replace(r"\?", literal), re.DOTALL)
        for text in sqlite_vault.STATEMENTS | sqlite_connections.STATEMENTS
    ]
    assert len(executed) > 5 * len(HOSTILE_NAMES)
    assert [text for text in executed if not any(pattern.fullmatch(text) for pattern in known)] == []


def test_statements_sent_to_postgres_are_constants(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: set[str] = set()
    execute = postgres_connections.psycopg.Cursor.execute

    def traced(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        sent.add(query)
        return execute(self, query, params, **options)

    monkeypatch.setattr(postgres_connections.psycopg.Cursor, "execute", traced)
    with closing(PostgresVault.open(postgres_dsn)) as vault:
        use_with_hostile_names(vault)
    assert len(sent) >= 9
    assert sent - postgres_vault.STATEMENTS - {"SET plan_cache_mode = force_generic_plan"} == set()


def use_with_hostile_names(vault: Vault) -> None:
    for number, name in enumerate(HOSTILE_NAMES):
        hostile = wrapped_key(number, name, master=name, tenant=name)
        vault.add(hostile)
        assert vault.newest(name, name) == hostile
        vault.rewrap(hostile)
        vault.others(name, 1)
        assert vault.destroy(name, name) == 1
