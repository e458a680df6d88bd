"""Entering a sub-graph: a graph is called in a node of another one, for the first time or again."""

from __future__ import annotations

from ...projections.state.fold import Draft
from ...projections.state.namespaces import graph_of
from ...projections.state.thread import Line, ThreadState
from .answering import answer
from .commands import Answer, Apply, Continue, Decision, Ending, Enter, Start
from .fitting import check_nodes
from .request import Request
from .starting import apply, go_on, proceed_with, start
from .stepping import begin_tasks
from .upcasting import other_schema, say_continued


def enter(request: Request, command: Enter) -> Decision:
    """Start the graph where the task calls it for the first time, else go on where the call was left.

    The same task calls again when it is resumed, tried again, or run again after a crash: what the call had finished
    stays finished. Tasks that wait for an answer run again only where nothing else is left to do.
    """
    line = request.line
    if occupied(request.state, request.ns, command.caller):
        return Decision(ending=Ending("blocked"))
    if line.head is None or line.run is None or line.run.caller != command.caller:
        return begin(request, command, line)
    draft = request.draft()
    if not line.tasks:
        if line.paused is None and other_schema(request, draft, line) is None:
            return Decision(ending=Ending("completed"))
        request.see_graph(draft)
        say_continued(request, draft, "continue")
        return Decision(draft, ending=Ending("completed"))
    request.see_graph(draft)
    check_nodes(request, line)
    say_continued(request, draft, "continue")
    return resume(request, draft)


def occupied(state: ThreadState, ns: str, caller: str = "") -> bool:
    """True while another task than `caller` has a call unfinished in a history that goes on: that one comes first."""
    line = state.lines.get(ns)
    if line is None or not line.tasks or line.run is None or line.run.caller == caller:
        return False
    above = state.lines.get(graph_of(line.run.caller))
    if above is None or ns not in above.below or line.task >= len(above.tasks):
        return False
    return above.tasks[line.task].completed is None


def resume(request: Request, draft: Draft) -> Decision:
    """Go on with the open step: what waits for an answer waits on, unless nothing else is left."""
    line = draft.line()
    open_tasks = [ordinal for ordinal, task in enumerate(line.tasks) if task.completed is None]
    waiting = [ordinal for ordinal in open_tasks if draft.state.waits(line, ordinal)]
    if not waiting or len(waiting) == len(open_tasks):
        return go_on(request, draft)
    due = [ordinal for ordinal in open_tasks if ordinal not in waiting and ordinal not in request.running]
    return begin_tasks(request.terms, draft, due)


def begin(request: Request, command: Enter, line: Line) -> Decision:
    """The first call of a task. In a run that branched off a checkpoint, a history goes on from before that."""
    first = command.begin
    match first:
        case Continue():
            return proceed_with(request, first)
        case Answer():
            return answer(request, first)
        case Apply():
            return apply(request, first)
    if line.head is not None and command.older_than is not None and line.head.version < command.since:
        first = Start(first.writes, first.checkpoint, first.routes, older(line, command.older_than))
    return start(request, first)


def older(line: Line, address: tuple[int, int]) -> tuple[int, int] | None:
    """Where the history stood before a checkpoint of the thread; None where that is where it stands now."""
    if line.head is not None and line.head.address < address:
        return None
    place = next((checkpoint for checkpoint in line.checkpoints() if checkpoint.address < address), None)
    return (-1, 0) if place is None else place.address
