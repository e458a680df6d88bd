"""What a drawing needs to know of a graph: frozen names and edges, nothing that runs. The builder fills it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field


class NodeShape(Struct, frozen=True):
    """One node, START and END left out."""

    name: str
    data: Any = None
    """The Runnable or function behind it, which `to_json` names; None if there is none to show."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What its author said about it; drawn below its name."""
    defer: bool = False
    interrupt_before: bool = False
    """True when a breakpoint names it; `"*"` names no node and is not drawn."""
    interrupt_after: bool = False
    tools: tuple[str, ...] = ()
    """Names of the tools that it can call."""
    subgraph: GraphShape | None = None
    """The graph inside it, for `xray`."""


class EdgeShape(Struct, frozen=True):
    """A way from one node (or START) to another (or END)."""

    source: str
    target: str
    conditional: bool = False
    """True for a path function's or a Command's possible target."""
    label: str | None = None
    """The path function's result or the Command's note that stands for this way."""


class JoinShape(Struct, frozen=True):
    """`add_edge([a, b], c)`: c runs once a and b have."""

    sources: tuple[str, ...]
    target: str


class GraphShape(Struct, frozen=True):
    """A whole graph. Edges and joins of nodes that are not listed (hidden ones) are not drawn."""

    nodes: tuple[NodeShape, ...]
    """In the order in which they were added, which is the order in which they are drawn."""
    edges: tuple[EdgeShape, ...] = ()
    """Static edges, path functions' known targets, and the destinations of nodes that return Commands."""
    joins: tuple[JoinShape, ...] = ()
    start_second: bool = False
    """True for an entrypoint's: its one node is listed before START."""
