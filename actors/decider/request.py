"""The request: one command with everything that deciding it takes. Made by the thread actor, read by the deciders."""

from __future__ import annotations

from msgspec import Struct

from ...events.vocabulary import GraphSeen, RunContinued
from ...projections.state.fold import Draft
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState
from ..author.plan import Plan
from .commands import Merged, Moment, Terms


class Request(Struct, frozen=True):
    """A command's circumstances."""

    plan: Plan
    channels: Channels
    terms: Terms
    state: ThreadState
    moment: Moment
    thread: str = ""
    """For messages only."""
    running: frozenset[int] = frozenset()
    """Ordinals of the open step's tasks that this process is running now: they are not started twice."""
    merged: Merged | None = None
    """The merge that the decider asked for, done."""

    def draft(self) -> Draft:
        """A new commit on the thread's state."""
        return Draft(self.state, self.channels, self.moment.time, self.moment.entropy)

    def see_graph(self, draft: Draft) -> None:
        """Say what the graph looks like, once per fingerprint."""
        plan = self.plan
        if plan.fingerprint in draft.state.graphs or not self.terms.kept:
            return
        nodes = {name: node.callee.fingerprint for name, node in plan.nodes.items()}
        rules = {name: channel.name for name, channel in plan.channels.items()}
        draft.say(GraphSeen(fingerprint=plan.fingerprint, name=plan.name, nodes=nodes, channels=rules))

    def continued(self, reason: str) -> RunContinued:
        """The event that a run takes up open work."""
        terms = self.terms
        return RunContinued(
            run=terms.run,
            fingerprint=self.plan.fingerprint,
            reason=reason,
            metadata=terms.metadata,
            durability=terms.durability,
        )
