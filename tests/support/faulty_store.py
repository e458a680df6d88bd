"""The kit's faulty store as the crash tests use it: one fault, at one append."""

from __future__ import annotations

from typing import Literal

from clew.actors.kit.faulty_store import Fault, FaultyStore, Kind
from clew.actors.kit.simulation.processes import Crash
from clew.checkpoint import BaseCheckpointSaver
from clew.events.stores.store import Store

__all__ = ["CRASHES", "ERRORS", "Crash", "FaultyStore", "Site", "faulty_saver"]

Site = Literal["before", "after", "busy", "lost", "kept", "stale"]
"""What happens at the append: the process dies before or after it; the store is locked; no reply, and the commit was
not, or was, written; the store says that another writer was first."""
CRASHES: tuple[Site, ...] = ("before", "after")
ERRORS: tuple[Site, ...] = ("busy", "lost", "kept", "stale")
KINDS: dict[Site, Kind] = {
    "before": "crash before",
    "after": "crash after",
    "busy": "fail",
    "lost": "lose",
    "kept": "keep",
    "stale": "refuse",
}


def faulty_saver(inner: Store, site: Site = "before", at: int | None = None) -> tuple[FaultyStore, BaseCheckpointSaver]:
    """A store around `inner` that fails at append number `at`, and a saver on it."""
    store = FaultyStore(inner, *([] if at is None else [Fault(KINDS[site], at)]))
    return store, BaseCheckpointSaver(store)
