"""The graphs that the specification's golden traces speak of, and names for what their streams show."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypedDict

from clew.graph import START, StateGraph
from clew.types import Command, Send, interrupt

THREAD: Any = {"configurable": {"thread_id": "1"}}
INPUT = {"x": 1, "l": []}


class State(TypedDict):
    """A value and a list that grows."""

    x: int
    l: Annotated[list[Any], operator.add]  # noqa: E741  # the specification's name


def named(name: str) -> Callable[[State], dict[str, Any]]:
    """A node that appends its own name to `l`."""

    def node(state: State) -> dict[str, Any]:
        return {"l": [name]}

    return node


def chain(*names: str) -> StateGraph:
    """Nodes one after another."""
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, named(name))
    for source, target in zip((START, *names), names, strict=False):
        builder.add_edge(source, target)
    return builder


def fan_in() -> StateGraph:
    """`pa` and `pb` beside each other, then their join `j`."""
    builder = StateGraph(State)
    for name in ("pa", "pb", "j"):
        builder.add_node(name, named(name))
    return builder.add_edge(START, "pa").add_edge(START, "pb").add_edge(["pa", "pb"], "j")


def sends() -> StateGraph:
    """Three Sends to `w`, then `z`, which writes nothing."""
    builder = StateGraph(State)
    builder.add_node("w", lambda state: {"l": [state["i"]]}).add_node("z", lambda state: {})
    builder.add_conditional_edges(START, lambda state: [Send("w", {"i": k}) for k in range(3)], ["w"])
    return builder.add_edge("w", "z")


def asking() -> StateGraph:
    """`ask` asks twice, then `after` adds one to `x`."""

    def ask(state: State) -> dict[str, Any]:
        first = interrupt("q1")
        second = interrupt({"q": "q2"})
        return {"l": [first, second]}

    builder = StateGraph(State).add_node("ask", ask).add_node("after", lambda state: {"x": state["x"] + 1})
    return builder.add_edge(START, "ask").add_edge("ask", "after")


def two_questions() -> StateGraph:
    """`pa` and `pb` ask, `pc` does not; the join of the three."""

    def asks(name: str) -> Callable[[State], dict[str, Any]]:
        return lambda state: {"l": [f"{name}:{interrupt('q' + name[-1])}"]}

    builder = StateGraph(State).add_node("pa", asks("pa")).add_node("pb", asks("pb"))
    builder.add_node("pc", named("pc")).add_node("join", named("join"))
    for name in ("pa", "pb", "pc"):
        builder.add_edge(START, name)
    return builder.add_edge(["pa", "pb", "pc"], "join")


class Failing:
    """`ok` and `bad` beside each other, then their join `j`; `bad` raises once `ok` is done, until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        done = threading.Event()

        def ok(state: State) -> dict[str, Any]:
            done.set()
            return {"l": ["ok"]}

        def bad(state: State) -> dict[str, Any]:
            if not self.mended:
                done.wait(10)
                raise ValueError("boom")
            return {"l": ["bad-ok"]}

        self.builder = StateGraph(State).add_node("ok", ok).add_node("bad", bad).add_node("j", named("j"))
        self.builder.add_edge(START, "ok").add_edge(START, "bad").add_edge(["ok", "bad"], "j")


def commanding() -> StateGraph:
    """`a` goes to `b` and sends to `w` with a Command; `b` writes one key twice, `w` nothing."""

    def a(state: State) -> Command[Any]:
        return Command(update={"l": ["a"], "x": 7}, goto=["b", Send("w", {"k": 1})])

    def b(state: State) -> list[Any]:
        return [Command(update={"l": ["m1"]}), {"l": ["m2"]}]

    builder = StateGraph(State).add_node("a", a, destinations=("b", "w")).add_node("b", b)
    return builder.add_node("w", lambda state: None).add_edge(START, "a")


# -- what streams show


def start(task: str, name: str, given: Any, *triggers: str, **metadata: Any) -> dict[str, Any]:
    """The `tasks` payload of a task that begins."""
    payload = {"id": task, "name": name, "input": given, "triggers": triggers or (f"branch:to:{name}",)}
    return {**payload, "metadata": metadata} if metadata else payload


def end(task: str, name: str, result: Any = None, *, error: Any = None, asks: Sequence[Any] = ()) -> dict[str, Any]:
    """The `tasks` payload of a task that ended."""
    return {"id": task, "name": name, "error": error, "result": result or {}, "interrupts": list(asks)}


def question(value: Any, id: str) -> dict[str, Any]:
    """A question in the payloads of tasks and checkpoints."""
    return {"value": value, "id": id, "response_schema": None}


def config(checkpoint: str, **configurable: Any) -> dict[str, Any]:
    """The coordinates of a checkpoint of the root graph."""
    return {"configurable": {"checkpoint_ns": "", "thread_id": "1", **configurable, "checkpoint_id": checkpoint}}


def planned(task: str, name: str, **known: Any) -> dict[str, Any]:
    """A task in the payload of a checkpoint."""
    return {"id": task, "name": name, "interrupts": (), "state": None, **known}


def checkpoint(
    own: str, parent: str | None, source: str, step: int, values: Any, *tasks: dict[str, Any], **metadata: Any
) -> dict[str, Any]:
    """The payload of a checkpoint."""
    return {
        "config": config(own),
        "parent_config": None if parent is None else config(parent),
        "values": values,
        "metadata": {**metadata, "source": source, "step": step, "parents": {}},
        "next": [task["name"] for task in tasks],
        "tasks": list(tasks),
    }
