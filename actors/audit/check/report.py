"""What the deploy gate says of all threads: for people, and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from .verdicts import Difference, ThreadVerdict, Verdict

SHOWN_MAX = 20
"""Threads of one verdict that the report for people names."""


class CheckReport(Struct, frozen=True):
    """What a graph would do with recorded threads."""

    graph: str
    """The graph's name."""
    threads: tuple[ThreadVerdict, ...]
    allowed: frozenset[Verdict]
    """Verdicts that the policy lets pass."""
    bodies: bool = False
    """Whether nodes that wait were run."""

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """Verdict to number of threads, every verdict, the best first."""
        counted = Counter(one.verdict for one in self.threads)
        return {verdict: counted[verdict] for verdict in reversed(Verdict)}

    @property
    def forbidden(self) -> tuple[ThreadVerdict, ...]:
        """The threads that the policy does not let pass."""
        return tuple(one for one in self.threads if one.verdict not in self.allowed)

    @property
    def passed(self) -> bool:
        """True when the policy lets every thread pass."""
        return all(one.verdict in self.allowed for one in self.threads)

    @property
    def events(self) -> int:
        """How many events were looked at."""
        return sum(one.events for one in self.threads)

    def lines(self, shown_max: int = SHOWN_MAX) -> list[str]:
        """The report for people: how many of each verdict, and the threads that are not the same, the worst first."""
        lines = [f"{self.graph}: {_threads(len(self.threads))}, {self.events} events"]
        lines += [f"  {count:>6}  {verdict}" for verdict, count in self.counts.items() if count]
        for verdict in Verdict:
            found = [one for one in self.threads if one.verdict is verdict and verdict is not Verdict.SAME]
            if not found:
                continue
            lines += ["", f"{verdict}{'' if verdict in self.allowed else ' (not allowed)'}:"]
            lines += [f"  {one.thread}: {_told(one.worst)}" for one in found[:shown_max]]
            if len(found) > shown_max:
                lines.append(f"  ... and {_threads(len(found) - shown_max)} more")
        lines += ["", "passed" if self.passed else f"failed: {_threads(len(self.forbidden))} not allowed"]
        return lines

    def as_json(self) -> dict[str, Any]:
        """The report as plain values. New names may come; those that are there keep their meaning.

        `threads` has those that are not the same, with all their differences.
        """
        return {
            "graph": self.graph,
            "passed": self.passed,
            "bodies": self.bodies,
            "checked": len(self.threads),
            "events": self.events,
            "allowed": sorted(self.allowed),
            "counts": {str(verdict): count for verdict, count in self.counts.items()},
            "threads": [thread_record(one) for one in self.threads if one.verdict is not Verdict.SAME],
        }

    def assert_passed(self) -> None:
        """Nothing where it passed.

        Raises:
            AssertionError: with the report for people.
        """
        if not self.passed:
            raise AssertionError("\n".join(self.lines()))


def allowed_verdicts(allow: Iterable[str]) -> frozenset[Verdict]:
    """The verdicts that a policy lets pass: "same", and those named.

    Raises:
        ValueError: one is no verdict.
    """
    try:
        return frozenset({Verdict.SAME, *(Verdict(name) for name in allow)})
    except ValueError as error:
        known = ", ".join(repr(str(verdict)) for verdict in Verdict)
        raise ValueError(f"{error}: use one of {known}") from None


def thread_record(one: ThreadVerdict) -> dict[str, Any]:
    """A thread's verdict as plain values, with all its differences."""
    worst = one.worst
    return {
        "thread": one.thread,
        "tenant": one.tenant,
        "verdict": str(one.verdict),
        "what": "" if worst is None else worst.what,
        "differences": [_difference(difference) for difference in one.differences],
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "verdict": str(one.verdict),
        "what": one.what,
        "version": one.version,
        "index": one.index,
        "event": one.event,
        "node": one.node,
        "namespace": one.namespace,
        "recorded": one.recorded,
        "now": one.now,
    }


def _told(worst: Difference | None) -> str:
    if worst is None:
        return str(Verdict.SAME)
    return f"event {worst.at} ({worst.event}): {worst.what}" if worst.at else worst.what


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"
