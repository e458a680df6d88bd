"""The graphs inside a graph: its nodes themselves, and those that node functions are seen to use.

Seen are compiled graphs that a function refers to by a name: in its closure, its module, or on the object whose method
it is. What a function makes while it runs is not seen; it runs all the same.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda, RunnableSequence

from ...projections.state import namespaces
from ..author.callee import subgraph_of
from ..author.plan import Node, Plan

_DEPTH_MAX = 4
"""How far wrappers, partials and sequences are opened."""


def graphs_of(node: Node) -> tuple[Any, ...]:
    """The compiled graphs that a node is, or is seen to use, in the order in which they are named."""
    if node.subgraph is not None:
        return (node.subgraph,)
    callee = node.callee
    calls = (callee.call, callee.acall) if callee.acall is not None else (callee.call,)
    return tuple({id(graph): graph for call in calls for graph in _seen(call, 0)}.values())


def kept_graph(node: Node) -> Any:
    """The first of a node's graphs that keeps a state; None for none."""
    return next((one for one in graphs_of(node) if one.checkpointer is not False), None)


def _seen(value: Any, depth: int) -> Iterator[Any]:
    if subgraph_of(value) is not None:
        yield value
    elif depth > _DEPTH_MAX:
        return
    elif isinstance(value, functools.partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _seen(part, depth + 1)
    elif isinstance(value, RunnableLambda):
        for form in ("func", "afunc"):
            if hasattr(value, form):
                yield from _seen(getattr(value, form), depth + 1)
    elif isinstance(value, RunnableSequence):
        for step in value.steps:
            yield from _seen(step, depth + 1)
    elif isinstance(value, MethodType):
        yield from _seen(value.__self__, depth + 1) if isinstance(value.__self__, Runnable) else ()
        yield from _used_by(value.__func__, value.__self__)
    elif isinstance(value, FunctionType):
        yield from _used_by(value, None)
        if depth == 0 and (wrapped := getattr(value, "__wrapped__", None)) is not None:
            yield from _seen(wrapped, depth + 1)
    elif depth == 0 and not isinstance(value, type):
        call = getattr(type(value), "__call__", None)  # noqa: B004  # the method is wanted, not whether it is callable
        if isinstance(call, FunctionType):
            yield from _used_by(call, value)


def _used_by(function: Any, owner: Any) -> Iterator[Any]:
    """The graphs among what a function's code names: closure, module, and attributes of its owner."""
    if not isinstance(function, FunctionType):
        return
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # an empty cell
            continue
        yield from _graph(held)
    for name in names_in(function.__code__):
        if name in function.__globals__:
            yield from _graph(function.__globals__[name])
        elif owner is not None and name in getattr(owner, "__dict__", ()):
            yield from _graph(vars(owner)[name])


def _graph(value: Any) -> Iterator[Any]:
    value = getattr(value, "__self__", value) if isinstance(value, MethodType) else value
    if subgraph_of(value) is not None:
        yield value


def names_in(code: CodeType) -> Iterator[str]:
    """The names that code speaks of: of globals and attributes, in functions inside of it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def subgraphs(plan: Plan, namespace: str | None, recurse: bool) -> Iterator[tuple[str, Any]]:
    """(name, graph) of the graphs inside that keep a state, as `CompiledStateGraph.get_subgraphs` says."""
    yield from _subgraphs(plan, namespace, recurse, ())


def _subgraphs(
    plan: Plan, namespace: str | None, recurse: bool, around: tuple[bytes, ...]
) -> Iterator[tuple[str, Any]]:
    if plan.fingerprint in around:  # a graph that calls itself
        return
    for name, node in plan.nodes.items():
        if namespace is not None and namespace.split(namespaces.SEPARATOR)[0] != name:
            continue
        graph = kept_graph(node)
        if graph is None:
            continue
        if namespace in (None, name):
            yield name, graph
        if recurse and namespace != name:
            rest = None if namespace is None else namespace[len(name) + 1 :]
            for inner, found in _subgraphs(graph.plan, rest, recurse, (*around, plan.fingerprint)):
                yield f"{name}{namespaces.SEPARATOR}{inner}", found


def subgraph_at(plan: Plan, ns: str, fingerprint: bytes = b"") -> Any:
    """The compiled graph that keeps its state in a namespace; None where none is seen that keeps any.

    Args:
        plan: of the root graph.
        ns: the namespace, with or without ids.
        fingerprint: of the graph that ran there: picks it where a node uses several.
    """
    found: tuple[Any, ...] = ()
    for name in namespaces.names(ns):
        plans = [plan] if not found else [graph.plan for graph in found]
        nodes = (inner.node(name) for inner in plans)
        inside = (graph for node in nodes if node is not None for graph in graphs_of(node))
        found = tuple(graph for graph in inside if graph.checkpointer is not False)
        if not found:
            return None
    return next((graph for graph in found if graph.plan.fingerprint == fingerprint), found[0] if found else None)


def reachable(plan: Plan) -> Iterator[Any]:
    """Every graph inside, at any depth, each once."""
    seen = {plan.fingerprint}
    plans = [plan]
    while plans:
        for node in plans.pop().nodes.values():
            for graph in graphs_of(node):
                if graph.plan.fingerprint not in seen:
                    seen.add(graph.plan.fingerprint)
                    plans.append(graph.plan)
                    yield graph
