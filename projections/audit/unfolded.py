"""Channels by the names that a log gives their rules; and what stands for a value whose rule its user's code has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from ...events.vocabulary import GraphSeen, Payload, Write
from ..channels.base_channel import empty_channel_error
from ..channels.channel import Cell, Channel
from ..channels.overwrite import winning_overwrite
from ..channels.reducers import built_in_channel
from ..state.merge import Channels


@final
@dataclass(frozen=True, slots=True)
class NotFolded:
    """Stands for a value that cannot be worked out here: its reducer is the user's, and the code is not at hand."""

    rule: str
    """The rule as the log names it, "user:" and the reducer's name."""
    writes: tuple[Any, ...]
    """What was written since the value was last known, in order."""

    def __repr__(self) -> str:
        count = len(self.writes)
        return f"<not folded: {count} {'write' if count == 1 else 'writes'} by {self.rule!r}; give the graph>"


class _Written:
    """A cell of writes that nobody can merge: those before it, and those of one step."""

    __slots__ = ("before", "payloads", "replaces")

    def __init__(self, before: _Written | None, payloads: tuple[Payload, ...], *, replaces: bool = False) -> None:
        self.before = before
        self.payloads = payloads
        self.replaces = replaces
        """True for an `Overwrite`: whatever the rule, this is the value."""


@final
class UnknownRule(Channel[Any]):
    """A rule that is only in its user's code: keeps what was written, and shows that as `NotFolded`."""

    def __init__(self, rule: str) -> None:
        self.name = rule

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The writes behind those before; an `Overwrite` begins anew."""
        if not writes:
            return cell
        winner = winning_overwrite(writes)
        if winner is not None:
            return _Written(None, (winner.payload,), replaces=True)
        return _Written(cell, tuple(write.payload for write in writes))

    def read(self, cell: Cell) -> Any:
        """What an `Overwrite` said, where nothing was written since; else the mark."""
        if cell is None:
            raise empty_channel_error(self)
        if cell.replaces:
            return cell.payloads[0].value
        steps: list[_Written] = []
        walk: _Written | None = cell
        while walk is not None:
            steps.append(walk)
            walk = walk.before
        return NotFolded(self.name, tuple(payload.value for step in reversed(steps) for payload in step.payloads))


@final
class NamedChannels(Channels):
    """The channels of a graph whose code is not at hand: by the names of their rules, as its `GraphSeen` has them."""

    def __init__(self, seen: GraphSeen | None = None) -> None:
        rules = {} if seen is None else seen.channels
        channels = {name: built_in_channel(rule) or UnknownRule(rule) for name, rule in rules.items()}
        fingerprint, schema = (b"", 0) if seen is None else (seen.fingerprint, seen.schema)
        super().__init__(channels, fingerprint, schema=schema)

    def then(self, seen: GraphSeen | None) -> Channels:
        """The rules of a state of another version of the schema, by their names as well."""
        return self if seen is None or seen.schema == self.schema else NamedChannels(seen)

    def below(self, path: tuple[str, ...], seen: GraphSeen | None) -> Channels:
        """The channels of a graph that a node calls, by their names as well."""
        return NamedChannels(seen)
