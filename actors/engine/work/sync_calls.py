"""Which graphs inside were called by sync nodes: an event loop that waits for such a node cannot take turns."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..run import Run


class SyncCalls:
    """An actor that counts them. Of the class while there are none: it costs no memory."""

    sync_calls: Set[Run] = frozenset()
    """Runs of such graphs, from their acceptance to their end."""

    @property
    def blocked(self) -> bool:
        """True when a sync call in a node may keep the event loop from taking the actor's turns. From any thread."""
        return bool(self.sync_calls)

    def _note_sync(self, run: Run) -> None:
        if isinstance(self.sync_calls, set):
            self.sync_calls.add(run)
        else:
            self.sync_calls = {run}

    def _forget_sync(self, run: Run) -> None:
        if isinstance(self.sync_calls, set):
            self.sync_calls.discard(run)
            if not self.sync_calls:
                del self.sync_calls
