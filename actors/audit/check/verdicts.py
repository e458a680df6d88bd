"""What the deploy gate says of a thread."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, final

from msgspec import Struct


@final
class Verdict(StrEnum):
    """What new code would do with a recorded thread. The worst that was found counts, in this order."""

    CANNOT_DECODE = "cannot decode"
    """A value or an event on record cannot be read, or a node cannot be given its state."""
    NODE_GONE = "node gone"
    """The thread waits for a node, a join or a way on that the graph does not have: going on would be refused."""
    QUESTION_CHANGED = "question changed"
    """A node that waits asks something else now, or nothing: the answer would be refused, or asked for again."""
    DIVERGES = "diverges"
    """At some event the graph would have gone another way, or come to another state."""
    NOT_CHECKED = "not checked"
    """It cannot be said without running what must not be run. Never counted as same."""
    SAME = "same"
    """Everything that is on record follows from this graph too."""


_ORDER = list(Verdict)


class Difference(Struct, frozen=True):
    """One thing that is not as it was."""

    verdict: Verdict
    what: str
    """What, in words."""
    version: int = -1
    """Version of the event; -1 where it is about no event."""
    index: int = -1
    """The event's place in its commit, from 0."""
    event: str = ""
    """The event's name."""
    node: str = ""
    namespace: str = ""
    recorded: Any = None
    """What is on record, as plain values: nodes, or a key's value in words."""
    now: Any = None
    """What the graph makes of it."""

    @property
    def at(self) -> str:
        """The event's address, "4.1" for the second event of version 4; "" for none."""
        return "" if self.version < 0 else f"{self.version}.{self.index}"


class ThreadVerdict(Struct, frozen=True):
    """What was found of one thread."""

    thread: str
    differences: tuple[Difference, ...] = ()
    """In the order of the log; empty for one that is the same."""
    events: int = 0
    """How many events were looked at."""
    tenant: str = ""

    @property
    def worst(self) -> Difference | None:
        """The first of the worst differences; None for none."""
        return min(self.differences, key=lambda one: _ORDER.index(one.verdict), default=None)

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        worst = self.worst
        return Verdict.SAME if worst is None else worst.verdict

    def __str__(self) -> str:
        worst = self.worst
        if worst is None:
            return f"{self.thread}: {Verdict.SAME}"
        place = f" at event {worst.at}" if worst.verdict is Verdict.DIVERGES and worst.at else ""
        return f"{self.thread}: {worst.verdict}{place}: {worst.what}"
