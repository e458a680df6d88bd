"""The lines that a commit changes, while it is being said: the draft's own copies."""

from __future__ import annotations

from .thread import Line, ThreadState


class Lines(dict[str, Line]):
    """The lines that a draft may change, by namespace: whichever is asked for is copied from the state at first."""

    __slots__ = ("state",)
    state: ThreadState

    def __missing__(self, ns: str) -> Line:
        known = self.state.lines.get(ns)
        line = Line(ns) if known is None else known.copy()
        self.put(line)
        return line

    def put(self, line: Line) -> None:
        """Put another line in a namespace's place."""
        self[line.ns] = line
        self.state.lines = self.state.lines.with_changes({line.ns: line})
