"""Merges that wait: a cell that knows the cell before it and the writes on top, and works its result out when asked.

Replaying a thread makes thousands of such cells and decodes nothing; the newest one is asked once. No recursion: lines
of any length settle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, final

from ...events.vocabulary import Payload, Write
from .base_channel import BaseChannel, empty_channel_error
from .channel import Cell, Value
from .overwrite import winning_overwrite

Result = TypeVar("Result")

ANCHOR_EVERY = 64
"""Every so many cells of a line one keeps its result for good and lets go of the cells before it."""


@final
class _Pending:
    """Stands for a result that is not worked out."""


_PENDING: Any = _Pending()
ABSENT: Any = _Pending()
"""The result of an empty channel that has no value to start from."""


@final
class LazyCell:
    """One merge: what it was made from, and its result once known.

    Results are kept by the newest cells of a line, by one of `ANCHOR_EVERY`, and wherever keeping costs nothing; the
    others are worked out again when an old checkpoint is read. So 10,000 steps hold their writes, not 10,000 lists.
    """

    __slots__ = ("content", "depth", "replaces", "superseded")

    def __init__(self, before: LazyCell | None, payloads: tuple[Payload, ...], replaces: bool = False) -> None:
        self.content: tuple[LazyCell | None, tuple[Payload, ...], Any] = (before, payloads, _PENDING)
        # One tuple, swapped whole: a reader on another thread sees a cell before or after a change, never between.
        self.depth = 0 if before is None else (before.depth + 1) % ANCHOR_EVERY
        self.replaces = replaces
        # True when a later cell was merged onto this one. Only a hint what to keep; set once, never unset.
        self.superseded = False

    @property
    def result(self) -> Any:
        """The known result, or `_PENDING`."""
        return self.content[2]

    @property
    def is_anchor(self) -> bool:
        """True for the first cell of a line and every `ANCHOR_EVERY`th after it."""
        return self.depth == 0

    def keep(self, result: Any) -> None:
        """Remember the result."""
        before, payloads, _ = self.content
        self.content = (before, payloads, result)

    def release(self) -> None:
        """Let go of what the result was made from. Only for an anchor with its result."""
        self.content = (None, (), self.content[2])

    def forget(self) -> None:
        """Drop the result. Never called for an anchor, which could not work it out again."""
        before, payloads, _ = self.content
        self.content = (before, payloads, _PENDING)


class LazyChannel(BaseChannel[Value], Generic[Value, Result]):
    """A channel of `LazyCell`s. Sub-classes say how one write changes a result; a result is never changed in place."""

    def _start(self) -> Result:
        """The result before the first write, or `ABSENT` when there is none."""
        raise NotImplementedError

    def _apply(self, result: Result, payload: Payload) -> Result:
        """The result after one more write."""
        raise NotImplementedError

    def _replace(self, payload: Payload) -> Result:
        """The result of an `Overwrite`."""
        raise NotImplementedError

    def _show(self, result: Result) -> Value:
        """The value of a result, in a container that the caller may keep."""
        raise NotImplementedError

    def _shares(self, older: Result, newer: Result) -> bool:
        """True when keeping both results costs no more than keeping the newer."""
        return False

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """A cell that applies the writes when it is read or settled. Raises `InvalidUpdateError` for two Overwrites."""
        if not writes:
            return cell
        winner = winning_overwrite(writes)
        if winner is not None:
            return LazyCell(None, (winner.payload,), replaces=True)
        if cell is not None:
            cell.superseded = True
        return LazyCell(cell, tuple([write.payload for write in writes]))

    def settle(self, cell: Cell) -> None:
        """Works the result out. Whatever the reducer raises comes through."""
        if cell is not None:
            self._result(cell)

    def read(self, cell: Cell) -> Value:
        """The value; a list, dict or set in it is the caller's own. Raises `EmptyChannelError` when there is none."""
        result = self._start() if cell is None else self._result(cell)
        if result is ABSENT:
            raise empty_channel_error(self)
        return self._show(result)

    def holds_value(self, cell: Cell) -> bool:
        """True after a write, and before the first one where the type gives an empty value."""
        return cell is not None or self._start() is not ABSENT

    def _result(self, cell: LazyCell) -> Result:
        known = cell.result
        if known is not _PENDING:
            return known
        newest = not cell.superseded
        trail, result = self._walk_back(cell)
        while trail:
            current = trail.pop()
            before = current.content[0]
            older, result = result, self._following(current, result)
            shares = self._shares(older, result)
            if before is not None:
                _tidy_behind(before, forgets=not shares)
            # of the newest line its last two cells: see _tidy_behind
            if shares or current.is_anchor or (newest and len(trail) < 2):
                current.keep(result)
        return result

    def _walk_back(self, cell: LazyCell) -> tuple[list[LazyCell], Result]:
        """The cells without a result, newest first, and the result that the oldest of them builds on."""
        trail: list[LazyCell] = []
        walk: LazyCell | None = cell
        while walk is not None:
            before, _, result = walk.content
            if result is not _PENDING:
                return trail, result
            trail.append(walk)
            walk = before
        return trail, self._start()

    def _following(self, cell: LazyCell, result: Result) -> Result:
        _, payloads, known = cell.content
        if known is not _PENDING:  # another thread was faster; an anchor has let go of its payloads since
            return known
        if cell.replaces:
            return self._replace(payloads[0])
        for payload in payloads:
            result = self._apply(result, payload)
        return result


def _tidy_behind(cell: LazyCell, *, forgets: bool) -> None:
    """Drop what nobody needs behind a cell that was built upon: results, up to the anchor, and an anchor's own line.

    The cell's own result stays: a step's partial view is merged beside the step itself, onto the same cell.
    """
    behind = cell.content[0]
    while forgets and behind is not None and not behind.is_anchor and behind.result is not _PENDING:
        behind.forget()
        behind = behind.content[0]
    if cell.is_anchor and cell.result is not _PENDING:
        cell.release()
