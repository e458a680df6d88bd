"""Reading a thread's state and changing it by hand. Reads never enter an actor's inbox and never start one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from langchain_core.runnables import RunnableConfig

from ...events.errors import InternalError, InvalidUpdateError, StaleVersionError, UnknownCheckpointError
from ...events.stores.saver import BaseCheckpointSaver
from ...events.vocabulary import END, START, Update
from ...projections.state import views
from ...projections.state.thread import Line, ThreadState
from ...projections.state.views import StateSnapshot, View
from ..author.returns import input_writes, interpret
from ..decider.commands import Edit
from ..decider.editing import inferred_node
from ..engine.edits import edit_job_routes
from ..engine.log import ThreadLog
from ..engine.run import Run
from .config import complete_config, thread_of
from .drive import drive
from .request import Options, encode_writes, open_run
from .setup import Setup

KINDS = {"__input__": "input", "__copy__": "copy"}
"""Names for `as_node` that stand for no node: record an input for later, duplicate a checkpoint."""
EDITS_MAX = 5
"""How often an update is worked out anew because the thread moved on meanwhile."""


def get_state(graph: Setup, config: RunnableConfig) -> StateSnapshot:
    """The live view of the thread, or the record of the checkpoint that the config names; empty for what is unknown."""
    completed, state = _read(graph, config)
    view, line = _view(graph, completed), state.root
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
    view, line = _view(graph, completed), state.root
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


def update_state(graph: Setup, config: RunnableConfig, updates: Sequence[tuple[Any, str | None]]) -> RunnableConfig:
    """One super-step made by hand; see `CompiledStateGraph.update_state`."""
    for attempt in range(EDITS_MAX):
        run = _edit_run(graph, config, updates)
        try:
            for _ in drive(run, graph.runtime):
                pass
        except StaleVersionError:
            if attempt == EDITS_MAX - 1:
                raise
            continue
        line = run.state.root if run.state is not None else Line()
        configurable: dict[str, Any] = _view(graph, complete_config(graph.config, config)).config(line.head)
        return configurable  # type: ignore[return-value]
    raise InternalError(f"an update of thread {config!r} was tried {EDITS_MAX} times and neither made nor refused")


def _edit_run(graph: Setup, config: RunnableConfig, updates: Sequence[tuple[Any, str | None]]) -> Run:
    _saver(graph)
    run = open_run(graph, {}, config, Options())
    run.detached = True  # async path functions are run on a loop of their own
    state = graph.peek(run.actor)
    checkpoint = str(run.settings.config["configurable"].get("checkpoint_id") or "")
    line = state.root
    if checkpoint:
        origin = line.find(checkpoint)
        if origin is None:
            raise UnknownCheckpointError(run.actor.thread, checkpoint)
        line = line.standing_at(origin)
    if len(updates) == 1 and updates[0][0] is None and updates[0][1] == END:
        run.command = Edit((), checkpoint, "clear", state.version)
        return run
    kind = KINDS.get(updates[0][1] or "", "node")
    if kind == "input":
        made = tuple(Update(START, input_writes(graph.plan, values)) for values, _ in updates)
    elif kind == "copy":
        made = ()
    else:
        made = tuple(_update(graph, run, line, values, as_node) for values, as_node in updates)
    for update in made:
        encode_writes(run, update.writes)
    run.command = Edit(made, checkpoint, kind, state.version)
    return run


def _update(graph: Setup, run: Run, line: Line, values: Any, as_node: str | None) -> Update:
    plan = graph.plan
    name = as_node if as_node is not None else inferred_node(line, list(plan.nodes), run.actor.thread)
    node = plan.node(name)
    if node is None:
        raise InvalidUpdateError(f"as_node={name!r} is no node of this graph; it has {[START, *plan.nodes]}")
    understood = interpret(plan, node, values)
    if understood.parent is not None:
        raise InvalidUpdateError("Command(graph=Command.PARENT) is for nodes: an update of the state has no parent")
    return Update(name, understood.writes, edit_job_routes(run, line, node, understood))


def _saver(graph: Setup) -> BaseCheckpointSaver:
    saver = graph.saver
    if saver is None:
        raise ValueError("this graph has no checkpointer, so no state is kept: compile(checkpointer=InMemorySaver())")
    return saver


def _read(graph: Setup, config: RunnableConfig) -> tuple[dict[str, Any], ThreadState]:
    saver = _saver(graph)
    completed = complete_config(graph.config, config)
    thread = thread_of(completed, config)
    actor = graph.runtime.known(saver, thread)
    if actor is not None and actor.plan is graph.plan:
        return completed, graph.peek(actor)
    return completed, ThreadLog(saver.store, thread, saver.tenant).load(graph.codec, graph.channels)


def _view(graph: Setup, config: Mapping[str, Any]) -> View:
    plan = graph.plan
    return View(graph.channels, plan.state_view.keys, plan.root, config["configurable"], plan.nodes)
