"""How far a thread has come is marked on its graph: done, current, waiting and failed, in every form of the drawing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypedDict
from xml.etree import ElementTree

import pytest
from clew import END, START, Command, InMemorySaver, StateGraph, interrupt
from clew.audit import Replay
from clew.projections.drawing.marks import marks_of

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class State(TypedDict, total=False):
    said: Any
    fails: bool


def last(state: State) -> State:
    if state.get("fails"):
        raise ValueError("no")
    return {}


def make(saver: InMemorySaver) -> Any:
    builder = StateGraph(State).add_node("first", lambda _: {}).add_node("ask", lambda _: {"said": interrupt("?")})
    builder.add_node(last).add_edge(START, "first").add_edge("first", "ask").add_edge("ask", "last")
    return builder.add_edge("last", END).compile(checkpointer=saver)


@pytest.fixture
def saver() -> InMemorySaver:
    return InMemorySaver()


def marks(saver: InMemorySaver, version: int = -1) -> dict[str, str]:
    return marks_of(Replay("t", saver).at(version).folded)  # type: ignore[return-value]


def test_a_thread_that_waits_and_one_that_is_over(saver: InMemorySaver) -> None:
    graph = make(saver)
    graph.invoke({}, CONFIG)
    assert marks(saver, 0) == {START: "done", "first": "current"}
    assert marks(saver) == {START: "done", "first": "done", "ask": "waiting"}
    graph.invoke(Command(resume=1), CONFIG)
    assert marks(saver) == dict.fromkeys((START, "first", "ask", "last", END), "done")


def test_a_node_that_failed_and_is_tried_again(saver: InMemorySaver) -> None:
    graph = make(saver)
    graph.invoke({"fails": True}, CONFIG)
    with suppress(ValueError):
        graph.invoke(Command(resume=1), CONFIG)
    assert marks(saver) == {START: "done", "first": "done", "ask": "done", "last": "failed"}
    with suppress(ValueError):
        graph.invoke(None, CONFIG)
    running = max(
        moment.version for moment in Replay("t", saver) if moment.name == "NodeStarted" and moment.line.node == "last"
    )
    assert marks(saver, running)["last"] == "current"


def test_only_the_branch_on_which_the_thread_stands_counts(saver: InMemorySaver) -> None:
    graph = make(saver)
    graph.invoke({}, CONFIG)
    graph.invoke(Command(resume=1), CONFIG)
    early = next(one for one in graph.get_state_history(CONFIG) if one.next == ("first",))
    graph.update_state(early.config, {"said": 2}, as_node="first")
    assert marks(saver) == {START: "done", "first": "done", "ask": "current"}


def test_a_question_of_a_graph_inside_marks_both_nodes(saver: InMemorySaver) -> None:
    outer = StateGraph(State).add_node("inner", make(None)).add_edge(START, "inner")  # type: ignore[arg-type]
    graph = outer.compile(checkpointer=saver)
    graph.invoke({}, CONFIG)
    found = marks(saver)
    assert (found["inner"], found["inner:ask"]) == ("waiting", "waiting")
    drawing = graph.get_graph(xray=True).marked(found)
    assert "ask (waiting)" in drawing.draw_ascii()


def test_a_thread_that_is_not_there_marks_nothing() -> None:
    from clew.projections.state.thread import ThreadState

    assert marks_of(ThreadState()) == {}


def test_marks_are_in_every_form_and_a_drawing_without_them_is_as_it_was(saver: InMemorySaver) -> None:
    graph = make(saver)
    graph.invoke({}, CONFIG)
    plain = graph.get_graph()
    drawing = plain.marked({**marks(saver), "gone": "failed"})
    assert "| ask (waiting) |" in drawing.draw_ascii()
    assert "\tclass ask waiting\n" in drawing.draw_mermaid()
    assert "gone" not in drawing.draw_mermaid()
    svg = ElementTree.fromstring(drawing.draw_svg())
    classes = [one.get("class") for one in svg.iter("{http://www.w3.org/2000/svg}g")]
    assert classes == ["first done", "done", "waiting", None, "last"]
    for draw in ("draw_ascii", "draw_mermaid", "draw_svg"):
        assert getattr(plain.marked({}), draw)() == getattr(plain, draw)()


def test_a_name_with_signs_is_marked_under_the_id_that_mermaid_has(saver: InMemorySaver) -> None:
    builder = StateGraph(State).add_node("ask me, Größe", lambda _: {"said": interrupt("?")})
    graph = builder.add_edge(START, "ask me, Größe").compile(checkpointer=saver)
    graph.invoke({}, CONFIG)
    drawn = graph.get_graph().marked(marks(saver)).draw_mermaid()
    (name,) = {line.split()[1] for line in drawn.splitlines() if line.endswith(" waiting") and "class " in line}
    assert f"\t{name}(" in drawn
