"""Section 27, drawing and schemas, statement by statement. The diagrams' texts are LangGraph's own, as observed."""

from __future__ import annotations

import asyncio
import dataclasses
import operator
from typing import Annotated, Any, Literal, NotRequired, Optional

import pytest
from clew.func import entrypoint
from clew.graph import END, START, StateGraph
from clew.prebuilt import ToolNode
from clew.warnings import LangGraphDeprecatedSinceV10
from langchain_core.runnables.graph import Graph
from langchain_core.tools import tool
from pydantic import BaseModel
from typing_extensions import TypedDict


class Plain(TypedDict, total=False):
    x: int


def node(state: Any) -> dict[str, Any]:
    return {}


def first(state: Any) -> str:
    return "b"


def second(state: Any) -> str:
    return "b"


def base(names: str, **destinations: Any) -> StateGraph:
    graph = StateGraph(Plain)
    for name in names:
        graph.add_node(name, node, **({"destinations": destinations[name]} if name in destinations else {}))
    return graph.add_edge(START, names[0])


def deferred(names: str, later: str) -> StateGraph:
    graph = StateGraph(Plain)
    for name in names:
        graph.add_node(name, node, defer=name in later)
    return graph.add_edge(START, names[0])


# "-" is an edge, "~" one that a path function or a Command may take, ":" the label.
EDGES = [
    ("edge+dest", lambda: base("ab", a=("b",)).add_edge("a", "b"), "START-a a~b b-END"),
    ("edge+cond", lambda: base("ab").add_edge("a", "b").add_conditional_edges("a", first, ["b"]), "START-a a~b b-END"),
    ("cond+edge", lambda: base("ab").add_conditional_edges("a", first, ["b"]).add_edge("a", "b"), "START-a a~b b-END"),
    ("edge+dest label", lambda: base("ab", a={"b": "lab"}).add_edge("a", "b"), "START-a a~b:lab b-END"),
    (
        "edge+cond label",
        lambda: base("ab").add_edge("a", "b").add_conditional_edges("a", first, {"k": "b"}),
        "START-a a~b:k b-END",
    ),
    (
        "cond label x2",
        lambda: base("ab").add_conditional_edges("a", first, {"k": "b"}).add_conditional_edges("a", second, {"z": "b"}),
        "START-a a~b:k b-END",
    ),
    (
        "cond two keys",
        lambda: base("ab").add_conditional_edges("a", first, {"k": "b", "j": "b"}),
        "START-a a~b:j b-END",
    ),
    (
        "cond plain + label",
        lambda: base("ab").add_conditional_edges("a", first, ["b"]).add_conditional_edges("a", second, {"z": "b"}),
        "START-a a~b b-END",
    ),
    (
        "cond label + plain",
        lambda: base("ab").add_conditional_edges("a", first, {"z": "b"}).add_conditional_edges("a", second, ["b"]),
        "START-a a~b b-END",
    ),
    (
        "join+edge",
        lambda: base("abc").add_edge("a", "b").add_edge(["a", "b"], "c").add_edge("b", "c"),
        "START-a a-b a-c b-c c-END",
    ),
    (
        "join+cond",
        lambda: base("abc").add_edge("a", "b").add_edge(["a", "b"], "c").add_conditional_edges("b", first, ["c"]),
        "START-a a-b a-c b-c c-END",
    ),
    (
        "join+cond label",
        lambda: base("abc").add_edge("a", "b").add_edge(["a", "b"], "c").add_conditional_edges("b", first, {"k": "c"}),
        "START-a a-b a-c b-c c-END",
    ),
    ("none map", lambda: base("ab").add_conditional_edges("a", first), "START-a a-END"),
    ("none map + edge", lambda: base("abc").add_conditional_edges("a", first).add_edge("a", "c"), "START-a a-c c-END"),
    ("unreached", lambda: base("ab").add_edge("b", END), "START-a a-END"),
    ("unreached2", lambda: base("abc").add_edge("b", "c").add_edge("c", END).add_edge("a", END), "START-a a-END"),
    ("unreached cond", lambda: base("abc").add_conditional_edges("b", first, ["c"]), "START-a a-END"),
    ("selfloop", lambda: base("a").add_edge("a", "a"), "START-a a-a a~END"),
    ("loop", lambda: base("ab").add_edge("a", "b").add_edge("b", "a"), "START-a a-b b-a b~END"),
    ("loopdest", lambda: base("ab", b=("a",)).add_edge("a", "b"), "START-a a-b b~a b~END"),
    ("loop cond none", lambda: base("ab").add_edge("a", "b").add_conditional_edges("b", first), "START-a a-b b-END"),
    (
        "start cond none",
        lambda: StateGraph(Plain).add_node("a", node).add_node("b", node).add_conditional_edges(START, first),
        "START~END",
    ),
    (
        "start cond map",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_conditional_edges(START, first, {"k": "a", "j": END})
        ),
        "START~END:j START~a:k a-END",
    ),
    ("selfloop+unreached", lambda: base("ab").add_edge("a", "a").add_edge("b", END), "START-a a-a a~END"),
    (
        "3 none",
        lambda: base("abc").add_conditional_edges("a", first).add_edge("b", "c").add_edge("c", "b"),
        "START-a a-END",
    ),
    ("3 dest end", lambda: base("abc", b=(END,)).add_edge("b", "c").add_edge("a", "a"), "START-a a-a a~END"),
    ("dest end", lambda: base("a", a=(END,)), "START-a a~END"),
    ("dest end+edge", lambda: base("a", a=(END,)).add_edge("a", END), "START-a a~END"),
    ("dest lab end", lambda: base("a", a={END: "bye"}), "START-a a~END:bye"),
    ("join unreached", lambda: base("abc").add_edge(["a", "b"], "c"), "START-a a-END"),
    ("join unreached2", lambda: base("abc").add_edge(["a", "b"], "c").add_edge("c", END), "START-a a-END"),
    ("two starts", lambda: base("ab").add_edge(START, "b").add_edge("a", END), "START-a START-b a-END b-END"),
    (
        "par loop",
        lambda: base("abc").add_edge("a", "b").add_edge("a", "c").add_edge("b", "a").add_edge("c", "a"),
        "START-a a-b a-c b-a c-a",
    ),
    (
        "par loop w terminus",
        lambda: base("abc").add_edge("a", "b").add_edge("a", "c").add_edge("b", "a"),
        "START-a a-b a-c b-a c-END",
    ),
    (
        "lasso 1+2",
        lambda: base("abc").add_edge("a", "b").add_edge("b", "c").add_edge("c", "b"),
        "START-a a-b b-c c-b b~END",
    ),
    (
        "lasso 1+3",
        lambda: base("abcd").add_edge("a", "b").add_edge("b", "c").add_edge("c", "d").add_edge("d", "b"),
        "START-a a-b b-c c-d d-b d~END",
    ),
    (
        "lasso 2+2",
        lambda: base("abcd").add_edge("a", "b").add_edge("b", "c").add_edge("c", "d").add_edge("d", "c"),
        "START-a a-b b-c c-d d-c d~END",
    ),
    (
        "loop w cond end",
        lambda: base("ab").add_edge("a", "b").add_conditional_edges("b", first, {"x": "a", "y": END}),
        "START-a a-b b~END:y b~a:x",
    ),
    (
        "cond loop",
        lambda: base("ab").add_conditional_edges("a", first, ["b"]).add_edge("b", "a"),
        "START-a a~b b-a a~END",
    ),
    (
        "cond loop2",
        lambda: base("ab").add_conditional_edges("a", first, ["b", "a"]).add_edge("b", "a"),
        "START-a a~a a~b b-a a~END",
    ),
    (
        "router",
        lambda: base("abc").add_conditional_edges("a", first, ["b", "c"]).add_edge("b", "a").add_edge("c", "a"),
        "START-a a~b a~c b-a c-a a~END",
    ),
    (
        "router2",
        lambda: (
            base("abc")
            .add_conditional_edges("a", first, ["b", "c"])
            .add_edge("b", "a")
            .add_conditional_edges("c", second, ["a"])
        ),
        "START-a a~b a~c b-a c~a a~END",
    ),
    ("cmd loop", lambda: base("ab", a=("b",), b=("a",)), "START-a a~b b~a a~END"),
    ("cmd loop3", lambda: base("abc", a=("b", "c"), b=("a",), c=("a",)), "START-a a~b a~c b~a c~a a~END"),
    (
        "mix",
        lambda: base("abc", b=("a",), c=("a",)).add_edge("a", "b").add_edge("b", "c"),
        "START-a a-b b~a b-c c~a c~END",
    ),
    ("ring2+end", lambda: base("ab").add_edge("a", "b").add_edge("b", "a").add_edge("b", END), "START-a a-b b-a b~END"),
    (
        "ring2+end a",
        lambda: base("ab").add_edge("a", "b").add_edge("b", "a").add_edge("a", END),
        "START-a a-b b-a b~END",
    ),
    ("cmdloop+end", lambda: base("ab", b=("a",)).add_edge("a", "b").add_edge("b", END), "START-a a-b b~a b~END"),
    (
        "join loop",
        lambda: base("abc").add_edge("a", "b").add_edge("b", "c").add_edge(["a", "c"], "a"),
        "START-a a-a a-b b-c c-a a~END",
    ),
    (
        "join in loop",
        lambda: base("abc").add_edge("a", "b").add_edge("b", "a").add_edge(["a", "b"], "c").add_edge("c", "a"),
        "START-a a-b a-c b-a b-c c-a",
    ),
    (
        "b self",
        lambda: base("abc").add_edge("a", "b").add_edge("a", "c").add_edge("b", "b"),
        "START-a a-b a-c b-b c-END",
    ),
    (
        "b,c self",
        lambda: base("abc").add_edge("a", "b").add_edge("a", "c").add_edge("b", "b").add_edge("c", "c"),
        "START-a a-b a-c b-b c-c",
    ),
    (
        "b,c self chain",
        lambda: base("abc").add_edge("a", "b").add_edge("b", "b").add_edge("b", "c").add_edge("c", "c"),
        "START-a a-b b-b b-c c-c",
    ),
    (
        "end from other",
        lambda: (
            base("ab")
            .add_edge("a", "b")
            .add_conditional_edges("a", first, {"y": END})
            .add_conditional_edges("b", second, ["a"])
        ),
        "START-a a~END:y a-b b~a",
    ),
    (
        "end from other, static ring",
        lambda: base("ab").add_edge("a", "b").add_conditional_edges("a", first, {"y": END}).add_edge("b", "a"),
        "START-a a~END:y a-b b-a",
    ),
    (
        "start cond ring",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_conditional_edges(START, first, ["a"])
            .add_edge("a", "b")
            .add_edge("b", "a")
        ),
        "START~a a-b b-a b~END",
    ),
    (
        "start cond ring2",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_conditional_edges(START, first, ["a", "b"])
            .add_edge("a", "b")
            .add_edge("b", "a")
        ),
        "START~a START~b a-b b-a",
    ),
    (
        "all cond",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_conditional_edges(START, first, ["a"])
            .add_conditional_edges("a", first, ["b"])
            .add_conditional_edges("b", first, ["a"])
        ),
        "START~a a~b b~a a~END",
    ),
    (
        "static-cond-static",
        lambda: base("abc").add_edge("a", "b").add_conditional_edges("b", first, ["c"]).add_edge("c", "a"),
        "START-a a-b b~c c-a b~END",
    ),
    (
        "cond to ring",
        lambda: (
            base("abcd")
            .add_edge("a", "b")
            .add_conditional_edges("b", first, ["c"])
            .add_edge("c", "d")
            .add_edge("d", "c")
        ),
        "START-a a-b b~c c-d d-c d~END",
    ),
    (
        "two last",
        lambda: (
            base("abcd")
            .add_edge("a", "b")
            .add_edge("a", "c")
            .add_conditional_edges("b", first, ["a"])
            .add_conditional_edges("c", first, ["a"])
        ),
        "START-a a-b a-c b~a c~a",
    ),
    (
        "defer ring",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node, defer=True)
            .add_node("b", node)
            .add_edge(START, "a")
            .add_edge("a", "b")
            .add_edge("b", "a")
        ),
        "START-a a-b b-a b~END",
    ),
    (
        "defer ring2",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node, defer=True)
            .add_node("c", node)
            .add_edge(START, "a")
            .add_edge("a", "b")
            .add_edge("a", "c")
            .add_edge("b", "a")
            .add_conditional_edges("c", first, ["a"])
        ),
        "START-a a-b a-c b-a c~a c~b c~END",
    ),
    (
        "join ring",
        lambda: base("abc").add_edge("a", "b").add_edge("a", "c").add_edge(["b", "c"], "a"),
        "START-a a-b a-c b-a c-a",
    ),
    ("join", lambda: base("ab").add_edge("a", "b").add_edge("b", "a").add_edge(["a", "b"], "b"), "START-a a-b b-a b-b"),
    (
        "test join",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_node("c", node)
            .add_edge(START, "a")
            .add_conditional_edges(START, first, ["c"])
            .add_edge(["a", "b"], "c")
        ),
        "START-a START~c a-END c-END",
    ),
    (
        "test join static",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_node("c", node)
            .add_edge(START, "a")
            .add_edge(START, "c")
            .add_edge(["a", "b"], "c")
        ),
        "START-a START-c a-END c-END",
    ),
    (
        "later",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_node("c", node)
            .add_edge(START, "a")
            .add_edge("a", "c")
            .add_edge(["a", "b"], "c")
        ),
        "START-a a-c c-END",
    ),
    (
        "even later",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_node("c", node)
            .add_node("d", node)
            .add_edge(START, "a")
            .add_edge("a", "d")
            .add_edge("d", "c")
            .add_edge(["a", "b"], "c")
        ),
        "START-a a-c a-d d-c c-END",
    ),
    (
        "after",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_node("c", node)
            .add_node("d", node)
            .add_edge(START, "c")
            .add_edge("c", "a")
            .add_edge(["a", "b"], "c")
        ),
        "START-c c-a a-END",
    ),
    (
        "after loop",
        lambda: (
            StateGraph(Plain)
            .add_node("a", node)
            .add_node("b", node)
            .add_node("c", node)
            .add_node("d", node)
            .add_edge(START, "c")
            .add_edge("c", "a")
            .add_edge("a", "c")
            .add_edge(["a", "b"], "c")
        ),
        "START-c a-c c-a a~END",
    ),
    (
        "J",
        lambda: (
            deferred("abBcd", "d")
            .add_edge("a", "b")
            .add_edge("b", "B")
            .add_edge("a", "c")
            .add_edge("B", "d")
            .add_edge("c", "d")
        ),
        "B-d START-a a-b a-c b-B c-d d-END",
    ),
    (
        "J2",
        lambda: deferred("abBcd", "d").add_edge("a", "b").add_edge("b", "B").add_edge("a", "c").add_edge("c", "d"),
        "B~d START-a a-b a-c b-B c-d d-END",
    ),
    (
        "J3",
        lambda: (
            deferred("abcde", "d")
            .add_edge("a", "b")
            .add_edge("a", "c")
            .add_edge("b", "d")
            .add_edge("c", "d")
            .add_edge("d", "e")
        ),
        "START-a a-b a-c b-d c-d d-e e-END",
    ),
    (
        "J4",
        lambda: deferred("abcd", "d").add_edge("a", "b").add_edge("a", "c").add_edge("a", "d"),
        "START-a a-b a-c a-d b~d c~d d-END",
    ),
    (
        "J5",
        lambda: (
            deferred("abcd", "d").add_conditional_edges("a", first, ["b", "c"]).add_edge("b", "d").add_edge("c", "d")
        ),
        "START-a a~b a~c b-d c-d d-END",
    ),
    (
        "J6",
        lambda: (
            deferred("abcd", "d").add_conditional_edges("a", first, ["b", "d"]).add_edge("b", "d").add_edge("b", "c")
        ),
        "START-a a~b a~d b-c b-d c~d d-END",
    ),
    (
        "J7",
        lambda: deferred("abcd", "cd").add_edge("a", "b").add_edge("b", "c").add_edge("a", "d"),
        "START-a a-b a-d b-c b~d c-END d-END",
    ),
    (
        "J8",
        lambda: deferred("abcd", "cd").add_edge("a", "c").add_edge("a", "d").add_edge("a", "b"),
        "START-a a-b a-c a-d b~c b~d c-END d-END",
    ),
    (
        "J9",
        lambda: deferred("abcd", "d").add_edge("a", "b").add_edge(["a", "b"], "d").add_edge("b", "c"),
        "START-a a-b a-d b-c b-d c~d d-END",
    ),
]


@pytest.mark.parametrize(("build", "drawn"), [row[1:] for row in EDGES], ids=[row[0] for row in EDGES])
def test_the_edges(build, drawn):
    edges = build().compile().get_graph().edges
    assert (
        " ".join(
            f"{edge.source}{'~' if edge.conditional else '-'}{edge.target}{f':{edge.data}' if edge.data else ''}"
            for edge in edges
        )
        .replace("__start__", "START")
        .replace("__end__", "END")
        == drawn
    )


def test_a_label_beside_a_bare_destination_is_drawn():
    graph = base("ab", a=("b",)).add_conditional_edges("a", first, {"z": "b"}).compile().get_graph()
    assert [(edge.source, edge.target) for edge in graph.edges] == [(START, "a"), ("a", "b"), ("b", END)]


# --- mermaid

Q = """---
config:
  flowchart:
    curve: linear
---
graph TD;
	__start__([<p>__start__</p>]):::first
	a(a)
	__end__([<p>__end__</p>]):::last
	__start__ --> a;
	a --> __end__;
	classDef default fill:#f2f0ff,line-height:1.2
	classDef first fill-opacity:0
	classDef last fill:#bfb6fc
"""


def test_golden_trace_q():
    assert base("a").compile().get_graph().draw_mermaid() == Q


def nested() -> Any:
    def route(state) -> Literal["sub", "__end__"]:
        return "sub"

    inner = StateGraph(Plain).add_node("x", node).add_node("y", node).add_edge(START, "x").add_edge("x", "y").compile()
    middle = StateGraph(Plain).add_node("m", node).add_node("in", inner).add_edge(START, "m").add_edge("m", "in")
    return (
        StateGraph(Plain)
        .add_node("first node", node, metadata={"owner": "ops", "n": 1})
        .add_node("sub", middle.compile())
        .add_node("a.b", node, defer=True)
        .add_edge(START, "first node")
        .add_conditional_edges("first node", route)
        .add_edge("sub", "a.b")
        .compile(interrupt_before=["sub"], interrupt_after=["sub"])
    )


HEAD = Q.partition("\t__start__")[0]
FEET = Q[Q.index("\tclassDef") :]
CLOSED = """\
	__start__([<p>__start__</p>]):::first
	first\\20node(first node<hr/><small><em>owner = ops
n = 1</em></small>)
	sub(sub<hr/><small><em>__interrupt = before,after</em></small>)
	a\\2eb(a.b<hr/><small><em>defer = True</em></small>)
	__end__([<p>__end__</p>]):::last
	__start__ --> first\\20node;
	first\\20node -.-> __end__;
	first\\20node -.-> sub;
	sub --> a\\2eb;
	a\\2eb --> __end__;
"""
OPEN = """\
	__start__([<p>__start__</p>]):::first
	first\\20node(first node<hr/><small><em>owner = ops
n = 1</em></small>)
	a\\2eb(a.b<hr/><small><em>defer = True</em></small>)
	__end__([<p>__end__</p>]):::last
	__start__ --> first\\20node;
	first\\20node -.-> __end__;
	first\\20node -.-> sub\\3am;
	{last} --> a\\2eb;
	a\\2eb --> __end__;
	subgraph sub
	sub\\3am(m)
{inside}	end
"""
ONE = "\tsub\\3ain(in)\n\tsub\\3am --> sub\\3ain;\n"
TWO = """\
	sub\\3am --> sub\\3ain\\3ax;
	subgraph in
	sub\\3ain\\3ax(x)
	sub\\3ain\\3ay(y)
	sub\\3ain\\3ax --> sub\\3ain\\3ay;
	end
"""


def test_a_closed_sub_graph_is_one_node_with_its_notes():
    assert nested().get_graph().draw_mermaid() == HEAD + CLOSED + FEET


@pytest.mark.parametrize(
    ("xray", "last", "inside"),
    [(1, "sub\\3ain", ONE), (2, "sub\\3ain\\3ay", TWO), (True, "sub\\3ain\\3ay", TWO)],
)
def test_xray_opens_sub_graphs_so_many_levels_deep(xray, last, inside):
    drawn = nested().get_graph(xray=xray).draw_mermaid()
    assert drawn == HEAD + OPEN.format(last=last, inside=inside) + FEET
    assert asyncio.run(nested().aget_graph(xray=xray)).draw_mermaid() == drawn


def test_xray_opens_a_graph_that_a_nodes_function_uses():
    inner = StateGraph(Plain).add_node("x", node).add_edge(START, "x").compile()
    closed = StateGraph(Plain).add_node("x", node).add_edge(START, "x").compile(checkpointer=False)

    def opens(state: Any) -> Any:
        return inner.invoke(state)

    def stays(state: Any) -> Any:
        return closed.invoke(state)

    outer = (
        StateGraph(Plain).add_node("f", opens).add_node("g", stays).add_edge(START, "f").add_edge("f", "g").compile()
    )
    assert list(outer.get_graph(xray=True).nodes) == ["__start__", "g", "__end__", "f:x"]
    assert list(outer.get_graph().nodes) == ["__start__", "f", "g", "__end__"]


def test_xray_of_a_graph_that_calls_itself_ends():
    def again(state: Any) -> Any:
        return itself.invoke(state)

    itself = StateGraph(Plain).add_node("again", again).add_edge(START, "again").compile()
    assert list(itself.get_graph(xray=True).nodes) == ["__start__", "again", "__end__"]


def test_an_entrypoints_node_is_listed_before_its_start():
    @entrypoint()
    def flow(given: int) -> int:
        return given

    assert list(flow.get_graph().nodes) == ["flow", "__start__", "__end__"]
    assert [shown.get("data") for shown in flow.get_graph().to_json()["nodes"][1:]] == [None, None]
    assert (
        flow.get_graph().draw_mermaid(with_styles=False) == "graph TD;\n\t__start__ --> flow;\n\tflow -.-> __end__;\n"
    )


def test_without_styles_only_edges_are_left():
    drawn = nested().get_graph().draw_mermaid(with_styles=False)
    assert drawn == "graph TD;\n" + CLOSED[CLOSED.index("\t__start__ -->") :]


def test_labels_and_tools_are_shown():
    @tool
    def look(what: str) -> str:
        """Look."""
        return what

    drawn = (
        StateGraph(Plain)
        .add_node("a", node)
        .add_node("tools", ToolNode([look]))
        .add_edge(START, "a")
        .add_conditional_edges("a", first, {"go on": "tools", "__end__": END})
        .compile()
        .get_graph()
        .draw_mermaid()
    )
    assert "\ttools(tools<hr/><small><em>__tools = look</em></small>)\n" in drawn
    assert "\ta -. &nbsp;go on&nbsp; .-> tools;\n" in drawn
    assert "\ta -.-> __end__;\n" in drawn


def test_a_breakpoint_at_every_node_is_not_drawn():
    assert base("a").compile(interrupt_before="*").get_graph().draw_mermaid() == Q


# --- other forms


def test_the_graph_is_langchain_cores_with_names_for_programs():
    graph = nested().get_graph()
    assert isinstance(graph, Graph)
    found = graph.to_json()
    assert found["edges"] == [
        {"source": "__start__", "target": "first node"},
        {"source": "first node", "target": "__end__", "conditional": True},
        {"source": "first node", "target": "sub", "conditional": True},
        {"source": "sub", "target": "a.b"},
        {"source": "a.b", "target": "__end__"},
    ]
    assert [entry["id"] for entry in found["nodes"]] == ["__start__", "first node", "sub", "a.b", "__end__"]
    assert [entry.get("type") for entry in found["nodes"]] == ["runnable"] * 4 + [None]
    assert found["nodes"][1]["data"]["name"] == "first node"
    assert found["nodes"][1]["metadata"] == {"owner": "ops", "n": 1}
    assert found["nodes"][2]["data"]["id"][-1] == "CompiledStateGraph"
    assert found["nodes"][2]["metadata"] == {"__interrupt": "before,after"}


def test_ascii_and_svg_need_no_library_and_no_service(capsys):
    graph = nested().get_graph(xray=True)
    drawn = graph.draw_ascii()
    for name in ("__start__", "first node", "m", "x", "y", "a.b", "__end__"):
        assert f" {name} " in drawn
    graph.print_ascii()
    assert capsys.readouterr().out == drawn + "\n"
    assert graph.draw_svg().startswith('<svg xmlns="http://www.w3.org/2000/svg"')


def test_a_notebook_shows_a_diagram():
    bundle = nested()._repr_mimebundle_(include=None, exclude=None)
    assert bundle["image/svg+xml"] == nested().get_graph().draw_svg()
    assert "CompiledStateGraph" in bundle["text/plain"]


# --- schemas


class State(TypedDict):
    x: int
    l: Annotated[list[str], operator.add]  # noqa: E741
    n: NotRequired[str]


class Given(TypedDict):
    x: int


class Got(TypedDict):
    l: list[str]  # noqa: E741


class Context(TypedDict):
    user: str


class Model(BaseModel):
    x: int = 3
    y: Optional[str] = None  # noqa: UP045


@dataclasses.dataclass
class Data:
    x: int
    y: str = "a"


def compiled(*schemas: Any, **more: Any) -> Any:
    return StateGraph(*schemas, **more).add_node("a", node).add_edge(START, "a").compile()


X = {"title": "X", "type": "integer"}
LIST = {"items": {"type": "string"}, "title": "L", "type": "array"}
STATE = {
    "properties": {"x": X, "l": LIST, "n": {"title": "N", "type": "string"}},
    "required": ["x", "l"],
    "title": "State",
    "type": "object",
}
CONTEXT = {
    "properties": {"user": {"title": "User", "type": "string"}},
    "required": ["user"],
    "title": "Context",
    "type": "object",
}


def test_json_schemas_of_typed_dicts():
    graph = compiled(State, Context)
    assert graph.get_input_jsonschema() == graph.get_output_jsonschema() == STATE
    assert graph.get_context_jsonschema() == CONTEXT
    assert compiled(State).get_context_jsonschema() is None
    graph = compiled(State, input_schema=Given, output_schema=Got)
    assert graph.get_input_jsonschema() == {
        "properties": {"x": X}, "required": ["x"], "title": "Given", "type": "object",
    }  # fmt: skip
    assert graph.get_output_jsonschema() == {
        "properties": {"l": LIST}, "required": ["l"], "title": "Got", "type": "object",
    }  # fmt: skip


def test_json_schemas_of_models_dataclasses_and_root_states():
    fields = {
        "x": {"default": 3, **X},
        "y": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "Y"},
    }
    assert compiled(Model).get_input_jsonschema() == {"properties": fields, "title": "Model", "type": "object"}
    data = {
        "properties": {"x": X, "y": {"default": "a", "title": "Y", "type": "string"}},
        "required": ["x"],
        "type": "object",
    }
    assert compiled(Data).get_input_jsonschema() == {**data, "title": "LangGraphInput"}
    assert compiled(Data).get_output_jsonschema() == {**data, "title": "LangGraphOutput"}
    assert compiled(int).get_input_jsonschema() == {"default": None, "title": "LangGraphInput", "type": "integer"}


def test_what_a_dataclass_makes_as_a_default_is_in_its_json_schema():
    @dataclasses.dataclass
    class Made:
        names: list[str] = dataclasses.field(default_factory=list)
        kept: set = dataclasses.field(default_factory=lambda: {1})
        odd: Any = dataclasses.field(default_factory=object)

    graph = StateGraph(Made).add_node("a", node).add_edge(START, "a").compile()
    assert {key: shown.get("default") for key, shown in graph.get_input_jsonschema()["properties"].items()} == {
        "names": [],
        "kept": [1],
        "odd": None,
    }


def test_pydantic_models_of_the_schemas():
    graph = compiled(State, Context)
    assert graph.get_input_schema().__name__ == graph.input_schema.__name__ == "LangGraphInput"
    assert graph.get_output_schema().model_json_schema() == {
        "properties": {
            "x": {"default": None, **X},
            "l": {"default": None, **LIST},
            "n": {"default": None, "title": "N", "type": "string"},
        },
        "title": "LangGraphOutput",
        "type": "object",
    }
    assert compiled(Model).get_input_schema() is Model
    with pytest.warns(LangGraphDeprecatedSinceV10):
        made = (graph.config_schema().model_json_schema(), graph.get_config_jsonschema())
    assert made[0] == made[1]
    assert made[0] == {
        "$defs": {"Context": CONTEXT},
        "properties": {"configurable": {"$ref": "#/$defs/Context", "default": None}},
        "title": "LangGraphConfig",
        "type": "object",
    }
    with pytest.warns(LangGraphDeprecatedSinceV10):
        empty = compiled(State).config_schema()
    assert empty.model_json_schema() == {"properties": {}, "title": "LangGraphConfig", "type": "object"}
    assert (
        StateGraph(State).add_node("a", node).add_edge(START, "a").compile(name="N").input_schema.__name__ == "NInput"
    )


def test_channel_names_and_breakpoints_can_be_read():
    graph = compiled(State, input_schema=Given, output_schema=Got)
    assert graph.input_channels == "__start__"
    assert graph.output_channels == ["l"]
    assert graph.stream_channels == graph.stream_channels_list == graph.stream_channels_asis == ["x", "l", "n"]
    assert graph.stream_mode == "updates"
    assert compiled(int).output_channels == compiled(int).stream_channels == "__root__"
    assert compiled(int).stream_channels_list == ["__root__"]
    assert (graph.interrupt_before_nodes, graph.interrupt_after_nodes) == ([], [])
    stopping = base("ab").compile(interrupt_before=["b"], interrupt_after="*")
    assert (stopping.interrupt_before_nodes, stopping.interrupt_after_nodes) == (["b"], "*")
    assert compiled(State, Context).context_schema is Context
    assert graph.validate() is graph
