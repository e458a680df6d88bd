"""What the benchmark must show, in one table. A row that was not run is neither reached nor missed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from .measuring import CONVERSATION, GROWTH, Case

STORED_PER_TEXT_BYTE = 1.5
STORED_PER_SUPER_STEP = 600
"""Bytes that a conversation may take on disk over its messages' UTF-8 text, for each super-step."""

Verdict = Literal["reached", "missed", "not run"]


@dataclass(frozen=True)
class Limit:
    """One figure of one row, and the bound it must keep."""

    claim: str
    workload: str
    store: str
    figure: Callable[[dict[str, float]], float | None]
    """Takes the row's figures; None where the row lacks them (an engine was left out)."""
    size: int
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Finding:
    """A limit, and what was measured in this run; None when it was not run."""

    limit: Limit
    measured: float | None

    @property
    def verdict(self) -> Verdict:
        """Say whether the bound was kept; a figure equal to its bound keeps it."""
        if self.measured is None:
            return "not run"
        low = self.limit.at_least is None or self.measured >= self.limit.at_least
        high = self.limit.at_most is None or self.measured <= self.limit.at_most
        return "reached" if low and high else "missed"


def named(figure: str) -> Callable[[dict[str, float]], float | None]:
    """Give the reader of one figure by its name."""
    return lambda figures: figures.get(figure)


def stored_over_allowance(figures: dict[str, float]) -> float | None:
    """Give the stored bytes as a share of what text and super-steps allow; 1 is the whole allowance."""
    stored = figures.get("clew.stored_bytes")
    if stored is None:
        return None
    allowed = STORED_PER_TEXT_BYTE * figures["clew.text_bytes"] + STORED_PER_SUPER_STEP * figures["clew.super_steps"]
    return stored / allowed


def active_over_values(figures: dict[str, float]) -> float | None:
    """Give the memory of one active paused thread in bytes, less its own state's values."""
    active = figures.get("clew.active_bytes_per_thread")
    return None if active is None else active - figures["clew.value_bytes"]


def findings(cases: Sequence[Case]) -> list[Finding]:
    """Hold every limit against the cases that were run."""
    rows = {(case.workload, case.size, case.store): case.figures() for case in cases}
    return [Finding(limit, limit.figure(rows.get((limit.workload, limit.size, limit.store), {}))) for limit in LIMITS]


def _cycle(store: str, times: float) -> Limit:
    claim = "interrupt-resume cycle: times faster than langgraph"
    return Limit(claim, "interrupt-resume", store, named("ratio"), 1, at_least=times)


def _conversation(store: str) -> Limit:
    claim = "1,600 turns: cost of the last turn over that of turn 100"
    return Limit(claim, GROWTH, store, named("clew.growth"), 1_600, at_most=1.3)


def _stored(store: str) -> Limit:
    claim = f"1,600 turns: bytes stored over {STORED_PER_TEXT_BYTE} x text + {STORED_PER_SUPER_STEP} a super-step"
    return Limit(claim, CONVERSATION, store, stored_over_allowance, 1_600, at_most=1.0)


def _paused(store: str) -> list[Limit]:
    active = "10,000 paused threads, active: bytes each over the state's values"
    resting = "10,000 paused threads, at rest: Python objects each (fewer than one a thread is none)"
    kernel = "10,000 paused threads, active: operating-system threads in the process"
    return [
        Limit(active, "paused-threads", store, active_over_values, 10_000, at_most=4_096),
        Limit(resting, "paused-threads", store, named("clew.resting_blocks_per_thread"), 10_000, at_most=0.5),
        Limit(kernel, "paused-threads", store, named("clew.operating_system_threads"), 10_000, at_most=64),
    ]


def _ahead(workload: str, size: int) -> list[Limit]:
    return [
        Limit(f"{workload} {size:,}: times faster than langgraph", workload, store, named("ratio"), size, at_least=1.0)
        for store in ("memory", "sqlite")
    ]


SHAPES = {
    "fan-out": 1_000,
    "fan-out-graphs": 1_000,
    "wide-state": 300,
    "tool-loop": 50,
    "sub-graphs": 100,
    "stream-messages": 1_000,
    "stream-custom": 1_000,
    "async-threads": 200,
}
"""Workloads on which clew must be ahead, each with its size."""

LIMITS = (
    _cycle("memory", 6.0),
    _cycle("sqlite", 3.0),
    _cycle("postgres", 2.0),
    _conversation("memory"),
    _conversation("sqlite"),
    _conversation("postgres"),
    _stored("sqlite"),
    *_paused("sqlite"),
    *_paused("postgres"),
    *(limit for workload, size in SHAPES.items() for limit in _ahead(workload, size)),
)
