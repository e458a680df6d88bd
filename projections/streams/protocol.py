"""The events of a v3 stream: a stream's parts in one envelope, whatever their mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict


class ProtocolParams(TypedDict):
    """What an event is about: `data` has the shape of its mode, `interrupts` comes with `values` only."""

    namespace: list[str]
    timestamp: int
    data: Any
    interrupts: NotRequired[tuple[Any, ...]]


class ProtocolEvent(TypedDict):
    """One event of a v3 stream.

    `method` is a stream mode, `lifecycle`, or the name of a channel (`custom:<name>` for one of a user's transformer).
    `seq` counts the events of the root's log from 1 and orders them; the timestamp (milliseconds since 1970) may jump
    with the machine's clock.
    """

    type: Literal["event"]
    event_id: NotRequired[str]
    seq: NotRequired[int]
    method: str
    params: ProtocolParams


def protocol_event(part: Mapping[str, Any], timestamp: int) -> ProtocolEvent:
    """The event of a part `{"type", "ns", "data", ["interrupts"]}`, as `stream(version="v2")` gives it.

    Args:
        part: of the stream.
        timestamp: when it came, in milliseconds since 1970.
    """
    params: ProtocolParams = {"namespace": list(part["ns"]), "timestamp": timestamp, "data": part["data"]}
    if "interrupts" in part:
        params["interrupts"] = part["interrupts"]
    return {"type": "event", "method": part["type"], "params": params}
