"""Which chunks a stream has and which it has not: LangGraph's rules, on every store."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Overwrite, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver

from .graphs import THREAD, State, chain, named


def quiet() -> StateGraph:
    """One node that writes nothing."""
    return StateGraph(State).add_node("quiet", lambda state: None).add_edge(START, "quiet")


def test_values_show_a_step_only_if_it_wrote_something(saver: BaseCheckpointSaver) -> None:
    graph = quiet().compile(checkpointer=saver)
    assert list(graph.stream({"x": 1}, THREAD, stream_mode="values")) == [{"x": 1, "names": []}]
    assert list(graph.stream({}, THREAD, stream_mode="values")) == []


def test_values_show_a_write_that_changes_nothing(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("same", lambda state: {"x": state["x"]}).add_edge(START, "same")
    chunks = list(builder.compile(checkpointer=saver).stream({"x": 1}, THREAD, stream_mode="values"))
    assert chunks == [{"x": 1, "names": []}] * 2


def test_values_begin_with_the_state_that_a_run_goes_on_from(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver, interrupt_before=["b"])
    graph.invoke({"x": 1}, THREAD)
    assert [chunk["names"] for chunk in graph.stream(None, THREAD, stream_mode="values")] == [["a"], ["a", "b"]]
    assert [chunk["names"] for chunk in graph.stream(None, THREAD, stream_mode="values")] == [["a", "b"]]


def test_a_run_that_goes_on_shows_the_updates_of_finished_siblings_as_cached(saver: BaseCheckpointSaver) -> None:
    def ask(state: State) -> dict[str, Any]:
        return {"names": [interrupt("?")]}

    builder = StateGraph(State).add_node("done", named("done")).add_node("ask", ask)
    graph = builder.add_edge(START, "done").add_edge(START, "ask").compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    assert list(graph.stream(Command(resume="A"), THREAD)) == [
        {"done": {"names": ["done"]}, "__metadata__": {"cached": True}},
        {"ask": {"names": ["A"]}},
    ]


def test_one_output_key_is_shown_bare(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    both = ["values", "updates"]
    chunks = list(graph.stream({"x": 1}, THREAD, stream_mode=both, output_keys="names"))
    assert chunks == [("updates", {"a": ["a"]}), ("values", ["a"])]
    assert list(graph.stream({"x": 1}, THREAD, stream_mode=both, output_keys=[])) == [("updates", {"a": None})]


def test_an_overwrite_is_shown_as_one(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("a", lambda state: {"names": Overwrite(["new"]), "x": Overwrite(2)})
    graph = builder.add_edge(START, "a").compile(checkpointer=saver)
    assert list(graph.stream({"x": 1, "names": ["old"]}, THREAD)) == [
        {"a": {"names": Overwrite(["new"]), "x": Overwrite(2)}}
    ]
    assert graph.get_state(THREAD).values == {"x": 2, "names": ["new"]}


class Full(TypedDict):
    a: int
    z: int


class Out(TypedDict):
    z: int


@pytest.mark.parametrize("given", [{"a": 2}, {}, {"unknown": 1}])
def test_an_invoke_that_wrote_no_output_key_returns_none(saver: BaseCheckpointSaver, given: dict) -> None:
    builder = StateGraph(Full, output_schema=Out)
    builder.add_node("n", lambda state: {"z": 3} if state.get("a") == 1 else None).add_edge(START, "n")
    graph = builder.compile(checkpointer=saver)
    assert graph.invoke({"a": 1}, THREAD) == {"z": 3}
    assert graph.invoke({**given, **({"a": 2} if "a" not in given else {})}, THREAD) is None
    assert graph.invoke(None, THREAD) == {"z": 3}


def test_an_empty_write_to_an_output_key_is_one(saver: BaseCheckpointSaver) -> None:
    class Growing(TypedDict):
        names: Annotated[list, operator.add]

    builder = StateGraph(Growing).add_node("n", lambda state: None).add_edge(START, "n")
    graph = builder.compile(checkpointer=saver)
    assert graph.invoke({"names": []}, THREAD) == {"names": []}
    assert graph.invoke({}, THREAD) is None
