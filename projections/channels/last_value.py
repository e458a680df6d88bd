"""LastValue: the channel of a plain key. One write replaces the value; two in one super-step contradict each other."""

from __future__ import annotations

from collections.abc import Sequence

from ...events.vocabulary import Write
from .channel import Cell, Value
from .overwrite import only_write
from .payload_value import PayloadChannel

_ADVICE = "annotate it with a reducer, `Annotated[type, reducer]`, or let one node write it"


class LastValue(PayloadChannel[Value]):
    """Keeps the value written last, and takes at most one write in a super-step."""

    name = "last_value"

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The write's payload. Raises `InvalidUpdateError` for several writes without an `Overwrite` among them."""
        if len(writes) == 1:
            return writes[0].payload
        return only_write(writes, _ADVICE).payload if writes else cell
