"""What path functions see."""

from __future__ import annotations

from typing import Any, TypedDict

from clew import END, START, StateGraph
from clew.checkpoint import InMemorySaver

from .graphs import THREAD, State, named


class Grade(TypedDict):
    x: int


def graded(seen: list[Any], path: Any) -> StateGraph:
    def grade(state: Grade) -> dict[str, Any]:
        return {"names": ["graded"], "score": 9}

    builder = StateGraph(State).add_node("grade", grade).add_node("b", named("b")).add_edge(START, "grade")
    return builder.add_conditional_edges("grade", path, ["b", END])


def test_a_path_function_sees_what_its_node_returned_beyond_what_it_reads() -> None:
    seen: list[Any] = []

    def path(state):  # no schema of its own: the node's
        seen.append(dict(state))
        return "b" if state["names"] == ["graded"] else END

    graph = graded(seen, path).compile(checkpointer=InMemorySaver())
    assert graph.invoke({"x": 1, "names": ["old"]}, THREAD)["names"] == ["old", "graded", "b"]
    graph.update_state(THREAD, {"names": ["hand"]}, as_node="grade")
    assert seen == [{"x": 1, "names": ["graded"], "score": 9}, {"x": 1, "names": ["hand"]}]


def test_a_path_function_with_a_schema_sees_that_and_no_more() -> None:
    seen: list[Any] = []

    def path(state: State) -> str:
        seen.append(dict(state))
        return END

    graded(seen, path).compile().invoke({"x": 1, "names": ["old"]})
    assert seen == [{"x": 1, "names": ["old", "graded"]}]
