"""How far a thread has come in its graph: which nodes are done, current, waiting for an answer, or have failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from ...events.vocabulary import END, START
from ..state import namespaces
from ..state.thread import Line, Task, ThreadState

Mark = Literal["done", "current", "waiting", "failed"]

COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    "done": ("#d7f0d9", "#2e7d32"),
    "current": ("#fff3c4", "#b58900"),
    "waiting": ("#cfe5ff", "#1565c0"),
    "failed": ("#ffd6d6", "#c62828"),
}
"""Fill and border of each mark's boxes."""
_LAST: Final = ("done", "current", "waiting", "failed")
"""Of several tasks of one node the mark that comes last here counts."""


def marks_of(state: ThreadState) -> dict[str, Mark]:
    """The marks of a thread's nodes by their ids in a drawing; of nodes that were not reached there are none.

    Done is what ran on the branch on which the thread stands, its earlier turns included; nodes of graphs inside are
    marked where they are part of the open step, under the ids that a drawing with `xray` gives them.
    """
    marks: dict[str, Mark] = {}
    root = state.root
    if root.head is None:
        return marks
    checkpoint = root.before(root.head)
    while checkpoint is not None:
        for task in checkpoint.tasks:
            _set(marks, task.node, "done")
        checkpoint = root.before(checkpoint)
    for line in state.live_lines():
        path = namespaces.names(line.ns) if line.ns else ()
        for ordinal, task in enumerate(line.tasks):
            _set(marks, ":".join((*path, task.node)), _mark_of(state, line, ordinal, task), over=True)
    if START in marks and not root.tasks:
        marks[END] = "done"
    return marks


def _mark_of(state: ThreadState, line: Line, ordinal: int, task: Task) -> Mark:
    if task.completed is not None:
        return "done"
    if state.waits(line, ordinal):
        return "waiting"
    return "failed" if task.failed is not None and not state.running and not task.handler else "current"


def _set(marks: dict[str, Mark], node: str, mark: Mark, *, over: bool = False) -> None:
    known = marks.get(node)
    if known is None or (over and known == "done") or _LAST.index(mark) > _LAST.index(known):
        marks[node] = mark
