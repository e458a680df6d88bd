"""Where a call runs: in a thread of its own, inside the thread of the node that makes it, or kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ...events.codec.values import Codec
from ...events.errors import ThreadBusyError
from ...projections.state.namespaces import call_namespace
from ...projections.state.thread import ThreadState
from ..engine.call import Scope, scope_here
from ..engine.run import Run
from ..engine.thread import ThreadActor
from .config import COORDINATES, thread_of
from .setup import Setup


class Site(Struct, frozen=True):
    """Where a call runs."""

    actor: ThreadActor
    codec: Codec
    """What its values are stored and read with."""
    kept: bool
    """False where nothing is stored."""
    caller: Scope | None = None
    """The place in a node that makes the call, if one does."""
    ns: str = ""
    """Namespace of the called graph: below the calling task's, unless it has a thread of its own."""
    inside: bool = False
    """True when the graph runs inside the thread of the node that calls it."""
    continuing: bool = False
    """True when all calls from this node continue one history."""
    place: str = ""
    """Inside: where in the calling task the graph is called."""

    def state(self, graph: Setup) -> ThreadState:
        """The thread's state: as the store has it, or, inside, as the thread's actor has it."""
        return self.actor.state if self.inside else graph.peek(self.actor)

    def is_new(self, graph: Setup) -> bool:
        """True where nothing has run yet."""
        if not self.kept:
            return True
        state = self.state(graph)
        return state.line(self.ns).head is None if self.inside else state.version < 0


def site_of(graph: Setup, config: dict[str, Any], given: Mapping[str, Any] | None) -> Site:
    """Where a call of the graph with this config runs.

    Args:
        graph: the called graph.
        config: the call's config, completed with what surrounds it.
        given: the config that the call itself gives.

    Raises:
        ValueError, KeyError: the graph is to have a thread of its own and none is named.
        ThreadBusyError: it is to run on a thread that a node around the call keeps busy.
        RuntimeError: `checkpointer=True` where no node calls.
    """
    caller = scope_here()
    if caller is None:
        return _own_site(graph, config, None)
    job = caller.call.job
    if _says_where(graph, given, job.run, job.namespace):
        return _own_site(graph, config, caller)
    number, place = caller.call.next_call(caller.name)
    kept = job.run.terms.kept and graph.checkpointer is not False
    continuing = kept and graph.checkpointer is True
    ns = call_namespace(job.namespace, number, continuing=continuing)
    if not kept:
        return Site(graph.runtime.unkept(graph.codec), graph.codec, False, caller, ns)
    actor = job.run.actor
    return Site(actor, actor.codec, True, caller, ns, True, continuing, place)


def _says_where(graph: Setup, given: Mapping[str, Any] | None, around: Run, ns: str) -> bool:
    """True when the call, or what is bound to the graph, names a place of its own: not the node's config handed on."""
    bound: Mapping[str, Any] = (graph.config or {}).get("configurable") or {}
    own = {**bound, **((given or {}).get("configurable") or {})}
    if not any(own.get(key) for key in COORDINATES):
        return False
    thread = around.settings.config["configurable"].get("thread_id")
    return own.get("checkpoint_ns") != ns or own.get("thread_id") != thread


def _own_site(graph: Setup, config: dict[str, Any], caller: Scope | None) -> Site:
    saver = graph.saver
    if saver is None:
        return Site(graph.runtime.unkept(graph.codec), graph.codec, False, caller)
    thread = thread_of(config)
    actor = graph.runtime.thread(saver, thread, graph.codec)
    scope = caller
    while scope is not None:
        job = scope.call.job
        if job.run.actor is actor:
            raise ThreadBusyError(
                f"thread {thread!r} is running the node {job.node.name!r} that makes this call: "
                "it would wait for itself; use another thread_id, or a graph compiled without a checkpointer"
            )
        scope = job.run.caller
    graph.know_inside()
    return Site(actor, graph.codec, True, caller)
