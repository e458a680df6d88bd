"""The diagrams drawn here: everything is in them, boxes keep apart, and names from outside are only text."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from clew.events.vocabulary import END, START
from clew.projections.drawing.drawing import DrawableGraph, graph_drawing
from clew.projections.drawing.layout import Way, lay_out
from clew.projections.drawing.shape import EdgeShape, GraphShape, NodeShape
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.lists(st.text("abcdefgh_", min_size=1, max_size=9), min_size=1, max_size=9, unique=True)


@st.composite
def graphs(draw: st.DrawFn) -> DrawableGraph:
    names = draw(NAMES)
    known = st.sampled_from(names)
    edges = [EdgeShape(START, names[0])]
    for _ in range(draw(st.integers(0, 14))):
        target = draw(st.sampled_from([*names, END]))
        edges.append(EdgeShape(draw(known), target, draw(st.booleans()), draw(st.none() | st.just("why"))))
    return graph_drawing(GraphShape(tuple(NodeShape(name) for name in names), tuple(edges)))


def test_an_agent_with_tools():
    edges = (
        EdgeShape(START, "agent"),
        EdgeShape("agent", "tools", True),
        EdgeShape("agent", END, True),
        EdgeShape("tools", "agent"),
    )
    graph = graph_drawing(GraphShape((NodeShape("agent"), NodeShape("tools")), edges))
    assert (
        "\n" + graph.draw_ascii()
        == r"""
     +-----------+
     | __start__ |
     +-----------+
           |
           v
       +-------+<--------+
       | agent |         |
       +-------+         |
           :             |
    +......+......+      |
    v             v      |
+-------+    +---------+ |
| tools |    | __end__ | |
+-------+----+---------+-+"""
    )


OVER_A_ROW = r"""
+-----------+
| __start__ |
+-----------+
      |
      v
    +---+
    | a |
    +---+
      |
    +-+---+
    v     |
  +---+   |
  | b |   |
  +---+   |
    |     |
    +-+   |
      +---+
      v
    +---+
    | c |
    +---+
      |
      v
 +---------+
 | __end__ |
 +---------+"""


def test_a_way_over_a_row_goes_beside_its_boxes():
    edges = (EdgeShape(START, "a"), EdgeShape("a", "b"), EdgeShape("b", "c"), EdgeShape("a", "c"))
    graph = graph_drawing(GraphShape(tuple(NodeShape(name) for name in "abc"), edges))
    assert "\n" + graph.draw_ascii() == OVER_A_ROW


@given(graphs())
def test_every_node_has_its_whole_box(graph):
    lines = graph.draw_ascii().split("\n")
    for node in graph.nodes.values():
        name = node.name
        found = [
            (number, match.start())
            for number, line in enumerate(lines)
            for match in re.finditer(rf"\| {{1,2}}{re.escape(name)} {{1,2}}\|", line)
        ]
        assert any(
            set(lines[row - 1][left : left + len(name) + 4]) <= set("+-")
            and set(lines[row + 1][left : left + len(name) + 4]) <= set("+-")
            for row, left in found
        ), "\n".join(lines)


@given(graphs())
def test_rows_keep_their_places_apart_and_in_order(graph):
    ways = [Way(edge.source, edge.target) for edge in graph.edges]
    layout = lay_out(list(graph.nodes), ways, lambda place: 5.0 if isinstance(place, str) else 1.0, 3.0)
    for row in layout.rows:
        widths = [5.0 if isinstance(place, str) else 1.0 for place in row]
        for number in range(len(row) - 1):
            apart = layout.center[row[number + 1]] - layout.center[row[number]]
            assert apart >= (widths[number] + widths[number + 1]) / 2 + 3 - 1e-6
    row_of = {place: number for number, row in enumerate(layout.rows) for place in row}
    assert all(row_of[way.source] < row_of[way.target] for way, _ in layout.steps)
    assert len(layout.steps) + len(layout.back) == len(ways)


@given(graphs())
def test_svg_is_xml_with_a_box_and_a_line_for_each(graph):
    root = ElementTree.fromstring(graph.draw_svg())
    name = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{name}text") if text.get("class") is None]
    assert sorted(text or "" for text in texts) == sorted(node.name for node in graph.nodes.values())
    assert len(list(root.iter(f"{name}rect"))) == len(graph.nodes)
    assert sum(1 for path in root.iter(f"{name}path") if path.get("marker-end")) == len(graph.edges)


HOSTILE = [
    "<script>alert(1)</script>",
    '"/><a href="x">',
    "]]>&amp;",
    "line\nbreak\x1b[31m",
    "\x00",
    "你好 🧵",
    "e\u0301",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_text(name):
    shape = GraphShape((NodeShape(name),), (EdgeShape(START, name, True, f"label {name}"),))
    graph = graph_drawing(shape)
    root = ElementTree.fromstring(graph.draw_svg())
    assert {element.tag.partition("}")[2] for element in root.iter()} <= {
        "svg", "style", "defs", "marker", "path", "g", "rect", "text",
    }  # fmt: skip
    drawn = graph.draw_ascii()
    assert "\x1b" not in drawn
    assert len(drawn.split("\n")) == 13


def test_wide_letters_keep_the_box_straight():
    graph = graph_drawing(GraphShape((NodeShape("你好"),), (EdgeShape(START, "你好"),)))
    assert "| 你好  |" in graph.draw_ascii() or "|  你好 |" in graph.draw_ascii()


def test_a_long_chain_and_a_wide_fan_are_drawn():
    names = [f"n{number}" for number in range(300)]
    chain = [EdgeShape(START, "n0"), *(EdgeShape(f"n{one}", f"n{one + 1}") for one in range(299))]
    graph = graph_drawing(GraphShape(tuple(map(NodeShape, names)), tuple(chain)))
    assert graph.draw_ascii().count("v") == 301
    fan = [EdgeShape(START, name) for name in names]
    assert graph_drawing(GraphShape(tuple(map(NodeShape, names)), tuple(fan))).draw_svg().count("<rect") == 302


def test_a_graph_without_nodes_is_drawn():
    empty = DrawableGraph()
    assert empty.draw_ascii() == ""
    assert "<svg" in empty.draw_svg()
