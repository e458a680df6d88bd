"""A compiled graph among langchain-core's Runnables."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypedDict

import pytest
from clew import START, Command, StateGraph
from clew.checkpoint import InMemorySaver

from .graphs import THREAD, State, chain, named


@pytest.mark.filterwarnings("ignore:This API is in beta")  # langchain-core's, of as_tool and astream_events
def test_it_can_be_a_tool_with_the_input_schemas_arguments() -> None:
    class Sum(TypedDict):
        a: int
        b: int

    builder = StateGraph(Sum).add_node("n", lambda state: {"a": state["a"] + state["b"]}).add_edge(START, "n")
    tool = builder.compile().as_tool(name="sum", description="adds")
    assert tool.invoke({"a": 1, "b": 2}) == {"a": 3, "b": 2}


def test_its_json_schemas_are_those_of_the_declared_schemas() -> None:
    class In(TypedDict):
        x: int

    @dataclass
    class Context:
        user: str

    graph = (
        StateGraph(State, input_schema=In, context_schema=Context).add_node("n", named("n")).add_edge(START, "n")
    ).compile()
    assert graph.get_input_jsonschema()["properties"] == {"x": {"title": "X", "type": "integer"}}
    assert sorted(graph.get_output_jsonschema()["properties"]) == ["names", "x"]
    assert graph.get_context_jsonschema()["required"] == ["user"]
    assert chain("a").compile().get_context_jsonschema() is None


@pytest.mark.filterwarnings("ignore:This API is in beta")
def test_astream_events_shows_what_each_node_gave_out() -> None:
    async def events() -> list[tuple[str, str, Any]]:
        stream = chain("a").compile().astream_events({"x": 1}, version="v2")
        return [
            (event["event"], event["name"], event["data"].get("chunk"))
            async for event in stream
            if event["name"] == "a"
        ]

    assert asyncio.run(events()) == [
        ("on_chain_start", "a", None),
        ("on_chain_stream", "a", {"names": ["a"]}),
        ("on_chain_end", "a", None),
    ]


def test_none_in_a_config_says_nothing() -> None:
    graph = chain("a").compile(checkpointer=InMemorySaver())
    config = {**THREAD, "recursion_limit": None, "tags": None, "metadata": None, "max_concurrency": None}
    assert graph.invoke({"x": 1}, config)["names"] == ["a"]
    assert graph.with_config(tags=["t"]).invoke({}, config)["names"] == ["a", "a"]


def test_a_goto_to_a_node_that_is_due_runs_it_once() -> None:

    graph = chain("a", "b").compile(checkpointer=InMemorySaver(), interrupt_before=["b"])
    graph.invoke({"x": 1}, THREAD)
    assert graph.invoke(Command(goto="b"), THREAD)["names"] == ["a", "b"]
    rows = len(list(graph.get_state_history(THREAD)))
    assert graph.invoke(Command(goto="__end__"), THREAD)["names"] == ["a", "b"]
    assert len(list(graph.get_state_history(THREAD))) == rows
