"""Which chunks a stream has and which it has not: LangGraph's rules, on every store."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Overwrite, Send, StateGraph, interrupt
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


def asking_beside(saver: BaseCheckpointSaver):
    def asks(name: str):
        return lambda state: {"names": [f"{name}:{interrupt(name)}"]}

    builder = StateGraph(State).add_node("a", asks("a")).add_node("b", asks("b")).add_node("c", named("c"))
    return builder.add_edge(START, "a").add_edge(START, "b").add_edge(START, "c").compile(checkpointer=saver)


def test_a_run_that_pauses_shows_questions_that_stay_open_and_the_siblings_writes(saver: BaseCheckpointSaver) -> None:
    graph = asking_beside(saver)
    first = list(graph.stream({"x": 0}, THREAD, stream_mode="values"))
    assert first[-1] == {"x": 0, "names": ["c"]}
    questions = {chunk["__interrupt__"][0].value: chunk["__interrupt__"][0] for chunk in first[1:-1]}
    assert sorted(questions) == ["a", "b"]
    again = list(graph.stream(Command(resume={questions["a"].id: "A"}), THREAD, stream_mode=["values", "updates"]))
    assert again[2:] == [
        ("updates", {"a": {"names": ["a:A"]}}),
        ("updates", {"__interrupt__": (questions["b"],)}),
        ("values", {"x": 0, "names": [], "__interrupt__": (questions["b"],)}),
        ("values", {"x": 0, "names": ["a:A", "c"]}),
    ]


def test_a_question_beside_a_bare_value_is_shown_alone(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(int).add_node("ask", lambda state: state + interrupt("more?")).add_edge(START, "ask")
    graph = builder.compile(checkpointer=saver)
    value, question = graph.stream(1, THREAD, stream_mode="values")
    assert value == 1
    assert [asked.value for asked in question["__interrupt__"]] == ["more?"]
    assert list(graph.stream(Command(resume=4), THREAD, stream_mode="values")) == [1, 5]


def test_a_commands_targets_join_the_open_step_in_path_order(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("ask", lambda state: {"names": [interrupt("?")]})
    builder.add_node("b", named("b")).add_node("c", named("c")).add_node("s", named("s")).add_edge(START, "ask")
    graph = builder.compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    command = Command(resume="A", goto=[Send("s", {}), "c", "b"])
    assert graph.invoke(command, THREAD)["names"] == ["A", "b", "c", "s"]
