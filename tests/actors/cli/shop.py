"""A shop's graph and its threads: what the tests of the command line read and change."""

from __future__ import annotations

import operator
from contextlib import suppress
from typing import Annotated, Any, TypedDict

from clew import END, START, Command, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


class Order(TypedDict):
    item: str
    log: Annotated[list[str], operator.add]
    approved: bool
    total: Annotated[int, lambda one, other: one + other]


def price(state: Order) -> dict[str, Any]:
    return {"log": [f"priced {state['item']}"], "total": 12}


def approve(state: Order) -> dict[str, Any]:
    schema = SCHEMA if state["item"] == "lamp" else None
    answer = interrupt({"question": f"Buy {state['item']}?"}, response_schema=schema)
    return {"approved": bool(answer), "log": [f"answer {answer}"]}


def ship(state: Order) -> dict[str, Any]:
    if state["item"] == "bomb":
        raise ValueError("cannot ship a bomb")
    return {"log": ["shipped"]}


builder = StateGraph(Order).add_node(price).add_node(approve).add_node(ship)  # type: ignore[arg-type]
builder.add_edge(START, "price").add_edge("price", "approve")
builder.add_conditional_edges("approve", lambda state: "ship" if state["approved"] else END, ["ship", END])


built: list[str] = []
"""What `build` was called for."""


def build() -> StateGraph:
    """The graph, by a function: it may cost a service much to make one."""
    built.append("shop")
    return builder


def config(thread: str, who: str = "shop") -> Any:
    return {"configurable": {"thread_id": thread, "who": who}}


def fill(saver: BaseCheckpointSaver) -> None:
    """Threads of every kind: finished, waiting with a schema and without, failed, and one with branches."""
    graph = builder.compile(checkpointer=saver, name="shop")
    for thread, item in (("order-1", "book"), ("order-2", "lamp"), ("order-3", "bomb"), ("invoice-7", "pen")):
        graph.invoke({"item": item, "log": [], "total": 1}, config(thread))  # type: ignore[arg-type]
    graph.invoke(Command(resume=True), config("order-1", "ann"))
    with suppress(ValueError):
        graph.invoke(Command(resume=True), config("order-3", "bob"))


def branch(saver: BaseCheckpointSaver) -> None:
    """Order 1 goes back to its question, and is answered otherwise."""
    graph = builder.compile(checkpointer=saver, name="shop")
    asked = next(one for one in graph.get_state_history(config("order-1")) if one.next == ("approve",))
    graph.invoke(None, asked.config)
    graph.invoke(Command(resume=False), config("order-1", "eve"))
