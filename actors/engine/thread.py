"""The thread actor: the one writer of one thread, and the only place that appends.

A command becomes events (decide), one commit (journal), the next state (the decider's draft), chunks (streams), and
jobs for the nodes that are now due. Its state is a cache of the log: on any doubt it is dropped and replayed. It never
runs user code.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from msgspec import Struct
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
from ...events.vocabulary import Commit, EffectRecorded
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState
from ...projections.streams.commit import commit_chunks, standing_chunks
from ..author.plan import Plan
from ..decider.commands import (
    ENDS_ITS_RUN,
    Answer,
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
from .log import ThreadLog
from .run import Chunk, Job, MergeJob, Run

INBOX_MAX = 1000
"""Runs that may wait for one thread."""
CONFLICTS_MAX = 5
"""How often a command is decided anew because another process appended first."""
_FOLLOWERS = threading.Lock()
"""Held while a thread's followers change, which happens seldom enough for one lock to do for all threads."""
_NONE: frozenset[Any] = frozenset()
"""What a resting actor keeps instead of an empty set of its own: ten thousand rest in memory at once."""
EARLY_COMMIT_SECONDS = 0.005
"""How long a finished task beside slower siblings waits to be recorded: what finishes meanwhile shares the commit."""


class Finished(Struct, frozen=True):
    """A node runner's message: what became of a job."""

    job: Job
    outcome: Outcome


class MergeFinished(Struct, frozen=True):
    """A node runner's message: a merge with a user's reducer was done."""

    job: MergeJob
    merged: Merged


class Cancel(Struct, frozen=True):
    """A caller's message: stop this run at its last commit."""

    run: Run
    status: str = "cancelled"


class Committed(Struct, frozen=True):
    """The journal's message to an actor whose append did not block: what became of it."""

    verdict: Verdict


class _Flush:
    """Look again at outcomes that wait for their siblings."""


FLUSH = _Flush()


class _Appending(Struct, frozen=True):
    """An append on its way: what is to be done when it is durable."""

    run: Run | None
    decision: Decision
    state: ThreadState
    command: Command
    conflicts: int


class ThreadActor(PooledActor):
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
        self.waiting: Sequence[Run] = ()
        """Runs whose turn comes when the present one ends."""
        self.working: AbstractSet[tuple[tuple[int, int], int]] = _NONE
        """(step, task) of jobs handed out and not yet reported, also of runs that have ended."""
        self.held: Sequence[tuple[tuple[int, int], Outcome]] = ()
        """(step, outcome), not yet recorded: their siblings may share the commit."""
        self.held_since = 0.0
        """Monotonic seconds since when the first of them waits."""
        self.effects: Sequence[tuple[tuple[int, int], EffectRecorded]] = ()
        """(step, effect) of tasks that go on, not yet recorded."""
        self.effects_since = 0.0
        """Monotonic seconds since when the first of them waits."""
        self.appending: _Appending | None = None
        """The append on its way, while the journal has it; nothing else is decided meanwhile."""
        self.verdict: Verdict | None = None
        self.last_run: Run | None = None
        """The run that worked last, while jobs of it are out: late outcomes are recorded under its terms."""
        self.last_used = time.monotonic()
        """Monotonic seconds of the end of the last run, or of the actor's making."""
        self.followers: tuple[Callable[[], None], ...] = ()
        """What is called after each commit and each run's end, for readers who follow the thread: see actors/follow."""
        self.home: dict[str, ThreadActor] | None = None
        """Where the runtime keeps the actors of its saver, this one while it is active; None for an unkept run."""

    # -- messages

    def on_receive(self, message: Any) -> None:
        """One message: a new run, a job's outcome, an append's verdict, a cancellation."""
        match message:
            case Run():
                self._accept(message)
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

    def on_idle(self) -> None:
        """Finish an append whose verdict came, record held outcomes, begin the next run."""
        while True:
            if self.appending is not None:
                if self.verdict is None:
                    return
                appending, verdict = self.appending, self.verdict
                self.appending = self.verdict = None
                self._appended(appending, verdict)
            elif self.held and self._time_to_report():
                self._report()
            elif self.effects and time.monotonic() - self.effects_since >= EARLY_COMMIT_SECONDS:
                self._record_effects()
            elif self.run is None and self.waiting:
                first, *rest = self.waiting
                self.waiting = rest or ()
                self._begin(first)
            else:
                return

    @property
    def idle(self) -> bool:
        """True when nothing is under way: the actor may be dropped, its log has everything."""
        try:
            # With the token in hand: a turn that has taken a message and not begun its run yet looks idle.
            self._token.pop()
        except IndexError:
            return False
        try:
            return not (
                self.run or self.waiting or self.working or self.held or self.appending or self.actor_inbox.messages
            )
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

    def forget(self) -> None:
        """Drop the state: the next command replays the log."""
        if self.log is not None:
            self.state = ThreadState()
            self.plan = None
        self.held = ()

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
        run.before = self.state
        self._decide(run, run.command)

    def fit(self, run: Run) -> None:
        """Have the state folded with the run's graph: another graph, or a forgotten state, replays the log."""
        if self.plan is run.plan and self.codec is run.graph_codec:
            return
        if self.log is not None:
            # First of all: after a log that could not be read, the empty state must not pass for the thread's.
            state = self.log.load(run.graph_codec, run.channels)
            # One description for all threads of a graph instead of one each.
            state.graphs = tuple(run.graph_seen if seen == run.graph_seen else seen for seen in state.graphs)
            # A reader that looks between the lines must not take the one graph's state for the other's.
            self.plan = None
            self.state = state
        self.plan, self.channels, self.codec = run.plan, run.channels, run.graph_codec

    def refresh(self) -> bool:
        """Fold what other writers appended; True when there was something."""
        if self.log is None or self.channels is None:
            return False
        before = self.state.version
        self.state = self.log.load(self.codec, self.channels, self.state)
        return self.state.version != before

    def _cancel(self, message: Cancel) -> None:
        run = message.run
        run.cancelled = True
        if run in self.waiting:
            self.waiting = [other for other in self.waiting if other is not run]
            run.end(Ending(message.status), self.state)
        elif run is self.run and self.appending is None:
            self._drop_jobs(run)
            self._decide(run, Stop(message.status))
        elif run is self.run:
            run.stop_wanted = message.status

    def _drop_jobs(self, run: Run) -> None:
        """Take back what nobody has begun; what runs already goes on and is recorded when it ends."""
        for job in run.take_back():
            if isinstance(job, Job):
                self._not_working(job)

    def _end(self, run: Run, ending: Ending) -> None:
        self._drop_jobs(run)
        if self.run is run:
            self.run = None
        if not self.working:
            self.working = _NONE
            if not self.held:
                self.last_run = None
        self.last_used = time.monotonic()
        run.end(ending, self.state)
        if self.followers:
            self._tell_followers()

    def add_follower(self, wake: Callable[[], None]) -> None:
        """Have `wake` called after each commit, from any thread; it must not block. From any thread."""
        with _FOLLOWERS:
            self.followers = (*self.followers, wake)

    def forget_follower(self, wake: Callable[[], None]) -> None:
        """Call it no longer. From any thread."""
        with _FOLLOWERS:
            self.followers = tuple(other for other in self.followers if other != wake)

    def _tell_followers(self) -> None:
        for wake in self.followers:
            wake()

    def _not_working(self, job: Job) -> None:
        working = self.working
        if type(working) is set:
            working.discard((job.address, job.ordinal))

    # -- reports

    def _finished(self, message: Finished) -> None:
        job = message.job
        self._not_working(job)
        head = self.state.root.head
        if head is None or head.address != job.address:
            return
        outcome = message.outcome
        if job.run is not self.run and outcome.kind in ENDS_ITS_RUN:
            # The trouble of an earlier run is not this one's: whoever goes on with the step tries the task anew.
            outcome = replace(outcome, kind="abandoned")
        if type(self.held) is not list:
            self.held = []
            self.held_since = time.monotonic()
        self.held.append((job.address, outcome))

    def _effect_kept(self, message: EffectKept) -> None:
        """A tool call or task inside a node is done while the node goes on: recorded soon, with what else comes by."""
        if type(self.effects) is not list:
            self.effects = []
            self.effects_since = time.monotonic()
            self.dispatcher.later(EARLY_COMMIT_SECONDS, self, FLUSH)
        self.effects.append((message.job.address, message.effect))

    def _record_effects(self) -> None:
        head = self.state.root.head
        effects = tuple(effect for step, effect in self.effects if head is not None and step == head.address)
        self.effects = ()
        run = self.run
        # A task that has reported meanwhile brought its effects along.
        running = self._running()
        effects = tuple(effect for effect in effects if effect.task in running)
        if run is not None and effects:
            self._decide(run, Report((), running, effects))

    def _running(self) -> frozenset[int]:
        if not self.working:
            return frozenset()
        head = self.state.root.head
        address = None if head is None else head.address
        return frozenset(ordinal for step, ordinal in self.working if step == address)

    def _time_to_report(self) -> bool:
        if not self._running() or any(outcome.kind in ENDS_ITS_RUN for _, outcome in self.held):
            return True
        return time.monotonic() - self.held_since >= EARLY_COMMIT_SECONDS

    def _report(self) -> None:
        head = self.state.root.head
        address = None if head is None else head.address
        outcomes = tuple(outcome for step, outcome in self.held if step == address)
        self.held = ()
        run = self.run
        if not outcomes:
            return
        if run is None:
            self._record_late(outcomes)
        else:
            self._decide(run, Report(outcomes, self._running()))

    def _record_late(self, outcomes: tuple[Outcome, ...]) -> None:
        """Work that finished after its run ended still counts: it is recorded in the open step, nothing is started."""
        done = tuple(outcome for outcome in outcomes if outcome.kind == "completed")
        effects = tuple(effect for outcome in outcomes if outcome.kind != "completed" for effect in outcome.effects)
        last = self.last_run
        if (done or effects) and last is not None and last.terms.kept:
            self._decide(last, Report(done, frozenset({-1}), effects), late=True)
        if not self.working:
            self.last_run = None

    def _merge_finished(self, message: MergeFinished) -> None:
        run = message.job.run
        if run is self.run:
            self._decide(run, message.job.command, message.merged)

    # -- deciding and appending

    def _decide(
        self, run: Run, command: Command, merged: Merged | None = None, *, late: bool = False, conflicts: int = 0
    ) -> None:
        """Decide a command and append what follows. A refusal is looked at twice: the state may be stale."""
        self.last_run = run
        try:
            decision = decide(self._request(run, merged), command)
        except Exception as refusal:
            if isinstance(refusal, (RefusedError, StaleVersionError)) and self._refreshed():
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
            if self.refresh():
                self._decide(run, command)
                return
        except StoreError as error:
            ending = Ending("failed", error)
        if run.settings.modes and not isinstance(command, Stop):
            run.chunks.extend(standing_chunks(run.view, self.state))
        self._end(run, ending)

    def _refreshed(self) -> bool:
        try:
            return self.refresh()
        except StoreError:
            return False

    def _request(self, run: Run, merged: Merged | None) -> Request:
        state = self.state
        now = time.time_ns() // 1000
        # Ten checkpoint ids fit into a microsecond; time never stands still or goes back within a thread.
        earliest = state.time + 1 + state.checkpoints_made // 10
        moment = Moment(max(now, earliest), os.urandom(16))
        return Request(
            run.plan,
            run.channels,
            run.terms,
            state,
            moment,
            self.thread,
            run.graph_seen,
            self._running(),
            merged,
            run.settings.command_id,
        )

    def _append(self, run: Run, decision: Decision, command: Command, conflicts: int, late: bool) -> None:
        draft = decision.draft
        before = self.state
        state = draft.finish(b"", run.settings.command_id)
        appending = _Appending(None if late else run, decision, state, command, conflicts)
        if self.log is None or self.journal is None:
            self._appended(appending, 0)
            return
        commit = Commit(draft.entropy, draft.time, draft.events, run.settings.command_id, run.terms.who)
        verdict: Verdict
        try:
            entry = self.log.entry(commit, before, state, self.codec, run.plan.name)
            if self.journal.store.durable and asyncio._get_running_loop() is not None:
                # An event loop must not wait for a disk: the committer tells us, and other threads share its commit.
                self.appending = appending
                self.journal.submit(entry, _tell(self, run))
                return
            verdict = self.journal.append(entry)
        except Exception as error:
            self.appending = None
            verdict = error
        self._appended(appending, verdict)

    def _appended(self, appending: _Appending, verdict: Verdict) -> None:
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
        if run.settings.modes:
            run.chunks.extend(_chunks(run, appending, before))
        forget_encoded(decision.draft.events)
        if decision.ending is not None:
            self._end(run, decision.ending)
            return
        if decision.start:
            self._start(run, decision)
        if run.stop_wanted:
            self._cancel(Cancel(run, run.stop_wanted))
        elif run.chunks:
            run.wake()

    def _not_appended(self, appending: _Appending, error: Exception) -> None:
        run = appending.run
        if isinstance(error, StaleVersionError) and appending.conflicts < CONFLICTS_MAX:
            step = self.state.root.head
            if self._refreshed() and run is not None:
                self._decide_again(run, appending, step.address if step is not None else None)
                return
        if isinstance(error, OutcomeUnknownError):
            self.forget()
        if run is not None:
            self._end(run, Ending("failed", error))

    def _decide_again(self, run: Run, appending: _Appending, step: tuple[int, int] | None) -> None:
        """Another process appended first. A new command is decided again; a run under way has lost its thread."""
        head = self.state.root.head
        moved = head is None or head.address != step
        current = self.state.run
        if isinstance(appending.command, Report) and (moved or current is None or current.id != run.terms.run):
            error = StaleVersionError(self.thread, appending.state.version - 1, self.state.version)
            self._end(run, Ending("failed", error))
            return
        command = bound(appending)
        self._decide(run, command, conflicts=appending.conflicts + 1)

    def _start(self, run: Run, decision: Decision) -> None:
        line = self.state.root
        head = line.head
        if head is None:
            return
        working = self.working if type(self.working) is set else set()
        self.working = working
        jobs: list[Job | MergeJob] = []
        for ordinal in decision.start:
            task = line.tasks[ordinal]
            node = run.plan.runner(task.node, task.handler)
            if node is not None:
                job = Job(run, ordinal, task, node, head, line.cells, task.attempt)
                job.cause = decision.causes.get(ordinal) if decision.causes else None
                jobs.append(job)
                working.add((head.address, ordinal))
        run.offer_ahead(line.ahead)
        run.base_step = self.state.run.base_step if self.state.run is not None else 0
        run.add_jobs(jobs)


def _chunks(run: Run, appending: _Appending, before: ThreadState) -> list[Chunk]:
    """What the run's stream shows of a commit; of live outcomes it knows more than the log does."""
    command = appending.command
    outcomes = command.outcomes if isinstance(command, Report) else ()
    asked = [outcome.task for outcome in outcomes if outcome.kind == "asked"]
    errors = {outcome.task: outcome.error for outcome in outcomes if outcome.error is not None}
    return commit_chunks(run.view, appending.decision.draft.events, before, appending.state, asked, errors)


def bound(appending: _Appending) -> Command:
    """The command with its bare answer bound to the question it was taken for: a loser must not answer the next one."""
    command = appending.command
    if isinstance(command, Answer) and command.bare is not None and appending.decision.answered:
        return replace(command, answers={appending.decision.answered[0]: command.bare}, bare=None)
    return command


def forget_encoded(events: list[Any]) -> None:
    """Drop what only the live step needs of its payloads, once they are stored and shown: the state has the values."""
    for event in events:
        for write in getattr(event, "writes", ()):
            write.payload.forget_encoded()
        for route in getattr(event, "routes", ()):
            if route.payload is not None:
                route.payload.forget_encoded()
        value = getattr(event, "value", None)
        if value is not None:
            value.forget_encoded()


def _tell(actor: ThreadActor, run: Run) -> Callable[[Verdict], None]:
    def done(verdict: Verdict) -> None:
        actor.actor_inbox.messages.append(Committed(verdict))
        run.call_actor()

    return done


__all__ = ["FLUSH", "Cancel", "Committed", "Finished", "MergeFinished", "ThreadActor"]
