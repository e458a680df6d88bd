"""Threads, checkpoints and questions by the beginning of their ids, as people type them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ....events.errors import ThreadErasedError
from ....events.stores.saver import THREADS_LISTED_MAX, BaseCheckpointSaver
from ....projections.inbox.listing import InboxItem
from ....projections.state.thread import Checkpoint, Line
from ...operator.asking import inbox, refusal_of
from .group import Failure

SHOWN_MAX: Final = 5
"""How many ids an error lists."""


def thread_named(saver: BaseCheckpointSaver, name: str) -> str:
    """The id of a thread: as it was typed, or the only one that begins so.

    Raises:
        Failure: there is none, or several.
    """
    try:
        if saver.store.head(name, saver.tenant) is not None:
            return name
    except ThreadErasedError as error:
        raise Failure(f"thread {name!r} was erased: its data is gone") from error
    heads = saver.store.heads(limit=THREADS_LISTED_MAX, tenant=saver.tenant)
    found = [head.thread for head in heads if head.thread.startswith(name)] if name else []
    return _only(found, name, "thread", "clew threads list shows what there is")


def question_named(saver: BaseCheckpointSaver, name: str, thread: str | None = None) -> InboxItem:
    """The open question whose id begins so.

    Raises:
        AlreadyAnsweredError: it has its answer.
        Failure: there is none, or several.
    """
    known = {item.id: item for item in inbox(saver) if thread in (None, item.thread)}
    found = [one for one in known if one.startswith(name)] if name else []
    if not found:
        refusal = refusal_of(saver, name, thread) if name else None
        if refusal is not None:
            raise refusal
    return known[_only(found, name, "open question", "clew inbox list shows what waits")]


def checkpoint_named(line: Line, name: str, thread: str) -> Checkpoint:
    """The checkpoint of a thread that is named by the beginning of its id, or by its version.

    A number of up to eight digits is a version: the last checkpoint that stood when it was written.

    Raises:
        Failure: there is none, or several.
    """
    known = {checkpoint.id: checkpoint for checkpoint in line.checkpoints()}
    if name.isdecimal() and len(name) < 8:
        before = [one for one in known.values() if one.version <= int(name)]
        if not before:
            raise Failure(f"thread {thread!r} has no checkpoint at version {name}: clew history {thread} shows them")
        return max(before, key=lambda one: one.address)
    found = [one for one in known if one.startswith(name)]
    return known[_only(found, name, "checkpoint", f"clew history {thread} shows them")]


def _only(found: Sequence[str], name: str, what: str, advice: str) -> str:
    if name in found:
        return name
    if len(found) == 1:
        return found[0]
    if not found:
        raise Failure(f"there is no {what} {name!r}" + (f": {advice}" if advice else ""))
    more = ", …" if len(found) > SHOWN_MAX else ""
    shown = ", ".join(repr(one) for one in found[:SHOWN_MAX])
    raise Failure(f"{len(found)} {what}s begin with {name!r}: {shown}{more}; write more of the id")
