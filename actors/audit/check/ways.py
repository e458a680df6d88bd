"""Ways on: are routes and plans on record those that a graph makes now, and how are they said?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ....events.vocabulary import START, Payload, PlannedTask, Route
from ...author.plan import Node, Plan
from ...kit.laws import comparable
from ..difference import same


def same_routes(plan: Plan, recorded: Sequence[Route], routes: Sequence[Route]) -> bool:
    """True when path functions lead now where they led, in the same order."""
    return len(recorded) == len(routes) and all(
        name_now(plan, one.node) == other.node and one.send == other.send and same_payload(one.payload, other.payload)
        for one, other in zip(recorded, routes, strict=True)
    )


def same_tasks(plan: Plan, recorded: Sequence[PlannedTask], now: Sequence[PlannedTask]) -> bool:
    """True when the same nodes are planned, and the same is sent to the same nodes."""
    pulled = {task.node for task in now if not task.send}
    if names_now(plan, (task.node for task in recorded if not task.send)) != pulled:
        return False
    sent, sends = ([task for task in tasks if task.send] for tasks in (recorded, now))
    return len(sent) == len(sends) and all(
        name_now(plan, one.node) == name_now(plan, other.node)
        and plan.node(other.node) is not None
        and same_payload(one.payload, other.payload)
        for one, other in zip(sent, sends, strict=True)
    )


def same_payload(one: Payload | None, other: Payload | None) -> bool:
    """True when the same was sent."""
    if one is None or other is None:
        return one is other
    # Ids of messages are made by chance at each call.
    return one is other or same(comparable(one.value), comparable(other.value))


def name_now(plan: Plan, name: str) -> str:
    """The name that a node has in this graph."""
    return plan.aliases.get(name, name)


def names_now(plan: Plan, names: Iterable[str]) -> set[str]:
    """The names that nodes have in this graph."""
    return {name_now(plan, name) for name in names}


def due_words(tasks: Sequence[PlannedTask], deferred: Iterable[str]) -> list[str]:
    """What is planned, in words."""
    sent = [f"{task.node} (sent)" if task.send else task.node for task in tasks]
    return [*sent, *(f"{name} (deferred)" for name in deferred)]


def target_words(routes: Iterable[Route]) -> list[str]:
    """Where routes lead, in words."""
    return [f"{route.node} (sent)" if route.send else route.node for route in routes]


def listed(names: Sequence[str]) -> str:
    """Names on one line."""
    return ", ".join(names) or "nothing"


def said_name(node: Node) -> str:
    """A node in words."""
    return "the input" if node.name == START else repr(node.name)
