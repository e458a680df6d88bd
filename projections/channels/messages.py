"""add_messages, the reducer of a chat's history, and MessagesState. Pure but for the ids of messages that have none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias, TypedDict, cast, overload
from uuid import uuid4

from langchain_core.messages import (
    AnyMessage,
    BaseMessage,
    BaseMessageChunk,
    MessageLikeRepresentation,
    RemoveMessage,
    convert_to_messages,
    convert_to_openai_messages,
    message_chunk_to_message,
)

REMOVE_ALL_MESSAGES = "__remove_all__"
"""Id of a `RemoveMessage` that removes everything before it."""

Messages: TypeAlias = list[MessageLikeRepresentation] | MessageLikeRepresentation
"""What may be written to a messages key: a message, what langchain-core makes into one, or a list of them."""

Format: TypeAlias = Literal["langchain-openai"] | None


@overload
def add_messages(*, format: Format = None) -> Callable[[Messages, Messages], Messages]: ...
@overload
def add_messages(left: Messages, right: Messages, *, format: Format = None) -> Messages: ...
def add_messages(left: Any = None, right: Any = None, *, format: Any = None) -> Any:
    """The messages of `left` with those of `right` merged in by id.

    A message of `right` replaces the one with its id where that stands, else it goes to the end. A `RemoveMessage`
    removes the message with its id; one with the id `REMOVE_ALL_MESSAGES` leaves only what follows it in `right`.
    Tuples, dicts and strings become messages, chunks become whole messages. A message without an id gets a UUID, set
    on the object itself.

    Args:
        left: The messages so far.
        right: What is added.
        format: "langchain-openai" rewrites contents to OpenAI's shape; ids stay.

    Returns:
        A new list. Without `left` and `right`: the reducer, with `format` filled in.

    Raises:
        ValueError: One of `left` and `right` is None; a `RemoveMessage` names no message that is there; unknown format.
    """
    if left is None and right is None:
        return partial(add_messages, format=format) if format is not None else add_messages
    if left is None or right is None:
        raise ValueError(
            f"add_messages got None for {'left' if left is None else 'right'!r}: write a message or a list of messages "
            "([] adds none)"
        )
    shape = formatter(format)
    return merge_messages(shape(to_messages(left)), shape(to_messages(right)))


class MessagesState(TypedDict):
    """A state whose one key is a chat's history."""

    messages: Annotated[list[AnyMessage], add_messages]


def to_messages(value: Any) -> list[BaseMessage]:
    """A new list of whole messages with ids, of whatever may be written to a messages key.

    What langchain-core cannot make into a message raises its errors (`NotImplementedError`, `ValueError`).
    """
    items: list[Any] = list(value) if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, BaseMessage) or isinstance(item, BaseMessageChunk):
            items = [message_chunk_to_message(cast("Any", each)) for each in convert_to_messages(items)]
            break
    for message in items:
        if message.id is None:
            message.id = str(uuid4())
    return items


def merge_messages(left: list[BaseMessage], right: Sequence[BaseMessage]) -> list[BaseMessage]:
    """`left` with the messages of `right` merged in by id; both hold whole messages with ids. May change `left`."""
    after_marker = _after_last_marker(right)
    if after_marker is not None:
        return after_marker
    positions = {message.id: position for position, message in enumerate(left)}
    removed: set[str | None] = set()
    for message in right:
        position = positions.get(message.id)
        if isinstance(message, RemoveMessage):
            if position is None:
                raise ValueError(_unknown_removal(message))
            removed.add(message.id)
            continue
        removed.discard(message.id)
        if position is None:
            positions[message.id] = len(left)
            left.append(message)
        else:
            left[position] = message
    return [message for message in left if message.id not in removed] if removed else left


def _after_last_marker(right: Sequence[BaseMessage]) -> list[BaseMessage] | None:
    """What follows the last "remove all" of `right`, as it stands there; None without one."""
    for position in range(len(right) - 1, -1, -1):
        message = right[position]
        if message.id == REMOVE_ALL_MESSAGES and isinstance(message, RemoveMessage):
            return list(right[position + 1 :])
    return None


def _unknown_removal(message: RemoveMessage) -> str:
    return (
        f"RemoveMessage(id={message.id!r}) removes a message that is not there: take the id from the state's messages, "
        "or REMOVE_ALL_MESSAGES for all"
    )


def formatter(format: Any) -> Callable[[list[BaseMessage]], list[BaseMessage]]:
    """What brings messages into the named format. Formatting twice changes nothing more."""
    if format is None:
        return lambda messages: messages
    if format == "langchain-openai":
        return _in_openai_format
    raise ValueError(f"add_messages does not know the format {format!r}: use 'langchain-openai' or None")


def _in_openai_format(messages: list[BaseMessage]) -> list[BaseMessage]:
    """One by one, so that each keeps its id; of a message that becomes several, the others get ids derived from it."""
    formatted: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, RemoveMessage):
            formatted.append(message)
            continue
        parts = convert_to_messages(convert_to_openai_messages([message]))
        for ordinal, part in enumerate(parts):
            part.id = message.id if ordinal == 0 else f"{message.id}-{ordinal}"
        formatted.extend(parts)
    return formatted
