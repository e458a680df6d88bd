"""The thread actor's messages besides a run itself, and the append it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ....events.stores.store import Verdict
from ....events.vocabulary import NodeCompleted, StepFailed
from ....projections.state.thread import Task, ThreadState
from ....projections.streams.commit import commit_chunks
from ....projections.streams.view import Chunk, RunView
from ...decider.commands import Answer, Command, Decision, Merged, Outcome, Report
from ..run import Job, MergeJob, Run

if TYPE_CHECKING:
    from ..thread import ThreadActor


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


class Appending(Struct, frozen=True):
    """An append on its way: what is to be done when it is durable."""

    run: Run | None
    decision: Decision
    state: ThreadState
    command: Command
    conflicts: int

    def chunks(self, view: RunView, before: ThreadState) -> list[Chunk]:
        """What a stream shows of the commit; of live outcomes it knows more than the log does."""
        outcomes = self.command.outcomes if isinstance(self.command, Report) else ()
        asked = [outcome.task for outcome in outcomes if outcome.kind == "asked"]
        errors = {outcome.task: outcome.error for outcome in outcomes if outcome.error is not None}
        events = self.decision.draft.events
        lost = self._lost(outcomes) if any(type(event) is StepFailed for event in events) else ()
        return commit_chunks(view, events, before, self.state, asked, errors, lost)

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


def tell(actor: ThreadActor, run: Run) -> Callable[[Verdict], None]:
    """What tells the actor an append's verdict, and has it take its turn."""

    def done(verdict: Verdict) -> None:
        actor.actor_inbox.messages.append(Committed(verdict))
        run.call_actor()

    return done
