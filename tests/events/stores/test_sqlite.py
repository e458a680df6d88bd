"""The SQLite store keeps the contract, in a file and in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clew.actors.kit.store_contract import StoreContract
from clew.events.stores.sqlite import SqliteStore


class TestSqliteFile(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteStore]:
        store = SqliteStore(str(tmp_path / "threads.db"))
        yield store
        store.close()


class TestSqliteInMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[SqliteStore]:
        store = SqliteStore(":memory:")
        yield store
        store.close()
