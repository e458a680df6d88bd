"""The Postgres store keeps the contract."""

from collections.abc import Iterator

import pytest
from clew.actors.kit.store_contract import StoreContract
from clew.events.stores.postgres import PostgresStore


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def store(self, postgres_dsn: str) -> Iterator[PostgresStore]:
        store = PostgresStore(postgres_dsn)
        store.setup()
        yield store
        store.close()
