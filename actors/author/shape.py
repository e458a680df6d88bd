"""A plan as the shape that drawings are made of. Runs nothing; `get_graph` calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.runnables import Runnable

from ...projections.drawing.drawing import DrawableGraph, graph_drawing
from ...projections.drawing.shape import EdgeShape, GraphShape, JoinShape, NodeShape
from .plan import Node, Plan


def drawable(plan: Plan, *, xray: int | bool = False) -> DrawableGraph:
    """The drawing of a plan; `xray` opens sub-graphs: True all of them, a number so many levels deep."""
    return graph_drawing(graph_shape(plan), xray=xray)


def graph_shape(plan: Plan) -> GraphShape:
    """What there is to draw of a plan: its nodes but the hidden ones, and every way that is known before a run.

    A path function without a path map or `Literal` annotation may lead anywhere, so it gives no edge.
    """
    shown = [node for node in plan.nodes.values() if not node.hidden]
    return GraphShape(
        nodes=tuple(_node(plan, node) for node in shown),
        edges=tuple(edge for node in (plan.start, *shown) for edge in _edges(node)),
        joins=tuple(JoinShape(tuple(sorted(join.sources)), join.target) for join in plan.joins.values()),
    )


def _node(plan: Plan, node: Node) -> NodeShape:
    runnable = _behind(node)
    return NodeShape(
        name=node.name,
        data=runnable,
        metadata=node.metadata,
        defer=node.defer,
        interrupt_before="before" not in plan.interrupt_all and node.name in plan.interrupt_before,
        interrupt_after="after" not in plan.interrupt_all and node.name in plan.interrupt_after,
        tools=tuple(getattr(runnable, "tools_by_name", ())),
        # One that keeps nothing is drawn closed, as LangGraph does.
        subgraph=None if getattr(node.subgraph, "checkpointer", False) is False else graph_shape(node.subgraph.plan),
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
