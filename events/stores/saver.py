"""Savers: what people write in `compile(checkpointer=…)`. One names a store and a tenant."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from .memory import MemoryStore
from .store import Store


class BaseCheckpointSaver:
    """A store to keep threads in, and the tenant whose threads are meant.

    Safe for threads. The engine never awaits a saver: the `Async…` twins keep the same store and differ in how they are
    opened, set up and closed.
    """

    store: Store
    """Where the threads are."""
    tenant: str
    """Threads of another tenant cannot be seen through this saver, whatever their names."""

    def __init__(self, store: Store, *, tenant: str = "") -> None:
        self.store = store
        self.tenant = tenant

    def delete_thread(self, thread_id: str) -> None:
        """Erase a thread: its commits are deleted, its id cannot be used again. An unknown id stays free.

        Raises:
            StoreError: the store cannot delete.
        """
        self.store.erase(thread_id, self.tenant)

    async def adelete_thread(self, thread_id: str) -> None:
        """As `delete_thread`, off the event loop."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    def close(self) -> None:
        """Close the store. A connection or pool that was passed in stays open."""
        self.store.close()


class InMemorySaver(BaseCheckpointSaver):
    """Keeps threads in this process's memory, for tests and notebooks; they end with it."""

    def __init__(self, *, tenant: str = "") -> None:
        super().__init__(MemoryStore(), tenant=tenant)

    def setup(self) -> None:
        """Nothing to create."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


MemorySaver = InMemorySaver
"""The name of older tutorials."""
