"""What of a plan is drawn. The expected texts were seen to be LangGraph 1.2.22's for the same graphs."""

from typing import Any, TypedDict

import pytest
from clew.actors.author.builder import StateGraph
from clew.actors.author.shape import drawable, graph_shape
from clew.events.vocabulary import END, START
from langchain_core.runnables import RunnableLambda


class State(TypedDict):
    x: int


def node(state: State) -> dict[str, Any]:
    return {}


def graph() -> StateGraph:
    return StateGraph(State).add_node("a", node).add_node("b", node).add_edge(START, "a")


def text(builder: StateGraph, **options: Any) -> list[str]:
    lines = drawable(builder.plan(**options)).draw_mermaid(with_styles=False).splitlines()
    return [line.strip() for line in lines if line.strip()]


DRAWN: list[tuple[str, StateGraph, list[str]]] = [
    ("edges", graph().add_edge("a", "b").add_edge("b", END), ["__start__ --> a;", "a --> b;", "b --> __end__;"]),
    (
        "declared Command",
        StateGraph(State).add_node("a", node, destinations={"b": "lab"}).add_node("b", node).add_edge(START, "a"),
        ["__start__ --> a;", "a -. &nbsp;lab&nbsp; .-> b;", "b --> __end__;"],
    ),
    (
        "path without known targets",
        graph().add_conditional_edges("a", lambda state: "b"),
        ["__start__ --> a;", "a --> __end__;"],
    ),
    (
        "path map",
        graph().add_conditional_edges("a", lambda state: True, {True: "b", False: END}),
        ["__start__ --> a;", "a -. &nbsp;False&nbsp; .-> __end__;", "a -. &nbsp;True&nbsp; .-> b;", "b --> __end__;"],
    ),
    ("join", graph().add_edge(["a"], "b"), ["__start__ --> a;", "a --> b;", "b --> __end__;"]),
    (
        "error handlers are hidden",
        graph().add_edge("a", "b").set_node_defaults(error_handler=node),
        ["__start__ --> a;", "a --> b;", "b --> __end__;"],
    ),
]


@pytest.mark.parametrize(("builder", "lines"), [row[1:] for row in DRAWN], ids=[row[0] for row in DRAWN])
def test_a_plan_is_drawn_as_people_know_it(builder: StateGraph, lines: list[str]) -> None:
    assert text(builder) == ["graph TD;", *lines]


def test_breakpoints_by_name_are_drawn_and_a_star_is_not() -> None:
    named = graph_shape(graph().plan(interrupt_before=["b"], interrupt_after="*"))
    assert [(n.interrupt_before, n.interrupt_after) for n in named.nodes] == [(False, False), (True, False)]
    every_one = graph_shape(graph().plan(interrupt_after=["a", "b"]))
    assert [n.interrupt_after for n in every_one.nodes] == [True, True]


def test_what_an_author_said_of_a_node_is_in_its_shape() -> None:
    runnable = RunnableLambda(node)
    builder = StateGraph(State).add_node("a", runnable, defer=True, metadata={"k": 1}).add_node("b", node)
    first, second = graph_shape(builder.set_entry_point("a").plan()).nodes
    assert (first.data, first.defer, first.metadata) == (runnable, True, {"k": 1})
    assert second.data is node


def test_the_names_of_a_tool_node_s_tools_are_in_its_shape() -> None:
    class Tools(RunnableLambda):
        tools_by_name = {"search": None, "human_assistance": None}

    shape = graph_shape(StateGraph(State).add_node("tools", Tools(node)).set_entry_point("tools").plan())
    assert shape.nodes[0].tools == ("search", "human_assistance")


def test_xray_opens_a_compiled_graph() -> None:
    child = StateGraph(State).add_node("i", node).set_entry_point("i").compile(name="child")
    plan = StateGraph(State).add_node("a", node).add_node("sub", child).add_edge(START, "a").add_edge("a", "sub").plan()
    closed = drawable(plan).draw_mermaid(with_styles=False)
    opened = drawable(plan, xray=True).draw_mermaid(with_styles=False)
    assert "a --> sub;" in closed
    assert "a --> sub\\3ai;" in opened
