"""`Overwrite` in its three written forms, and what a channel does with several writes in one super-step.

Called by the channels, and by whoever turns a node's result into writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...events.errors import InvalidUpdateError, with_code
from ...events.vocabulary import OVERWRITE, Overwrite, Write


def unwrap_overwrite(value: Any) -> tuple[Any, bool]:
    """The value to write, and whether it replaces the channel's content without its reducer.

    Overwrites are `Overwrite(v)` and its JSON forms `{"__overwrite__": v}` and `{"type": "__overwrite__", "value": v}`;
    anything else comes back as it is, with False.
    """
    if isinstance(value, Overwrite):
        return value.value, True
    if isinstance(value, dict):
        if len(value) == 1 and OVERWRITE in value:
            return value[OVERWRITE], True
        if "value" in value and _is_overwrite_tag(value.get("type")):
            return value["value"], True
    return value, False


def _is_overwrite_tag(tag: Any) -> bool:
    # a str first: `==` on whatever else a user put there (an array, a model) may not give a bool
    return isinstance(tag, str) and tag == OVERWRITE


def winning_overwrite(writes: Sequence[Write]) -> Write | None:
    """The step's one overwrite, which wins over every other write, before it and after it; None if there is none.

    Raises `InvalidUpdateError` when there are two.
    """
    overwrites = [write for write in writes if write.overwrite]
    if len(overwrites) > 1:
        raise InvalidUpdateError(
            with_code(
                f"key {overwrites[0].channel!r} got {len(overwrites)} Overwrite values in one super-step: "
                "at most one can win; let one node overwrite it, or run the nodes after each other",
                "INVALID_CONCURRENT_GRAPH_UPDATE",
            )
        )
    return overwrites[0] if overwrites else None


def only_write(writes: Sequence[Write], advice: str) -> Write:
    """The write that a channel for one write a step takes; `writes` is not empty.

    Raises `InvalidUpdateError`, which ends in `advice`, for several without an overwrite among them.
    """
    if len(writes) == 1:
        return writes[0]
    winner = winning_overwrite(writes)
    if winner is not None:
        return winner
    raise InvalidUpdateError(
        with_code(
            f"key {writes[0].channel!r} got {len(writes)} values in one super-step and takes one: {advice}",
            "INVALID_CONCURRENT_GRAPH_UPDATE",
        )
    )
