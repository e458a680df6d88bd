"""What the channels of a single written value share: their cell is its payload, decoded at the first read."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from .base_channel import MISSING, BaseChannel, empty_channel_error
from .channel import Cell, Channel, Value

_COPIERS: dict[type, Callable[[Any], Any]] = {
    container: container.copy for container in (list, dict, set, bytearray, deque, Counter, OrderedDict, defaultdict)
}


def shallow_copy(value: Any) -> Any:
    """`value`, or a copy of it if it is one of Python's own mutable containers, which share what is in them.

    Sub-classes and everything else are handed out as they are: only their author knows how to copy them.
    """
    copier = _COPIERS.get(type(value))
    return value if copier is None else copier(value)


def is_plain(channel: Channel[Any]) -> bool:
    """True for a channel that reads its cell as `PayloadChannel` does."""
    kind = type(channel)
    return kind.read is PayloadChannel.read and kind.holds_value is Channel.holds_value


class PayloadChannel(BaseChannel[Value]):
    """A channel whose cell is the payload of one write. Sub-classes say which write that is."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.typ!r})"

    def __eq__(self, other: object) -> bool:
        """Equal rules. The type is a note for readers and takes no part: several schemas may annotate one key."""
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @property
    def value(self) -> Any:
        """The object's own value, or `MISSING`."""
        return self.checkpoint()

    @value.setter
    def value(self, value: Any) -> None:
        self._cell = None if value is MISSING else self._restored(value)

    def read(self, cell: Cell) -> Value:
        """The written value; a list, dict or set as a shallow copy. Raises `EmptyChannelError` before a write."""
        if cell is None:
            raise empty_channel_error(self)
        return shallow_copy(cell.value)
