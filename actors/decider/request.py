"""The request: one command with everything that deciding it takes. Made by the thread actor, read by the deciders."""

from __future__ import annotations

from msgspec import Struct

from ...events.vocabulary import GraphSeen, RunContinued, ThreadErased
from ...projections.state.fold import Draft
from ...projections.state.merge import Channels
from ...projections.state.thread import Line, ThreadState
from ..author.plan import Plan
from .commands import Merged, Moment, Terms


def describe(plan: Plan) -> GraphSeen:
    """What the log keeps of a graph's code: fingerprints of its nodes, names of its channels' rules."""
    nodes = {name: node.callee.fingerprint for name, node in plan.nodes.items()}
    rules = {name: channel.name for name, channel in plan.channels.items()}
    return GraphSeen(fingerprint=plan.fingerprint, name=plan.name, nodes=nodes, channels=rules, schema=plan.schema)


class Request(Struct, frozen=True):
    """A command's circumstances."""

    plan: Plan
    channels: Channels
    terms: Terms
    state: ThreadState
    moment: Moment
    thread: str = ""
    """For messages only."""
    graph_seen: GraphSeen | None = None
    """What the graph looks like, said once per fingerprint; the same object for all threads."""
    running: frozenset[int] = frozenset()
    """Ordinals of the open step's tasks that this process is running now: they are not started twice."""
    merged: Merged | None = None
    """The merge that the decider asked for, done."""
    command_id: str = ""
    """The caller's own id of the command; "" when it gave none."""
    ns: str = ""
    """Namespace of the graph that the command is for."""
    onto: Draft | None = None
    """What graphs beside have said for the same commit, on which `state` stands; None for a commit of its own."""

    @property
    def line(self) -> Line:
        """The line of that namespace, as the thread's state has it."""
        return self.state.lines.get(self.ns) or Line(self.ns)

    def draft(self) -> Draft:
        """A new commit on the thread's state, or more of one that others, or the run itself, have begun.

        The first commit after an erasure says so.
        """
        if self.onto is not None:
            return self.onto.following(self.channels, self.ns)
        moment = self.moment
        draft = Draft(self.state, self.channels, moment.time, moment.entropy, self.ns)
        if moment.began:
            draft.go_on(moment.began)
        if self.state.version < 0 and self.state.epoch:
            draft.record(ThreadErased(epoch=self.state.epoch))
        return draft

    def see_graph(self, draft: Draft) -> None:
        """Say what the graph looks like, once per fingerprint."""
        seen = self.graph_seen
        if seen is not None and self.terms.kept and draft.state.graph(seen.fingerprint) is None:
            draft.record(seen)

    def continued(self, reason: str) -> RunContinued:
        """The event that a run takes up open work."""
        terms = self.terms
        return RunContinued(
            run=terms.run,
            fingerprint=self.plan.fingerprint,
            reason=reason,
            metadata=terms.metadata,
            durability=terms.durability,
            calling=terms.calling,
            caller=terms.caller,
            process=terms.process,
        )
