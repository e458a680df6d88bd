"""What a workload is given in its worker: the engine, the saver, the size, and a stopwatch.

A workload is a generator: it yields when it is warm, and again at the end of every round; the worker lets it go on
when it is its turn.
"""

import time
from array import array
from collections.abc import Callable, Iterator, MutableSequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from .engines import Engine


@dataclass(frozen=True)
class Amount:
    """How much of a workload one case does."""

    size: int
    """The workload's own measure: nodes in the chain, turns in the conversation, threads."""
    rounds: int
    """How often the engines take turns; the warm-up before the first comes on top."""
    laps: int
    """Timed operations in a round."""
    engines: tuple[str, ...] = ()
    """Engines that run this amount; empty: every engine of the workload."""


@dataclass
class Bench:
    """One worker's bench; used by one thread."""

    engine: Engine
    saver: Any
    store: str
    amount: Amount
    location: str = ""
    """File or connection string of the store; empty for memory."""
    lap_seconds: "array[float]" = field(default_factory=lambda: array("d"))
    """Timed operations of the round that is running, emptied by the worker before each; packed, so that a lap is not a
    Python object among those that `paused` counts."""
    facts: dict[str, float] = field(default_factory=dict)
    """Whatever else the workload measured, by name; handed over when it ends."""

    def lap(self) -> "Lap":
        """Time one operation: `with bench.lap(): …`."""
        return Lap(self.lap_seconds)

    def compiled(self, builder: Any) -> Any:
        """Compile a graph builder with this bench's saver."""
        return builder.compile(checkpointer=self.saver)


class Lap:
    """A context manager that appends the seconds its body took; an operation that raised is not a lap."""

    __slots__ = ("_laps", "_started")

    def __init__(self, laps: "MutableSequence[float]") -> None:
        self._laps = laps
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._laps.append(time.perf_counter() - self._started)


@dataclass(frozen=True)
class Workload:
    """One thing done on every engine and store, written once."""

    name: str
    unit: str
    """What the reported cost is the cost of: `cycle`, `turn`, `super-step`."""
    play: Callable[[Bench], Iterator[None]]
    full: tuple[Amount, ...]
    quick: tuple[Amount, ...]
    engines: tuple[str, ...]
    stores: tuple[str, ...]
    units_per_lap: Callable[[Amount], int] = lambda amount: 1
    """How many units one lap covers: a run of a chain of 100 covers 100 super-steps."""


class WorkloadError(Exception):
    """The engine's answer is not what the workload must get, so its time would mean nothing."""


def expect(what: str, got: object, wanted: object) -> None:
    """Refuse a wrong answer: a fast engine that does something else has not won."""
    if got != wanted:
        raise WorkloadError(f"{what} is {got!r}, expected {wanted!r}; the engine did not do the workload")
