"""Which edges a drawing shows: those a run can take, once for each pair of nodes, and one to END from where a run ends.

Called by `drawing`. Pure; knows nothing of how edges look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ...events.vocabulary import END, START
from .shape import EdgeShape, GraphShape, JoinShape


def drawn_edges(shape: GraphShape) -> list[EdgeShape]:
    """The edges to draw, sorted by source and target; then those to END that nobody needs to write, sorted by source.

    A node ends a run where it leads to no other node. What only a path function without known targets leads to is not
    reached from START, so its edges are not drawn.
    """
    listed = {node.name for node in shape.nodes} | {START, END}
    edges = [edge for edge in shape.edges if edge.source in listed and edge.target in listed]
    joins = [join for join in shape.joins if join.target in listed]
    reached = _reached(edges, joins)
    edges += [EdgeShape(source, join.target) for join in joins if join.target in reached for source in join.sources]
    edges = [edge for edge in edges if edge.source in reached]
    drawn = _one_per_pair(edges)
    return drawn + _ends(edges, reached - {edge.source for edge in drawn}, drawn)


def _ends(edges: Iterable[EdgeShape], leading_nowhere: set[str], drawn: Sequence[EdgeShape]) -> list[EdgeShape]:
    """The edges to END that follow from the others."""
    ends = [EdgeShape(name, END, conditional=name == START) for name in sorted(leading_nowhere)]
    if ends or any(edge.target == END for edge in drawn):
        return ends
    # A loop that only Commands and path functions lead on from: the written edge shows where its run ends.
    written = {edge.source for edge in edges if edge.target == END}
    leading_on = {edge.source for edge in drawn if not edge.conditional}
    return [EdgeShape(name, END, conditional=True) for name in sorted(written - leading_on)]


def _reached(edges: Iterable[EdgeShape], joins: Iterable[JoinShape]) -> set[str]:
    """The nodes that a run from START can come to, START among them, END not. A join needs all of its sources."""
    targets: dict[str, list[str]] = defaultdict(list)
    joins_of: dict[str, list[JoinShape]] = defaultdict(list)
    for edge in edges:
        targets[edge.source].append(edge.target)
    for join in joins:
        for source in join.sources:
            joins_of[source].append(join)
    reached, waiting = {START}, [START]
    while waiting:
        name = waiting.pop()
        found = [*targets[name], *(join.target for join in joins_of[name] if reached.issuperset(join.sources))]
        for target in found:
            if target not in reached and target != END:
                reached.add(target)
                waiting.append(target)
    return reached


def _one_per_pair(edges: Iterable[EdgeShape]) -> list[EdgeShape]:
    """Of several ways from one node to another: the path's with the first label by name, else the static edge.

    Static edges to END are left out: they change nothing about where a run goes.
    """
    chosen: dict[tuple[str, str], EdgeShape] = {}
    for edge in sorted(edges, key=_preference):
        if edge.conditional or edge.target != END:
            chosen.setdefault((edge.source, edge.target), edge)
    return [_without_idle_label(chosen[pair]) for pair in sorted(chosen)]


def _without_idle_label(edge: EdgeShape) -> EdgeShape:
    """A label that only repeats the target says nothing."""
    return EdgeShape(edge.source, edge.target, edge.conditional) if edge.label == edge.target else edge


def _preference(edge: EdgeShape) -> tuple[bool, str]:
    return (not edge.conditional, edge.label or edge.target)
