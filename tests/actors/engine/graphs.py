"""Graphs of the engine's tests: state `names`, a list that grows; nodes append their own name."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypedDict

from clew import START, StateGraph
from langchain_core.runnables import RunnableConfig


class State(TypedDict):
    names: Annotated[list[str], operator.add]


Body = Callable[[State], dict[str, Any]]
AsyncBody = Callable[[State], Awaitable[dict[str, Any]]]


def named(name: str) -> Body:
    """A node that appends its name."""
    return lambda state: {"names": [name]}


def anamed(name: str) -> AsyncBody:
    """The same, async."""

    async def body(state: State) -> dict[str, Any]:
        return {"names": [name]}

    return body


def chain(**bodies: Any) -> StateGraph:
    """Nodes one after the other."""
    builder = StateGraph(State)
    for name, body in bodies.items():
        builder.add_node(name, body)
    for source, target in zip((START, *bodies), bodies, strict=False):
        builder.add_edge(source, target)
    return builder


def side_by_side(**bodies: Any) -> StateGraph:
    """Nodes that all run in the first super-step."""
    builder = StateGraph(State)
    for name, body in bodies.items():
        builder.add_node(name, body).add_edge(START, name)
    return builder


def on(thread: str, **configurable: Any) -> RunnableConfig:
    """The config that names a thread."""
    return {"configurable": {"thread_id": thread, **configurable}}


GIVEN: State = {"names": []}
