"""In debug mode: a node that changes in place what it was given is found out. Encodes its input before and after.

Nothing is copied for it. What a node changes in place is in no log, though later nodes of the same run may see it: the
thread reads otherwise once it is loaded again.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ....events.errors import EncodeError
from ..work.jobs import Job


class Held(Struct, frozen=True):
    """One value that a node was given, and what it was encoded to."""

    name: str
    value: Any
    encoded: bytes


def held(job: Job, given: Any) -> list[Held]:
    """The values of a node's input; those that cannot be encoded are left out."""
    if job.task.payload is not None:
        values: Mapping[str, Any] = {"its Send's argument": given}
    elif isinstance(given, Mapping):
        values = {f"state key {key!r}": value for key, value in given.items()}
    else:
        fields = getattr(given, "__dict__", None)
        values = {f"state key {key!r}": value for key, value in fields.items()} if fields else {"its state": given}
    encoded = ((name, value, _encoded(job, value)) for name, value in values.items())
    return [Held(name, value, found) for name, value, found in encoded if found is not None]


def warn_of_changes(job: Job, before: list[Held]) -> None:
    """A `UserWarning` for each value that the node has changed in place."""
    for one in before:
        if _encoded(job, one.value) != one.encoded:
            warnings.warn(
                f"node {job.node.name!r} changed {one.name} in place, which is in no log: return an update instead",
                UserWarning,
                stacklevel=2,
            )


def _encoded(job: Job, value: Any) -> bytes | None:
    try:
        return job.run.codec.encode_value(value)
    except EncodeError:
        return None
