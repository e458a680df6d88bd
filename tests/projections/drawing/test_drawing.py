"""Drawings: the text for a graph's shape, as LangGraph 1.2.22 was seen to draw the same graph."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from clew.events.errors import ClewError, DrawingUnavailableError, MissingPackageError
from clew.events.vocabulary import END, START
from clew.projections.drawing.drawing import graph_drawing
from clew.projections.drawing.shape import EdgeShape, GraphShape, JoinShape, NodeShape
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.graph import MermaidDrawMethod

HEAD = "---\nconfig:\n  flowchart:\n    curve: linear\n---\ngraph TD;\n"
FOOT = """\
	classDef default fill:#f2f0ff,line-height:1.2
	classDef first fill-opacity:0
	classDef last fill:#bfb6fc
"""


def shape(nodes, *edges, joins=()):
    """A shape of names or NodeShapes; an edge "a b" is static, ("a", "b") and ("a", "b", label) are conditional."""
    return GraphShape(
        nodes=tuple(NodeShape(node) if isinstance(node, str) else node for node in nodes),
        edges=tuple(
            EdgeShape(*edge.split()) if isinstance(edge, str) else EdgeShape(edge[0], edge[1], True, *edge[2:])
            for edge in edges
        ),
        joins=tuple(JoinShape(*join) for join in joins),
    )


def mermaid(graph: GraphShape, **options) -> str:
    """The lines between the front matter and the class definitions, which are always the same."""
    text = graph_drawing(graph, **options).draw_mermaid()
    assert text.startswith(HEAD)
    assert text.endswith(FOOT)
    return text.removeprefix(HEAD).removesuffix(FOOT)


def edge_lines(graph: GraphShape) -> list[str]:
    lines = mermaid(graph).splitlines()
    return [line.strip() for line in lines if " --> " in line or ".->" in line]


def test_a_single_node():
    assert graph_drawing(shape("a", f"{START} a", f"a {END}")).draw_mermaid() == (
        "---\nconfig:\n  flowchart:\n    curve: linear\n---\ngraph TD;\n"
        "\t__start__([<p>__start__</p>]):::first\n"
        "\ta(a)\n"
        "\t__end__([<p>__end__</p>]):::last\n"
        "\t__start__ --> a;\n"
        "\ta --> __end__;\n"
        "\tclassDef default fill:#f2f0ff,line-height:1.2\n"
        "\tclassDef first fill-opacity:0\n"
        "\tclassDef last fill:#bfb6fc\n"
    )


def test_a_node_without_edges_ends_the_run():
    assert mermaid(shape("a", f"{START} a")) == mermaid(shape("a", f"{START} a", f"a {END}"))


def test_without_styles_only_edges_are_left():
    text = graph_drawing(shape("a", f"{START} a")).draw_mermaid(with_styles=False)
    assert text == "graph TD;\n\t__start__ --> a;\n\ta --> __end__;\n"


def test_a_path_map_draws_dotted_edges_and_labels_that_differ_from_their_target():
    expected = """\
	__start__([<p>__start__</p>]):::first
	a(a)
	b(b)
	c(c)
	__end__([<p>__end__</p>]):::last
	__start__ --> a;
	a -.-> b;
	a -. &nbsp;other&nbsp; .-> c;
	b --> __end__;
	c --> __end__;
"""
    assert mermaid(shape("abc", f"{START} a", ("a", "b", "b"), ("a", "c", "other"), f"b {END}")) == expected


def test_a_literal_return_or_a_command_draws_dotted_edges():
    expected = """\
	__start__([<p>__start__</p>]):::first
	a(a)
	b(b)
	__end__([<p>__end__</p>]):::last
	__start__ --> a;
	a -.-> __end__;
	a -.-> b;
	b --> a;
"""
    assert mermaid(shape("ab", f"{START} a", ("a", "b"), ("a", END), "b a")) == expected


def test_a_path_function_without_known_targets_leaves_the_other_nodes_unconnected():
    expected = """\
	__start__(<p>__start__</p>)
	a(a)
	b(b)
	c(c)
	__end__(<p>__end__</p>)
	__start__ --> a;
	a --> __end__;
"""
    assert mermaid(shape("abc", f"{START} a", "b c")) == expected


def test_a_path_function_at_start_without_known_targets():
    assert edge_lines(shape("ab")) == ["__start__ -.-> __end__;"]


def test_a_path_function_at_start_with_labels():
    drawn = edge_lines(shape("ab", (START, "a", "yes"), (START, END, "no"), (START, "a", "a"), (START, "b", "True")))
    assert drawn == [
        "__start__ -. &nbsp;no&nbsp; .-> __end__;",
        "__start__ -.-> a;",
        "__start__ -. &nbsp;True&nbsp; .-> b;",
        "a --> __end__;",
        "b --> __end__;",
    ]


def test_two_labels_for_one_target_draw_the_first_by_name():
    expected = ["__start__ --> a;", "a -. &nbsp;x&nbsp; .-> b;", "b --> __end__;"]
    assert edge_lines(shape("ab", f"{START} a", ("a", "b", "x"), ("a", "b", "y"))) == expected
    assert edge_lines(shape("ab", f"{START} a", ("a", "b", "y"), ("a", "b", "x"))) == expected


def test_a_conditional_edge_takes_the_place_of_a_static_one():
    drawn = edge_lines(shape("ab", f"{START} a", "a b", ("a", "b", "yes"), ("a", END, "no")))
    assert drawn == [
        "__start__ --> a;",
        "a -. &nbsp;no&nbsp; .-> __end__;",
        "a -. &nbsp;yes&nbsp; .-> b;",
        "b --> __end__;",
    ]


def test_destinations_of_a_command_with_notes():
    drawn = edge_lines(shape("abc", f"{START} a", ("a", "b", "to b"), ("a", "c", "c"), ("a", END, "done")))
    assert drawn == [
        "__start__ --> a;",
        "a -. &nbsp;done&nbsp; .-> __end__;",
        "a -. &nbsp;to b&nbsp; .-> b;",
        "a -.-> c;",
        "b --> __end__;",
        "c --> __end__;",
    ]


def test_labels_of_several_words_stay_as_they_are():
    drawn = edge_lines(shape("ab", f"{START} a", ("a", END, 'long "label" : with, stuff'), ("a", "b", "x y")))
    assert 'a -. &nbsp;long "label" : with, stuff&nbsp; .-> __end__;' in drawn
    assert "a -. &nbsp;x y&nbsp; .-> b;" in drawn


def test_metadata_is_drawn_below_the_name_and_names_are_escaped_in_ids():
    nodes = (NodeShape("a", metadata={"k": "v", "n": 3, "l": [1]}), NodeShape("my node.x"))
    expected = """\
	__start__([<p>__start__</p>]):::first
	a(a<hr/><small><em>k = v
n = 3
l = 1</em></small>)
	my\\20node\\2ex(my node.x)
	__end__([<p>__end__</p>]):::last
	__start__ --> a;
	a --> my\\20node\\2ex;
	my\\20node\\2ex --> __end__;
"""
    assert mermaid(GraphShape(nodes, (EdgeShape(START, "a"), EdgeShape("a", "my node.x")))) == expected


def test_defer_breakpoints_and_tools_are_drawn_after_the_nodes_own_metadata():
    nodes = [
        NodeShape("a", metadata={"k": 1}, defer=True, interrupt_before=True, tools=("t1", "t2")),
        NodeShape("b", interrupt_after=True),
        NodeShape("c", interrupt_before=True, interrupt_after=True),
    ]
    expected = """\
	__start__([<p>__start__</p>]):::first
	a(a<hr/><small><em>k = 1
defer = True
__interrupt = before
__tools = t1, t2</em></small>)
	b(b<hr/><small><em>__interrupt = after</em></small>)
	c(c<hr/><small><em>__interrupt = before,after</em></small>)
	__end__([<p>__end__</p>]):::last
	__start__ --> a;
	a --> b;
	b --> c;
	c --> __end__;
"""
    assert mermaid(shape(nodes, f"{START} a", "a b", "b c")) == expected


def test_a_deferred_fan_in():
    expected = """\
	__start__([<p>__start__</p>]):::first
	a(a)
	b(b)
	c(c<hr/><small><em>defer = True</em></small>)
	d(d)
	__end__([<p>__end__</p>]):::last
	__start__ --> a;
	__start__ --> b;
	a --> c;
	b --> d;
	d --> c;
	c --> __end__;
"""
    nodes = ["a", "b", NodeShape("c", defer=True), "d"]
    assert mermaid(shape(nodes, f"{START} a", f"{START} b", "a c", "b d", "d c")) == expected


def test_joins_are_drawn_as_ordinary_edges():
    drawn = edge_lines(shape("abcd", f"{START} a", f"{START} b", "c d", joins=[(("a", "b"), "c")]))
    assert drawn == [
        "__start__ --> a;",
        "__start__ --> b;",
        "a --> c;",
        "b --> c;",
        "c --> d;",
        "d --> __end__;",
    ]


def test_a_join_whose_sources_come_one_after_the_other():
    drawn = edge_lines(shape("abc", f"{START} a", "a b", joins=[(("a", "b"), "c")]))
    assert drawn == ["__start__ --> a;", "a --> b;", "a --> c;", "b --> c;", "c --> __end__;"]


def test_a_join_that_can_never_fill_is_not_drawn():
    drawn = edge_lines(shape("abc", f"{START} a", joins=[(("a", "b"), "c")]))
    assert drawn == ["__start__ --> a;", "a --> __end__;"]


def test_a_join_to_the_end():
    drawn = edge_lines(shape("ab", f"{START} a", f"{START} b", joins=[(("a", "b"), END)]))
    assert drawn == ["__start__ --> a;", "__start__ --> b;", "a --> __end__;", "b --> __end__;"]


def test_nodes_keep_their_order_and_edges_are_sorted():
    expected = """\
	__start__([<p>__start__</p>]):::first
	c(c)
	b(b)
	a(a)
	__end__([<p>__end__</p>]):::last
	__start__ --> b;
	__start__ --> c;
	b --> a;
	b --> c;
	a --> __end__;
	c --> __end__;
"""
    assert mermaid(shape("cba", f"{START} b", f"{START} c", "b c", "b a", f"a {END}", f"c {END}")) == expected


def test_a_graph_that_never_ends_has_no_end_if_several_nodes_go_round():
    drawn = graph_drawing(shape("abc", f"{START} c", "c b", "c a", "b a", "a c"))
    assert END not in drawn.nodes
    assert [(edge.source, edge.target) for edge in drawn.edges] == [
        (START, "c"),
        ("a", "c"),
        ("b", "a"),
        ("c", "a"),
        ("c", "b"),
    ]


def test_a_loop_with_a_written_end_shows_where_it_ends():
    drawn = edge_lines(shape("a", f"{START} a", ("a", "a"), f"a {END}"))
    assert drawn == ["__start__ --> a;", "a -.-> __end__;", "a -.-> a;"]


def test_a_join_shows_its_sources_that_are_reached_before_its_target_is():
    drawn = edge_lines(shape("abcd", f"{START} a", "a d", "d c", joins=[(("a", "b"), "c")]))
    assert drawn == ["__start__ --> a;", "a --> c;", "a --> d;", "d --> c;", "c --> __end__;"]
    drawn = edge_lines(shape("abc", f"{START} a", (START, "c"), joins=[(("a", "b"), "c")]))
    assert drawn == ["__start__ --> a;", "__start__ -.-> c;", "a --> __end__;", "c --> __end__;"]


def test_what_is_not_listed_is_not_drawn():
    drawn = edge_lines(shape("ab", f"{START} a", "a b", "a hidden", "hidden b", joins=[(("a", "b"), "hidden")]))
    assert drawn == ["__start__ --> a;", "a --> b;", "b --> __end__;"]


def test_the_chatbot_with_tools():
    nodes = ["chatbot", NodeShape("tools", tools=("search",))]
    expected = """\
	__start__([<p>__start__</p>]):::first
	chatbot(chatbot)
	tools(tools<hr/><small><em>__tools = search</em></small>)
	__end__([<p>__end__</p>]):::last
	__start__ --> chatbot;
	chatbot -.-> __end__;
	chatbot -.-> tools;
	tools --> chatbot;
"""
    edges = [f"{START} chatbot", ("chatbot", "tools"), ("chatbot", END), "tools chatbot"]
    assert mermaid(shape(nodes, *edges)) == expected


INNER = shape("xy", f"{START} x", "x y")
BRANCHING = shape("xy", (START, "x"), (START, "y"))
ENDLESS = shape("xy", f"{START} x", f"{START} y", "x x", "y y")


def outer(inside: GraphShape) -> GraphShape:
    return shape(["a", NodeShape("s", subgraph=inside)], f"{START} s", "s a")


def test_a_sub_graph_is_one_node():
    assert edge_lines(outer(INNER)) == ["__start__ --> s;", "s --> a;", "a --> __end__;"]


def test_xray_draws_a_sub_graph_from_the_inside():
    expected = """\
	__start__([<p>__start__</p>]):::first
	a(a)
	__end__([<p>__end__</p>]):::last
	__start__ --> s\\3ax;
	s\\3ay --> a;
	a --> __end__;
	subgraph s
	s\\3ax(x)
	s\\3ay(y)
	s\\3ax --> s\\3ay;
	end
"""
    assert mermaid(outer(INNER), xray=True) == expected


def test_xray_keeps_the_ends_of_a_sub_graph_that_branches():
    expected = """\
	__start__([<p>__start__</p>]):::first
	a(a)
	__end__([<p>__end__</p>]):::last
	__start__ --> s\\3a__start__;
	s\\3a__end__ --> a;
	a --> __end__;
	subgraph s
	s\\3a__start__(<p>__start__</p>)
	s\\3ax(x)
	s\\3ay(y)
	s\\3a__end__(<p>__end__</p>)
	s\\3a__start__ -.-> s\\3ax;
	s\\3a__start__ -.-> s\\3ay;
	s\\3ax --> s\\3a__end__;
	s\\3ay --> s\\3a__end__;
	end
"""
    assert mermaid(outer(BRANCHING), xray=True) == expected


def test_xray_opens_as_many_levels_as_it_says():
    middle = shape(["m", NodeShape("in", subgraph=INNER)], f"{START} m", "m in")

    def names(xray: int | bool) -> set[str]:
        return set(graph_drawing(outer(middle), xray=xray).nodes)

    assert names(False) == {START, "a", "s", END}
    assert names(1) == {START, "a", "s:m", "s:in", END}
    assert names(2) == names(True) == {START, "a", "s:m", "s:in:x", "s:in:y", END}


def test_xray_leaves_a_sub_graph_closed_that_has_no_way_out():
    assert set(graph_drawing(outer(ENDLESS), xray=True).nodes) == {START, "a", "s", END}


def answer(state):
    return state


def test_to_json_names_nodes_their_kind_and_their_edges():
    nodes = [NodeShape("a", data=answer, metadata={"k": 1}), NodeShape("b", data=RunnableLambda(answer)), "c"]
    found = graph_drawing(shape(nodes, f"{START} a", ("a", "b", "yes"), "b c")).to_json()
    assert json.loads(json.dumps(found)) == found
    assert [node["id"] for node in found["nodes"]] == [START, "a", "b", "c", END]
    assert [node.get("type") for node in found["nodes"]] == ["runnable", "runnable", "runnable", None, None]
    assert found["nodes"][1]["data"]["name"] == "a"
    assert found["nodes"][1]["metadata"] == {"k": 1}
    assert found["edges"] == [
        {"source": START, "target": "a"},
        {"source": "a", "target": "b", "data": "yes", "conditional": True},
        {"source": "b", "target": "c"},
        {"source": "c", "target": END},
    ]


def test_a_png_without_the_service_says_what_it_needs_and_what_works_without():
    graph = graph_drawing(shape("a", f"{START} a"))
    with pytest.raises(DrawingUnavailableError) as caught:
        graph.draw_mermaid_png(base_url="http://127.0.0.1:1", max_retries=0)
    message = str(caught.value)
    assert "needs the Mermaid service at http://127.0.0.1:1" in message
    assert "draw_mermaid() gives the diagram as text and works offline" in message
    assert "PYPPETEER" in message
    assert isinstance(caught.value, ClewError)
    assert isinstance(caught.value, ValueError)


def test_a_png_from_a_service_is_its_bytes(png_service, tmp_path):
    file = tmp_path / "graph.png"
    graph = graph_drawing(shape("a", f"{START} a"))
    image = graph.draw_mermaid_png(base_url=png_service, output_file_path=str(file))
    assert image == b"\x89PNG one"
    assert file.read_bytes() == image


def test_a_png_by_a_browser_without_its_package_names_the_command(monkeypatch):
    monkeypatch.setattr("langchain_core.runnables.graph_mermaid._HAS_PYPPETEER", False)
    with pytest.raises(MissingPackageError, match="pip install pyppeteer"):
        graph_drawing(shape("a", f"{START} a")).draw_mermaid_png(draw_method=MermaidDrawMethod.PYPPETEER)


def test_a_chain_of_two_thousand_nodes_is_drawn():
    names = [f"n{number}" for number in range(2_000)]
    edges = [f"{START} n0", *(f"{one} {other}" for one, other in pairwise(names))]
    assert len(graph_drawing(shape(names, *edges)).edges) == 2_001
