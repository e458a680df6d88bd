"""Where the boxes of a diagram stand: rows from START down, few crossings, neighbours near each other.

The steps of Sugiyama, Tagawa and Toda (1981), each in its simplest form: ways back are set aside, every node's row is
its longest way from the top, ways over several rows get a place in each of them, each row is sorted by its neighbours'
places a few times. Pure; used by `text` and `svg`, which say how wide a box is.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

SWEEPS: Final = 6
"""How often rows are sorted, and boxes moved, by their neighbours: more changes next to nothing."""

Place = tuple[int, int] | str
"""What stands in a row: a node by its id, or a long way by its number and row."""


class Way(Struct, frozen=True):
    """An edge as it is drawn."""

    source: str
    target: str
    conditional: bool = False
    label: str | None = None


class Layout(Struct, frozen=True):
    """Rows of places, and where each stands."""

    rows: Sequence[Sequence[Place]]
    center: Mapping[Place, float]
    """The middle of each place, counted from the left."""
    width: float
    steps: Sequence[tuple[Way, Sequence[Place]]]
    """Every way down, with the places it goes through, one in each row."""
    back: Sequence[Way]
    """Ways up, or to the node itself."""


def lay_out(nodes: Sequence[str], ways: Sequence[Way], width_of: Callable[[Place], float], gap: float) -> Layout:
    """Place the nodes.

    Args:
        nodes: their ids, the first one at the top.
        ways: between listed nodes.
        width_of: the width of a node's box, or of a long way that passes.
        gap: between neighbours of a row.
    """
    back = _ways_back(nodes, ways)
    down = [way for number, way in enumerate(ways) if number not in back]
    row_of = _rows(nodes, down)
    steps = [(way, _through(number, way, row_of)) for number, way in enumerate(down)]
    rows: list[list[Place]] = [[] for _ in range(max(row_of.values(), default=-1) + 1)]
    for node in nodes:
        rows[row_of[node]].append(node)
    above: dict[Place, list[Place]] = defaultdict(list)
    below: dict[Place, list[Place]] = defaultdict(list)
    for way, places in steps:
        for row, place in enumerate(places[1:-1], row_of[way.source] + 1):
            rows[row].append(place)
        for upper, lower in itertools.pairwise(places):
            below[upper].append(lower)
            above[lower].append(upper)
    _sort(rows, above, below)
    center = _centers(rows, above, below, width_of, gap)
    left = min((center[place] - width_of(place) / 2 for row in rows for place in row), default=0)
    center = {place: middle - left for place, middle in center.items()}
    width = max((center[place] + width_of(place) / 2 for row in rows for place in row), default=0)
    return Layout(rows, center, width, steps, [ways[number] for number in sorted(back)])


def _ways_back(nodes: Sequence[str], ways: Sequence[Way]) -> set[int]:
    """The numbers of the ways that lead to a node which the walk from the top is still inside of."""
    leaving: dict[str, list[int]] = defaultdict(list)
    for number, way in enumerate(ways):
        leaving[way.source].append(number)
    back: set[int] = set()
    state: dict[str, int] = {}
    for first in nodes:
        stack = [(first, iter(leaving[first]))] if first not in state else []
        state.setdefault(first, 1)
        while stack:
            node, rest = stack[-1]
            number = next(rest, None)
            if number is None:
                state[node] = 2
                stack.pop()
                continue
            target = ways[number].target
            if state.get(target) == 1:
                back.add(number)
            elif target not in state:
                state[target] = 1
                stack.append((target, iter(leaving[target])))
    return back


def _rows(nodes: Sequence[str], down: Iterable[Way]) -> dict[str, int]:
    """Each node's row: its longest way from a node that nothing leads to."""
    leaving: dict[str, list[str]] = defaultdict(list)
    waiting = dict.fromkeys(nodes, 0)
    for way in down:
        leaving[way.source].append(way.target)
        waiting[way.target] += 1
    row_of = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not waiting[node]]
    for node in ready:
        for target in leaving[node]:
            row_of[target] = max(row_of[target], row_of[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return row_of


def _through(number: int, way: Way, row_of: Mapping[str, int]) -> list[Place]:
    between = range(row_of[way.source] + 1, row_of[way.target])
    return [way.source, *((number, row) for row in between), way.target]


def _sort(
    rows: list[list[Place]], above: Mapping[Place, Sequence[Place]], below: Mapping[Place, Sequence[Place]]
) -> None:
    """Sort each row by the mean place of its neighbours, going down and up in turn."""
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = above if downwards else below
        ordered = rows if downwards else rows[::-1]
        for fixed, moved in itertools.pairwise(ordered):
            places = {place: number for number, place in enumerate(fixed)}
            wanted = {}
            for number, place in enumerate(moved):
                near = [places[one] for one in neighbours.get(place, ()) if one in places]
                wanted[place] = sum(near) / len(near) if near else float(number)
            moved.sort(key=wanted.__getitem__)


def _centers(
    rows: Sequence[Sequence[Place]],
    above: Mapping[Place, Sequence[Place]],
    below: Mapping[Place, Sequence[Place]],
    width_of: Callable[[Place], float],
    gap: float,
) -> dict[Place, float]:
    """Where each place stands: near the mean of its neighbours, in its row's order, apart from the next."""
    center: dict[Place, float] = {}
    for row in rows:
        _spread(row, [0.0] * len(row), width_of, gap, center)
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = []
            for place in row:
                near = [center[one] for one in neighbours.get(place, ())]
                wanted.append(sum(near) / len(near) if near else center[place])
            _spread(row, wanted, width_of, gap, center)
    return center


def _spread(
    row: Sequence[Place],
    wanted: Sequence[float],
    width_of: Callable[[Place], float],
    gap: float,
    center: dict[Place, float],
) -> None:
    """Put a row's places as near as can be to where they are wanted: halfway between pushed right and pushed left."""
    right, left = list(wanted), list(wanted)
    apart = [(width_of(one) + width_of(other)) / 2 + gap for one, other in itertools.pairwise(row)]
    for number in range(1, len(row)):
        right[number] = max(right[number], right[number - 1] + apart[number - 1])
    for number in range(len(row) - 2, -1, -1):
        left[number] = min(left[number], left[number + 1] - apart[number])
    for place, one, other in zip(row, right, left, strict=True):
        center[place] = (one + other) / 2
