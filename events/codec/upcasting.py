"""Events of older vocabularies in today's shape. Works on raw field lists, before they become events; knows no values.

An upcaster is registered for (tag, version): it turns the fields of an event as vocabulary `version` wrote them into
those of `version + 1`. `decode_commit` calls it, for older commits only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..vocabulary.base import VOCABULARY_VERSION

Upcaster: TypeAlias = Callable[[list[Any]], list[Any]]
"""From `[tag, namespace, lag, field, …]` to the same one version later. The tag may change; payloads are bytes."""

UPCASTERS: Mapping[tuple[int, int], Upcaster] = {}
"""Upcasters by (tag, vocabulary version). Vocabulary 1 is the first, so there are none yet."""


def upcast(
    fields: list[Any],
    vocabulary: int,
    *,
    upcasters: Mapping[tuple[int, int], Upcaster] = UPCASTERS,
    until: int = VOCABULARY_VERSION,
) -> list[Any]:
    """The event's raw fields as vocabulary `until` writes them. Raises `ValueError` for no vocabulary at all."""
    if vocabulary < 0:
        raise ValueError(f"vocabulary {vocabulary}")
    for version in range(vocabulary, until):
        step = upcasters.get((fields[0], version))
        if step is not None:
            fields = step(fields)
    return fields
