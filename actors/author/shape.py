"""A plan as the shape that drawings are made of. Runs nothing; `get_graph` calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_core.runnables import Runnable

from ...projections.drawing.drawing import DrawableGraph, graph_drawing
from ...projections.drawing.shape import EdgeShape, GraphShape, JoinShape, NodeShape
from .plan import Node, Plan

Opened = Callable[[Node], Any]
"""The compiled graph that is drawn in the place of a node; None for the node itself."""


def drawable(plan: Plan, *, xray: int | bool = False, opened: Opened | None = None) -> DrawableGraph:
    """The drawing of a plan.

    Args:
        plan: the graph's.
        xray: opens sub-graphs: True all of them, a number so many levels deep.
        opened: finds the graph of a node; without it those that are nodes themselves.
    """
    return graph_drawing(graph_shape(plan, _own if opened is None or not xray else opened), xray=xray)


def graph_shape(plan: Plan, opened: Opened | None = None, around: tuple[bytes, ...] = ()) -> GraphShape:
    """What there is to draw of a plan: its nodes but the hidden ones, and every way that is known before a run.

    A path function without a path map or `Literal` annotation may lead anywhere, so it gives no edge.

    Args:
        plan: the graph's.
        opened: see `drawable`.
        around: fingerprints of the graphs that this one is drawn in: one that calls itself is closed there.
    """
    shown = [node for node in plan.nodes.values() if not node.hidden]
    around = (*around, plan.fingerprint)
    return GraphShape(
        nodes=tuple(_node(plan, node, _own if opened is None else opened, around) for node in shown),
        edges=tuple(edge for node in (plan.start, *shown) for edge in _edges(node)),
        joins=tuple(JoinShape(tuple(sorted(join.sources)), join.target) for join in plan.joins.values()),
        start_second=bool(plan.entry),
    )


def _own(node: Node) -> Any:
    # One that keeps nothing is drawn closed, as LangGraph does.
    return None if getattr(node.subgraph, "checkpointer", False) is False else node.subgraph


def _node(plan: Plan, node: Node, opened: Opened, around: tuple[bytes, ...]) -> NodeShape:
    runnable, inside = _behind(node), opened(node)
    return NodeShape(
        name=node.name,
        data=runnable,
        metadata=node.metadata,
        defer=node.defer,
        interrupt_before="before" not in plan.interrupt_all and node.name in plan.interrupt_before,
        interrupt_after="after" not in plan.interrupt_all and node.name in plan.interrupt_after,
        tools=tuple(getattr(runnable, "tools_by_name", ())),
        subgraph=None
        if inside is None or inside.plan.fingerprint in around
        else graph_shape(inside.plan, opened, around),
    )


def _behind(node: Node) -> Any:
    owner = getattr(node.callee.call, "__self__", None)
    return owner if isinstance(owner, Runnable) else node.callee.call


def _edges(node: Node) -> Iterator[EdgeShape]:
    for target in node.targets:
        yield EdgeShape(node.name, target)
    for branch in node.branches:
        for result, target in (branch.path_map or {}).items():
            yield EdgeShape(node.name, target, conditional=True, label=str(result))
    labels: Mapping[str, str | None] = (
        node.destinations if isinstance(node.destinations, Mapping) else dict.fromkeys(node.destinations)
    )
    for target, label in labels.items():
        yield EdgeShape(node.name, target, conditional=True, label=label)
