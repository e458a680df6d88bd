"""A checkpoint's cells by channel name: a mapping that shares what did not change with the checkpoint before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from .channel import Cell

_NARROW = 16
"""Up to this many channels one dict is copied whole: cheaper than looking in two places."""


@final
class Cells(Mapping[str, Cell]):
    """A persistent mapping from channel name to cell: `with_changes` gives a new one, this one stays as it is.

    Wide states are a shared base dict and a small dict of what changed since, so a step of 3 writes to 300 channels
    costs the keys that change between two bases, not 300. Iteration is in the order in which channels were first
    given, as a dict's.
    """

    __slots__ = ("_base", "_changed", "_length")

    def __init__(self, cells: Mapping[str, Cell] | None = None) -> None:
        self._set(dict(cells) if cells else {}, {})

    def _set(self, base: dict[str, Cell], changed: dict[str, Cell], length: int | None = None) -> None:
        # Neither dict is ever changed after this: other Cells share them.
        self._base = base
        self._changed = changed
        self._length = len(base) if length is None else length

    def with_changes(self, changes: Mapping[str, Cell]) -> Cells:
        """This mapping with `changes` on top; itself when there are none."""
        if not changes:
            return self
        following = Cells.__new__(Cells)
        base, changed = self._base, {**self._changed, **changes}
        if len(changed) <= _changes_max(len(base)):
            new = sum(name not in base and name not in self._changed for name in changes)
            following._set(base, changed, self._length + new)
        else:
            following._set({**base, **changed}, {})
        return following

    def get(self, name: str, default: Any = None) -> Cell:
        """The cell of this name, or `default`."""
        changed = self._changed
        if name in changed:
            return changed[name]
        return self._base.get(name, default)

    def __getitem__(self, name: str) -> Cell:
        return self._changed[name] if name in self._changed else self._base[name]

    def __contains__(self, name: object) -> bool:
        return name in self._changed or name in self._base

    def __iter__(self) -> Iterator[str]:
        yield from self._base
        for name in self._changed:
            if name not in self._base:
                yield name

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"Cells({', '.join(self)})"


def _changes_max(base_length: int) -> int:
    """How many changes may lie beside a base of this size: about twice its root balances copying changes and bases."""
    return 0 if base_length <= _NARROW else max(_NARROW, 2 * round(base_length**0.5))
