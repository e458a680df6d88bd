"""Threads as a list shows them, from the heads that a store keeps: no log is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from ...events.stores.store import RESTING, RUNNING, STOPPED, WAITING, ThreadHead
from ..inbox.summary import OpenQuestion, decode_questions

STATUSES: Final[Mapping[str, int]] = {"resting": RESTING, "running": RUNNING, "waiting": WAITING, "stopped": STOPPED}
"""A thread's status by its name: nothing open; a run has begun and not ended; a question is open; work is left that can
be gone on with, as after a failure, a breakpoint or a cancelled run."""
_NAMES: Final = {number: name for name, number in STATUSES.items()}


class ThreadSummary(Struct, frozen=True):
    """What a store knows of a thread without its log."""

    thread: str
    status: str
    """A name of `STATUSES`."""
    questions: list[OpenQuestion]
    """What waits for an answer."""
    graph: str
    """Name of the graph that worked on it last."""
    version: int
    """Of its last commit, from 0."""
    updated: int
    """Time of its last commit, microseconds since the epoch."""
    owner: str = ""
    """Process that took it over last."""
    epoch: int = 0
    tenant: str = ""


def summary_of(head: ThreadHead) -> ThreadSummary:
    """A thread's head in words. Total: of questions that cannot be read there are none."""
    known = head.head
    try:
        questions = decode_questions(known.questions)
    except msgspec.MsgspecError:
        questions = []
    return ThreadSummary(
        head.thread,
        _NAMES.get(known.status, f"status {known.status}"),
        questions,
        known.graph,
        head.version,
        known.updated,
        known.owner,
        known.epoch,
        head.tenant,
    )


class Wanted(Struct, frozen=True):
    """Which threads a list shows; what is left at its default asks for nothing."""

    statuses: frozenset[str] = frozenset()
    """Names of `STATUSES`; empty for any."""
    graph: str = ""
    prefix: str = ""
    """What a thread's id begins with."""
    asking: bool = False
    """Only those with an open question."""
    since: int = 0
    """Last commit at or after this time, microseconds since the epoch."""
    until: int = 0
    """Last commit at or before this time; 0 for none."""


def selected(heads: Iterable[ThreadHead], wanted: Wanted) -> Iterator[ThreadSummary]:
    """The threads that are wanted, in the order in which they come."""
    for head in heads:
        known = head.head
        if wanted.since > known.updated or 0 < wanted.until < known.updated:
            continue
        if wanted.graph and known.graph != wanted.graph:
            continue
        if not head.thread.startswith(wanted.prefix):
            continue
        summary = summary_of(head)
        if wanted.statuses and summary.status not in wanted.statuses:
            continue
        if wanted.asking and not summary.questions:
            continue
        yield summary
