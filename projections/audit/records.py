"""Commits and events as records with every field, for machines: the long form of `story`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from ...events.vocabulary import Payload, Unknown
from .plain import plain


def event_fields(event: Any) -> dict[str, Any]:
    """Every field of an event by name, as plain JSON; fingerprints and digests in hexadecimal."""
    if isinstance(event, Unknown):
        return {"tag": event.tag, "ns": event.ns, "fields": _field(event.fields)}
    return {name: _field(getattr(event, name)) for name in event.__struct_fields__ if name != "lag"}


def moment(microseconds: int) -> str:
    """A time as ISO 8601 in UTC with microseconds, from microseconds since the epoch; "" for 0, which stands for none.

    Total: what is beyond the calendar is given as its number.
    """
    if not microseconds:
        return ""
    try:
        return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat(timespec="microseconds")
    except (OverflowError, OSError, ValueError):
        return str(microseconds)


def _field(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Payload):
        return plain(value)
    if isinstance(value, Struct):
        return {name: _field(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [_field(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _field(item) for key, item in value.items()}
    return plain(value)
