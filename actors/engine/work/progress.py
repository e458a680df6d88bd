"""How far one namespace's open step is, beyond what the log says: the thread actor's book of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ....events.vocabulary import EffectRecorded
from ...decider.commands import ENDS_ITS_RUN, Outcome

if TYPE_CHECKING:
    from ..run import Run
    from .jobs import Job

EARLY_COMMIT_SECONDS = 0.005
"""How long a finished task beside slower siblings waits to be recorded: what finishes meanwhile shares the commit."""
Step = tuple[int, int]
"""Which step: the address of the checkpoint before it."""


class Progress:
    """Jobs handed out, outcomes and effects not recorded yet. There is one while a namespace has any of them, or a run.

    Touched during the actor's turn only; others may look whether something waits.
    """

    __slots__ = (
        "blocked",
        "effects",
        "effects_since",
        "ends",
        "failed",
        "held",
        "held_since",
        "last_run",
        "ns",
        "run",
        "working",
    )

    clock = staticmethod(time.monotonic)
    """Monotonic seconds; the test kit has a clock of its own."""

    def __init__(self, ns: str) -> None:
        self.ns = ns
        self.run: Run | None = None
        """The run that works here; None once it has ended."""
        self.last_run: Run | None = None
        """The run that worked last: late outcomes are recorded under its terms."""
        self.working: dict[Step, set[int]] = {}
        """By step the tasks that were handed out and not yet reported, also of runs that have ended."""
        self.held: list[tuple[Step, Outcome]] = []
        """Outcomes not yet recorded: their siblings may share the commit."""
        self.ends = False
        """True when one of them ends its run: then none waits for siblings."""
        self.held_since = 0.0
        """Monotonic seconds since when the first of them waits."""
        self.blocked: Mapping[tuple[Step, int], str] = _NOTHING
        """(step, task) of tasks that wait for their turn in a history that goes on, to its namespace."""
        self.failed: list[tuple[Step, Outcome]] = []
        """Failures that end the run as soon as nothing runs beside them any more."""
        self.effects: list[tuple[Step, EffectRecorded]] = []
        """Effects of tasks that go on, not yet recorded."""
        self.effects_since = 0.0
        """Monotonic seconds since when the first of them waits."""

    @property
    def over(self) -> bool:
        """True when there is nothing left to keep book of."""
        return not (self.run or self.working or self.unrecorded)

    @property
    def unrecorded(self) -> bool:
        """True while something waits to be recorded."""
        return bool(self.held or self.failed or self.effects)

    def leave(self) -> None:
        """The run is over; failures that it had not told yet are nobody's: their tasks are tried anew."""
        self.run = None
        self.failed = []

    def forget(self) -> None:
        """Drop what waits to be recorded: the step that it belongs to is looked up anew."""
        self.held, self.failed, self.effects, self.ends = [], [], [], False

    def hold(self, step: Step, outcome: Outcome) -> None:
        """Keep an outcome until it is recorded."""
        if not self.held:
            self.held_since = self.clock()
        self.held.append((step, outcome))
        if outcome.kind in ENDS_ITS_RUN:
            self.ends = True

    def hold_effect(self, step: Step, effect: EffectRecorded) -> bool:
        """Keep an effect of a task that goes on until it is recorded; True for the first that waits.

        A look that is planned afterwards comes when the effect has waited long enough, not an instant before.
        """
        first = not self.effects
        if first:
            self.effects_since = self.clock()
        self.effects.append((step, effect))
        return first

    def begun(self, job: Job) -> None:
        """A job was handed out."""
        self.working.setdefault(job.address, set()).add(job.ordinal)
        mark = (job.address, job.ordinal)
        if mark in self.blocked:
            self.blocked = {other: ns for other, ns in self.blocked.items() if other != mark}

    def done(self, job: Job) -> None:
        """A job was reported or taken back."""
        tasks = self.working.get(job.address)
        if tasks is not None:
            tasks.discard(job.ordinal)
            if not tasks:
                del self.working[job.address]

    def running(self, step: Step | None) -> frozenset[int]:
        """Ordinals of the step's tasks that are being run."""
        tasks = self.working.get(step) if step is not None else None
        return frozenset(tasks) if tasks else NOBODY

    @property
    def several(self) -> bool:
        """True while one task may be told of before another is done. From any thread."""
        return len(self.held) + sum(map(len, tuple(self.working.values()))) > 1

    def take_outcomes(self, step: Step | None) -> tuple[Outcome, ...]:
        """The outcomes that wait, those of other steps left out; failures only when nothing runs beside them."""
        held, self.held, self.ends = self.held, [], False
        if self.failed and step not in self.working:
            held, self.failed = [*held, *self.failed], []
        return tuple([outcome for begun, outcome in held if begun == step])

    def waiting_turns(self, step: Step | None, outcomes: Sequence[Outcome]) -> Mapping[int, str]:
        """The tasks of the step that wait for their turn, those of these outcomes included, to what they wait for."""
        for outcome in outcomes:
            if outcome.blocked and step is not None:
                self.blocked = {**self.blocked, (step, outcome.task): outcome.blocked}
        if not self.blocked:
            return _NO_TURNS
        return {task: ns for (begun, task), ns in self.blocked.items() if begun == step}

    def take_effects(self, step: Step | None) -> tuple[EffectRecorded, ...]:
        """As `take_outcomes`, the effects."""
        held, self.effects = self.effects, []
        return tuple(effect for begun, effect in held if begun == step)

    def reports_now(self, step: Step | None) -> bool:
        """True when what waits is to be recorded: nobody else runs, one ended the run, or the time is up."""
        if not self.held:
            return bool(self.failed) and step not in self.working
        if self.ends or step not in self.working:
            return True
        return self.clock() - self.held_since >= EARLY_COMMIT_SECONDS

    def effects_now(self) -> bool:
        """True when effects have waited long enough."""
        return bool(self.effects) and self.clock() - self.effects_since >= EARLY_COMMIT_SECONDS


class Books:
    """What an actor keeps book of. Of the class while there is nothing: a resting actor pays no memory for it."""

    open: Mapping[str, Progress] = {}
    """Namespace to the book of its open step, while there is something to keep book of."""
    unrecorded: Mapping[str, Progress] = {}
    """Those with outcomes or effects that are not recorded yet."""

    def _book_of(self, ns: str) -> Progress:
        """The book of a namespace, opened if need be."""
        progress = self.open.get(ns)
        if progress is None:
            progress = Progress(ns)
            if self.open:
                self.open[ns] = progress  # type: ignore[index]
            else:
                self.open = {ns: progress}
        return progress

    def _close(self, progress: Progress) -> None:
        """Close the book of a namespace where nothing is left to be recorded."""
        if progress.over and self.open.get(progress.ns) is progress:
            progress.last_run = None
            if len(self.open) > 1:
                del self.open[progress.ns]  # type: ignore[attr-defined]
            else:
                del self.open

    def _note(self, progress: Progress) -> None:
        """Something is to be recorded in this one."""
        if not self.unrecorded:
            self.unrecorded = {progress.ns: progress}
        else:
            self.unrecorded[progress.ns] = progress  # type: ignore[index]

    def _noted(self, progress: Progress) -> None:
        """What was to be recorded in this one is; perhaps not all of it."""
        waits = progress.held or progress.failed or progress.effects
        if not waits and self.unrecorded.get(progress.ns) is progress:
            if len(self.unrecorded) > 1:
                del self.unrecorded[progress.ns]  # type: ignore[attr-defined]
            else:
                del self.unrecorded


NOBODY: frozenset[int] = frozenset()
"""No task."""
_NOTHING: Mapping[tuple[Step, int], str] = {}
_NO_TURNS: Mapping[int, str] = {}
