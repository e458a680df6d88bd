"""UntrackedValue: a value of this process and this run (a client, a cache) that is never stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...events.vocabulary import Write
from .channel import Cell, Value
from .overwrite import only_write, winning_overwrite
from .payload_value import PayloadChannel, empty_channel_error

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
        """The write's payload. Raises `InvalidUpdateError` for several writes with `guard`."""
        if not writes:
            return cell
        if self.guard:
            return only_write(writes, _ADVICE).payload
        return (winning_overwrite(writes) or writes[-1]).payload

    def read(self, cell: Cell) -> Value:
        """The written object itself, never a copy: nothing is replayed, and a shared cache is what people keep here."""
        if cell is None:
            raise empty_channel_error(self)
        return cell.value
