"""Reading a thread's state. Reads never enter an actor's inbox and never start one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from langchain_core.runnables import RunnableConfig

from ...events.stores.saver import BaseCheckpointSaver
from ...projections.state import views
from ...projections.state.thread import ThreadState
from ...projections.state.views import StateSnapshot, View
from ..engine.log import ThreadLog
from .config import complete_config, thread_of
from .setup import Setup


def get_state(graph: Setup, config: RunnableConfig) -> StateSnapshot:
    """The live view of the thread, or the record of the checkpoint that the config names; empty for what is unknown."""
    completed, state = _read(graph, config)
    view, line = view_of(graph, completed), state.root
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
    view, line = view_of(graph, completed), state.root
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
    thread = thread_of(completed, config, reads=True)
    actor = graph.runtime.known(saver, thread)
    if actor is not None and actor.plan is graph.plan:
        return completed, graph.peek(actor)
    return completed, ThreadLog(saver.store, thread, saver.tenant).load(graph.codec, graph.channels)


def view_of(graph: Setup, config: Mapping[str, Any]) -> View:
    """How the graph shows a thread that this config names."""
    plan = graph.plan
    return View(graph.channels, plan.state_view.keys, plan.root, config["configurable"], plan.nodes)
