"""What is different between two states of a thread: keys, what is due, what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from ...events.codec.values import Codec
from ...events.errors import EncodeError
from ...events.vocabulary import Interrupt
from ...projections.audit.values import value_words
from ...projections.state.views import StateSnapshot

CHARACTERS_MAX = 120
"""How long a value's words may be unless the caller says otherwise."""
VALUE = "__root__"
"""The key under which a state that is one value, no dict of keys, is compared."""


class Absent:
    """Stands for the value of a key that has none."""

    def __repr__(self) -> str:
        return "(nothing)"


ABSENT = Absent()


class Change(Struct, frozen=True):
    """One key whose value is not the same."""

    key: str
    before: Any
    """The value in the first state; `ABSENT` where the key has none."""
    after: Any
    """The value in the second state; `ABSENT` where the key has none."""

    @property
    def kind(self) -> str:
        """ "added", "removed", "extended" (a list that has more at its end) or "changed"."""
        if self.before is ABSENT:
            return "added"
        if self.after is ABSENT:
            return "removed"
        return "extended" if self.more else "changed"

    @property
    def more(self) -> list[Any]:
        """What a list has more at its end; [] where that is not all that changed."""
        before, after = self.before, self.after
        if not (isinstance(before, list) and isinstance(after, list)) or len(after) <= len(before):
            return []
        return after[len(before) :] if same(before, after[: len(before)]) else []

    def words(self, characters_max: int = CHARACTERS_MAX) -> str:
        """The change on one line."""
        if more := self.more:
            return f"{self.key}: {len(more)} more at its end: {value_words(more, characters_max)}"
        before, after = (value_words(value, characters_max) for value in (self.before, self.after))
        return f"{self.key}: {before} -> {after}"


class Changes(Struct, frozen=True):
    """How one state of a thread differs from another. False where it does not."""

    keys: Mapping[str, Change]
    """Key to change, keys of the first state first."""
    next: tuple[tuple[str, ...], tuple[str, ...]]
    """The nodes that were due, and those that are."""
    asked: tuple[Interrupt, ...]
    """Questions that are open in the second state and were not in the first."""
    settled: tuple[Interrupt, ...]
    """Questions that were open in the first state and are not in the second."""

    def __bool__(self) -> bool:
        return bool(self.keys or self.asked or self.settled or self.next[0] != self.next[1])

    def lines(self, characters_max: int = CHARACTERS_MAX) -> list[str]:
        """The differences for people, one a line."""
        return [*self._lines(characters_max)]

    def _lines(self, characters_max: int) -> Iterator[str]:
        for change in self.keys.values():
            yield change.words(characters_max)
        if self.next[0] != self.next[1]:
            before, after = (", ".join(nodes) or "nothing" for nodes in self.next)
            yield f"next: {before} -> {after}"
        for question in self.settled:
            yield f"no longer asked: {value_words(question.value, characters_max)}"
        for question in self.asked:
            yield f"asked: {value_words(question.value, characters_max)}"


def changes_between(before: StateSnapshot, after: StateSnapshot) -> Changes:
    """How the second state differs from the first."""
    first, second = values_of(before), values_of(after)
    keys = {key: Change(key, first.get(key, ABSENT), second.get(key, ABSENT)) for key in {**first, **second}}
    known, open_now = ({question.id for question in state.interrupts} for state in (before, after))
    return Changes(
        keys={key: change for key, change in keys.items() if not same(change.before, change.after)},
        next=(before.next, after.next),
        asked=tuple(question for question in after.interrupts if question.id not in known),
        settled=tuple(question for question in before.interrupts if question.id not in open_now),
    )


def values_of(state: StateSnapshot) -> Mapping[str, Any]:
    """The state's values by key; those of a state without keys under one."""
    values = state.values
    if isinstance(values, Mapping):
        return values
    return {} if values is None else {VALUE: values}


def same(one: Any, other: Any) -> bool:
    """True for equal values of equal types, all the way down."""
    if one is other:
        return True
    if one is ABSENT or other is ABSENT:
        return False
    try:
        return _CODEC.encode_canonical(one) == _CODEC.encode_canonical(other)
    except EncodeError:  # of a class that no schema here declares
        return bool(one == other)


_CODEC = Codec()
