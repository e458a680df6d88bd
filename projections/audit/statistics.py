"""Counts over a store: threads by status and graph, what waits and since when; and, from logs, events by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from ...events.stores.store import ThreadHead
from ...events.vocabulary import Commit, Unknown
from .threads import STATUSES, summary_of


class StoreCounts(Struct, frozen=True):
    """What heads say of all threads."""

    threads: int
    statuses: dict[str, int]
    """Threads by status, all of `STATUSES`."""
    graphs: dict[str, int]
    """Threads by the graph that worked on them last, the largest first."""
    commits: int
    questions: int
    """Open ones."""
    oldest_question: int
    """When the one that waits longest was asked, microseconds since the epoch; 0 for none."""
    last: int
    """Time of the last commit of all; 0 for none."""


class LogCounts(Struct):
    """What logs say; filled commit by commit."""

    events: Counter[str] = field(default_factory=Counter)
    """Events by name."""
    bytes: int = 0
    """Of the commits as they are stored."""
    answers: Counter[str] = field(default_factory=Counter)
    """Answers by who gave them; "" where nobody said."""
    runs: Counter[str] = field(default_factory=Counter)
    """Runs by how they ended."""

    def add(self, commit: Commit, size: int) -> None:
        """Count one more commit of so many bytes."""
        self.bytes += size
        for event in commit.events:
            name = "Unknown" if isinstance(event, Unknown) else type(event).__name__
            self.events[name] += 1
            if name == "Resumed":
                self.answers[getattr(event, "who", "") or commit.actor] += 1
            elif name == "RunFinished" and not event.ns:
                status: Any = getattr(event, "status", "")
                self.runs[status] += 1


def counts_of(heads: Iterable[ThreadHead]) -> StoreCounts:
    """The counts of threads by their heads."""
    statuses, graphs = Counter(dict.fromkeys(STATUSES, 0)), Counter[str]()
    commits = questions = 0
    asked: list[int] = []
    updated: list[int] = []
    for head in heads:
        summary = summary_of(head)
        statuses[summary.status] += 1
        graphs[summary.graph] += 1
        commits += summary.version + 1
        questions += len(summary.questions)
        asked += [question.asked_at for question in summary.questions]
        updated.append(summary.updated)
    return StoreCounts(
        len(updated),
        dict(statuses),
        dict(graphs.most_common()),
        commits,
        questions,
        min(asked, default=0),
        max(updated, default=0),
    )
