"""Topic: a list of everything written in a super-step, or in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

from ...events.vocabulary import Payload, Write
from .channel import Cell
from .lazy import LazyCell, LazyChannel


class Topic(LazyChannel[list[Any], list[Any]]):
    """Collects writes in path order; a list counts as its items.

    With `accumulate` it grows over the thread's life; without, it holds one super-step's writes and is then empty.
    """

    def __init__(self, typ: Any, accumulate: bool = False) -> None:
        super().__init__(typ)
        self.accumulate = accumulate
        self.every_step = not accumulate
        self.name = "topic:accumulate" if accumulate else "topic"

    def __repr__(self) -> str:
        return f"Topic({self.typ!r}, accumulate={self.accumulate})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topic) and other.accumulate == self.accumulate

    def __hash__(self) -> int:
        return hash((Topic, self.accumulate))

    @property
    def ValueType(self) -> Any:
        """A sequence of what is written."""
        return Sequence[self.typ]  # type: ignore[name-defined]

    @property
    def UpdateType(self) -> Any:
        """One item, or a list of them."""
        return Union[self.typ, list[self.typ]]  # type: ignore[name-defined]  # noqa: UP007

    def checkpoint(self) -> list[Any]:
        """The items."""
        return self.read(self._cell)

    def _restored(self, checkpoint: Any) -> Cell:
        # (seen values, items) is how LangGraph once wrote it
        items = checkpoint[1] if isinstance(checkpoint, tuple) else checkpoint
        return super()._restored(items) if items else None

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The cell after one super-step. Raises `InvalidUpdateError` for two Overwrites."""
        return super().merge(cell if self.accumulate else None, writes)

    def holds_value(self, cell: Cell) -> bool:
        """True after a write, be it an empty list: to look inside would decode it."""
        return isinstance(cell, LazyCell)

    def _start(self) -> list[Any]:
        return []

    def _apply(self, result: list[Any], payload: Payload) -> list[Any]:
        return result + _items(payload.value)

    def _replace(self, payload: Payload) -> list[Any]:
        return _items(payload.value)

    def _show(self, result: list[Any]) -> list[Any]:
        return result.copy()


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
