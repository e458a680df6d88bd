"""`update_state`: a super-step made by hand, as if nodes had returned it."""

from __future__ import annotations

from ...events.errors import InvalidUpdateError, StaleVersionError
from ...events.vocabulary import START, Forked, Route, RunFinished, RunStarted, StateUpdated
from ...projections.channels.cells import Cells
from ...projections.state.fold import Draft, update_writes
from ...projections.state.merge import MergeError
from ...projections.state.thread import Checkpoint, Line
from ..author.plan import Plan
from .commands import Decision, Edit, Ending, MergeWanted
from .planning import plan_next
from .request import Request
from .starting import stand_at, withdraw
from .stepping import merged_cells, say_planned
from .upcasting import bring_up


def edit(request: Request, command: Edit) -> Decision:
    """Record updates and plan what follows from them; nothing is started."""
    version = request.state.version
    if command.based_on is not None and command.based_on != version:
        raise StaleVersionError(request.thread, command.based_on, version)
    draft = request.draft()
    request.see_graph(draft)
    for step in (command, *command.rest):
        wanted = say_edit(request, draft, step)
        if wanted is not None:
            return Decision(merge=wanted)
    return Decision(draft, ending=Ending("edited"))


def say_edit(request: Request, draft: Draft, command: Edit) -> MergeWanted | None:
    """Say one super-step made by hand, or give back the merge that the node runner has to do first."""
    if command.kind == "copy":
        copy(request, draft, command)
        return None
    if command.checkpoint:
        stand_at(request, draft, command.checkpoint)
    if draft.state.lines.get(request.ns) is not None:  # what is taken back from the closed ones has its own code
        bring_up(request, draft, command.upcast)
    if command.kind == "input":
        record_input(request, draft, command)
        return None
    line = edited_line(request, draft)
    event = StateUpdated(updates=list(command.updates), who=request.terms.who, metadata=request.terms.metadata)
    arrivals, deferred = still_due(request.plan, line, command)
    cells: Cells | MergeWanted | None = command.cells
    if cells is None:
        try:
            cells = merged_cells(request.channels, line.cells, update_writes(line, event.updates), request.merged)
        except MergeError as error:
            raise error.cause from error
        if isinstance(cells, MergeWanted):
            return cells
    draft.say(event, cells)
    if command.kind == "node":
        completed: list[tuple[str, list[Route]]] = [(update.as_node, update.routes) for update in command.updates]
        say_planned(draft, plan_next(request.plan, completed, arrivals, deferred))
    return None


def edited_line(request: Request, draft: Draft) -> Line:
    """The line to be changed: that of a sub-graph whose step is over is taken back."""
    line = draft.line()
    return line if line.head is not None or not request.ns else draft.state.last_line(request.ns)


def still_due(plan: Plan, line: Line, command: Edit) -> tuple[dict[str, list[str]], list[str]]:
    """What an update leaves due unless it is made in the node's own name: nodes of full joins, deferred nodes.

    Returns:
        The joins as they were before those nodes were planned, and the deferred nodes.
    """
    arrivals = {key: list(sources) for key, sources in line.arrivals.items()}
    due = {task.node for task in line.unfinished if task.send < 0} - {update.as_node for update in command.updates}
    for key, sources in arrived(plan, line).items() if plan.joins and due else ():
        if plan.joins[key].target in due and sources >= plan.joins[key].sources:
            arrivals[key] = sorted(sources)
    planned = [name for name in due if name in plan.nodes and plan.nodes[name].defer]
    return arrivals, [*line.deferred, *sorted(planned)]


def arrived(plan: Plan, line: Line) -> dict[str, set[str]]:
    """Join key to the sources that had arrived when the open step was planned, of full joins too."""
    places: list[Checkpoint] = []
    earlier = line.head
    while earlier is not None and (not places or places[-1].source in ("update", "fork")):
        places.append(earlier)
        earlier = line.before(earlier)
    joins = {} if earlier is None else {key: set(names) for key, names in earlier.arrivals.items() if key in plan.joins}
    for place in reversed(places):
        if place.source == "update":
            joins = {key: names for key, names in joins.items() if plan.joins[key].target not in place.writers}
        for name in place.writers:
            node = plan.node(name)
            for key in node.joins if node is not None else ():
                joins.setdefault(key, set()).add(name)
    return joins


def copy(request: Request, draft: Draft, command: Edit) -> None:
    """Duplicate a checkpoint as a branch of its own, beside it."""
    line = edited_line(request, draft)
    origin = line.find(command.checkpoint) if command.checkpoint else line.closed_head()
    if origin is None:
        raise InvalidUpdateError(f"thread {request.thread!r} has no checkpoint to copy")
    draft.say(Forked(version=origin.version, ordinal=origin.ordinal, sibling=True, metadata=request.terms.metadata))


def record_input(request: Request, draft: Draft, command: Edit) -> None:
    """Record an input without running START: the next continue does."""
    withdraw(draft)
    writes = [write for update in command.updates for write in update.writes]
    terms = request.terms
    draft.say(
        RunStarted(
            run=terms.run,
            fingerprint=request.plan.fingerprint,
            writes=writes,
            metadata=terms.metadata,
            node=request.plan.entry,
        )
    )
    draft.say(RunFinished(status="paused"))


def inferred_node(line: Line, thread: str) -> str:
    """The node that an update without `as_node` is taken from: START on a new thread, else the one that wrote last."""
    writers = () if line.head is None else line.head.writers
    if len(writers) == 1:
        return writers[0]
    if writers:
        raise InvalidUpdateError(
            f"nodes {sorted(writers)} wrote last on thread {thread!r}: "
            "say which one this update stands for, as in update_state(config, values, as_node=...)"
        )
    return START
