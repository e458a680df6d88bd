"""What a channel is: the rule by which one key of the state takes writes. The rule is stateless, its content is a cell.

A cell is a value of the channel's own that is never changed in place: `merge` gives a new one, so checkpoints share
what did not change, and going back in time costs nothing. `None` is the cell of a channel nothing was written to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from ...events.vocabulary import Write

Value = TypeVar("Value")
Cell = Any


class Channel(Generic[Value]):
    """The rule of one key. Sub-classes are the public channel classes; instances are immutable, threads share them."""

    name: str = ""
    """What `GraphSeen` records for the audit tools, e.g. "last_value"; user reducers are "user:<name>"."""
    runs_user_code: bool = False
    """True when merging calls a user's function: then the node runner does it, never the actor."""
    every_step: bool = False
    """True when a step without a write changes the cell too (EphemeralValue, Topic): `merge` is then called with []."""
    kept: bool = True
    """False when the value is never stored (UntrackedValue)."""
    normalises: bool = False
    """True when `normalise` may change a value."""
    at_end: bool = False
    """True when the value is shown only once a run would otherwise end: `finished` is then called."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.normalises = cls.normalise is not Channel.normalise

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        """The cell after one step's writes, in path order. May put work off until `read`.

        Raises `InvalidUpdateError` for writes that contradict each other; that much is never put off.
        """
        raise NotImplementedError

    def settle(self, cell: Cell) -> None:
        """Do now what `merge` put off, so that a reducer's error shows before the step is committed."""

    def read(self, cell: Cell) -> Value:
        """The value. A list or dict that the caller may keep: never the cell's own mutable container.

        Raises `EmptyChannelError` when there is none.
        """
        raise NotImplementedError

    def holds_value(self, cell: Cell) -> bool:
        """True when `read` would give a value. Cheap: decodes nothing."""
        return cell is not None

    def finished(self, cell: Cell) -> Cell:
        """The cell when a run has nothing left to do. Pure."""
        return cell

    def normalise(self, value: Any) -> Any:
        """The value as it is to be recorded (ids and types that must not differ at replay). Runs in the node runner."""
        return value
