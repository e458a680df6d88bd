"""A thread's checkpoints as a tree: which follows which, drawn with one column for each branch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from ..state.thread import Checkpoint, Line

Address = tuple[int, int]
"""(version, ordinal) of a checkpoint."""


class TreePlace(Struct, frozen=True):
    """One checkpoint in the tree, newest first."""

    checkpoint: Checkpoint
    tip: bool
    """True when nothing follows it: the end of a branch."""
    current: bool
    """True for the checkpoint on which the thread stands."""
    rows: Sequence[str]
    """How it is drawn: rows in which branches part, then its own, with `*` where it stands (`@` for the current)."""


def tree(line: Line) -> Iterator[TreePlace]:
    """The checkpoints of a namespace, newest first, each with its piece of the drawing.

    As a log is read upwards: a branch begins with its newest checkpoint in a column of its own and ends where it left
    the one it comes from.
    """
    lanes: list[Address | None] = []
    head = line.closed_head()
    # Where the thread went back to an earlier checkpoint, that one is head and past at once.
    found = {checkpoint.address: checkpoint for checkpoint in reversed([*line.checkpoints()])}
    for checkpoint in sorted(found.values(), key=lambda one: one.address, reverse=True):
        address, parent = checkpoint.address, checkpoint.parent
        mine = [number for number, expected in enumerate(lanes) if expected == address]
        rows: list[str] = []
        tip = not mine
        if tip:
            free = next((number for number, expected in enumerate(lanes) if expected is None), len(lanes))
            lanes[free : free + 1] = [address]
            mine = [free]
        elif len(mine) > 1:
            rows.append(_parting(lanes, mine))
            for number in mine[1:]:
                lanes[number] = None
        current = head is not None and head.address == address
        place = mine[0]
        rows.append(_row(lanes, place, "@" if current else "*"))
        lanes[place] = parent if parent is not None and line.at(parent) is not None else None
        while lanes and lanes[-1] is None:
            lanes.pop()
        yield TreePlace(checkpoint, tip, current, rows)


def _row(lanes: Sequence[Address | None], place: int, mark: str) -> str:
    signs = (mark if number == place else " " if lane is None else "|" for number, lane in enumerate(lanes))
    return " ".join(signs).rstrip()


def _parting(lanes: Sequence[Address | None], mine: Sequence[int]) -> str:
    """The row above a checkpoint from which several branches go: `|-'` joins the columns."""
    signs: list[str] = []
    for number, lane in enumerate(lanes):
        sign = "'" if number in mine[1:] else " " if lane is None else "|"
        if sign == " " and mine[0] < number < mine[-1]:
            sign = "-"
        signs.append(sign)
        signs.append("-" if mine[0] <= number < mine[-1] else " ")
    return "".join(signs).rstrip()
