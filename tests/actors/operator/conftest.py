"""A graph that asks, on a saver of each kind."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver, PostgresSaver, SqliteSaver

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


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request: pytest.FixtureRequest) -> Iterator[BaseCheckpointSaver]:
    """A fresh, empty saver of each kind in turn."""
    if request.param == "memory":
        yield InMemorySaver()
    elif request.param == "sqlite":
        with SqliteSaver.from_conn_string(str(request.getfixturevalue("tmp_path") / "threads.sqlite")) as opened:
            yield opened
    else:
        with PostgresSaver.from_conn_string(request.getfixturevalue("postgres_dsn")) as opened:
            opened.setup()
            yield opened


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
