"""A diagram as SVG, drawn here: no service, no browser, no library. Every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

from ...events.vocabulary import END, START
from .layout import Layout, Place, Way, lay_out
from .marks import COLOURS, Mark

BOX_HEIGHT: Final = 36
ROW_HEIGHT: Final = 88
"""From the top of one row to the top of the next, pixels."""
GAP: Final = 34
MARGIN: Final = 16
LETTER: Final = 8.2
"""A letter's width, about: there is no font here to measure with."""
_STYLE: Final = (
    "text{font:14px ui-sans-serif,system-ui,sans-serif;text-anchor:middle;dominant-baseline:central;fill:#1f1b2e}"
    ".label{font-size:12px;stroke:#fff;stroke-width:4px;paint-order:stroke}"
    "rect{fill:#f2f0ff;stroke:#9370db}.first rect{fill-opacity:0;stroke:none}.last rect{fill:#bfb6fc}"
    "path{fill:none;stroke:#1f1b2e}.maybe{stroke-dasharray:3 3}marker path{fill:#1f1b2e}"
)
_ARROW: Final = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z"/></marker></defs>'
)


def svg_of(names: Mapping[str, str], ways: Sequence[Way], marks: Mapping[str, Mark] = {}) -> str:
    """The diagram; `names` has each node's name by its id, from the top, `marks` how far a thread came."""

    def width_of(place: Place) -> float:
        return len(names[place]) * LETTER + 24 if isinstance(place, str) else 12

    layout = lay_out(list(names), ways, width_of, GAP)
    row_of = {place: number for number, row in enumerate(layout.rows) for place in row}
    drawing = _Drawing(layout, row_of)
    lines = [drawing.down(way, places) for way, places in layout.steps]
    lines += [drawing.back(way, number, width_of) for number, way in enumerate(layout.back)]
    boxes = [drawing.box(node, name, width_of(node), marks.get(node, "")) for node, name in names.items()]
    width = layout.width + 2 * MARGIN + (18 * len(layout.back) + 40 if layout.back else 0)
    height = max(len(layout.rows) - 1, 0) * ROW_HEIGHT + BOX_HEIGHT + 2 * MARGIN
    size = f'viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, f"<style>{_STYLE}{_style_of(marks)}</style>", _ARROW, *lines, *boxes, "</svg>"])


class _Drawing:
    """Where things stand, in pixels, and how they are drawn."""

    def __init__(self, layout: Layout, row_of: Mapping[Place, int]) -> None:
        self._layout = layout
        self._row_of = row_of

    def box(self, node: str, name: str, width: float, mark: str = "") -> str:
        x, y = self._x(node), self._y(node)
        kinds = " ".join(kind for kind in ({START: "first", END: "last"}.get(name, ""), mark) if kind)
        kind = f' class="{kinds}"' if kinds else ""
        title = f"<title>{mark}</title>" if mark else ""
        return (
            f'<g{kind}>{title}<rect x="{x - width / 2:.1f}" y="{y}" width="{width:.1f}" height="{BOX_HEIGHT}" rx="6"/>'
            f'<text x="{x:.1f}" y="{y + BOX_HEIGHT / 2:.1f}">{_escaped(name)}</text></g>'
        )

    def down(self, way: Way, places: Sequence[Place]) -> str:
        """A curve from the source's bottom through the rows between to the target's top."""
        x, y = self._x(places[0]), self._y(places[0]) + BOX_HEIGHT
        path = f"M{x:.1f} {y}"
        for place in places[1:]:
            next_x, next_y = self._x(place), self._y(place)
            half = (y + next_y) / 2
            path += f"C{x:.1f} {half:.1f} {next_x:.1f} {half:.1f} {next_x:.1f} {next_y}"
            if not isinstance(place, str):
                next_y += BOX_HEIGHT
                path += f"V{next_y}"
            x, y = next_x, next_y
        first, second = places[0], places[1]
        middle = (self._x(first) + self._x(second)) / 2, (self._y(first) + BOX_HEIGHT + self._y(second)) / 2
        return self._line(path, way) + _label(way, *middle)

    def back(self, way: Way, number: int, width_of: Callable[[Place], float]) -> str:
        """A curve around the right side, up to the target."""
        right = self._layout.width + MARGIN + 18 * (number + 1)
        x = self._x(way.source) + width_of(way.source) / 2
        to_x = self._x(way.target) + width_of(way.target) / 2
        y, to_y = self._y(way.source) + BOX_HEIGHT * 0.7, self._y(way.target) + BOX_HEIGHT * 0.3
        path = f"M{x:.1f} {y:.1f}C{right:.1f} {y:.1f} {right:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        return self._line(path, way) + _label(way, right - 8, (y + to_y) / 2)

    def _line(self, path: str, way: Way) -> str:
        kind = ' class="maybe"' if way.conditional else ""
        return f'<path{kind} d="{path}" marker-end="url(#arrow)"/>'

    def _x(self, place: Place) -> float:
        return self._layout.center[place] + MARGIN

    def _y(self, place: Place) -> int:
        return self._row_of[place] * ROW_HEIGHT + MARGIN


def _style_of(marks: Mapping[str, Mark]) -> str:
    used = (mark for mark in COLOURS if mark in marks.values())
    return "".join(f".{mark} rect{{fill:{COLOURS[mark][0]};stroke:{COLOURS[mark][1]}}}" for mark in used)


def _label(way: Way, x: float, y: float) -> str:
    return f'<text class="label" x="{x:.1f}" y="{y:.1f}">{_escaped(way.label)}</text>' if way.label else ""


def _escaped(text: str) -> str:
    """The text for XML, which has no place for most control characters nor for half a surrogate pair."""
    return escape("".join(sign if sign.isprintable() else "\ufffd" for sign in text))
