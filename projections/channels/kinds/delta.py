"""DeltaChannel: the channel of a reducer that takes all of a super-step's writes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from ....events.vocabulary import Payload
from ..base_channel import MISSING, empty_channel_error
from ..channel import Cell, Value
from ..empty_value import concrete_type, empty_value_maker
from ..lazy import ABSENT, LazyCell, LazyChannel
from ..overwrite import unwrap_overwrite
from ..payload_value import shallow_copy

BatchReducer = Callable[[Any, Sequence[Any]], Any]


class DeltaChannel(LazyChannel[Value, Any]):
    """Keeps what `reducer(value, writes)` makes of each super-step's writes; an `Overwrite` replaces the value.

    clew stores writes and never whole values, of this channel as of every other: `snapshot_frequency` is taken for
    graphs that move over and decides nothing. The reducer must be pure, and give the same however writes are batched.

    Args:
        reducer: from the value and a list of writes to the next value.
        typ: type of the value, which starts empty; the annotated type where the channel stands in an annotation.
        snapshot_frequency: updates between two whole values, at least 1.
    """

    runs_user_code = True

    def __init__(self, reducer: BatchReducer, typ: Any = None, *, snapshot_frequency: int = 100) -> None:
        if snapshot_frequency < 1:
            raise ValueError(f"snapshot_frequency is {snapshot_frequency!r}: it must be at least 1")
        super().__init__(list if typ is None else concrete_type(typ))
        self.typed = typ is not None
        """True when a type was given, which an annotation then leaves alone."""
        self.reducer = reducer
        self.snapshot_frequency = snapshot_frequency
        self.name = f"user:{getattr(reducer, '__qualname__', None) or type(reducer).__qualname__}"
        self._make_empty = empty_value_maker(self.typ)

    def __repr__(self) -> str:
        return f"DeltaChannel({self.name.removeprefix('user:')}, {self.typ!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeltaChannel) and other.reducer is self.reducer

    def __hash__(self) -> int:
        return hash((DeltaChannel, self.name))

    def annotated(self, typ: Any) -> DeltaChannel[Any]:
        """The channel of a key annotated with this type."""
        if self.typed:
            return self
        return DeltaChannel(self.reducer, typ, snapshot_frequency=self.snapshot_frequency)

    def is_available(self) -> bool:
        """True after an update, or once restored from a checkpoint."""
        return self._cell is not None

    def checkpoint(self) -> Any:
        """`MISSING`: the writes are kept, not the value."""
        return MISSING

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """A new channel with a whole value, or with an empty one to replay writes on."""
        restored = self.copy()
        restored._cell = LazyCell(None, ()) if checkpoint is MISSING else self._restored(checkpoint)
        return restored

    def get(self) -> Value:
        """The value. Raises `EmptyChannelError` before the first update."""
        if self._cell is None:
            raise empty_channel_error(self)
        return self.read(self._cell)

    def replay_writes(self, writes: Sequence[tuple[Any, ...]]) -> None:
        """Take recorded writes, (task, key, value) each, in order and as one batch, from the last `Overwrite` on."""
        values = [unwrap_overwrite(write[2]) for write in writes]
        last = max((place for place, (_, overwrite) in enumerate(values) if overwrite), default=-1)
        cell: Cell = self._cell
        if last >= 0:
            cell = self._restored(values[last][0])
        rest = tuple(Payload(value) for value, _ in values[last + 1 :])
        self._cell = LazyCell(cell, rest) if rest else cell

    def _following(self, cell: LazyCell, result: Any) -> Any:
        _, payloads, _ = cell.content
        if cell.replaces or len(payloads) == 0:
            return super()._following(cell, result)
        return self.reducer(self._show(result), [shallow_copy(payload.value) for payload in payloads])

    def _start(self) -> Any:
        return ABSENT if self._make_empty is None else self._make_empty()

    def _replace(self, payload: Payload) -> Any:
        return payload.value

    def _show(self, result: Any) -> Any:
        return None if result is ABSENT else shallow_copy(result)
