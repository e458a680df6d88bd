"""What a stream of values begins with: the state that a run starts or goes on from (observed on LangGraph 1.2.22)."""

from __future__ import annotations

from typing import Any

from clew import Command, CompiledStateGraph, InMemorySaver

from .graphs import asking, chain

THREAD: Any = {"configurable": {"thread_id": "t"}}


def names(graph: CompiledStateGraph, given: Any, config: Any = THREAD) -> list[list[str]]:
    """The names in each chunk of the stream of values."""
    return [chunk["names"] for chunk in graph.stream(given, config, stream_mode="values")]


def test_an_answer_begins_with_the_state_in_which_the_question_was_asked() -> None:
    graph = asking().compile(InMemorySaver())
    graph.invoke({"x": 1, "names": ["i"]}, THREAD)
    graph.invoke(Command(resume="A"), THREAD)
    assert names(graph, Command(resume="B")) == [["i"], ["i", "A", "B"], ["i", "A", "B"]]


def test_passing_a_breakpoint_begins_with_the_state_at_the_breakpoint() -> None:
    graph = chain("a", "b").compile(InMemorySaver(), interrupt_before=["b"])
    assert names(graph, {"x": 1, "names": []}) == [[], ["a"]]
    assert names(graph, None) == [["a"], ["a", "b"]]


def test_time_travel_begins_with_the_state_travelled_to() -> None:
    graph = chain("a", "b", "c").compile(InMemorySaver())
    graph.invoke({"x": 1, "names": []}, THREAD)
    earlier = next(row for row in graph.get_state_history(THREAD) if row.next == ("b",))
    assert names(graph, None, earlier.config) == [["a"], ["a", "b"], ["a", "b", "c"]]


def test_a_command_begins_with_the_state_that_has_its_update() -> None:
    graph = chain("a", "b").compile(InMemorySaver(), interrupt_before=["b"])
    graph.invoke({"x": 1, "names": []}, THREAD)
    assert names(graph, Command(update={"names": ["u"]})) == [["a", "u"], ["a", "u", "b"]]


def test_new_input_begins_with_the_state_that_it_made() -> None:
    graph = chain("a", "b").compile(InMemorySaver())
    graph.invoke({"x": 1, "names": []}, THREAD)
    assert names(graph, {"names": ["t2"]}) == [["a", "b", "t2"], ["a", "b", "t2", "a"], ["a", "b", "t2", "a", "b"]]
