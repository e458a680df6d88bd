"""Who chooses the next step of a simulation. A choice is known by its name, so a schedule is a list of names."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Protocol, final


class ScheduleMismatch(AssertionError):
    """A recorded schedule wants a step that cannot be taken now: the graph, or what was said to it, has changed."""


class Chooser(Protocol):
    """Chooses among steps."""

    def choose(self, steps: Sequence[str]) -> str:
        """One of the names, of which there is at least one."""
        ...


@final
class InOrder:
    """Always the first: each task is reported when it is done, nothing is late, nobody dies."""

    def choose(self, steps: Sequence[str]) -> str:
        """The first."""
        return steps[0]


@final
class AtRandom:
    """As a seed has it: the same seed and the same graph, the same schedule."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def choose(self, steps: Sequence[str]) -> str:
        """Any, all as likely."""
        return steps[self._chance.randrange(len(steps))]


@final
class AsRecorded:
    """As a recorded schedule has it, and in order once that has come to its end."""

    def __init__(self, schedule: Iterable[str]) -> None:
        self._steps = list(schedule)
        self._taken = 0

    def choose(self, steps: Sequence[str]) -> str:
        """The recorded one. Raises `ScheduleMismatch` where it cannot be taken."""
        if self._taken == len(self._steps):
            return steps[0]
        wanted = self._steps[self._taken]
        if wanted not in steps:
            raise ScheduleMismatch(
                f"step {self._taken} of the schedule is {wanted!r}, which is not possible here; possible: {list(steps)}"
            )
        self._taken += 1
        return wanted


@final
class Exhaustively:
    """Every schedule in turn, depth first: `again` goes over to the next one, until there is none."""

    def __init__(self) -> None:
        self._path: list[tuple[int, int]] = []
        """(which step was taken, of how many) at each choice."""
        self._depth = 0

    def choose(self, steps: Sequence[str]) -> str:
        """The step that this schedule has here."""
        if self._depth == len(self._path):
            self._path.append((0, len(steps)))
        taken, _ = self._path[self._depth]
        self._depth += 1
        return steps[taken]

    def again(self) -> bool:
        """Go over to the next schedule; False when there is none."""
        self._depth = 0
        while self._path:
            taken, of = self._path.pop()
            if taken + 1 < of:
                self._path.append((taken + 1, of))
                return True
        return False
