"""EphemeralValue: a value for the next super-step only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...events.vocabulary import Write
from .channel import Cell, Value
from .overwrite import only_write, winning_overwrite
from .payload_value import PayloadChannel

_ADVICE = "let one node write it, or use EphemeralValue(type, guard=False), which keeps the last one"


class EphemeralValue(PayloadChannel[Value]):
    """Shows a written value in the super-step after the write, then is empty again.

    With `guard` (the default) it takes at most one write in a super-step; without, the last one in path order.
    """

    name = "ephemeral_value"
    every_step = True

    def __init__(self, typ: Any, guard: bool = True) -> None:
        super().__init__(typ)
        self.guard = guard

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EphemeralValue) and other.guard == self.guard

    def __hash__(self) -> int:
        return hash((EphemeralValue, self.guard))

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The write's payload; None for no write. Raises `InvalidUpdateError` for several writes with `guard`."""
        if not writes:
            return None
        if self.guard:
            return only_write(writes, _ADVICE).payload
        return (winning_overwrite(writes) or writes[-1]).payload
