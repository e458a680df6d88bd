"""The writing half of the thread actor: a command is decided, its events are appended, and what follows is begun.

Decisions are gathered during a turn and stored at its end: graphs that run side by side inside one run share a commit,
with the next append after the one that kept them waiting. Nothing is shown, started or ended before it is durable; but
where a run is to be stored at its end (durability "exit") what it says is held, and it goes on as if that were durable.
"""

from __future__ import annotations

import asyncio
import os
import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from ....events.codec.values import Codec
from ....events.errors import (
    CodecError,
    LimitError,
    OutcomeUnknownError,
    RefusedError,
    StaleVersionError,
    StoreError,
    ThreadErasedError,
)
from ....events.stores.store import Verdict
from ....events.vocabulary import EXIT
from ....projections.state.fold import Draft
from ....projections.state.ids import task_id
from ....projections.state.merge import Channels
from ....projections.state.thread import ThreadState
from ....projections.streams.commit import standing_chunks
from ...author.plan import Plan
from ...decider.commands import Command, Decision, Ending, Merged, Moment, Report, Stop
from ...decider.decide import decide
from ...decider.request import Request
from ..dispatcher import Dispatcher, PooledActor
from ..journal import Journal
from ..log import ThreadLog, forget_encoded
from ..run import Run
from .beside import Beside
from .followed import Followed
from .held import Held
from .jobs import Job, MergeJob
from .lives import Lives
from .messages import Again, Part, StepOverdue, commit_of, joins, tell
from .progress import NOBODY, Books, Step

RUN_COMMITS_MAX = 1_000_000
"""Commits that one run may make: its super-steps, and what its tasks record in between."""
CONFLICTS_MAX = 5
"""How often a command is decided anew because another process appended first."""
REPORT_CONFLICTS_MAX = 1000
"""How often a report is, whose run still has the thread: each time somebody has answered a question of its step."""
_NOTHING: dict[str, Any] = {}
"""What resting actors keep instead of dicts of their own, ten thousand in memory at once. Nobody writes to it."""


class ThreadWriter(Beside, Followed, Books, Lives, PooledActor):
    """What decides and appends. Every field is only touched during its turn; readers look at `stored`."""

    held: Held | None = None
    """The commit of a run that is stored at its end, from its first decision on. Of the class while there is none."""

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
        """What the log amounts to, as far as this actor has read it, and what is held. Replaced, never changed."""
        self.run: Run | None = None
        """The run that is being worked on; None while the thread rests."""
        self.ready: Sequence[Any] = ()
        """Messages that are to be decided once the append on its way is durable, and calls into a namespace in use."""
        self.gathered: dict[str, Part] = _NOTHING
        """By namespace what is decided and not given to the journal yet, in order: at the turn's end it becomes one
        commit. `state` does not have it: each part stands on the one before."""
        self.appending: Sequence[Part] = ()
        """The append on its way, while the journal has it; nothing else is decided meanwhile."""
        self.verdict: Verdict | None = None

    @abstractmethod
    def _end(self, run: Run, ending: Ending) -> None:
        """End a run of this actor."""

    @abstractmethod
    def _drop_jobs(self, run: Run) -> None:
        """Take back what nobody has begun."""

    @abstractmethod
    def _changed(self, before: ThreadState) -> None:
        """Others have appended since `before`."""

    def _step(self, ns: str) -> Step | None:
        """The namespace's open step, by the address of the checkpoint before it."""
        line = self.state.lines.get(ns)
        return None if line is None or line.head is None else line.head.address

    def _later(self, message: Any) -> None:
        """Have a message looked at again, after the append that is on its way or comes next."""
        if isinstance(self.ready, list):
            self.ready.append(message)
        else:
            self.ready = [message]

    def _must_wait(self, run: Run, *, alone: bool = False) -> bool:
        """True when a command of this run must be decided after the append that is on its way or comes next."""
        return bool(self.appending or (self.gathered and not joins(self.gathered, run, alone=alone)))

    @property
    def stored(self) -> ThreadState:
        """The thread as the store has it, as far as this actor has read it. From any thread."""
        state = self.state
        return state.stored or state

    def forget(self) -> None:
        """Drop the state: the next command replays the log."""
        self.held = None
        if self.log is not None:
            self.state = ThreadState()
            self.plan = None
        for progress in tuple(self.unrecorded.values()):
            progress.forget()
            self._noted(progress)
        self.gathered = _NOTHING

    def refresh(self) -> bool:
        """Fold what other writers appended; True when there was something: a run that is held is lost then."""
        if self.log is None or self.channels is None:
            return False
        before, held = self.stored, self.held
        state = self.log.load(self.codec, self.channels, before)
        if (state.version, state.digest, state.epoch) == (before.version, before.digest, before.epoch):
            return False
        self.state, self.held = state, None
        if held is not None and self.run is not None:
            self._end(self.run, Ending("failed", StaleVersionError(self.thread, before.version, state.version)))
        self._changed(before)
        return True

    def _refreshed(self) -> bool:
        with suppress(StoreError):
            return self.refresh()
        return False

    def _decide(
        self,
        run: Run,
        command: Command,
        merged: Merged | None = None,
        *,
        late: bool = False,
        conflicts: int = 0,
        alone: bool = False,
    ) -> None:
        """Decide a command and gather what follows. A refusal is looked at twice: the state may be stale."""
        run.progress.last_run = run
        request = self._request(run, merged)
        try:
            decision = decide(request, command)
        except Exception as refusal:
            if isinstance(refusal, (RefusedError, StaleVersionError)) and self.gathered:
                self._later(Again(run, command, merged, conflicts))
            elif isinstance(refusal, (RefusedError, StaleVersionError)) and self._refreshed():
                if late or not run.over:
                    self._decide(run, command, late=late, conflicts=conflicts)
            elif not late:
                self._end(run, Ending("failed", refusal))
            return
        if decision.merge is not None:
            run.add_jobs([MergeJob(run, command, decision.merge)])
        elif decision.draft is None:
            if decision.look and decision.then is not None:
                self._look_at(run, decision.look, decision.then)
            elif decision.then is not None:
                self._wait_beside(run, decision.then)
            elif decision.ending is not None and not late:
                self._end_unwritten(run, command, decision.ending)
        else:
            state = decision.draft.finish(b"", run.command_id)
            part = Part(run, decision, request.state, state, command, merged, conflicts, late, alone)
            if self.gathered:
                self.gathered[run.ns] = part
            else:
                self.gathered = {run.ns: part}

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

    def _request(self, run: Run, merged: Merged | None) -> Request:
        onto: Draft | None = None
        if self.gathered:
            last = next(reversed(self.gathered.values()))
            state, onto = last.state, last.decision.draft
            moment = Moment(last.decision.draft.time, last.decision.draft.entropy)
        else:
            state, held = self.state, self.held
            # Ten checkpoint ids fit into a microsecond; time never stands still or goes back within a thread.
            now = max(time.time_ns() // 1000, state.time + 1 + state.checkpoints_made // 10)
            moment = Moment(now, os.urandom(16)) if held is None else Moment(now, held.entropy, held.began)
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
            run.progress.running(self._step(run.ns)) if run.progress.working else NOBODY,
            merged,
            run.settings.command_id,
            run.ns,
            onto,
        )

    def _store(self) -> None:
        """Append what is gathered, as one commit; or hold it."""
        parts, self.gathered = tuple(self.gathered.values()), _NOTHING
        run = parts[0].run
        holds = run.at_end or self.held is not None
        if self.log is None or self.journal is None or (holds and self._holds(run, parts)):
            self._stored(parts, 0)
            return
        graph = run.plan.name if self.plan is None else self.plan.name
        verdict: Verdict
        try:
            held, command = self.held, run.command_id
            commit = commit_of(parts, command) if held is None else held.commit(command, run.terms.who)
            before = self.state.stored or self.state
            entry = self.log.entry(commit, before, parts[-1].state, self.codec, graph)
            if self.journal.store.durable and asyncio._get_running_loop() is not None:
                # An event loop must not wait for a disk: the committer tells us, and other threads share its commit.
                self.appending = parts
                self.journal.submit(entry, tell(self, run))
                return
            verdict = self.journal.append(entry)
        except Exception as error:
            self.appending = ()
            verdict = error
        self._stored(parts, verdict)

    def _holds(self, run: Run, parts: Sequence[Part]) -> bool:
        """True while a run is under way that is stored at its end: what these parts say is held until then."""
        held = self.held
        if held is None:
            if not run.at_end or parts[0].late:
                return False
            draft = parts[0].decision.draft
            held = self.held = Held(self.state, draft.time, draft.entropy)
        for part in parts:
            held.add(part.decision.draft.events, part.decision.draft.time)
            part.run.said = held.events
        last = parts[-1]
        ends = last.run.outer is None and not last.late and last.decision.ending is not None
        last.state.stored = None if ends else held.stored
        return not ends

    def _stored(self, parts: Sequence[Part], verdict: Verdict) -> None:
        """An append's verdict has come: what was decided holds, or is decided anew."""
        if isinstance(verdict, Exception):
            self._not_stored(parts, verdict)
            return
        self.state = parts[-1].state
        if self.held is not None and self.state.stored is None:
            forget_encoded(self.held.events)
            self.held = None
        if self.followers:
            self._tell_followers()
        for part in parts:
            if not part.late:
                self._go_on(part)

    def _go_on(self, part: Part) -> None:
        """A decision is durable: show it, and do what follows from it."""
        run, decision = part.run, part.decision
        for reader, view in run.readers:
            reader.show(part.chunks(view))
        events = decision.draft.events
        if self.held is None:
            forget_encoded(events)
        if run.ending is not None:
            return
        if run.outer is None and getattr(part.command, "checkpoint", ""):
            run.note_branch(events, self.state.version)
        if decision.ending is not None:
            self._end(run, decision.ending)
        elif self.state.version >= run.version_max:
            self._too_long(run)
        elif decision.start:
            self._start(run, decision)
        elif decision.then is not None:
            self._wait_beside(run, decision.then)

    def _too_long(self, run: Run) -> None:
        """A run has made as many commits as it may: it ends at the last one, with what runs inside."""
        root = self.run or run
        if root.cancelled:
            return
        root.cancelled = True
        self._drop_jobs(root)
        message = f"a run of thread {self.thread!r} has made too many commits; continue it with None as input"
        self._decide(root, Stop("failed", LimitError("RUN_COMMITS_MAX", RUN_COMMITS_MAX, message)))

    def _not_stored(self, parts: Sequence[Part], error: Exception) -> None:
        if self.held is not None:
            self._lose(parts[-1], error)
            return
        if len(parts) > 1 and isinstance(error, CodecError):
            # One of them cannot be written, or all are too long for one commit: each has its own.
            for part in parts:
                self._later(part.again())
            return
        if isinstance(error, ThreadErasedError) and self._begins_anew(parts[0], error):
            return
        if isinstance(error, StaleVersionError) and self._tries_again(parts[0]):
            steps = [self._step(part.run.ns) for part in parts]
            if self._refreshed() and not parts[0].late:
                for part, step in zip(parts, steps, strict=True):
                    if not part.run.over:
                        self._decide_again(part, step)
                return
        if isinstance(error, (OutcomeUnknownError, ThreadErasedError)):
            self.forget()
            if parts[0].run.outer is not None and self.run is not None:
                # Nobody knows what the run above stands on, or it is gone: it ends, and what runs inside with it.
                self._end(self.run, Ending("failed", error))
        for part in parts:
            if not part.late and not part.run.over:
                self._end(part.run, Ending("failed", error))

    def _tries_again(self, part: Part) -> bool:
        """True when a decision that others were faster than is made anew; reports do not give in to answers."""
        return part.conflicts < (CONFLICTS_MAX if not isinstance(part.command, Report) else REPORT_CONFLICTS_MAX)

    def _lose(self, last: Part, error: Exception) -> None:
        """A run that was to be stored at its end was not: its work is lost, what others stored is as they left it."""
        error.add_note(f"nothing of run {last.run.terms.run} was stored: durability={EXIT!r} stores a run at its end")
        if last.decision.ending is not None and last.decision.ending.error is not None:
            error.__cause__ = last.decision.ending.error
        self._end(last.run, Ending("failed", error))
        if isinstance(error, (OutcomeUnknownError, ThreadErasedError)):
            self.forget()

    def _let_go(self) -> None:
        """Go back to what is stored: what a run said beyond it is lost."""
        if self.held is not None:
            self.state, self.held = self.held.stored, None

    def _decide_again(self, part: Part, step: Step | None) -> None:
        """Another process appended first. A new command is decided again; a run under way has lost its thread."""
        run = part.run
        moved = self._step(run.ns) != step
        current, root = self.state.run, self.run or run
        if isinstance(part.command, Report) and (moved or current is None or current.id != root.terms.run):
            self._end(run, Ending("failed", self._overtaken(run, part.state.version - 1)))
            return
        command = part.bound()
        if isinstance(command, Report):
            command = replace(command, overtaken=True)
        self._decide(run, command, conflicts=part.conflicts + 1)

    def _start(self, run: Run, decision: Decision) -> None:
        line = self.state.lines.get(run.ns)
        head = None if line is None else line.head
        if line is None or head is None:
            return
        step = head.address
        jobs: list[Job | MergeJob] = []
        checkpoint_id = head.id
        for ordinal in decision.start:
            task = line.tasks[ordinal]
            handler = "" if task.failed is None else task.failed.handled_by
            node = run.plan.runner(task.node, handler)
            if node is not None:
                name = task_id(checkpoint_id, run.ns, task.node, task.send)
                job = Job(run, ordinal, task, node, head, line.cells, task.attempt, step, checkpoint_id, name, handler)
                if decision.causes:
                    job.cause = decision.causes.get(ordinal)
                jobs.append(job)
                run.progress.begun(job)
        run.offer_ahead(line.ahead)
        run.base_step = line.run.base_step if line.run is not None else 0
        if run.settings.step_timeout is not None:
            self.dispatcher.later(run.settings.step_timeout, self, StepOverdue(run, head.address))
        run.add_jobs(jobs)
