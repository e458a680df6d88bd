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


class Recast(Struct, array_like=True, frozen=True, gc=False):
    """What an open step's task has on record, in a later schema."""

    task: int
    """Ordinal of the task in the open step."""
    writes: list[Write] = []
    """In the place of what it wrote; of the hidden start task, of the input."""
    routes: list[Route] = []
    """In the place of where it led."""
    payload: Payload | None = None
    """In the place of the argument that it was sent."""


class StateUpcast(Event, tag=63, frozen=True, kw_only=True):
    """Upcasters brought a state that was written under an earlier schema to that of the graph at hand.

    What was recorded before stays as it is. No checkpoint of its own: the one that the thread stands at shows the state
    in its new form from here on.
    """

    fingerprint: bytes
    """Of the graph whose schema the state has now; its `GraphSeen` has the version."""
    writes: list[Write] = []
    """The keys that changed, each in the place of what the key held. Keys that the graph does not have are gone."""
    recasts: list[Recast] = []
    """What is on record of the open step, in the new form."""


class ThreadErased(Event, tag=62, frozen=True, kw_only=True):
    """What the thread was is gone. The first event of the life that follows under the same id."""

    who: str = ""
    epoch: int = 0
    """Which life follows: 1 for the first one after an erasure."""
