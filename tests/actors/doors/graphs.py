"""Graphs of the golden traces: state x (last value) and names (a list that grows); nodes append their own name."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from clew import START, StateGraph, interrupt


class State(TypedDict):
    x: int
    names: Annotated[list, operator.add]


def named(name: str) -> Callable[[State], dict[str, Any]]:
    """A node that appends its name."""

    def body(state: State) -> dict[str, Any]:
        return {"names": [name]}

    return body


def anamed(name: str) -> Callable[[State], Any]:
    """The same, async."""

    async def body(state: State) -> dict[str, Any]:
        return {"names": [name]}

    return body


def chain(*names: str, make: Callable[[str], Any] = named) -> StateGraph:
    """START to the first, each to the next."""
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, make(name))
    for source, target in zip((START, *names), names, strict=False):
        builder.add_edge(source, target)
    return builder


def asking() -> StateGraph:
    """Trace C: one node asks twice, the next adds one to x."""

    def ask(state: State) -> dict[str, Any]:
        return {"names": [interrupt("q1"), interrupt({"q": "q2"})]}

    def after(state: State) -> dict[str, Any]:
        return {"x": state["x"] + 1}

    builder = StateGraph(State).add_node("ask", ask).add_node("after", after)
    return builder.add_edge(START, "ask").add_edge("ask", "after")


def parallel_questions(runs: list[str] | None = None) -> StateGraph:
    """Trace D: pa and pb ask, pc does not, all three join."""

    def asks(name: str) -> Callable[[State], dict[str, Any]]:
        return lambda state: {"names": [f"{name}:{interrupt(name)}"]}

    def counted(state: State) -> dict[str, Any]:
        if runs is not None:
            runs.append("pc")
        return {"names": ["pc"]}

    def join(state: State) -> dict[str, Any]:
        if runs is not None:
            runs.append("join")
        return {}

    builder = StateGraph(State).add_node("pa", asks("pa")).add_node("pb", asks("pb")).add_node("pc", counted)
    for name in ("pa", "pb", "pc"):
        builder.add_edge(START, name)
    return builder.add_node("join", join).add_edge(["pa", "pb", "pc"], "join")


THREAD = {"configurable": {"thread_id": "1"}}
