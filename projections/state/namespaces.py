"""Namespaces: where in a thread a graph runs. The root graph's is "".

A graph called in a node has the namespace of the calling task, "node:task id" behind its graph's own and a "|"; so each
call of a node has another one. `checkpointer=True` leaves the ids out, so that all calls continue one history. Further
calls in one task have their number behind it.
"""

from __future__ import annotations

SEPARATOR = "|"
ID_MARK = ":"


def task_namespace(ns: str, node: str, task_id: str) -> str:
    """The namespace of a task of the graph that runs in `ns`."""
    return f"{ns}{SEPARATOR}{node}{ID_MARK}{task_id}" if ns else f"{node}{ID_MARK}{task_id}"


def call_namespace(task: str, number: int, *, continuing: bool = False) -> str:
    """The namespace of a graph called in a task.

    Args:
        task: the task's namespace.
        number: which call of the task it is, from 0.
        continuing: True when all calls continue one history.
    """
    base = without_ids(task) if continuing else task
    return f"{base}{SEPARATOR}{number}" if number else base


def without_ids(ns: str) -> str:
    """The names of the nodes that lead to a namespace, without ids and numbers of calls: "a|b"."""
    return SEPARATOR.join(names(ns))


def names(ns: str) -> tuple[str, ...]:
    """The nodes that lead to a namespace, outermost first."""
    return tuple(part.split(ID_MARK)[0] for part in ns.split(SEPARATOR) if part and not part.isdigit())


def continues(ns: str) -> bool:
    """True for a namespace that outlives the step of the call: that of a `checkpointer=True` graph."""
    return bool(ns) and ID_MARK not in ns


def calling_task(ns: str, caller: str = "") -> str:
    """The namespace of the task that calls the graph in `ns`; `caller` where the event names it."""
    if caller:
        return caller
    above, _, last = ns.rpartition(SEPARATOR)
    return above if above and last.isdigit() else ns


def graph_of(task: str) -> str:
    """The namespace of the graph that a task belongs to."""
    return task.rpartition(SEPARATOR)[0]
