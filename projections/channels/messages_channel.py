"""MessagesChannel: the channel of a key with add_messages. A merge costs the size of the write, a read a copy."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage

from ...events.vocabulary import Payload
from .base_channel import empty_channel_error
from .empty_value import empty_value_maker
from .lazy import LazyChannel
from .message_log import MessageLog, MessageVersion
from .messages import Format, formatter, to_messages


class MessagesChannel(LazyChannel[list[BaseMessage], MessageVersion]):
    """Keeps what folding `add_messages` over the writes gives, without copying the history at every write.

    Messages are found by the id they had when they were written: changing the id of a message in the state, in place,
    is not seen. An `Overwrite` is taken as it is, after its items were made messages.
    """

    def __init__(self, typ: Any, format: Format = None) -> None:
        super().__init__(typ)
        self.format = format
        self.name = f"messages:{format}" if format else "messages"
        self._in_format = formatter(format)
        self._starts_empty = empty_value_maker(typ) is not None

    def __repr__(self) -> str:
        return f"MessagesChannel({self.typ!r}, format={self.format!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MessagesChannel) and other.format == self.format

    def __hash__(self) -> int:
        return hash((MessagesChannel, self.format))

    def normalise(self, value: Any) -> Any:
        """Whole messages with ids: a list for a list (a new one), a message for anything else.

        Ids are set on the caller's own objects. Raises `ValueError` for None and langchain-core's errors for what is no
        message.
        """
        messages = self._messages(value)
        return messages if isinstance(value, list) else messages[0]

    def holds_value(self, cell: Any) -> bool:
        """True after a write, and before the first one unless the type cannot be empty (`list | None`)."""
        return cell is not None or self._starts_empty

    def read(self, cell: Any) -> list[BaseMessage]:
        """A new list of the messages, which are shared. Raises `EmptyChannelError` when there is none."""
        if self.holds_value(cell):
            return [] if cell is None else super().read(cell)
        raise empty_channel_error(self)

    def _messages(self, value: Any) -> list[BaseMessage]:
        if value is None:
            raise ValueError(
                "None was written to a key of messages: write a message or a list of messages ([] adds none)"
            )
        return to_messages(value)

    def _start(self) -> MessageVersion:
        return MessageVersion(MessageLog([]), 0)

    def _apply(self, result: MessageVersion, payload: Payload) -> MessageVersion:
        return result.merged(self._in_format(self._messages(payload.value)))

    def _replace(self, payload: Payload) -> MessageVersion:
        messages = self._in_format(self._messages(payload.value))
        return MessageVersion(MessageLog(messages), len(messages))

    def _show(self, result: MessageVersion) -> list[BaseMessage]:
        return result.messages()

    def _shares(self, older: MessageVersion, newer: MessageVersion) -> bool:
        return older.log is newer.log
