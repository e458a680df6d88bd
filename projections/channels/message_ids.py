"""Gives messages their ids wherever they are written, so that replaying a write never makes one up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from langchain_core.messages import BaseMessage


def assign_message_ids(value: Any) -> None:
    """Sets a UUID on each message without an id, in place: on `value` itself, or on the items of a list, tuple or dict.

    One level deep, whatever the channel. Values without messages cost one look at each distinct type among the items.
    """
    if isinstance(value, list | tuple):
        _assign_to_items(value)
    elif isinstance(value, dict):
        _assign_to_items(value.values())
    elif _is_message_type(type(value)):
        _assign(value)


def _assign_to_items(items: Iterable[Any]) -> None:
    message_types = {kind for kind in set(map(type, items)) if _is_message_type(kind)}
    if message_types:
        for item in items:
            if type(item) in message_types:
                _assign(item)


def _is_message_type(kind: type) -> bool:
    # not issubclass: pydantic's metaclass makes it ten times as slow, for every value that any node writes
    return BaseMessage in kind.__mro__


def _assign(message: BaseMessage) -> None:
    if message.id is None:
        message.id = str(uuid4())
