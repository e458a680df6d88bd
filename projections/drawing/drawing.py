"""From a graph's shape to a diagram: langchain-core's `Graph`, with an error that helps where there is no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.runnables.graph import Edge, Graph, MermaidDrawMethod, Node

from ...events.errors import DrawingUnavailableError, MissingPackageError
from ...events.vocabulary import END, START
from .edges import drawn_edges
from .layout import Way
from .marks import COLOURS, Mark
from .shape import GraphShape, NodeShape
from .svg import svg_of
from .text import text_of


class DrawableGraph(Graph):
    """A graph to look at: `draw_mermaid()`, `draw_mermaid_png()`, `draw_ascii()`, `draw_svg()`, `to_json()`."""

    marks: Mapping[str, Mark] = {}
    """How far a thread has come, by node id; see `marked`."""

    def marked(self, marks: Mapping[str, Mark]) -> DrawableGraph:
        """The same drawing with nodes marked as done, current, waiting or failed, in every form it is drawn in."""
        drawing = DrawableGraph(self.nodes, self.edges)
        drawing.marks = {node: mark for node, mark in marks.items() if node in self.nodes}
        return drawing

    def draw_ascii(self) -> str:
        """The diagram in plain characters, drawn here: langchain-core's own needs a library under the GPL.

        Dotted lines are what a path function or a Command may choose.
        """
        names = self._names()
        return text_of({node: _with_mark(name, self.marks.get(node)) for node, name in names.items()}, self._ways())

    def draw_svg(self) -> str:
        """The diagram as SVG, drawn here: no service and no browser."""
        return svg_of(self._names(), self._ways(), self.marks)

    def draw_mermaid(self, *args: Any, **options: Any) -> str:
        """The diagram as Mermaid text, by langchain-core. Marked nodes are of the class that their mark names."""
        drawn = super().draw_mermaid(*args, **options)
        kinds = [mark for mark in COLOURS if mark in self.marks.values()]
        lines = [f"\tclassDef {mark} fill:{COLOURS[mark][0]},stroke:{COLOURS[mark][1]}\n" for mark in kinds]
        lines += [f"\tclass {_mermaid_id(node)} {mark}\n" for node, mark in self.marks.items()]
        return drawn + "".join(lines)

    def _names(self) -> dict[str, str]:
        return {node.id: node.name for node in self.nodes.values()}

    def _ways(self) -> list[Way]:
        return [
            Way(edge.source, edge.target, edge.conditional, None if edge.data is None else str(edge.data))
            for edge in self.edges
            if edge.source in self.nodes and edge.target in self.nodes
        ]

    def draw_mermaid_png(self, *, draw_method: MermaidDrawMethod = MermaidDrawMethod.API, **options: Any) -> bytes:
        """The diagram as PNG bytes, rendered by the mermaid.ink service or, with PYPPETEER, by a browser here.

        Takes langchain-core's options: `output_file_path`, `background_color`, `max_retries`, `base_url` and so on.

        Raises:
            DrawingUnavailableError: the service was not reached or refused the diagram.
            MissingPackageError: the method's package is not installed.
        """
        try:
            return super().draw_mermaid_png(draw_method=draw_method, **options)
        except ImportError as error:
            package = "pyppeteer" if draw_method == MermaidDrawMethod.PYPPETEER else "requests"
            raise MissingPackageError(
                f"draw_mermaid_png(draw_method={draw_method.name}) needs {package}: pip install {package}; "
                "draw_mermaid() gives the diagram as text and needs nothing"
            ) from error
        except ValueError as error:
            if draw_method != MermaidDrawMethod.API:
                raise
            reason = str(error).partition("To resolve this issue")[0].strip()
            raise DrawingUnavailableError(options.get("base_url") or "https://mermaid.ink", reason) from error


def graph_drawing(shape: GraphShape, *, xray: int | bool = False) -> DrawableGraph:
    """The drawing of a graph.

    Args:
        shape: what there is to draw.
        xray: True draws sub-graphs from the inside, a number does so that many levels deep.
    """
    edges = drawn_edges(shape)
    graph = DrawableGraph()
    _add(graph, START, RunnablePassthrough(), None)
    for node in shape.nodes:
        _add(graph, node.name, _runnable(node), _metadata(node))
    if shape.start_second:
        del graph.nodes[START]
        _add(graph, START, None, None)
    if any(edge.target == END for edge in edges):
        _add(graph, END, None, None)
    graph.edges.extend(Edge(edge.source, edge.target, edge.label, edge.conditional) for edge in edges)
    if xray:
        for node in shape.nodes:
            if node.subgraph is not None:
                _open(graph, node.name, graph_drawing(node.subgraph, xray=xray if xray is True else xray - 1))
    return graph


def _add(graph: Graph, name: str, data: Runnable[Any, Any] | None, metadata: dict[str, Any] | None) -> None:
    graph.nodes[name] = Node(id=name, name=name, data=data, metadata=metadata)


def _with_mark(name: str, mark: Mark | None) -> str:
    return name if mark is None else f"{name} ({mark})"


def _mermaid_id(node: str) -> str:
    """The node's id as langchain-core writes it: everything but letters, digits, `_` and `-` by its code point."""
    plain = (sign if (sign.isascii() and sign.isalnum()) or sign in "_-" else f"\\{ord(sign):x}" for sign in node)
    return "".join(plain)


def _runnable(node: NodeShape) -> Runnable[Any, Any] | None:
    """What `to_json` names the node's kind after."""
    if isinstance(node.data, Runnable):
        return node.data
    return RunnableLambda(node.data, name=node.name) if callable(node.data) else None


def _metadata(node: NodeShape) -> dict[str, Any] | None:
    """The lines below the node's name. The keys with underscores are LangGraph's, and what front ends look for."""
    metadata = dict(node.metadata)
    if node.defer:
        metadata["defer"] = True
    moments = [("before", node.interrupt_before), ("after", node.interrupt_after)]
    if interrupts := [moment for moment, stops in moments if stops]:
        metadata["__interrupt"] = ",".join(interrupts)
    if node.tools:
        metadata["__tools"] = list(node.tools)
    return metadata or None


def _open(graph: Graph, name: str, inside: Graph) -> None:
    """Puts the nodes of a sub-graph in the place of its node, unless it has no single way in and out."""
    inside.trim_first_node()
    inside.trim_last_node()
    if inside.first_node() is None or inside.last_node() is None:
        return
    del graph.nodes[name]
    outer = len(graph.edges)
    first, last = graph.extend(inside, prefix=name)
    if first is None or last is None:  # as asked above
        return
    for place, edge in enumerate(graph.edges[:outer]):
        graph.edges[place] = edge.copy(
            source=last.id if edge.source == name else edge.source,
            target=first.id if edge.target == name else edge.target,
        )
