"""BaseChannel: a channel as an object of its own that takes updates and gives its value, besides being a key's rule.

A graph uses a channel as a rule and keeps the cells elsewhere. Code and tests that hold a channel in their hands
(`channel.update([1])`, `channel.get()`) find the cell in the object; no graph ever looks at that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

from ...events.errors import EmptyChannelError
from ...events.vocabulary import Payload, Write
from .channel import Cell, Channel, Value
from .overwrite import unwrap_overwrite


class _Missing:
    """Stands for the checkpoint of a channel that has no value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""What `checkpoint()` gives where there is nothing to keep; `from_checkpoint` takes it back."""


def empty_channel_error(channel: Channel[Any]) -> EmptyChannelError:
    """The error of a read before the first write."""
    return EmptyChannelError(
        f"this {type(channel).__name__} holds no value yet: write the key in the input or in an earlier node, "
        "or ask whether it has one first (`is_available`)"
    )


class BaseChannel(Channel[Value]):
    """Base of the channel classes. Not thread-safe as an object; as a graph's rule it is never changed.

    Sub-classes of people's own define `update`, `get`, `checkpoint` and `from_checkpoint`.
    """

    key: str = ""
    """The state's key, for messages."""
    _cell: Cell = None

    def __init__(self, typ: Any = Any, key: str = "") -> None:
        """Raises `TypeError` for the base itself."""
        if type(self) is BaseChannel:
            raise TypeError("BaseChannel is the base of the channel classes: make one of them, or a class of your own")
        self.typ = typ
        if key:
            self.key = key

    @property
    def ValueType(self) -> Any:
        """Type of the value."""
        return self.typ

    @property
    def UpdateType(self) -> Any:
        """Type of one write."""
        return self.typ

    def update(self, values: Sequence[Any]) -> bool:
        """Take one super-step's writes, in order; True when that changed the channel.

        Raises `InvalidUpdateError` for writes that contradict each other; the channel stays as it was.
        """
        before = self._cell
        if not values and not self.every_step:
            return False
        after = self.merge(before, [self._write(value) for value in values])
        self.settle(after)
        self._cell = after
        return bool(values) or self.holds_value(before)

    def get(self) -> Value:
        """The value. Raises `EmptyChannelError` when there is none."""
        if not self.is_available():
            raise empty_channel_error(self)
        return self.read(self._cell)

    def is_available(self) -> bool:
        """True when `get` would give a value."""
        if not self._keeps_itself:
            return self.holds_value(self._cell)
        try:
            self.get()
        except EmptyChannelError:
            return False
        return True

    def checkpoint(self) -> Any:
        """What brings the value back in `from_checkpoint`; `MISSING` for none."""
        if self._keeps_itself:
            return self.get() if self.is_available() else MISSING
        return self.read(self._cell) if self.holds_value(self._cell) else MISSING

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """A new channel of this rule, with the value of a checkpoint."""
        restored = self.copy()
        restored._cell = None if checkpoint is MISSING else self._restored(checkpoint)
        return restored

    def copy(self) -> Self:
        """A channel like this one, which goes its own way."""
        return self.from_checkpoint(self.checkpoint()) if self._keeps_itself else copy(self)

    def consume(self) -> bool:
        """A node that waited for the channel ran; True when that changed the channel."""
        return False

    def finish(self) -> bool:
        """The run is about to end; True when that changed the channel."""
        return False

    @property
    def _keeps_itself(self) -> bool:
        """True for a class of people's own that is no kind of ours: it has no cell."""
        return type(self).merge is Channel.merge

    def _restored(self, checkpoint: Any) -> Cell:
        return self.merge(None, [Write(self.key, Payload(checkpoint), True)])

    def _write(self, value: Any) -> Write:
        content, overwrite = unwrap_overwrite(value)
        return Write(self.key, Payload(self.normalise(content)), overwrite)
