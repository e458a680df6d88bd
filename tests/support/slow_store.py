"""A store in memory whose appends cost a wait, as a disk's do: so callers gather at the journal and share commits."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from clew.checkpoint import BaseCheckpointSaver
from clew.events.stores.memory import MemoryStore
from clew.events.stores.store import Entry, Verdict


class SlowStore(MemoryStore):  # pyright: ignore[reportGeneralTypeIssues]
    """Waits before every append."""

    durable = True

    def __init__(self, append_seconds: float = 0.0005) -> None:
        super().__init__()
        self._append_seconds = append_seconds
        self._never = threading.Event()

    def append(self, entry: Entry) -> int:
        """See `Store.append`."""
        self._never.wait(self._append_seconds)
        return super().append(entry)

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`."""
        self._never.wait(self._append_seconds)
        return super().append_batch(entries)


def slow_saver(append_seconds: float = 0.0005) -> BaseCheckpointSaver:
    """A saver on a slow store."""
    return BaseCheckpointSaver(SlowStore(append_seconds))
