"""Merging a super-step's writes into channels: where conflicts and reducer errors show."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ...events.errors import ClewError, EmptyChannelError
from ...events.vocabulary import GraphSeen, Write
from ..channels.cells import Cells
from ..channels.channel import Channel
from ..channels.payload_value import is_plain, shallow_copy
from ..channels.reducers import channel_of_name

ATOMS = frozenset({str, int, float, bool, type(None)})
"""Types of values that nobody can change."""


class Channels(dict[str, Channel[Any]]):
    """A graph's channels by name, with what every merge asks of them worked out once.

    They lead to the channels of the graphs below, so that folding a thread can merge what its sub-graphs wrote.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel[Any]],
        fingerprint: bytes = b"",
        inner: Callable[[str], Sequence[Channels]] | None = None,
        schema: int = 0,
        earlier: Mapping[int, Mapping[str, Channel[Any]]] | None = None,
    ) -> None:
        super().__init__(channels)
        self.schema = schema
        """Version of the schema that these are the channels of."""
        self._earlier = {} if earlier is None else earlier
        """Channels of earlier versions, where the graph still declares them."""
        self._then: dict[bytes, Channels] = {}
        self.fingerprint = fingerprint
        """Of the graph."""
        self._inner = inner
        """The channels of the graphs that a node is seen to call."""
        self._met: dict[tuple[str, ...], dict[bytes, Channels]] = {}
        """Channels of graphs that were only met when they were called, by the nodes that lead to them."""
        self.every_step = tuple(name for name, channel in channels.items() if channel.every_step)
        """Channels that change also in a step without a write to them."""
        self.user_code = frozenset(name for name, channel in channels.items() if channel.runs_user_code)
        """Channels whose merge calls a user's reducer."""
        self.put_off = frozenset(
            name for name, channel in channels.items() if type(channel).settle is not Channel.settle
        )
        """Channels whose merge may leave work for later."""
        self.untracked = frozenset(name for name, channel in channels.items() if not channel.kept)
        """Channels whose values are never stored."""
        self.plain = frozenset(name for name, channel in channels.items() if is_plain(channel))
        """Channels that are read as a copy of what their cell's payload holds."""
        self.at_end = tuple(name for name, channel in channels.items() if channel.at_end)
        """Channels that show their value only once a run has nothing left to do."""

    def without_untracked(self, cells: Cells) -> Cells:
        """The cells as they would come from a store."""
        return cells.with_changes({name: None for name in self.untracked if cells.get(name) is not None})

    def finished(self, cells: Cells) -> Cells:
        """The cells when a run has nothing left to do."""
        changed = {name: self[name].finished(cells.get(name)) for name in self.at_end}
        return cells.with_changes({name: cell for name, cell in changed.items() if cell is not cells.get(name)})

    def meet(self, path: tuple[str, ...], channels: Channels) -> bool:
        """Take note of a graph's channels that was called in the node at `path`; True for the first time."""
        known = self._met.get(path)
        if known is None:
            known = self._met.setdefault(path, {})
        if channels.fingerprint in known:
            return False
        known[channels.fingerprint] = channels
        return True

    def below(self, path: tuple[str, ...], seen: GraphSeen | None) -> Channels:
        """The channels of the graph that a node at `path` calls: that graph's, or its successor's, or by their names.

        Args:
            path: names of the nodes that lead there, outermost first.
            seen: what the log says of the graph.
        """
        fingerprint = b"" if seen is None else seen.fingerprint
        known: list[Channels] = list(self._met.get(path, {}).values())
        if not any(channels.fingerprint == fingerprint for channels in known):
            known = [*self._seen_below(path), *known]
        exact = next((channels for channels in known if channels.fingerprint == fingerprint), None)
        if exact is not None or seen is None:
            return exact or (known[0] if known else Channels({}))
        alike = [channels for channels in known if set(channels) == set(seen.channels)]
        if alike or len(known) == 1:
            return (alike or known)[0]
        channels = {name: channel_of_name(rule) for name, rule in seen.channels.items()}
        return Channels(channels, fingerprint, schema=seen.schema)

    def then(self, seen: GraphSeen | None) -> Channels:
        """The rules by which a state of another version of the schema was made; these, for the same version.

        A rule that the graph does not declare any more is known by its name: of a user's own reducer the last write is
        shown.

        Args:
            seen: what the log says of the graph that made the state; None for one that the log does not name.
        """
        if seen is None or seen.schema == self.schema:
            return self
        rules = self._then.get(seen.fingerprint)
        if rules is None:
            declared = self._earlier.get(seen.schema, {})
            channels = {name: self._rule(name, rule, declared.get(name)) for name, rule in seen.channels.items()}
            rules = self._then[seen.fingerprint] = Channels(channels, self.fingerprint, schema=seen.schema)
        return rules

    def _rule(self, name: str, rule: str, declared: Channel[Any] | None) -> Channel[Any]:
        if declared is not None:
            return declared
        known = self.get(name)
        return known if known is not None and known.name == rule else channel_of_name(rule)

    def _seen_below(self, path: tuple[str, ...]) -> list[Channels]:
        if not path:
            return [self]
        inner = () if self._inner is None else self._inner(path[0])
        return [found for channels in inner for found in channels._seen_below(path[1:])]


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
    by_channel: dict[str, list[Write]] = {}
    for name in channels.every_step:
        by_channel[name] = []
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
            if settle and name in channels.put_off:
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


class Reading:
    """The values that were read last: who reads them again pays for what was written since, not for every key.

    Nothing here can go stale, since cells never change. May be used from any thread.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[Cells, tuple[str, ...], dict[str, Any], tuple[str, ...]] | None = None
        """Cells, keys, all their values, and the keys that are read anew each time: containers, which readers keep."""

    def values(self, channels: Channels, cells: Cells, keys: tuple[str, ...]) -> dict[str, Any]:
        """As `read_values`, for the channels of one graph."""
        if len(keys) < WIDE:
            return read_values(channels, cells, keys)
        last = self._last
        if last is not None and last[1] is keys:
            earlier, _, before, apart = last
            written = [key for key in cells.changed_since(earlier) if key in before]
            fresh = read_values(channels, cells, (*written, *apart))
            # A key may have no value any more, or one that must be read anew each time from now on.
            if fresh.keys() == {*written, *apart} and all(type(fresh[key]) in ATOMS or key in apart for key in written):
                values = {**before, **fresh}
                self._last = (cells, keys, values, apart)
                return {**values}
        values = read_values(channels, cells, keys)
        if len(values) == len(keys):
            apart = tuple(key for key, value in values.items() if type(value) not in ATOMS or key not in channels.plain)
            self._last = (cells, keys, {**values}, apart)
        return values


WIDE = 32
"""From this many keys on, what was read is remembered for the next read."""


def read_values(channels: Channels, cells: Cells, keys: Collection[str]) -> dict[str, Any]:
    """The values of `keys` that have one, in the order of `keys`; containers are the caller's to keep."""
    values: dict[str, Any] = {}
    plain, find = channels.plain, cells.lookup(len(keys))
    for key in keys:
        cell: Any = find(key)
        if key in plain:
            if cell is not None:
                value = cell.held if cell.reader is None else cell.value
                values[key] = value if type(value) in ATOMS else shallow_copy(value)
            continue
        channel = channels.get(key)
        if channel is None:
            continue
        if channel.holds_value(cell):
            try:
                values[key] = channel.read(cell)
            except EmptyChannelError:
                continue
    return values
