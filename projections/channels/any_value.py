"""AnyValue: for writers that are known to agree. Any one of a super-step's writes is kept, for one super-step."""

from __future__ import annotations

from collections.abc import Sequence

from ...events.vocabulary import Write
from .channel import Cell, Value
from .overwrite import winning_overwrite
from .payload_value import PayloadChannel


class AnyValue(PayloadChannel[Value]):
    """Keeps the last of a super-step's writes, in path order; a super-step without a write empties it."""

    name = "any_value"
    every_step = True

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The last write's payload, or the `Overwrite`'s; None for no write."""
        if not writes:
            return None
        return (winning_overwrite(writes) or writes[-1]).payload
