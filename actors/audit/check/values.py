"""The values that an event holds, as the code that reads them would find them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ....events.codec.kinds.opaque import Opaque
from ....events.vocabulary import (
    CommandApplied,
    InterruptRaised,
    NodeCompleted,
    Payload,
    Resumed,
    RunStarted,
    StateUpdated,
    StepPlanned,
)


def channels_of(event: Any) -> Iterator[str]:
    """The keys that an event writes to."""
    for write in getattr(event, "writes", ()):
        yield write.channel
    for update in getattr(event, "updates", ()):
        for write in update.writes:
            yield write.channel


def payloads_of(event: Any) -> Iterator[tuple[str, Payload]]:
    """What an event holds that code would read, with words for where."""
    match event:
        case RunStarted() | NodeCompleted() | CommandApplied():
            yield from ((f"what was written to {write.channel!r}", write.payload) for write in event.writes)
            for route in getattr(event, "routes", ()):
                if route.payload is not None:
                    yield f"what was sent to {route.node!r}", route.payload
        case StateUpdated():
            for update in event.updates:
                yield from ((f"what was written to {write.channel!r}", write.payload) for write in update.writes)
        case StepPlanned():
            for task in event.tasks:
                if task.payload is not None:
                    yield f"what was sent to {task.node!r}", task.payload
        case InterruptRaised():
            yield "the question", event.value
        case Resumed():
            yield "the answer", event.value
        case _:
            return


def find_opaque(value: Any) -> Opaque | None:
    """A value in it that could not be made; None for none."""
    waiting, known = [value], set[int]()
    while waiting:
        item = waiting.pop()
        if isinstance(item, Opaque):
            return item
        if id(item) in known or isinstance(item, (str, bytes, int, float, bool, type(None))):
            continue
        known.add(id(item))
        if isinstance(item, Mapping):
            waiting.extend([*item.keys(), *item.values()])
        elif isinstance(item, (list, tuple, set, frozenset)):
            waiting.extend(item)
        elif hasattr(item, "__dict__"):
            waiting.extend(vars(item).values())
        elif hasattr(type(item), "__slots__"):
            waiting.extend(getattr(item, name) for name in type(item).__slots__ if hasattr(item, name))
    return None
