"""One growing list of messages that many checkpoints share: each is a version, the list's first so many messages.

Adding to the newest version appends; anything else (an older version, a replaced or removed message) makes a new log.
There is no lock: whoever finds the log's turn taken, or that others have already added, works on a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

from langchain_core.messages import BaseMessage, RemoveMessage

from .messages import merge_messages


@final
class MessageLog:
    """The shared list and where each id stands in it. Written only through `MessageVersion.merged`."""

    __slots__ = ("items", "positions", "turn")

    def __init__(self, items: list[BaseMessage], positions: dict[str | None, int] | None = None) -> None:
        self.items = items
        # Id to place in `items`; None until somebody adds, and after another log took it over.
        self.positions = positions
        # Holds one token; `pop` is atomic with and without the GIL, so it has one taker at a time.
        self.turn: list[None] = [None]


class MessageVersion(NamedTuple):
    """The first `length` messages of a log. Never changes, whatever is added to the log."""

    log: MessageLog
    length: int

    def messages(self) -> list[BaseMessage]:
        """A new list of the (shared) messages."""
        return self.log.items[: self.length]

    def merged(self, right: Sequence[BaseMessage]) -> MessageVersion:
        """This version with whole messages with ids merged in, as `add_messages` does it.

        Costs the size of `right` when it only adds and this is the log's newest version. Raises `ValueError` for a
        `RemoveMessage` of an unknown id.
        """
        if not right:
            return self
        try:
            self.log.turn.pop()
        except IndexError:  # another thread is adding to this log right now
            return self._merged_copy(right)
        try:
            return self._merged_at_tip(right) or self._merged_copy(right)
        finally:
            self.log.turn.append(None)

    def _merged_at_tip(self, right: Sequence[BaseMessage]) -> MessageVersion | None:
        """In place if this is the tip and `right` only adds; a new log if it replaces; None for everything else."""
        log = self.log
        if len(log.items) != self.length or any(isinstance(message, RemoveMessage) for message in right):
            return None
        positions = log.positions
        if positions is None:
            positions = log.positions = {message.id: at for at, message in enumerate(log.items)}
        new = {message.id for message in right}
        if len(new) == len(right) and positions.keys().isdisjoint(new):
            # the list first: interrupted between the two, the log has outgrown every version and is only copied
            log.items.extend(right)
            positions.update((message.id, self.length + at) for at, message in enumerate(right))
            return MessageVersion(log, self.length + len(right))
        return self._replaced(positions, right)

    def _replaced(self, positions: dict[str | None, int], right: Sequence[BaseMessage]) -> MessageVersion:
        """A new log, which takes the index over: only a fork adds to the old one again, and then rebuilds it."""
        self.log.positions = None
        items = self.log.items.copy()
        for message in right:
            at = positions.setdefault(message.id, len(items))
            if at == len(items):
                items.append(message)
            else:
                items[at] = message
        return MessageVersion(MessageLog(items, positions), len(items))

    def _merged_copy(self, right: Sequence[BaseMessage]) -> MessageVersion:
        items = merge_messages(self.messages(), right)
        return MessageVersion(MessageLog(items), len(items))
