"""Changing a thread's state by hand: `update_state` and `bulk_update_state` become one command, all of it or nothing.

The updates are worked out here, on the calling thread, since path functions and users' reducers have a part in it: each
super-step on the state that the one before leads to. The thread's actor then takes them if nobody wrote meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from msgspec.structs import replace

from ...events.errors import InternalError, InvalidUpdateError, StaleVersionError
from ...events.vocabulary import END, START, StateUpdate, Update
from ...projections.channels.cells import Cells
from ...projections.state import ids, namespaces
from ...projections.state.fold import Draft, update_writes
from ...projections.state.merge import MergeError, merge_writes
from ...projections.state.thread import Line, ThreadState
from ...projections.state.upcast import apply_upcast
from ..author.returns import input_writes, interpret
from ..decider.commands import Edit, Moment, Upcast
from ..decider.editing import edited_line, inferred_node, say_edit
from ..decider.request import Request
from ..decider.starting import checkpoint_of
from ..decider.upcasting import upcast_wanted
from ..engine.attempts.upcasts import upcast
from ..engine.edits import edit_job_routes
from ..engine.run import Run
from .config import complete_config, own, thread_of
from .drive import drive
from .request import Options, open_run
from .setup import Setup
from .state import Place, place_of, saver_of, view_of
from .subgraphs import subgraphs

KINDS = {"__input__": "input", "__copy__": "copy"}
"""Names for `as_node` that stand for no node: record an input for later, duplicate a checkpoint."""
EDITS_MAX = 32
"""How often an update is worked out anew because the thread moved on meanwhile.

Beside one writer that never rests about every second try is lost: with five tries one update in forty failed.
"""


def update_state(graph: Setup, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]) -> RunnableConfig:
    """Super-steps made by hand; see `CompiledStateGraph.bulk_update_state`."""
    saver_of(graph)
    thread_of(complete_config(graph.config, config), reads=True)
    check(supersteps)
    supersteps = [*_with_changed_copies(supersteps)]
    for attempt in range(EDITS_MAX):
        edited, run = _edit_run(graph, config, supersteps)
        try:
            for _ in drive(run, graph.runtime):
                pass
        except StaleVersionError:
            if attempt == EDITS_MAX - 1:
                raise
            continue
        state = ThreadState() if run.state is None else run.state
        place = Place(edited, edited.channels, state.line(run.ns))
        view = view_of(place, complete_config(graph.config, config), state)
        configurable: dict[str, Any] = view.config(place.line.head)
        return configurable  # type: ignore[return-value]
    raise InternalError(f"an update of thread {config!r} was tried {EDITS_MAX} times and neither made nor refused")


def check(supersteps: Sequence[Sequence[StateUpdate]]) -> None:
    """Refuse what cannot be a series of super-steps.

    Raises:
        ValueError: there is nothing in it.
        InvalidUpdateError: updates that stand together and cannot.
    """
    if not supersteps:
        raise ValueError("no super-steps were given: give a list of lists of StateUpdate")
    for updates in supersteps:
        if not updates:
            raise ValueError("a super-step has no updates: give each at least one StateUpdate")
        if len(updates) == 1:
            continue
        for update in updates:
            if update.as_node is None and update.task_id is None:
                raise InvalidUpdateError(
                    "several updates in one super-step: say of each which node it stands for, by as_node"
                )
            if update.as_node in KINDS or update.as_node == END:
                raise InvalidUpdateError(f"an update with as_node={update.as_node!r} stands alone in its super-step")


def _with_changed_copies(supersteps: Sequence[Sequence[StateUpdate]]) -> Iterator[Sequence[StateUpdate]]:
    """The super-steps, with one more behind each copy whose values are a list: the updates to make on the copy."""
    for updates in supersteps:
        yield updates
        values, as_node, _ = updates[0]
        if as_node != "__copy__" or not isinstance(values, list) or not values:
            continue
        for item in values:
            if not isinstance(item, (list, tuple)) or len(item) not in (2, 3):
                raise InvalidUpdateError(
                    f"{item!r} is no update of a copy: give as_node='__copy__' a list of (values, as_node) pairs"
                )
        yield [StateUpdate(*item) for item in values]


def _edit_run(graph: Setup, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]) -> tuple[Setup, Run]:
    run = open_run(graph, {}, config, Options())
    state = graph.peek(run.actor)
    ns = own(run.settings.config, "checkpoint_ns")
    if ns:
        graph, run = _inside(graph, run, state, ns)
    run.detached = True  # async path functions are run on a loop of their own
    checkpoint = str(run.settings.config["configurable"].get("checkpoint_id") or "")
    request = Request(
        graph.plan, graph.channels, run.terms, state, Moment(state.time + 1, bytes(16)), run.actor.thread, ns=run.ns
    )
    draft = request.draft()
    edits: list[Edit] = []
    for updates in supersteps:
        edit = _edit(graph, run, request, draft, updates, "" if edits else checkpoint)
        if say_edit(request, draft, edit) is not None:
            raise InternalError("a super-step made by hand came without its merge; please report it")
        edits.append(edit)
    first, *rest = edits
    run.command = Edit(
        first.updates, first.checkpoint, first.kind, state.version, first.cells, tuple(rest), first.upcast
    )
    return graph, run


def _inside(graph: Setup, run: Run, state: ThreadState, ns: str) -> tuple[Setup, Run]:
    """The graph that runs in a namespace of the thread, and a run that changes its state there.

    Raises `ValueError` for a namespace of a graph that is not seen in the code.
    """
    place = place_of(graph, run.settings.config, state)
    inner, line = place.graph, place.line
    if inner is None:
        names = [name for name, _ in subgraphs(graph.plan, None, True)]
        raise ValueError(
            f"Subgraph {namespaces.without_ids(ns)} not found: checkpoint_ns={ns!r} names no graph inside; "
            f"there are {names or 'none'}"
        )
    caller = "" if line.run is None or not namespaces.continues(line.ns) else line.run.caller
    terms = replace(run.terms, calling=line.task, caller=caller, place=line.place)
    inside = Run(
        run.actor,
        inner.plan,
        inner.channels,
        run.command,
        terms,
        run.settings,
        graph.codec,
        inner.graph_seen,
        ns=line.ns,
        home=graph,
    )
    return inner, inside


def _edit(
    graph: Setup, run: Run, request: Request, draft: Draft, updates: Sequence[StateUpdate], checkpoint: str
) -> Edit:
    values, as_node, _ = updates[0]
    kind = KINDS.get(as_node or "", "node")
    if kind == "copy":
        return Edit((), checkpoint, kind)
    line = edited_line(request, draft)
    if checkpoint:
        line = line.standing_at(checkpoint_of(request, line, checkpoint))
    brought = _brought_up(run, request, draft, line)
    if brought is not None and brought.event is not None and brought.cells is not None:
        line = line.copy()
        apply_upcast(line, brought.event, brought.cells)
    if kind == "input":
        written = Update(START, input_writes(graph.plan, values))
        run.encode_writes(written.writes)
        return Edit((written,), checkpoint, kind, upcast=brought)
    if as_node == END and values is None:
        return Edit((), checkpoint, "clear", cells=_merged(run, line, ()), upcast=brought)
    made: list[Update] = []
    for update in updates:
        made.append(_update(graph, run, line, update, {one.task for one in made}))
    for one in made:
        run.encode_writes(one.writes)
    return Edit(tuple(made), checkpoint, kind, cells=_merged(run, line, made), upcast=brought)


def _brought_up(run: Run, request: Request, draft: Draft, line: Line) -> Upcast | None:
    """The line's state under the graph's schema, where it is one of an earlier version; None where it is not."""
    wanted = upcast_wanted(request, draft, line)
    if wanted is None:
        return None
    brought = upcast(run, wanted)
    if brought.error is not None:
        raise brought.error
    return brought


def _update(graph: Setup, run: Run, line: Line, update: StateUpdate, taken: set[int]) -> Update:
    """One update as its node's return; `taken` are the tasks that others of the super-step stand for."""
    plan = graph.plan
    task = _task(run, line, update, taken)
    name = update.as_node
    if name is None:
        name = line.tasks[task].node if task >= 0 else inferred_node(line, run.actor.thread)
    node = plan.node(name)
    if node is None:
        raise InvalidUpdateError(f"as_node={name!r} is no node of this graph; it has {[START, *plan.nodes]}")
    understood = interpret(plan, node, update.values)
    if understood.parent is not None:
        raise InvalidUpdateError("Command(graph=Command.PARENT) is for nodes: an update of the state has no parent")
    return Update(name, understood.writes, edit_job_routes(run, line, node, understood), task)


def _task(run: Run, line: Line, update: StateUpdate, taken: set[int]) -> int:
    """The open task that an update stands for: the one it names, else the first of its node; -1 for none."""
    head = line.head
    if update.task_id is not None:
        for ordinal, task in enumerate(line.tasks):
            if head is not None and ids.task_id(head.id, line.ns, task.node, task.send) == update.task_id:
                return ordinal
        raise InvalidUpdateError(
            f"task_id={update.task_id!r} is no task of the open step of thread {run.actor.thread!r}: "
            "take it from get_state(config).tasks, or leave it out"
        )
    for ordinal, task in enumerate(line.tasks):
        if task.node == update.as_node and task.completed is None and ordinal not in taken:
            return ordinal
    return -1


def _merged(run: Run, line: Line, updates: Sequence[Update]) -> Cells:
    try:
        return merge_writes(run.channels, line.cells, update_writes(line, updates), settle=True)
    except MergeError as error:
        raise error.cause from error
