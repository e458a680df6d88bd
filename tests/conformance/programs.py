"""Small graphs that the specification's examples are about: a number, a list that grows, nodes that sign it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from clew import START, StateGraph, interrupt


class State(TypedDict):
    """`x` keeps its last value, `l` grows."""

    x: int
    l: Annotated[list[Any], operator.add]  # noqa: E741  # the specification's name


ONE: dict[str, Any] = {"configurable": {"thread_id": "1"}}


def signing(name: str) -> Callable[[State], dict[str, Any]]:
    """A node that appends its name to the list."""
    return lambda state: {"l": [name]}


def chain(*names: str) -> StateGraph:
    """START -> a -> b -> …, each signing."""
    builder = StateGraph(State)
    before = START
    for name in names:
        builder.add_node(name, signing(name)).add_edge(before, name)
        before = name
    return builder


def single(node: Any, name: str = "f") -> StateGraph:
    """START -> one node."""
    return StateGraph(State).add_node(name, node).add_edge(START, name)


def side_by_side(**nodes: Any) -> StateGraph:
    """START -> each of the nodes, all in one super-step."""
    builder = StateGraph(State)
    for name, node in nodes.items():
        builder.add_node(name, node).add_edge(START, name)
    return builder


def asking(*questions: Any) -> Callable[[State], dict[str, Any]]:
    """A node that asks these questions one after the other and appends the answers to the list."""
    return lambda state: {"l": [interrupt(question) for question in questions]}


def failing(state: State) -> dict[str, Any]:
    """A node that cannot."""
    raise ValueError("boom")


def rows(history: list[Any]) -> list[tuple[Any, ...]]:
    """(source, step, next, values.l) of each snapshot."""
    return [(row.metadata["source"], row.metadata["step"], row.next, row.values.get("l")) for row in history]


def asked(output: Any) -> list[Any]:
    """The values of the questions in an output."""
    return [question.value for question in output.get("__interrupt__", ())]
