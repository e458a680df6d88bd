"""Which edges a drawing shows: those a run can take, once for each pair of nodes, and one to END from where a run ends.

The graph is followed from START as a run would: every way is taken, static ones always and conditional ones once, joins
wait for their sources and deferred nodes for the rest. LangGraph's drawings are made so, and people compare ours with
them. Called by `drawing`. Pure; knows nothing of how edges look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from ...events.vocabulary import END, START
from .shape import EdgeShape, GraphShape

STEPS_MAX: Final = 250
"""Super-steps that a graph whose run would never end is followed for; a large one for longer."""


def drawn_edges(shape: GraphShape) -> list[EdgeShape]:
    """The edges to draw, sorted by source and target; then those to END that nobody needs to write, sorted by source.

    A node ends a run where it leads to no other node. What only a path function without known targets leads to is not
    reached from START, so its edges are not drawn.
    """
    walk = _Walk(shape)
    walk.follow()
    drawn = [walk.drawn[pair] for pair in sorted(walk.drawn)]
    return drawn + _ends(drawn, walk)


def _ends(drawn: Sequence[EdgeShape], walk: _Walk) -> list[EdgeShape]:
    """The edges to END that follow from the others."""
    leading_nowhere = walk.reached - {edge.source for edge in drawn}
    if leading_nowhere:
        return [EdgeShape(name, END, conditional=name == START) for name in sorted(leading_nowhere)]
    if any(edge.target == END for edge in drawn) or len(walk.step) != 1:
        return []
    # Loops that nothing known leads out of: an end where the walk stopped.
    return [EdgeShape(name, END, conditional=True) for name in walk.step]


class _Walk:
    """A run that takes every way, step by step."""

    def __init__(self, shape: GraphShape) -> None:
        listed = {node.name for node in shape.nodes} | {START, END}
        self._ways: dict[str, list[EdgeShape]] = defaultdict(list)
        for edge in sorted(shape.edges, key=_preference):
            if edge.source in listed and edge.target in listed:
                self._ways[edge.source].append(edge)
        self._steps_max = max(STEPS_MAX, 2 * len(shape.nodes))
        self._joins = [join for join in shape.joins if join.target in listed]
        self._deferred = {node.name for node in shape.nodes if node.defer}
        self._arrived: list[set[str]] = [set() for _ in self._joins]
        self._held: set[str] = set()
        """Deferred nodes that are due when nothing else is."""
        self._taken: set[EdgeShape] = set()
        """Conditional ways that were taken."""
        self._written: dict[tuple[str, int], dict[str, EdgeShape]] = defaultdict(dict)
        """By target, and 0 for edges or a join's number: who leads there since the target last ran."""
        self.step: set[str] = {START}
        """The nodes of the step that was taken last."""
        self.reached: set[str] = {START}
        self.drawn: dict[tuple[str, str], EdgeShape] = {}

    def follow(self) -> None:
        """Go on until nothing is due, or for as many steps as make no difference."""
        for _ in range(self._steps_max):
            due = self._arrive(self._leave())
            if not due:
                return
            self.step = due
            self.reached |= due
        self._leave()

    def _leave(self) -> set[str]:
        """Take the ways from the nodes of this step; what they lead to."""
        targets: set[str] = set()
        for name in self.step:
            fresh: dict[str, EdgeShape] = {}
            for edge in self._ways[name]:
                if edge.conditional and edge in self._taken:
                    continue
                if edge.conditional:
                    self._taken.add(edge)
                    if edge.target == END:
                        self.drawn.setdefault((name, END), _without_idle_label(edge))
                # By the first that is preferred, though an edge of an earlier step was another.
                fresh.setdefault(edge.target, edge)
            for target, edge in fresh.items():
                self._written[target, 0][name] = edge
                targets.add(target)
            for number, join in enumerate(self._joins, 1):
                if name in join.sources:
                    self._written[join.target, number][name] = EdgeShape(name, join.target)
                    self._arrived[number - 1].add(name)
        for join, arrived in zip(self._joins, self._arrived, strict=True):
            if arrived.issuperset(join.sources):
                arrived.clear()
                targets.add(join.target)
        return targets - {END}

    def _arrive(self, targets: set[str]) -> set[str]:
        """The nodes that run next, with the ways that led to them."""
        self._held |= targets & self._deferred
        due, released = targets - self._deferred, False
        if not due:
            due, self._held, released = self._held, set(), True
        for name in due:
            for number in range(len(self._joins) + 1):
                for source, edge in self._written.pop((name, number), {}).items():
                    self.drawn[source, name] = _without_idle_label(edge)
            for last in self.step if released else ():
                # What a deferred node waited for leads to it, too.
                self.drawn.setdefault((last, name), EdgeShape(last, name, conditional=True))
        return due


def _without_idle_label(edge: EdgeShape) -> EdgeShape:
    """A label that only repeats the target says nothing."""
    return EdgeShape(edge.source, edge.target, edge.conditional) if edge.label == edge.target else edge


def _preference(edge: EdgeShape) -> tuple[bool, str]:
    return (not edge.conditional, edge.label or edge.target)
