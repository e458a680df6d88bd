"""NamedBarrierValue: there when every name was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ....events.errors import InvalidUpdateError, with_code
from ....events.vocabulary import Write
from ..base_channel import BaseChannel
from ..channel import Cell


class NamedBarrierValue(BaseChannel[None]):
    """Takes names, and has the value None once all of `names` were written."""

    name = "named_barrier_value"

    def __init__(self, typ: Any, names: Iterable[Any]) -> None:
        super().__init__(typ)
        self.names = set(names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.typ!r}, {self.names!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, NamedBarrierValue) and other.names == self.names

    def __hash__(self) -> int:
        return hash((type(self), frozenset(self.names)))

    @property
    def seen(self) -> set[Any]:
        """The names written so far."""
        return set(self._cell or ())

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The names seen. Raises `InvalidUpdateError` for a name that is none of the channel's."""
        seen = set(cell or ())
        for write in writes:
            name = write.payload.value
            if name not in self.names:
                raise InvalidUpdateError(
                    with_code(
                        f"key {write.channel!r} got {name!r}, which is none of the names it waits for: "
                        f"{sorted(map(str, self.names))}",
                        "INVALID_CONCURRENT_GRAPH_UPDATE",
                    )
                )
            seen.add(name)
        return frozenset(seen)

    def read(self, cell: Cell) -> None:
        """None: all there is to know is that everyone was here."""

    def holds_value(self, cell: Cell) -> bool:
        """True when every name was written."""
        return cell == self.names

    def update(self, values: Sequence[Any]) -> bool:
        """Take names; True when one of them is new."""
        before = self._cell or frozenset()
        self._cell = self.merge(before, [self._write(value) for value in values])
        return self._cell != before

    def checkpoint(self) -> set[Any]:
        """The names written so far."""
        return self.seen

    def consume(self) -> bool:
        """Forget the names, if all were there."""
        if not self.holds_value(self._cell):
            return False
        self._cell = None
        return True

    def _restored(self, checkpoint: Any) -> Cell:
        return frozenset(checkpoint)
