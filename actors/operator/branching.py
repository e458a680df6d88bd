"""Beginning a branch at an earlier checkpoint: its step is planned anew, and runs when somebody goes on with it."""

from __future__ import annotations

from msgspec import Struct

from ...events.errors import RefusedError, UnknownCheckpointError
from ...events.stores.saver import BaseCheckpointSaver
from ...events.vocabulary import Forked
from ...projections.state.fold import Draft
from .appending import append


class Branched(Struct, frozen=True):
    """A branch that was begun."""

    thread: str
    version: int
    """Of the commit that says so."""
    checkpoint: str
    """Id of the branch's first checkpoint."""
    next: tuple[str, ...]
    """The nodes that run first when somebody goes on."""


def branch_thread(saver: BaseCheckpointSaver, thread: str, checkpoint: str, *, who: str = "") -> Branched:
    """Have a thread stand at an earlier checkpoint again, on a branch of its own. Nothing runs, nothing is deleted.

    Whoever has the graph goes on from there with `invoke(None, config)`. Effects that were recorded after the
    checkpoint are done again.

    Args:
        saver: where the thread is.
        thread: its id.
        checkpoint: the whole id of one of its checkpoints, on any branch.
        who: who does it, for the log.

    Raises:
        UnknownCheckpointError: the thread has no such checkpoint.
        RefusedError: the thread is running.
        UnknownThreadError, ThreadErasedError: there is no such thread.
    """

    def say(draft: Draft) -> None:
        line = draft.line()
        origin = line.find(checkpoint)
        if origin is None:
            raise UnknownCheckpointError(thread, checkpoint)
        if draft.state.running:
            raise RefusedError(f"thread {thread!r} is being run: cancel it, or wait until it rests")
        draft.say(Forked(version=origin.version, ordinal=origin.ordinal, rerun=True))

    after = append(saver, thread, say, who)
    head = after.root.head
    due = tuple(task.node for task in after.root.tasks)
    return Branched(thread, after.version, "" if head is None else head.id, due)
