"""Merging a super-step's writes into channels: where conflicts and reducer errors show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...events.errors import ClewError, EmptyChannelError
from ...events.vocabulary import Write
from ..channels.cells import Cells
from ..channels.channel import Channel


class Channels(dict[str, Channel[Any]]):
    """A graph's channels by name, with what every merge asks of them worked out once."""

    def __init__(self, channels: Mapping[str, Channel[Any]]) -> None:
        super().__init__(channels)
        self.every_step = tuple(name for name, channel in channels.items() if channel.every_step)
        """Channels that change also in a step without a write to them."""
        self.user_code = frozenset(name for name, channel in channels.items() if channel.runs_user_code)
        """Channels whose merge calls a user's reducer."""
        self.untracked = frozenset(name for name, channel in channels.items() if not channel.kept)
        """Channels whose values are never stored."""
        self.at_end = tuple(name for name, channel in channels.items() if channel.at_end)
        """Channels that show their value only once a run has nothing left to do."""

    def without_untracked(self, cells: Cells) -> Cells:
        """The cells as they would come from a store."""
        return cells.with_changes({name: None for name in self.untracked if cells.get(name) is not None})

    def finished(self, cells: Cells) -> Cells:
        """The cells when a run has nothing left to do."""
        changed = {name: self[name].finished(cells.get(name)) for name in self.at_end}
        return cells.with_changes({name: cell for name, cell in changed.items() if cell is not cells.get(name)})


class MergeError(ClewError):
    """A super-step's writes to one channel could not be merged; `cause` says why."""

    def __init__(self, channel: str, cause: Exception) -> None:
        self.channel = channel
        self.cause = cause
        super().__init__(f"cannot merge the writes to {channel!r}: {cause}")


def merge_writes(channels: Channels, cells: Cells, writes: Iterable[Write], *, settle: bool = False) -> Cells:
    """The cells after one super-step's writes, in path order. Writes to channels the graph no longer has are skipped.

    Args:
        channels: the graph's channels.
        cells: the state before the step.
        writes: every write of the step, in path order.
        settle: True does the reducers' work now; False puts it off until somebody reads.

    Raises:
        MergeError: the writes contradict each other or a reducer raised; nothing was merged.
    """
    by_channel: dict[str, list[Write]] = {name: [] for name in channels.every_step}
    for write in writes:
        same = by_channel.get(write.channel)
        if same is not None:
            same.append(write)
        elif write.channel in channels:
            by_channel[write.channel] = [write]
    if not by_channel:
        return cells
    changes: dict[str, Any] = {}
    for name, channel_writes in by_channel.items():
        channel = channels[name]
        try:
            cell = channel.merge(cells.get(name), channel_writes)
            if settle:
                channel.settle(cell)
        except Exception as error:
            raise MergeError(name, error) from error
        changes[name] = cell
    return cells.with_changes(changes)


def merge_or_keep(channels: Channels, cells: Cells, writes: Sequence[Write]) -> Cells:
    """As `merge_writes`, but total: a channel whose writes cannot be merged keeps its value. For reads."""
    try:
        return merge_writes(channels, cells, writes, settle=True)
    except MergeError as error:
        return merge_or_keep(channels, cells, [write for write in writes if write.channel != error.channel])


def read_values(channels: Channels, cells: Cells, keys: Iterable[str]) -> dict[str, Any]:
    """The values of `keys` that have one, in the order of `keys`; containers are the caller's to keep."""
    values: dict[str, Any] = {}
    for key in keys:
        channel = channels.get(key)
        if channel is None:
            continue
        cell = cells.get(key)
        if channel.holds_value(cell):
            try:
                values[key] = channel.read(cell)
            except EmptyChannelError:
                continue
    return values
