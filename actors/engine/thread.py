"""The thread actor: the one writer of one thread, and the only place that appends.

A command becomes events (decide), one commit (journal), the next state (the decider's draft), chunks (streams), and
jobs for the nodes that are now due: that half is in work/writer.py; messages, runs and reports are here. Its state is a
cache of the log: on any doubt it is dropped and replayed. It never runs user code.

A graph called in a node of a kept thread runs inside the same actor, in a namespace of its own: its run is one of the
`inner` runs, its commits stand in the same log, and it ends with the run above it at the latest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from ...events.codec.values import Codec
from ...events.errors import (
    InboxFullError,
    StaleVersionError,
)
from ...projections.state import namespaces
from ...projections.state.thread import ThreadState
from ..decider.commands import (
    ENDS_ITS_RUN,
    Ending,
    Outcome,
    Report,
    Stop,
)
from .dispatcher import Dispatcher
from .effects import EffectKept
from .journal import Journal
from .log import ThreadLog
from .run import Run
from .work.beside import LookAgain
from .work.failing import jobs_beside, waits_for_siblings
from .work.jobs import Job
from .work.messages import (
    FLUSH,
    Again,
    Cancel,
    Committed,
    Finished,
    MergeFinished,
    StepOverdue,
)
from .work.progress import EARLY_COMMIT_SECONDS, NOBODY, Progress, Step
from .work.sync_calls import SyncCalls
from .work.writer import RUN_COMMITS_MAX, ThreadWriter

INBOX_MAX = 1000
"""Runs that may wait for one thread."""
_NOTHING: Mapping[str, Any] = {}
"""What a resting actor keeps instead of an empty dict of its own: ten thousand rest in memory at once."""


class ThreadActor(SyncCalls, ThreadWriter):
    """One thread's writer. Every field is only touched during its turn; readers look at `stored`."""

    def __init__(
        self, dispatcher: Dispatcher, thread: str, log: ThreadLog | None, journal: Journal | None, codec: Codec
    ) -> None:
        super().__init__(dispatcher, thread, log, journal, codec)
        self.inner: Mapping[str, Run] = _NOTHING
        """Namespace to the run of a graph that a node called, its own or a node's of another one of these."""
        self.waiting: Sequence[Run] = ()
        """Runs whose turn comes when the present one ends."""
        self.last_used = time.monotonic()
        """Monotonic seconds of the end of the last run, or of the actor's making."""
        self.home: dict[str, ThreadActor] | None = None
        """Where the runtime keeps the actors of its saver, this one while it is active; None for an unkept run."""

    # -- messages

    def on_receive(self, message: Any) -> None:
        """One message: a new run, a job's outcome, an append's verdict, a cancellation."""
        match message:
            case Finished():
                self._finished(message)
            case Run():
                self._accept(message) if message.outer is None else self._enter(message)
            case MergeFinished():
                self._merge_finished(message)
            case EffectKept():
                self._effect_kept(message)
            case Committed():
                self.verdict = message.verdict
            case Again():
                self._again(message)
            case Cancel():
                self._cancel(message)
            case StepOverdue():
                self._overdue(message)
            case LookAgain():
                self._look_again(message)

    def on_idle(self) -> None:
        """Finish an append whose verdict came, do what waited for it, record outcomes, begin the next run."""
        while True:
            if self.appending:
                if self.verdict is None:
                    return
                parts, verdict = self.appending, self.verdict
                self.appending, self.verdict = (), None
                self._stored(parts, verdict)
            elif (self.ready and self._do_ready()) or (self.unrecorded and self._record()):
                continue
            elif self.gathered:
                self._store()
            elif self.run is None and self.waiting:
                first, *rest = self.waiting
                self.waiting = rest or ()
                self._begin(first)
            else:
                return

    def _do_ready(self) -> bool:
        """Look again at what could not be decided; False when all of it waits on."""
        ready, self.ready = self.ready, ()
        for message in ready:
            self.on_receive(message)
        return len(self.ready) < len(ready)

    @property
    def idle(self) -> bool:
        """True when nothing is under way: the actor may be dropped, its log has everything."""
        try:
            # With the token in hand: a turn that has taken a message and not begun its run yet looks idle.
            self._token.pop()
        except IndexError:
            return False
        try:
            busy = self.run or self.waiting or self.open or self.ready or self.appending or self.gathered
            return not (busy or self.actor_inbox.messages)
        finally:
            self._token.append(None)
            if self.actor_inbox.messages:
                self.dispatcher.submit(self)

    def on_trouble(self, message: Any, error: BaseException) -> None:
        """A bug in our own code: the caller gets it, the state is dropped and replayed at the next use."""
        super().on_trouble(message, error)
        run = message if isinstance(message, Run) else self.run
        lost = [part.run for part in self.gathered.values() if part.run.outer is not None]
        self.forget()
        for inner in lost:
            self._end(inner, Ending("failed", error))
        if run is not None:
            self._end(run, Ending("failed", error))
        if self.run is not None and (self.inner or run is None or run.outer is not None):
            # What ran beside has lost the state that it was to go on from.
            self._end(self.run, Ending("failed", error))

    # -- runs

    def _accept(self, run: Run) -> None:
        if self.run is None and not (self.appending or self.gathered or self.waiting):
            self._begin(run)
        elif len(self.waiting) >= INBOX_MAX:
            error = InboxFullError(f"thread {self.thread!r} has {INBOX_MAX} runs waiting; try again later")
            run.end(Ending("failed", error), self.state)
        else:
            self.waiting = [*self.waiting, run]

    def _begin(self, run: Run) -> None:
        self.run = run
        try:
            self.fit(run)
            if run.at_end:
                # The conflict with what others stored before would only show at the run's end.
                self.refresh()
                self._look_whether_erased(run)
        except Exception as error:
            self._end(run, Ending("failed", error))
            return
        self._take_up(run)

    def _take_up(self, run: Run) -> None:
        run.progress = self._book_of(run.ns)
        run.progress.run = run
        if run.before is None:
            run.before = self.state
        run.version_max = self.state.version + RUN_COMMITS_MAX if run.outer is None else run.outer.version_max
        self._decide(run, run.command if run.unsettled is None else run.unsettled)

    def _enter(self, run: Run) -> None:
        """A graph is called in a node: its run begins, inside of the one that runs the node."""
        if run.loop is None:
            self._note_sync(run)
        if run.ns in self.inner or self._must_wait(run):
            self._later(run)
            return
        if not self._is_called(run):
            error = StaleVersionError(self.thread, self.state.version, self.state.version)
            self._over(run, Ending("failed", error))
            return
        try:
            known = self._know(run)
        except Exception as error:
            self._end(run, Ending("failed", error))
            return
        if not known:
            self._later(run)
            return
        if not self.inner:
            self.inner = {}
        self.inner[run.ns] = run  # type: ignore[index]
        if run.outer is not None:
            run.outer.inside += 1
        self._take_up(run)

    def _is_called(self, run: Run) -> bool:
        """True while the task that calls the graph is being run in an open step, for a run that goes on."""
        outer, job = run.outer, run.calling
        if (
            outer is None
            or job is None
            or outer.over
            or (outer is not self.run and self.inner.get(outer.ns) is not outer)
        ):
            return False
        return self._step(outer.ns) == job.address

    def fit(self, run: Run) -> None:
        """Have the state folded with the run's graph: another graph, or a forgotten state, replays the log."""
        root = run if run.home is None else run.home
        if self.plan is root.plan and self.codec is root.codec:
            return
        if self.log is not None:
            # First of all: after a log that could not be read, the empty state must not pass for the thread's.
            state = self.log.load(root.codec, root.channels)
            # One description for all threads of a graph instead of one each.
            state.graphs = tuple(root.graph_seen if seen == root.graph_seen else seen for seen in state.graphs)
            # A reader that looks between the lines must not take the one graph's state for the other's.
            self.plan = None
            self.state = state
        self.plan, self.channels, self.codec = root.plan, root.channels, root.codec

    def _know(self, run: Run) -> bool:
        """Have the state of a graph that is called folded with that graph's own channels; False when it must wait."""
        if self.channels is None or self.log is None:
            return True
        if self.channels.meet(namespaces.names(run.ns), run.channels):
            for annotation in run.plan.types:
                with suppress(ValueError):  # two classes of one name: the outer graph's counts
                    self.codec.registry.register_schema(annotation)
        line = self.state.lines.get(run.ns)
        if line is not None and line.rules is not None and line.rules.fingerprint != run.channels.fingerprint:
            if self.gathered:
                return False
            held, state = self.held, self.log.load(self.codec, self.channels)
            if held is None:
                self.state = state
            elif state.version == held.stored.version:
                self.state = held.folded_anew(state, self.channels, run.command_id)
            else:
                raise StaleVersionError(self.thread, held.stored.version, state.version)
        return True

    def _changed(self, before: ThreadState) -> None:
        """While graphs run inside: if others took the thread or its step, all that runs here is over."""
        if not self.inner:
            return
        run, now = self.run, self.state.run
        old, new = before.root.head, self.state.root.head
        moved = (None if old is None else old.address) != (None if new is None else new.address)
        if run is not None and (moved or now is None or now.id != run.terms.run):
            self._end(run, Ending("failed", self._overtaken(run, before.version)))

    def _cancel(self, message: Cancel) -> None:
        run = message.run
        run.cancelled = True
        if run.over:
            return
        if run in self.waiting or (run in self.ready and self.inner.get(run.ns) is not run):
            self.waiting = [other for other in self.waiting if other is not run]
            self.ready = [other for other in self.ready if other is not run]
            self._over(run, Ending(message.status))
        elif run.outer is not None:
            # The log need not say so: the graph goes on where it is when its node is run again.
            self._end(run, Ending(message.status))
        elif run is self.run and not self._must_wait(run):
            self._drop_jobs(run)
            self._decide(run, Stop(message.status))
        elif run is self.run:
            self._later(message)

    def _overdue(self, message: StepOverdue) -> None:
        run, step = message.run, self._step(message.run.ns)
        if run is not run.progress.run or run.over or step != message.step:
            return
        if self._must_wait(run):  # perhaps for the step's own end
            self.dispatcher.later(EARLY_COMMIT_SECONDS, self, message)
            return
        run.cancelled = True
        self._drop_jobs(run)
        self._decide(run, Stop("failed", message.error(self.state.line(run.ns).unfinished)))

    def _drop_jobs(self, run: Run, keep: int = 0) -> None:
        """Take back what nobody has begun; what runs already goes on and is recorded when it ends."""
        for job in run.take_back(keep):
            if isinstance(job, Job):
                run.progress.done(job)

    def _end(self, run: Run, ending: Ending) -> None:
        self._drop_jobs(run)
        if self.run is run:
            self.run = None
            self._let_go()
        elif self.inner.get(run.ns) is run:
            if len(self.inner) > 1:
                del self.inner[run.ns]  # type: ignore[attr-defined]
            else:
                self.inner = _NOTHING
            if run.outer is not None:
                run.outer.inside -= 1
        if run.inside:
            self._end_inside(run, ending)
        progress = run.progress
        if progress.run is run:
            progress.leave()
        self._close(progress)
        self.last_used = time.monotonic()
        self._over(run, ending)
        if self.followers:
            self._tell_followers()

    def _over(self, run: Run, ending: Ending) -> None:
        if self.sync_calls:
            self._forget_sync(run)
        run.end(ending, self.state)

    def _end_inside(self, run: Run, ending: Ending) -> None:
        """What a run's nodes called ends with it: at its last commit, from where it goes on when the node does."""
        stale = isinstance(ending.error, StaleVersionError)
        for other in [other for other in self.inner.values() if other.outer is run]:
            other.cancelled = True
            self._end(other, Ending("cancelled", ending.error if stale else asyncio.CancelledError()))

    # -- reports

    def _finished(self, message: Finished) -> None:
        job, outcome = message.job, message.outcome
        run, progress = job.run, job.run.progress
        progress.done(job)
        if self._step(run.ns) != job.address:
            if run.outer is not None and progress.run is run:
                error = StaleVersionError(self.thread, job.checkpoint.version, self.state.version)
                self._end(run, Ending("failed", error))
            self._close(progress)
            return
        if run is not progress.run and outcome.kind in ENDS_ITS_RUN:
            # The trouble of an earlier run is not this one's: whoever goes on with the step tries the task anew.
            outcome = replace(outcome, kind="abandoned")
        if outcome.kind in ENDS_ITS_RUN and waits_for_siblings(job, outcome):
            self._drop_jobs(run, jobs_beside(run, progress.running(job.address)))
            progress.failed.append((job.address, outcome))
            run.fail()
        else:
            progress.hold(job.address, outcome)
        self._note(progress)

    def _effect_kept(self, message: EffectKept) -> None:
        """A tool call or task inside a node is done while the node goes on: recorded soon, with what else comes by."""
        job = message.job
        progress = job.run.progress
        if progress.hold_effect(job.address, message.effect):
            self.dispatcher.later(EARLY_COMMIT_SECONDS, self, FLUSH)
        self._note(progress)

    def _record(self) -> bool:
        """Record what waited long enough, as much as goes into one commit; False when nothing did."""
        recorded = False
        for progress in tuple(self.unrecorded.values()):
            last = progress.run or progress.last_run
            busy = self.appending or self.gathered
            if busy and last is not None and self._must_wait(last, alone=progress.run is None):
                continue
            step = self._step(progress.ns)
            if progress.reports_now(step):
                self._report(progress, step)
            elif progress.effects_now():
                self._record_effects(progress, step)
            else:
                continue
            self._noted(progress)
            recorded = True
        return recorded

    def _record_effects(self, progress: Progress, step: Step | None) -> None:
        # A task that has reported meanwhile brought its effects along.
        running = progress.running(step)
        effects = tuple(effect for effect in progress.take_effects(step) if effect.task in running)
        if progress.run is not None and effects:
            self._decide(progress.run, Report((), running, effects))
        self._close(progress)

    def _report(self, progress: Progress, step: Step | None) -> None:
        outcomes, run = progress.take_outcomes(step), progress.run
        if outcomes and run is not None:
            turns = progress.waiting_turns(step, outcomes)
            running = progress.running(step) if progress.working else NOBODY
            self._decide(run, Report(outcomes, running, blocked=turns))
        else:
            if outcomes:
                self._record_late(progress, outcomes)
            self._close(progress)

    def _record_late(self, progress: Progress, outcomes: tuple[Outcome, ...]) -> None:
        """Work that finished after its run ended still counts: it is recorded in the open step, nothing is started."""
        done = tuple(outcome for outcome in outcomes if outcome.kind == "completed")
        effects = tuple(effect for outcome in outcomes if outcome.kind != "completed" for effect in outcome.effects)
        last = progress.last_run
        if (done or effects) and last is not None and last.terms.kept:
            self._decide(last, Report(done, frozenset({-1}), effects), late=True)

    def _merge_finished(self, message: MergeFinished) -> None:
        run = message.job.run
        if self._must_wait(run):
            self._later(message)
        elif run is run.progress.run:
            self._decide(run, message.job.command, message.merged)

    def _again(self, message: Again) -> None:
        run = message.run
        if self._must_wait(run, alone=True):
            self._later(message)
        elif not run.over:
            self._decide(run, message.command, message.merged, conflicts=message.conflicts, alone=True)
