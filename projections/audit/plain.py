"""Events and values as plain JSON: what audit tools print and compare. Total: there is a form for everything."""

from __future__ import annotations

import dataclasses
import math
from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from langchain_core.messages import BaseMessage
from msgspec import Struct
from pydantic import BaseModel

from ...events.codec.kinds.opaque import Opaque
from ...events.errors import DecodeError, writable
from ...events.vocabulary import Payload
from .unfolded import NotFolded

DEPTH_MAX: Final = 64
"""How deep a value is looked into; what is below is shown as text."""
TEXT_MAX: Final = 1000
"""Characters of what has no plain form and is shown as its `repr`."""
_MESSAGE_FIELDS: Final = (
    *("name", "tool_calls", "invalid_tool_calls", "tool_call_id", "status", "artifact"),
    *("usage_metadata", "additional_kwargs", "response_metadata"),
)


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON has it: dict, list, text, number, true, false or null.

    A message is `{"type", "content", "id", …}` without what is empty, an object of a known class a dict of its fields,
    bytes `{"base64"}`, a value whose class is not at hand `{"opaque": tag, "data"}`, one that cannot be read
    `{"unreadable": why}`, one that cannot be worked out without the graph's code `{"not_folded": rule, "writes"}`,
    anything else `{"repr"}`.
    """
    if value is None or (isinstance(value, bool | int) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if isinstance(value, str):
        return writable(str(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if depth >= DEPTH_MAX:
        return _shown(value)
    below = depth + 1
    if isinstance(value, Payload):
        return _payload(value, below)
    if isinstance(value, NotFolded):
        return {"not_folded": value.rule, "writes": plain(list(value.writes), below)}
    if isinstance(value, Opaque):
        return {"opaque": value.tag, "data": plain(value.data, below)}
    if isinstance(value, BaseMessage):
        return _message(value, below)
    if isinstance(value, Mapping):
        return {_key(key): plain(item, below) for key, item in value.items()}
    fields = _fields(value)
    if fields is not None:
        return {name: plain(item, below) for name, item in fields.items()}
    if isinstance(value, list | tuple):
        return [plain(item, below) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item, below) for item in value), key=repr)
    return _scalar(value)


def _payload(payload: Payload, depth: int) -> Any:
    if payload.not_kept:
        return {"unreadable": "it was not kept"}
    try:
        value = payload.value
    except DecodeError as error:
        return {"unreadable": str(error)}
    return plain(value, depth)


def _message(message: BaseMessage, depth: int) -> dict[str, Any]:
    said = {"type": message.type, "content": plain(message.content, depth), "id": message.id}
    for name in _MESSAGE_FIELDS:
        value = getattr(message, name, None)
        if value and not (name == "status" and value == "success"):
            said[name] = plain(value, depth)
    return said


def _fields(value: Any) -> dict[str, Any] | None:
    """The fields of an object of a class that has some."""
    if isinstance(value, Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=False))  # type: ignore[attr-defined]
    return None


def _scalar(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": b64encode(bytes(value)).decode()}
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID | Decimal) or hasattr(value, "__fspath__"):
        return str(value)
    return _shown(value)


def _key(key: Any) -> str:
    return writable(key) if isinstance(key, str) else str(plain(key))


def _shown(value: Any) -> dict[str, str]:
    try:
        text = repr(value)
    except Exception as error:  # a class of the user's: its repr is no reason to show nothing
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return {"repr": writable(text[:TEXT_MAX])}
