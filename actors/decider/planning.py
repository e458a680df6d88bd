"""Planning: which tasks the next super-step has, from what the last one's tasks completed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

from msgspec import Struct

from ...events.vocabulary import END, PlannedTask, Route
from ...projections.state.thread import Line
from ..author.plan import Join, Plan
from ..author.planning import join_key


class Planned(Struct, frozen=True):
    """The next super-step: its tasks in path order, and what waits beyond it."""

    tasks: list[PlannedTask]
    arrivals: dict[str, list[str]]
    deferred: list[str]


def completions(line: Line) -> list[tuple[str, Iterable[Route]]]:
    """(what ran: the node or its error handler; its routes) of the open step's completed tasks, in path order."""
    return [
        (task.runs if task.failed else task.node, task.completed.routes)
        for task in line.tasks
        if task.completed is not None
    ]


def plan_next(
    plan: Plan,
    completed: Iterable[tuple[str, Iterable[Route]]],
    arrivals: Mapping[str, Iterable[str]],
    deferred: Iterable[str],
) -> Planned:
    """The super-step that follows.

    Args:
        plan: the graph.
        completed: (node, routes) of the step that ends, in path order. A node the graph no longer has leads nowhere.
        arrivals: joins partly filled before this step: key to sources.
        deferred: deferred nodes that were triggered before and still wait.
    """
    pulled: dict[str, None] = {}
    sends: list[PlannedTask] = []
    arrived = _arrived(plan, arrivals) if arrivals else {}
    for name, routes in completed:
        node = plan.nodes.get(name) or plan.node(name)
        if node is not None:
            for target in node.targets:
                pulled[target] = None
            for key in node.joins:
                arrived.setdefault(key, set()).add(node.name)
        for route in routes:
            if route.send:
                sends.append(PlannedTask(route.node, True, route.payload, route.timeout))
            elif route.node != END:
                pulled[plan.aliases.get(route.node, route.node)] = None
    if arrived:
        _fill_joins(plan, arrived, pulled)
    waiting = {plan.aliases.get(name, name): None for name in deferred} if deferred else {}
    due: list[str] = []
    for name in pulled:
        if name not in plan.nodes:
            continue
        if plan.nodes[name].defer:
            waiting[name] = None
        else:
            due.append(name)
    if waiting and not due and not sends:
        due, waiting = [name for name in waiting if name in plan.nodes], {}
    due.sort()
    tasks = [PlannedTask(name) for name in due]
    still = {key: sorted(names) for key, names in arrived.items()} if arrived else {}
    return Planned(tasks + sends, still, list(waiting))


def join_of(plan: Plan, key: str) -> Join | None:
    """The join that is recorded under this key: by the names of its nodes now, or by earlier ones."""
    found = plan.joins.get(key)
    if found is not None or not plan.aliases:
        return found
    for join in plan.joins.values():
        sources = [_names(plan, name) for name in sorted(join.sources)]
        for *earlier, target in product(*sources, _names(plan, join.target)):
            if join_key(earlier, target) == key:
                return join
    return None


def _names(plan: Plan, name: str) -> list[str]:
    return [name, *(earlier for earlier, now in plan.aliases.items() if now == name)]


def _arrived(plan: Plan, arrivals: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """What came before, by the names that joins and their sources have now."""
    arrived: dict[str, set[str]] = {}
    for key, sources in arrivals.items():
        join = join_of(plan, key)
        arrived[key if join is None else join.key] = {plan.aliases.get(name, name) for name in sources}
    return arrived


def _fill_joins(plan: Plan, arrived: dict[str, set[str]], pulled: dict[str, None]) -> None:
    """Trigger the joins whose sources have all arrived, and empty them."""
    for key in list(arrived):
        join = plan.joins.get(key)
        if join is None:
            del arrived[key]
        elif arrived[key] >= join.sources:
            pulled[join.target] = None
            del arrived[key]
