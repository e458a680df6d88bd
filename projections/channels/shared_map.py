"""A persistent mapping that shares what did not change with the mapping before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

_NARROW = 16
"""Up to this many entries one dict is copied whole: cheaper than looking in two places."""
_NONE: dict[str, Any] = {}

Held = TypeVar("Held")


class SharedMap(Mapping[str, Held]):
    """A persistent mapping from name to value: `with_changes` gives a new one, this one stays as it is.

    Wide ones are a shared base dict and a small dict of what changed since, so a change of 3 entries among 300 costs
    the entries that change between two bases, not 300. Iteration is in the order in which names were first given, as a
    dict's.
    """

    __slots__ = ("_base", "_changed", "_length")

    def __init__(self, entries: Mapping[str, Held] | None = None) -> None:
        # Neither dict is ever changed after this: other maps share them.
        self._base: dict[str, Held] = dict(entries) if entries else {}
        self._changed: dict[str, Held] = _NONE
        self._length = len(self._base)

    def with_changes(self, changes: Mapping[str, Held]) -> Self:
        """This mapping with `changes` on top; itself when there are none."""
        if not changes:
            return self
        following = self.__new__(type(self))
        base, changed = self._base, self._changed
        if len(base) <= _NARROW:
            following._base = base = {**base, **changes}
            following._changed = _NONE
            following._length = len(base)
            return following
        length = self._length
        for name in changes:
            if name not in base and name not in changed:
                length += 1
        changed = {**changed, **changes}
        if len(changed) <= max(_NARROW, 2 * round(len(base) ** 0.5)):
            # About twice the base's root balances copying changes and copying bases.
            following._base = base
            following._changed = changed
        else:
            following._base = {**base, **changed}
            following._changed = _NONE
        following._length = length
        return following

    def changed_since(self, other: Self) -> list[str]:
        """The names whose values are not another map's; quick for the map that this one comes from."""
        base, mine, others = self._base, self._changed, other._changed
        if base is not other._base:
            now, before = self.flat(), other.flat()
            changed = [name for name, value in now.items() if before.get(name) is not value]
            return changed + [name for name in before if name not in now]
        changed = [name for name, value in mine.items() if others.get(name, base.get(name)) is not value]
        if not others.keys() <= mine.keys():
            changed += [name for name in others if name not in mine]
        return changed

    def lookup(self, names: int) -> Callable[[str], Held | None]:
        """What gives the value of a name, None for none: for whoever asks for so many names, one after the other."""
        if not self._changed:
            return self._base.get
        return self.get if names * 8 < self._length else self.flat().get

    def flat(self) -> dict[str, Held]:
        """All of it in one dict, not to be changed: for whoever asks for many names."""
        return {**self._base, **self._changed} if self._changed else self._base

    def get(self, name: str, default: Any = None) -> Any:
        """The value of this name, or `default`."""
        changed = self._changed
        if name in changed:
            return changed[name]
        return self._base.get(name, default)

    def __getitem__(self, name: str) -> Held:
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
        return f"{type(self).__name__}({', '.join(self)})"
