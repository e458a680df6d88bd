"""UntrackedValue: a value of this process and this run (a client, a cache) that is never stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from ...events.vocabulary import Write
from .base_channel import MISSING, empty_channel_error
from .channel import Cell, Value
from .overwrite import only_write, winning_overwrite
from .payload_value import PayloadChannel

_ADVICE = "let one node write it, or use UntrackedValue(type, guard=False), which keeps the last one"


class UntrackedValue(PayloadChannel[Value]):
    """Keeps the value written last but never stores it: gone after a resume, not part of `get_state`.

    With `guard` (the default) it takes at most one write in a super-step; without, the last one in path order.
    """

    name = "untracked_value"
    kept = False

    def __init__(self, typ: Any, guard: bool = True) -> None:
        super().__init__(typ)
        self.guard = guard

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntrackedValue) and other.guard == self.guard

    def __hash__(self) -> int:
        return hash((UntrackedValue, self.guard))

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The write's payload. Raises `InvalidUpdateError` for several writes with `guard`.

        What was read from a store is no write: the value was never there.
        """
        writes = [write for write in writes if not write.payload.not_kept]
        if not writes:
            return cell
        if self.guard:
            return only_write(writes, _ADVICE).payload
        return (winning_overwrite(writes) or writes[-1]).payload

    def checkpoint(self) -> Any:
        """`MISSING`: it is never kept."""
        return MISSING

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """A new channel without a value."""
        return super().from_checkpoint(MISSING)

    def read(self, cell: Cell) -> Value:
        """The written object itself, never a copy: nothing is replayed, and a shared cache is what people keep here."""
        if cell is None:
            raise empty_channel_error(self)
        return cell.value
