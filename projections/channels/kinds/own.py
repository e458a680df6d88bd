"""Channels that people wrote themselves, as the rule of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....events.vocabulary import Overwrite, Write
from ..base_channel import MISSING, BaseChannel
from ..channel import Cell, Channel


class OwnChannel(Channel[Any]):
    """A channel class of people's own in a graph: each merge makes one of its last checkpoint and gives it the writes.

    Its methods run where reducers do; they must be pure, since they run again when a thread is replayed.
    """

    runs_user_code = True
    every_step = True

    def __init__(self, template: BaseChannel[Any]) -> None:
        self.template = template
        self.name = f"user:{type(template).__qualname__}"

    def __repr__(self) -> str:
        return repr(self.template)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnChannel) and other.template == self.template

    def __hash__(self) -> int:
        return hash((OwnChannel, self.name))

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The channel after `update` with the writes of one super-step, also when there are none."""
        following = self._own(cell).from_checkpoint(MISSING if cell is None else cell.checkpoint())
        following.update([Overwrite(one.payload.value) if one.overwrite else one.payload.value for one in writes])
        return following

    def read(self, cell: Cell) -> Any:
        """What `get` gives."""
        return self._own(cell).get()

    def holds_value(self, cell: Cell) -> bool:
        """What `is_available` says."""
        return self._own(cell).is_available()

    def _own(self, cell: Cell) -> BaseChannel[Any]:
        return self.template if cell is None else cell


def as_rule(channel: Channel[Any]) -> Channel[Any]:
    """The channel as a graph uses it: itself, unless its class says on its own how it takes updates or gives values."""
    if isinstance(channel, BaseChannel) and any(_is_own(getattr(type(channel), name)) for name in _METHODS):
        return OwnChannel(channel)
    return channel


_METHODS = ("update", "get", "is_available", "checkpoint", "from_checkpoint")
"""What `OwnChannel` calls."""
_OURS = __name__.rpartition(".kinds")[0]


def _is_own(method: Any) -> bool:
    return not getattr(method, "__module__", "").startswith(_OURS)
