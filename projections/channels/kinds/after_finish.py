"""Channels whose value is there only once a run would otherwise end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from ....events.vocabulary import Payload, Write
from ..base_channel import MISSING
from ..channel import Cell, Value
from ..last_value import LastValue
from ..payload_value import shallow_copy
from .barrier import NamedBarrierValue


class Held(Struct, frozen=True):
    """A cell that is shown later."""

    cell: Cell
    finished: bool = False


class LastValueAfterFinish(LastValue[Value]):
    """Keeps the value written last, and shows it when the run would otherwise end."""

    name = "last_value_after_finish"
    at_end = True

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The last write's payload, to be shown later."""
        return Held(writes[-1].payload) if writes else cell

    def read(self, cell: Cell) -> Value:
        """The value, once the run is over."""
        return shallow_copy(cell.cell.value)

    def holds_value(self, cell: Cell) -> bool:
        """True after a write, when the run is over."""
        return cell is not None and cell.finished

    def finished(self, cell: Cell) -> Cell:
        """The cell at the run's end."""
        return cell if cell is None or cell.finished else Held(cell.cell, True)

    def finish(self) -> bool:
        """Show the value; True when there is one that was not shown."""
        before, self._cell = self._cell, self.finished(self._cell)
        return self._cell is not before

    def consume(self) -> bool:
        """Forget the value, if it was shown."""
        if not self.holds_value(self._cell):
            return False
        self._cell = None
        return True

    def checkpoint(self) -> Any:
        """(value, whether it is shown); `MISSING` for none."""
        return MISSING if self._cell is None else (self._cell.cell.value, self._cell.finished)

    def _restored(self, checkpoint: Any) -> Cell:
        value, finished = checkpoint
        return Held(Payload(value), finished)


class NamedBarrierValueAfterFinish(NamedBarrierValue):
    """As `NamedBarrierValue`, but there only when the run would otherwise end."""

    name = "named_barrier_value_after_finish"
    at_end = True

    @property
    def seen(self) -> set[Any]:
        """The names written so far."""
        return set(self._names_in(self._cell))

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The names seen."""
        return Held(super().merge(self._names_in(cell), writes), cell is not None and cell.finished)

    def holds_value(self, cell: Cell) -> bool:
        """True when every name was written and the run is over."""
        return cell is not None and cell.finished and cell.cell == self.names

    def finished(self, cell: Cell) -> Cell:
        """The cell at the run's end."""
        if cell is None or cell.finished or cell.cell != self.names:
            return cell
        return Held(cell.cell, True)

    def update(self, values: Sequence[Any]) -> bool:
        """Take names; True when one of them is new."""
        before = self._names_in(self._cell)
        self._cell = self.merge(self._cell, [self._write(value) for value in values])
        return bool(self._cell.cell != before)

    def finish(self) -> bool:
        """Let the value be there, if every name was written."""
        before, self._cell = self._cell, self.finished(self._cell)
        return self._cell is not before

    def checkpoint(self) -> Any:
        """(names written so far, whether the run is over)."""
        return self.seen, self._cell is not None and self._cell.finished

    def _restored(self, checkpoint: Any) -> Cell:
        seen, finished = checkpoint
        return Held(frozenset(seen), finished)

    @staticmethod
    def _names_in(cell: Cell) -> frozenset[Any]:
        return frozenset() if cell is None else cell.cell
