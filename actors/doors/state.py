"""Reading a thread's state. Reads never enter an actor's inbox and never start one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from langchain_core.runnables import RunnableConfig
from msgspec import Struct

from ...events.stores.saver import BaseCheckpointSaver
from ...projections.state import namespaces, views
from ...projections.state.merge import Channels
from ...projections.state.thread import Line, ThreadState
from ...projections.state.views import StateSnapshot, View
from ..engine.log import ThreadLog
from .config import complete_config, own, thread_of
from .setup import Setup
from .subgraphs import graphs_of, subgraph_at


def get_state(graph: Setup, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
    """The live view of the thread, or the record of the checkpoint that the config names; empty for what is unknown."""
    completed, state = _read(graph, config)
    place = place_of(graph, completed, state)
    view, line = view_of(place, completed, state, subgraphs=subgraphs), place.line
    checkpoint_id = completed["configurable"].get("checkpoint_id")
    if checkpoint_id:
        checkpoint = line.find(str(checkpoint_id))
        if checkpoint is None:
            return views.empty_snapshot(view, config)
        return views.record_snapshot(view, line, checkpoint)
    return views.live_snapshot(view, line) or views.empty_snapshot(view, config)


def history(
    graph: Setup,
    config: RunnableConfig,
    filter: Mapping[str, Any] | None,
    before: RunnableConfig | None,
    limit: int | None,
) -> Iterator[StateSnapshot]:
    """The thread's checkpoints, newest first; see `CompiledStateGraph.get_state_history`."""
    completed, state = _read(graph, config)
    place = place_of(graph, completed, state)
    view, line = view_of(place, completed, state), place.line
    only = completed["configurable"].get("checkpoint_id")
    bound = (before or {}).get("configurable", {}).get("checkpoint_id")
    checkpoints = (
        checkpoint
        for checkpoint in line.checkpoints()
        if (not only or checkpoint.id == only) and (not bound or checkpoint.id < bound)
    )
    snapshots = (views.record_snapshot(view, line, checkpoint) for checkpoint in checkpoints)
    wanted = (
        snapshot
        for snapshot in snapshots
        if not filter or all((snapshot.metadata or {}).get(key) == value for key, value in filter.items())
    )
    return islice(wanted, limit)


def saver_of(graph: Setup) -> BaseCheckpointSaver:
    """The saver that keeps the graph's threads. Raises `ValueError` where there is none."""
    saver = graph.saver
    if saver is None:
        raise ValueError("this graph has no checkpointer, so no state is kept: compile(checkpointer=InMemorySaver())")
    return saver


def _read(graph: Setup, config: RunnableConfig) -> tuple[dict[str, Any], ThreadState]:
    saver = saver_of(graph)
    completed = complete_config(graph.config, config)
    thread = thread_of(completed, reads=True)
    actor = graph.runtime.known(saver, thread)
    graph.know_inside()
    if actor is not None and actor.plan is graph.plan:
        return completed, graph.peek(actor)
    return completed, ThreadLog(saver.store, thread, saver.tenant, saver.cipher).load(graph.codec, graph.channels)


class Place(Struct, frozen=True):
    """What a config names of a thread: the root graph's line, or that of a graph inside."""

    graph: Setup | None
    """The graph that runs there; None for one that is not seen in the code."""
    channels: Channels
    line: Line


def place_of(graph: Setup, config: Mapping[str, Any], state: ThreadState) -> Place:
    """The place that the config's `checkpoint_ns` names."""
    ns = own(config, "checkpoint_ns")
    return place_at(graph, state, ns)


def place_at(graph: Setup, state: ThreadState, ns: str) -> Place:
    """The place of a namespace."""
    if not ns:
        return Place(graph, graph.channels, state.root)
    line = state.last_line(ns)
    names = namespaces.without_ids(ns)
    if line.head is None and names:  # none in ":", and "" is the root graph's
        # The history of a `checkpointer=True` graph is kept under its name alone.
        named = state.last_line(names)
        line = line if named.head is None else named
    seen = None if line.run is None else state.graph(line.run.fingerprint)
    found = subgraph_at(graph.plan, ns, b"" if seen is None else seen.fingerprint)
    if found is not None:
        if found.checkpointer is True and line.head is None:
            line = Line(namespaces.without_ids(ns))
        return Place(found, found.channels, line)
    return Place(None, graph.channels.below(namespaces.names(ns), seen), line)


def view_of(
    place: Place, config: Mapping[str, Any], state: ThreadState | None = None, *, subgraphs: bool = False
) -> View:
    """How a place in a thread is shown. `subgraphs`: with the state of the graphs that tasks call, not where it is."""
    graph, configurable = place.graph, config["configurable"]
    if graph is None:
        return View(place.channels, tuple(place.channels), None, configurable, ns=place.line.ns, state=state)
    plan, at = graph.plan, place.line.ns

    def inside(node: str, ns: str) -> Any:
        called = plan.node(node)
        # A graph that keeps nothing has no state to show.
        if called is None or state is None or all(one.checkpointer is False for one in graphs_of(called)):
            return None
        there = {"configurable": {"thread_id": str(configurable.get("thread_id")), "checkpoint_ns": ns}}
        if not subgraphs:
            return there
        line = state.last_line(ns)
        inner = subgraph_at(plan, ns if not at else ns.removeprefix(f"{at}{namespaces.SEPARATOR}"), _fingerprint(line))
        if inner is not None and inner.checkpointer is True:
            line = state.last_line(namespaces.without_ids(ns))
        below = Place(inner, place.channels if inner is None else inner.channels, line)
        view = view_of(below, config, state, subgraphs=True)
        return views.live_snapshot(view, below.line) or views.empty_snapshot(view, there)

    return View(place.channels, plan.state_view.keys, plan.root, configurable, plan.nodes, at, state, inside)


def _fingerprint(line: Line) -> bytes:
    return b"" if line.run is None else line.run.fingerprint
