"""The memory store keeps the contract."""

from collections.abc import Iterator

import pytest
from clew.actors.kit.store_contract import StoreContract
from clew.events.stores.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[MemoryStore]:
        store = MemoryStore()
        yield store
        store.close()
