"""What every vault promises, and that keys are gone once they are destroyed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clew.actors.kit.store_contract import HOSTILE_NAMES
from clew.events.privacy import postgres_vault, sqlite_vault
from clew.events.privacy.postgres_vault import PostgresVault
from clew.events.privacy.sqlite_vault import SqliteVault
from clew.events.privacy.vault import MemoryVault, Vault, WrappedKey
from clew.events.stores import postgres_connections, sqlite_connections
from msgspec.structs import replace


def key(number: int, subject: str = "ann", master: str = "old", tenant: str = "") -> WrappedKey:
    return WrappedKey(bytes([number]) * 16, tenant, subject, master, b"wrapped %d" % number, number)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def vault(request: pytest.FixtureRequest) -> Iterator[Vault]:
    if request.param == "memory":
        yield MemoryVault()
        return
    if request.param == "sqlite":
        opened: Any = SqliteVault.open(request.getfixturevalue("tmp_path") / "keys.sqlite")
    else:
        opened = PostgresVault.open(request.getfixturevalue("postgres_dsn"))
    with closing(opened):
        yield opened


def test_a_key_is_found_by_its_id(vault: Vault) -> None:
    vault.add(key(1))
    vault.add(key(2, "ben"))
    assert vault.get(bytes([2]) * 16) == key(2, "ben")
    assert vault.get(bytes([3]) * 16) is None


def test_a_subject_s_newest_key_is_the_one_added_last(vault: Vault) -> None:
    vault.add(key(2))
    vault.add(key(1))
    vault.add(key(3, tenant="other"))
    assert vault.newest("", "ann") == key(1)
    assert vault.newest("other", "ann") == key(3, tenant="other")
    assert vault.newest("", "ben") is None


def test_a_destroyed_key_stays_known_without_its_bytes_and_its_subject(vault: Vault) -> None:
    vault.add(key(1))
    vault.add(key(2))
    vault.add(key(3, "ben"))
    vault.add(key(4, tenant="other"))
    assert vault.destroy("", "ann") == 2
    assert vault.destroy("", "ann") == 0
    found = vault.get(bytes([1]) * 16)
    assert found is not None
    assert found.destroyed
    assert found.subject == ""
    assert vault.newest("", "ann") is None
    assert vault.newest("", "ben") == key(3, "ben")
    assert vault.newest("other", "ann") == key(4, tenant="other")


def test_keys_of_older_masters_are_listed_until_they_are_rewrapped(vault: Vault) -> None:
    for number in (1, 2, 3):
        vault.add(key(number))
    vault.add(key(4, master="new"))
    assert vault.others("new", 2) == [key(1), key(2)]
    vault.rewrap(replace(key(1), master="new", wrapped=b"anew"))
    assert vault.others("new", 9) == [key(2), key(3)]
    assert vault.get(key(1).id) == replace(key(1), master="new", wrapped=b"anew")


def test_a_destroyed_key_is_not_brought_back_by_rewrapping(vault: Vault) -> None:
    vault.add(key(1))
    vault.destroy("", "ann")
    vault.rewrap(replace(key(1), master="new", wrapped=b"anew"))
    found = vault.get(key(1).id)
    assert found is not None
    assert found.destroyed
    assert vault.others("none", 9) == []


def test_setting_up_again_keeps_the_keys(vault: Vault) -> None:
    vault.add(key(1))
    vault.setup()
    assert vault.get(key(1).id) == key(1)


def test_destroyed_bytes_are_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    secret = b"the wrapped bytes of one key" * 2
    with closing(SqliteVault.open(path)) as vault:
        vault.add(replace(key(1, "someone@example.org"), wrapped=secret))
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
        hostile = key(number, name, master=name, tenant=name)
        vault.add(hostile)
        assert vault.newest(name, name) == hostile
        vault.rewrap(hostile)
        vault.others(name, 1)
        assert vault.destroy(name, name) == 1
