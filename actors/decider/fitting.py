"""Does the code at hand fit what a thread waits for? Where it does not, the thread is refused, never guessed at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...events.errors import GraphChangedError
from ...events.vocabulary import END
from ...projections.state.thread import Line
from ..author.plan import Plan
from .planning import join_of
from .request import Request

_BY_HAND = "or say how it goes on with update_state(config, values, as_node=...)"


def check_nodes(request: Request, line: Line) -> None:
    """Refuse to go on where the open step does not fit the graph: its questions stay open and listed."""
    reason = misfit(request.plan, line)
    if reason:
        raise GraphChangedError(f"thread {request.thread!r} {reason}; nothing was changed")


def misfit(plan: Plan, line: Line) -> str:
    """Why a thread cannot go on here, and what to do about it; "" where it can.

    Of a node that has finished, what follows it is asked for: where it is gone nobody knows, and the run would end
    early without a word.
    """
    for task in line.unfinished:
        if plan.node(task.node) is None:
            return (
                f"waits in node {task.node!r}, which this graph does not have (it has {sorted(plan.nodes)}): "
                "add the node again, or name its successor with compile(aliases={old: new})"
            )
        if task.handler and plan.runner(task.node, task.handler) is None:
            return (
                f"waits in {task.handler!r}, the error handler of node {task.node!r}, which this graph does not have: "
                "give the node an error handler again, or go back to an earlier checkpoint with invoke(None, its "
                "config)"
            )
    for task in line.tasks:
        if task.completed is not None and plan.node(task.runs) is None:
            return (
                f"has finished node {task.runs!r} in its open step, and this graph does not have it (it has "
                f"{sorted(plan.nodes)}), so that what follows it is not known: add the node again, name its successor "
                f"with compile(aliases={{old: new}}), {_BY_HAND}"
            )
        gone = _gone(plan, (route.node for route in task.completed.routes) if task.completed is not None else ())
        if gone and not plan.ignores_unknown_routes:
            return f"{_leads(task.node, gone)}, {_BY_HAND}"
    gone = _gone(plan, line.deferred)
    if gone:
        return f"{_leads(gone, gone)}, {_BY_HAND}"
    lost = next((key for key in line.arrivals if join_of(plan, key) is None), None)
    if lost is not None:
        return (
            f"waits for the rest of the join {lost!r}, of which {', '.join(map(repr, line.arrivals[lost]))} came, and "
            f"this graph has no such join: add it again, name renamed nodes with compile(aliases={{old: new}}), "
            f"{_BY_HAND}"
        )
    return ""


def gained_source(plan: Plan, line: Line, arrivals: Mapping[str, Iterable[str]]) -> str:
    """Why a join that a finished run leaves half full will never be filled; "" where it just was not taken.

    Code that was changed under the thread can have given it a source that had run before, and runs no more.
    """
    for key, arrived in arrivals.items():
        join = plan.joins[key]
        missing = join.sources - set(arrived)
        gained = sorted(missing & _ran_before(plan, line, join.target))
        if gained and missing == set(gained):
            return (
                f"the join of {', '.join(map(repr, sorted(join.sources)))} waits for {', '.join(map(repr, gained))}, "
                f"which ran before the graph's code gave {join.target!r} this source: {join.target!r} was not run; if "
                f"it should, call the thread with Command(goto={join.target!r}) as input"
            )
    return ""


def _ran_before(plan: Plan, line: Line, target: str) -> set[str]:
    """The nodes that other code ran since the last input, and since the join's target ran."""
    ran: set[str] = set()
    place = line.head
    while place is not None and place.source != "input":
        place = line.before(place)
        if place is None:
            break
        names = {plan.aliases.get(task.runs, task.runs) for task in place.tasks if task.completed is not None}
        if target in names:
            break
        if place.run is not None and place.run.fingerprint != plan.fingerprint:
            ran |= names
    return ran


def _gone(plan: Plan, names: Iterable[str]) -> str:
    return next((name for name in names if name != END and plan.node(name) is None), "")


def _leads(name: str, gone: str) -> str:
    return (
        f"goes on from {name!r} to {gone!r}, which this graph does not have: add the node again, name its successor "
        "with compile(aliases={old: new})"
    )
