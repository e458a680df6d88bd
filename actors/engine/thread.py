"""The thread actor: the one writer of one thread, and the only place that appends.

A command becomes events (decide), one commit (journal), the next state (the decider's draft), chunks (streams), and
jobs for the nodes that are now due. Its state is a cache of the log: on any doubt it is dropped and replayed. It never
runs user code.

A graph called in a node of a kept thread runs inside the same actor, in a namespace of its own: its run is one of the
`inner` runs, its commits stand in the same log, and it ends with the run above it at the latest.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from ...events.codec.values import Codec
from ...events.errors import (
    InboxFullError,
    OutcomeUnknownError,
    RefusedError,
    StaleVersionError,
    StoreError,
)
from ...events.stores.store import Verdict
from ...events.vocabulary import Commit
from ...projections.state import namespaces
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState
from ...projections.streams.commit import standing_chunks
from ..author.plan import Plan
from ..decider.commands import (
    ENDS_ITS_RUN,
    Command,
    Decision,
    Ending,
    Merged,
    Moment,
    Outcome,
    Report,
    Stop,
)
from ..decider.decide import decide
from ..decider.request import Request
from .dispatcher import Dispatcher, PooledActor
from .effects import EffectKept
from .journal import Journal
from .log import ThreadLog, forget_encoded
from .run import Job, MergeJob, Run
from .work.failing import jobs_beside, waits_for_siblings
from .work.followed import Followed
from .work.messages import FLUSH, Appending, Cancel, Committed, Finished, MergeFinished, StepOverdue, tell
from .work.progress import EARLY_COMMIT_SECONDS, Books, Progress, Step

INBOX_MAX = 1000
"""Runs that may wait for one thread."""
CONFLICTS_MAX = 5
"""How often a command is decided anew because another process appended first."""
_NOBODY: frozenset[int] = frozenset()
_NOTHING: Mapping[str, Any] = {}
"""What a resting actor keeps instead of an empty dict of its own: ten thousand rest in memory at once."""


class ThreadActor(Followed, Books, PooledActor):
    """One thread's writer. Every field is only touched during its turn, but `state`, which readers may look at."""

    def __init__(
        self, dispatcher: Dispatcher, thread: str, log: ThreadLog | None, journal: Journal | None, codec: Codec
    ) -> None:
        super().__init__(dispatcher)
        self.thread = thread
        self.log = log
        """Where the thread is stored; None for a run without a checkpointer."""
        self.journal = journal
        self.codec = codec
        self.plan: Plan | None = None
        """The graph whose channels `state` was folded with."""
        self.channels: Channels | None = None
        self.state = ThreadState()
        """What the log amounts to, as far as this actor has read it. Replaced, never changed."""
        self.run: Run | None = None
        """The run that is being worked on; None while the thread rests."""
        self.inner: Mapping[str, Run] = _NOTHING
        """Namespace to the run of a graph that a node called, its own or a node's of another one of these."""
        self.waiting: Sequence[Run] = ()
        """Runs whose turn comes when the present one ends."""
        self.ready: Sequence[Any] = ()
        """Messages that are to be decided once the append on its way is durable, and calls into a namespace in use."""
        self.appending: Appending | None = None
        """The append on its way, while the journal has it; nothing else is decided meanwhile."""
        self.verdict: Verdict | None = None
        self.last_used = time.monotonic()
        """Monotonic seconds of the end of the last run, or of the actor's making."""
        self.home: dict[str, ThreadActor] | None = None
        """Where the runtime keeps the actors of its saver, this one while it is active; None for an unkept run."""

    # -- messages

    def on_receive(self, message: Any) -> None:
        """One message: a new run, a job's outcome, an append's verdict, a cancellation."""
        match message:
            case Run():
                self._accept(message) if message.outer is None else self._enter(message)
            case Finished():
                self._finished(message)
            case MergeFinished():
                self._merge_finished(message)
            case EffectKept():
                self._effect_kept(message)
            case Committed():
                self.verdict = message.verdict
            case Cancel():
                self._cancel(message)
            case StepOverdue():
                self._overdue(message)

    def on_idle(self) -> None:
        """Finish an append whose verdict came, do what waited for it, record outcomes, begin the next run."""
        while True:
            if self.appending is not None:
                if self.verdict is None:
                    return
                appending, verdict = self.appending, self.verdict
                self.appending = self.verdict = None
                self._appended(appending, verdict)
            elif (self.ready and self._do_ready()) or (self.unrecorded and self._record()):
                continue
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
        return self.appending is not None or len(self.ready) < len(ready)

    @property
    def idle(self) -> bool:
        """True when nothing is under way: the actor may be dropped, its log has everything."""
        try:
            # With the token in hand: a turn that has taken a message and not begun its run yet looks idle.
            self._token.pop()
        except IndexError:
            return False
        try:
            busy = self.run or self.waiting or self.open or self.ready or self.appending
            return not (busy or self.actor_inbox.messages)
        finally:
            self._token.append(None)
            if self.actor_inbox.messages:
                self.dispatcher.submit(self)

    def on_trouble(self, message: Any, error: BaseException) -> None:
        """A bug in our own code: the caller gets it, the state is dropped and replayed at the next use."""
        super().on_trouble(message, error)
        run = message if isinstance(message, Run) else self.run
        self.forget()
        if run is not None:
            self._end(run, Ending("failed", error))
        if self.run is not None and (self.inner or run is None or run.outer is not None):
            # What ran beside has lost the state that it was to go on from.
            self._end(self.run, Ending("failed", error))

    def forget(self) -> None:
        """Drop the state: the next command replays the log."""
        if self.log is not None:
            self.state = ThreadState()
            self.plan = None
        for progress in self.unrecorded:
            progress.forget()
        self.unrecorded = ()

    # -- runs

    def _accept(self, run: Run) -> None:
        if self.run is None and self.appending is None and not self.waiting:
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
        except Exception as error:
            self._end(run, Ending("failed", error))
            return
        self._take_up(run)

    def _take_up(self, run: Run) -> None:
        run.progress = self._book_of(run.ns)
        run.progress.run = run
        run.before = self.state
        self._decide(run, run.command)

    def _enter(self, run: Run) -> None:
        """A graph is called in a node: its run begins, inside of the one that runs the node."""
        if self.appending is not None or run.ns in self.inner:
            self.ready = [*self.ready, run]
            return
        if not self._is_called(run):
            error = StaleVersionError(self.thread, self.state.version, self.state.version)
            run.end(Ending("failed", error), self.state)
            return
        if not self.inner:
            self.inner = {}
        self.inner[run.ns] = run  # type: ignore[index]
        try:
            self._know(run)
        except Exception as error:
            self._end(run, Ending("failed", error))
            return
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

    def _know(self, run: Run) -> None:
        """Have the state of a graph that is called folded with that graph's own channels."""
        if self.channels is None or self.log is None:
            return
        if self.channels.meet(namespaces.names(run.ns), run.channels):
            for annotation in run.plan.types:
                with suppress(ValueError):  # two classes of one name: the outer graph's counts
                    self.codec.registry.register_schema(annotation)
        line = self.state.lines.get(run.ns)
        if line is not None and line.rules is not None and line.rules.fingerprint != run.channels.fingerprint:
            self.state = self.log.load(self.codec, self.channels)

    @property
    def blocked(self) -> bool:
        """True when a sync call in a node may keep the event loop from taking the actor's turns. From any thread."""
        if not self.inner and not self.ready:
            return False
        runs = (*tuple(self.inner.values()), *tuple(self.ready))
        return any(isinstance(run, Run) and run.loop is None for run in runs)

    def refresh(self) -> bool:
        """Fold what other writers appended; True when there was something."""
        if self.log is None or self.channels is None:
            return False
        before = self.state
        self.state = self.log.load(self.codec, self.channels, before)
        changed = self.state.version != before.version
        if changed and self.inner:
            self._look_who_runs(before)
        return changed

    def _look_who_runs(self, before: ThreadState) -> None:
        """Others appended while graphs run inside: if they took the thread or its step, all that runs here is over."""
        run, now = self.run, self.state.run
        old, new = before.root.head, self.state.root.head
        moved = (None if old is None else old.address) != (None if new is None else new.address)
        if run is not None and (moved or now is None or now.id != run.terms.run):
            error = StaleVersionError(self.thread, before.version, self.state.version)
            self._end(run, Ending("failed", error))

    def _cancel(self, message: Cancel) -> None:
        run = message.run
        run.cancelled = True
        if run.over:
            return
        if run in self.waiting or (run in self.ready and self.inner.get(run.ns) is not run):
            self.waiting = [other for other in self.waiting if other is not run]
            self.ready = [other for other in self.ready if other is not run]
            run.end(Ending(message.status), self.state)
        elif run.outer is not None:
            # The log need not say so: the graph goes on where it is when its node is run again.
            self._end(run, Ending(message.status))
        elif run is self.run and self.appending is None:
            self._drop_jobs(run)
            self._decide(run, Stop(message.status))
        elif run is self.run:
            self.ready = [*self.ready, message]

    def _overdue(self, message: StepOverdue) -> None:
        run, step = message.run, self._step(message.run.ns)
        if run is not run.progress.run or run.over or step != message.step:
            return
        if self.appending is not None:  # perhaps the step's own end
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
        elif self.inner.get(run.ns) is run:
            self.inner = {ns: other for ns, other in self.inner.items() if other is not run} or _NOTHING
        if self.inner:
            self._end_inside(run, ending)
        progress = run.progress
        if progress.run is run:
            progress.leave()
        self._close(progress)
        self.last_used = time.monotonic()
        run.end(ending, self.state)
        if self.followers:
            self._tell_followers()

    def _end_inside(self, run: Run, ending: Ending) -> None:
        """What a run's nodes called ends with it: at its last commit, from where it goes on when the node does."""
        stale = isinstance(ending.error, StaleVersionError)
        for other in [other for other in self.inner.values() if other.outer is run]:
            other.cancelled = True
            self._end(other, Ending("cancelled", ending.error if stale else asyncio.CancelledError()))

    # -- reports

    def _step(self, ns: str) -> Step | None:
        """The namespace's open step, by the address of the checkpoint before it."""
        line = self.state.lines.get(ns)
        return None if line is None or line.head is None else line.head.address

    def _finished(self, message: Finished) -> None:
        job = message.job
        run, progress = job.run, job.run.progress
        progress.done(job)
        if self._step(run.ns) != job.address:
            if run.outer is not None and progress.run is run:
                error = StaleVersionError(self.thread, job.checkpoint.version, self.state.version)
                self._end(run, Ending("failed", error))
            self._close(progress)
            return
        outcome = message.outcome
        if run is not progress.run and outcome.kind in ENDS_ITS_RUN:
            # The trouble of an earlier run is not this one's: whoever goes on with the step tries the task anew.
            outcome = replace(outcome, kind="abandoned")
        if outcome.kind == "failed" and waits_for_siblings(job, outcome):
            self._drop_jobs(run, jobs_beside(run, progress.running(job.address)))
            progress.failed.append((job.address, outcome))
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
        """Record what waited long enough, of one namespace; False when nothing did."""
        for progress in self.unrecorded:
            step = self._step(progress.ns)
            if progress.reports_now(step):
                self._report(progress, step)
                break
            if progress.effects_now():
                self._record_effects(progress, step)
                break
        else:
            return False
        self.unrecorded = tuple([other for other in self.unrecorded if other.unrecorded])
        return True

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
            self._decide(run, Report(outcomes, progress.running(step), blocked=turns))
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
        if self.appending is not None:
            self.ready = [*self.ready, message]
        elif run is run.progress.run:
            self._decide(run, message.job.command, message.merged)

    # -- deciding and appending

    def _decide(
        self, run: Run, command: Command, merged: Merged | None = None, *, late: bool = False, conflicts: int = 0
    ) -> None:
        """Decide a command and append what follows. A refusal is looked at twice: the state may be stale."""
        run.progress.last_run = run
        try:
            decision = decide(self._request(run, merged), command)
        except Exception as refusal:
            if isinstance(refusal, (RefusedError, StaleVersionError)) and self._refreshed():
                if late or not run.over:
                    self._decide(run, command, late=late, conflicts=conflicts)
            elif not late:
                self._end(run, Ending("failed", refusal))
            return
        if decision.merge is not None:
            run.add_jobs([MergeJob(run, command, decision.merge)])
        elif decision.draft is None:
            if decision.ending is not None and not late:
                self._end_unwritten(run, command, decision.ending)
        else:
            self._append(run, decision, command, conflicts, late)

    def _end_unwritten(self, run: Run, command: Command, ending: Ending) -> None:
        """End a run that has nothing to append: no conflict would show that others went on, so the store is asked."""
        try:
            # Not for a graph inside: the run above it will notice.
            if run.outer is None and self.refresh():
                self._decide(run, command)
                return
        except StoreError as error:
            ending = Ending("failed", error)
        if not isinstance(command, Stop) and ending.status != "blocked":
            for reader, view in run.readers:
                reader.show(standing_chunks(view, self.state))
        self._end(run, ending)

    def _refreshed(self) -> bool:
        with suppress(StoreError):
            return self.refresh()
        return False

    def _request(self, run: Run, merged: Merged | None) -> Request:
        state = self.state
        now = time.time_ns() // 1000
        # Ten checkpoint ids fit into a microsecond; time never stands still or goes back within a thread.
        earliest = state.time + 1 + state.checkpoints_made // 10
        moment = Moment(max(now, earliest), os.urandom(16))
        control, terms = run.settings.control, run.terms
        if control is not None and control.drain_reason is not None:
            terms = replace(terms, drained=control.drain_reason)
        return Request(
            run.plan,
            run.channels,
            terms,
            state,
            moment,
            self.thread,
            run.graph_seen,
            run.progress.running(self._step(run.ns)) if run.progress.working else _NOBODY,
            merged,
            run.settings.command_id,
            run.ns,
        )

    def _append(self, run: Run, decision: Decision, command: Command, conflicts: int, late: bool) -> None:
        draft = decision.draft
        before = self.state
        # What runs inside is part of what the command around it does: a repeated command finds all of it.
        command_id = (run if run.outer is None or self.run is None else self.run).settings.command_id
        state = draft.finish(b"", command_id)
        appending = Appending(None if late else run, decision, state, command, conflicts)
        if self.log is None or self.journal is None:
            self._appended(appending, 0)
            return
        commit = Commit(draft.entropy, draft.time, draft.events, command_id, run.terms.who)
        graph = run.plan.name if self.plan is None else self.plan.name
        verdict: Verdict
        try:
            entry = self.log.entry(commit, before, state, self.codec, graph)
            if self.journal.store.durable and asyncio._get_running_loop() is not None:
                # An event loop must not wait for a disk: the committer tells us, and other threads share its commit.
                self.appending = appending
                self.journal.submit(entry, tell(self, run))
                return
            verdict = self.journal.append(entry)
        except Exception as error:
            self.appending = None
            verdict = error
        self._appended(appending, verdict)

    def _appended(self, appending: Appending, verdict: Verdict) -> None:
        run = appending.run
        if isinstance(verdict, Exception):
            self._not_appended(appending, verdict)
            return
        before, self.state = self.state, appending.state
        if self.followers:
            self._tell_followers()
        decision = appending.decision
        if run is None:
            return
        for reader, view in run.readers:
            reader.show(appending.chunks(view, before))
        events = decision.draft.events
        forget_encoded(events)
        if run.over:
            return
        if run.outer is None and getattr(appending.command, "checkpoint", ""):
            run.note_branch(events, self.state.version)
        if decision.ending is not None:
            self._end(run, decision.ending)
            return
        if decision.start:
            self._start(run, decision)

    def _not_appended(self, appending: Appending, error: Exception) -> None:
        run = appending.run
        if isinstance(error, StaleVersionError) and appending.conflicts < CONFLICTS_MAX:
            step = self._step("" if run is None else run.ns)
            if self._refreshed() and run is not None:
                if not run.over:
                    self._decide_again(run, appending, step)
                return
        if isinstance(error, OutcomeUnknownError):
            self.forget()
            if run is not None and run.outer is not None and self.run is not None:
                # Nobody knows what the run above stands on: it ends, and what runs inside with it.
                self._end(self.run, Ending("failed", error))
                return
        if run is not None:
            self._end(run, Ending("failed", error))

    def _decide_again(self, run: Run, appending: Appending, step: Step | None) -> None:
        """Another process appended first. A new command is decided again; a run under way has lost its thread."""
        moved = self._step(run.ns) != step
        current, root = self.state.run, self.run or run
        if isinstance(appending.command, Report) and (moved or current is None or current.id != root.terms.run):
            error = StaleVersionError(self.thread, appending.state.version - 1, self.state.version)
            self._end(run, Ending("failed", error))
            return
        self._decide(run, appending.bound(), conflicts=appending.conflicts + 1)

    def _start(self, run: Run, decision: Decision) -> None:
        line = self.state.line(run.ns)
        head = line.head
        if head is None:
            return
        jobs: list[Job | MergeJob] = []
        for ordinal in decision.start:
            task = line.tasks[ordinal]
            node = run.plan.runner(task.node, task.handler)
            if node is not None:
                job = Job(run, ordinal, task, node, head, line.cells, task.attempt)
                job.cause = decision.causes.get(ordinal) if decision.causes else None
                jobs.append(job)
                run.progress.begun(job)
        run.offer_ahead(line.ahead)
        run.base_step = line.run.base_step if line.run is not None else 0
        if run.settings.step_timeout is not None:
            self.dispatcher.later(run.settings.step_timeout, self, StepOverdue(run, head.address))
        run.add_jobs(jobs)
