"""The thread actor's messages besides a run itself, and the append it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ....events.stores.store import Verdict
from ....events.vocabulary import Commit, NodeCompleted, StepFailed
from ....projections.state.thread import Task, ThreadState
from ....projections.streams.commit import commit_chunks
from ....projections.streams.view import Chunk, RunView
from ...decider.commands import Answer, Command, Decision, Merged, Outcome, Report
from ..dispatcher import PooledActor
from ..run import Run
from .jobs import Job, MergeJob


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


class StepOverdue(Struct, frozen=True):
    """The dispatcher's message when a super-step has had its time: its run ends if it is still at it."""

    run: Run
    step: tuple[int, int]

    def error(self, unfinished: Iterable[Task]) -> TimeoutError:
        """What the run's caller gets raised."""
        nodes = sorted({task.node for task in unfinished})
        return TimeoutError(
            f"the super-step of {nodes} took longer than step_timeout={self.run.settings.step_timeout:g} s; "
            "what was done is kept, continue with None as input"
        )


class Committed(Struct, frozen=True):
    """The journal's message to an actor whose append did not block: what became of it."""

    verdict: Verdict


class _Flush:
    """Look again at outcomes that wait for their siblings."""


FLUSH = _Flush()


class Again(Struct, frozen=True):
    """A command to be decided once more, when the commit that others share is durable: alone, on what is stored."""

    run: Run
    command: Command
    merged: Merged | None
    conflicts: int


class Part(Struct, frozen=True):
    """One decision on its way into the log: what is to be done when it is durable."""

    run: Run
    decision: Decision
    before: ThreadState
    state: ThreadState
    command: Command
    merged: Merged | None
    conflicts: int
    late: bool = False
    """True for work of a run that has ended: it is recorded, and nothing follows."""
    alone: bool = False
    """True when nobody else may share its commit."""

    def chunks(self, view: RunView) -> list[Chunk]:
        """What a stream shows of the commit; of live outcomes it knows more than the log does."""
        outcomes = self.command.outcomes if isinstance(self.command, Report) else ()
        asked = [outcome.task for outcome in outcomes if outcome.kind == "asked"]
        errors = {outcome.task: outcome.error for outcome in outcomes if outcome.error is not None}
        events = self.decision.draft.events
        lost = self._lost(outcomes) if any(type(event) is StepFailed for event in events) else ()
        return commit_chunks(view, events, self.before, self.state, asked, errors, lost)

    def _lost(self, outcomes: Iterable[Outcome]) -> list[NodeCompleted]:
        """What tasks did whose writes did not go together: the log forgets it, a stream has it before the error."""
        kept = {event.task for event in self.decision.draft.events if type(event) is NodeCompleted}
        lost = (outcome for outcome in outcomes if outcome.kind == "completed" and outcome.task not in kept)
        return [NodeCompleted(task=done.task, writes=list(done.writes), cached=done.cached) for done in lost]

    def bound(self) -> Command:
        """The command, a bare answer bound to the question it was taken for: a loser must not answer the next one."""
        command = self.command
        if isinstance(command, Answer) and command.bare is not None and self.decision.answered:
            return replace(command, answers={self.decision.answered[0]: command.bare}, bare=None)
        return command

    def again(self) -> Again:
        """The command as it is to be decided anew where the commit could not be written for one of its parts."""
        return Again(self.run, self.command, self.merged, self.conflicts)


PARTS_MAX = 256
"""How many decisions share one commit at most."""


def joins(parts: Mapping[str, Part], run: Run, *, alone: bool = False) -> bool:
    """True when a decision of this run may go into the commit that gathered decisions make; False when it must wait.

    Only graphs that run side by side inside one run share a commit, each with one part: a second one of the same graph
    must know what became of the first.
    """
    first = next(iter(parts.values()))
    return not (
        alone
        or first.alone
        or first.late
        or run.outer is None
        or first.run.outer is None
        or run.ns in parts
        or run.terms.who != first.run.terms.who
        or len(parts) >= PARTS_MAX
    )


def commit_of(parts: Sequence[Part], command: str) -> Commit:
    """The one commit of gathered decisions: what the first says, then the next."""
    draft = parts[0].decision.draft
    events = draft.events if len(parts) == 1 else [event for part in parts for event in part.decision.draft.events]
    return Commit(draft.entropy, draft.time, events, command, parts[0].run.terms.who)


def tell(actor: PooledActor, run: Run) -> Callable[[Verdict], None]:
    """What tells the actor an append's verdict, and has it take its turn."""

    def done(verdict: Verdict) -> None:
        actor.actor_inbox.messages.append(Committed(verdict))
        run.call_actor()

    return done
