"""A diagram in plain characters: boxes in rows, ways down between them, ways back at the right.

Solid lines are edges, dotted ones what a path function or a Command may choose.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from unicodedata import category, east_asian_width

from .layout import Layout, Place, Way, lay_out

BOX_ROWS: Final = 3
GAP: Final = 3
"""Columns between neighbours."""
_DOWN: Final = {False: "|", True: ":"}
_ACROSS: Final = {False: "-", True: "."}
"""By "conditional"."""


def text_of(names: Mapping[str, str], ways: Sequence[Way]) -> str:
    """The diagram; `names` has each node's name by its id, from the top."""
    shown = {node: _plain(name) for node, name in names.items()}

    def width_of(place: Place) -> float:
        # Odd, so that the middle of a box is a column.
        return (_columns(shown[place]) + 4) | 1 if isinstance(place, str) else 1

    layout = lay_out(list(names), ways, width_of, GAP)
    canvas = _Canvas()
    column = {place: round(middle) for place, middle in layout.center.items()}
    tops = _draw_ways(canvas, layout, column)
    right = round(layout.width) + 2
    for number, way in enumerate(layout.back):
        _draw_back(canvas, way, tops, column, width_of, right + 2 * number)
    for node, top in tops.items():
        _draw_box(canvas, shown[node], column[node], top, round(width_of(node)))
    return canvas.text()


class _Canvas:
    """Characters by row and column."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, str]] = defaultdict(dict)

    def put(self, row: int, column: int, sign: str) -> None:
        self._rows[row][column] = sign

    def cross(self, row: int, column: int, sign: str) -> None:
        """A piece of a line, which meets the lines that are there."""
        there = self._rows[row].get(column)
        self._rows[row][column] = sign if there in (None, sign) else "+"

    def text(self) -> str:
        if not self._rows:
            return ""
        left = min(column for row in self._rows.values() for column in row)
        lines = []
        for number in range(max(self._rows) + 1):
            row = self._rows.get(number, {})
            line = "".join(row.get(column, " ") for column in range(left, max(row, default=left - 1) + 1))
            lines.append(line.rstrip())
        return "\n".join(lines)


def _draw_ways(canvas: _Canvas, layout: Layout, column: Mapping[Place, int]) -> dict[str, int]:
    """Draw all ways down; the top row of every node's box."""
    row_of = {place: number for number, row in enumerate(layout.rows) for place in row}
    gaps: list[dict[tuple[int, bool], set[tuple[int, bool]]]] = [defaultdict(set) for _ in layout.rows]
    passing: list[tuple[int, int, bool]] = []
    for way, places in layout.steps:
        for upper, lower in itertools.pairwise(places):
            arrives = isinstance(lower, str)
            gaps[row_of[upper]][column[upper], way.conditional].add((column[lower], arrives))
            if not arrives:
                passing.append((row_of[lower], column[lower], way.conditional))
    tops: dict[int, int] = {}
    top = 0
    for number in range(len(layout.rows)):
        tops[number] = top
        top = _draw_gap(canvas, top + BOX_ROWS, gaps[number]) if number + 1 < len(layout.rows) else top
    for number, place, conditional in passing:
        for row in range(tops[number], tops[number] + BOX_ROWS):
            canvas.cross(row, place, _DOWN[conditional])
    return {place: tops[row] for place, row in row_of.items() if isinstance(place, str)}


def _draw_gap(canvas: _Canvas, top: int, buses: Mapping[tuple[int, bool], set[tuple[int, bool]]]) -> int:
    """Draw what leads from one row of boxes to the next; the next row's top.

    Every source has a line of its own to turn in, so lines only cross and never run together.
    """
    turning = _in_order({bus: targets for bus, targets in buses.items() if {place for place, _ in targets} != {bus[0]}})
    bottom = top + len(turning) + 2
    for (source, conditional), targets in buses.items():
        line = top + 1 + turning.index((source, conditional)) if (source, conditional) in turning else bottom - 1
        for row in range(top, line):
            canvas.cross(row, source, _DOWN[conditional])
        ends = [source, *(place for place, _ in targets)]
        if (source, conditional) in turning:
            for place in range(min(ends), max(ends) + 1):
                canvas.cross(line, place, "+" if place in ends else _ACROSS[conditional])
        for place, arrives in targets:
            for row in range(line + 1 if (source, conditional) in turning else line, bottom - 1):
                canvas.cross(row, place, _DOWN[conditional])
            canvas.put(bottom - 1, place, "v" if arrives else _DOWN[conditional])
    return bottom


def _in_order(buses: Mapping[tuple[int, bool], set[tuple[int, bool]]]) -> list[tuple[int, bool]]:
    """The sources in the order of their lines, the first at the top.

    One that another's line comes down upon turns first, or the two would run together.
    """
    left, order = sorted(buses), []
    while left:
        free = next(
            (
                bus
                for bus in left
                if not any(bus[0] != one[0] and one[0] in {place for place, _ in buses[bus]} for one in left)
            ),
            left[0],
        )
        left.remove(free)
        order.append(free)
    return order


def _draw_back(
    canvas: _Canvas,
    way: Way,
    tops: Mapping[str, int],
    column: Mapping[Place, int],
    width_of: Callable[[Place], float],
    right: int,
) -> None:
    """From the bottom of the source's box up the right side to the top of the target's."""
    across, up = _ACROSS[way.conditional], _DOWN[way.conditional]
    low, high = tops[way.source] + BOX_ROWS - 1, tops[way.target]
    for row, node in ((low, way.source), (high, way.target)):
        edge = column[node] + round(width_of(node)) // 2 + 1
        for place in range(edge, right):
            canvas.cross(row, place, across)
        canvas.put(row, right, "+")
    canvas.put(high, column[way.target] + round(width_of(way.target)) // 2 + 1, "<")
    for row in range(high + 1, low):
        canvas.cross(row, right, up)


def _draw_box(canvas: _Canvas, name: str, middle: int, top: int, width: int) -> None:
    left = middle - width // 2
    for row, line in enumerate(("+" + "-" * (width - 2) + "+", "|" + " " * (width - 2) + "|") * 2):
        for place, sign in enumerate(line if row < BOX_ROWS else ""):
            canvas.put(top + row, left + place, sign)
    place = middle - _columns(name) // 2
    for sign in name:
        canvas.put(top + 1, place, sign)
        for following in range(1, _columns(sign)):
            canvas.put(top + 1, place + following, "")
        place += _columns(sign)


def _plain(name: str) -> str:
    """The name on one line, without signs that move the cursor."""
    return "".join(" " if category(sign) in ("Cc", "Cf", "Zl", "Zp", "Cs") else sign for sign in name)


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(0 if category(sign) == "Mn" else 2 if east_asian_width(sign) in "WF" else 1 for sign in text)
