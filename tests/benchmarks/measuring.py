"""From timed laps to figures: medians, spreads, ratios, growth. Pure sums; nothing here runs or reads a clock."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .engines import CLEW, PEER

CONVERSATION = "long-conversation"
GROWTH = "turn-growth"
"""Workloads with figures of their own."""
EARLY_TURN = 100
"""The turn that later turns of a conversation are compared with."""
WINDOW_TURNS = 41
"""Turns whose median stands for one turn: those around turn 100, and the last ones."""


@dataclass(frozen=True)
class Round:
    """What one engine did when it was its turn."""

    lap_seconds: tuple[float, ...]
    units: int
    """Units all laps together cover; the cost of one is what is reported."""
    wall_seconds: float
    cpu_seconds: float
    """CPU time of the worker process, all its threads; a database server's is not in it."""

    @property
    def unit_seconds(self) -> float:
        """The median cost of one unit in this round."""
        return median(self.lap_seconds) * len(self.lap_seconds) / self.units


@dataclass(frozen=True)
class Played:
    """One engine's part of a case."""

    rounds: tuple[Round, ...]
    facts: dict[str, float] = field(default_factory=dict)
    stored_bytes: int | None = None
    description: dict[str, Any] = field(default_factory=dict)

    @property
    def lap_seconds(self) -> list[float]:
        """All laps, in the order they were run."""
        return [lap for one in self.rounds for lap in one.lap_seconds]


@dataclass(frozen=True)
class Case:
    """One workload at one size on one store, and what each engine did with it."""

    workload: str
    unit: str
    size: int
    store: str
    played: dict[str, Played]

    def figures(self) -> dict[str, float]:
        """Give every figure by name: `ratio`, and `clew.median_seconds` and the like for each engine.

        A ratio above 1 says that clew was faster. `low` and `high` are the extremes over rounds; those of the
        ratio are over pairs of rounds played one after the other.
        """
        found: dict[str, float] = {}
        for engine, played in self.played.items():
            figures = _engine_figures(played)
            if self.workload == CONVERSATION:
                figures |= _conversation_figures(played.lap_seconds)
            if self.workload == GROWTH:
                figures["growth"] = figures["median_seconds"] / figures["early_turn_seconds"]
            found |= {f"{engine}.{name}": value for name, value in figures.items()}
        found |= _ratio_figures(self.played)
        if self.workload == CONVERSATION and "ratio" in found:
            found["ratio_last_turn"] = found[f"{PEER}.last_turn_seconds"] / found[f"{CLEW}.last_turn_seconds"]
        return found


def window(lap_seconds: Sequence[float], turn: int) -> float:
    """Give the median of the turns around `turn` (1-based), all of them before the end."""
    first = max(0, min(turn - 1 - WINDOW_TURNS // 2, len(lap_seconds) - WINDOW_TURNS))
    return median(lap_seconds[first : first + WINDOW_TURNS])


def exponent(lap_seconds: Sequence[float]) -> float:
    """Give the power with which total time grows with turns, between a quarter and all of them; 1 is flat."""
    quarter = len(lap_seconds) // 4
    return math.log(sum(lap_seconds) / sum(lap_seconds[:quarter])) / math.log(len(lap_seconds) / quarter)


def _engine_figures(played: Played) -> dict[str, float]:
    costs = [one.unit_seconds for one in played.rounds]
    units = sum(one.units for one in played.rounds)
    found = {
        "median_seconds": median(costs),
        "low_seconds": min(costs),
        "high_seconds": max(costs),
        "cpu_seconds": sum(one.cpu_seconds for one in played.rounds) / units,
        "total_seconds": sum(played.lap_seconds),
        **played.facts,
    }
    if played.stored_bytes is not None:
        found["stored_bytes"] = played.stored_bytes
    return found


def _conversation_figures(lap_seconds: list[float]) -> dict[str, float]:
    early, last = window(lap_seconds, EARLY_TURN), window(lap_seconds, len(lap_seconds))
    return {
        "early_turn_seconds": early,
        "last_turn_seconds": last,
        "exponent": exponent(lap_seconds),
    }


def _ratio_figures(played: dict[str, Played]) -> dict[str, float]:
    if CLEW not in played or PEER not in played:
        return {}
    ours = [one.unit_seconds for one in played[CLEW].rounds]
    theirs = [one.unit_seconds for one in played[PEER].rounds]
    pairs = [their / our for our, their in zip(ours, theirs, strict=True)]
    return {"ratio": median(theirs) / median(ours), "ratio_low": min(pairs), "ratio_high": max(pairs)}
