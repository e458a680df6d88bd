"""A graph that asks, on a saver of each kind."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
CONFIG: Any = {"configurable": {"thread_id": "t", "who": "shop"}}


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    answer: Any


def ask(state: State) -> State:
    return {"answer": interrupt("Buy it?", response_schema=SCHEMA), "log": ["asked"]}


def make(saver: BaseCheckpointSaver) -> Any:
    builder = StateGraph(State).add_node("look", lambda _: {"log": ["looked"]}).add_node(ask)  # type: ignore[arg-type]
    builder.add_node("buy", lambda _: {"log": ["bought"]})
    return builder.add_edge(START, "look").add_edge("look", "ask").add_edge("ask", "buy").compile(checkpointer=saver)


@pytest.fixture
def graph(saver: BaseCheckpointSaver) -> Any:
    """The graph, with thread `t` waiting at its question."""
    made = make(saver)
    made.invoke({"log": []}, CONFIG)
    return made


@pytest.fixture
def question(graph: Any) -> str:
    """Id of the open question."""
    return graph.get_state(CONFIG).interrupts[0].id
