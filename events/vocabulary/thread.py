"""Events of a thread besides its runs: updated by hand, branched, erased."""

from __future__ import annotations

from msgspec import Struct

from .base import Event, Payload, Route, Write


class Update(Struct, array_like=True, frozen=True, gc=False):
    """One update by hand, recorded as if the node had returned it."""

    as_node: str
    writes: list[Write]
    routes: list[Route] = []
    task: int = -1
    """Ordinal of the open step's task that it stands for; -1 for none."""


class StateUpdated(Event, tag=60, frozen=True, kw_only=True):
    """`update_state`: one super-step made by hand. It is a checkpoint, source "update"."""

    updates: list[Update]
    who: str = ""
    metadata: Payload | None = None
    """Scalar entries of the caller's config metadata; None when there are none."""


class Forked(Event, tag=61, frozen=True, kw_only=True):
    """A branch starts at an earlier checkpoint. It is a checkpoint, source "fork", with that one's state and tasks."""

    version: int
    """Version of the commit that holds the earlier checkpoint; -1 for before the first one of the namespace."""
    ordinal: int
    """Which checkpoint of that commit, counted from 0."""
    rerun: bool = True
    """True when that checkpoint's tasks are planned anew (time travel); False under an update or new input."""
    sibling: bool = False
    """True for a copy: it follows the same checkpoint as the one it copies."""
    metadata: Payload | None = None
    """As in `StateUpdated`, for the checkpoint that it makes."""


class ThreadErased(Event, tag=62, frozen=True, kw_only=True):
    """What the thread was is gone. The first event of the life that follows under the same id."""

    who: str = ""
    epoch: int = 0
    """Which life follows: 1 for the first one after an erasure."""
