"""Keys of the state whose rule is another one than on record: what that changes in the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from ....events.errors import EmptyChannelError
from ....events.vocabulary import GraphSeen, Recorded
from ....projections.audit.timeline import Timeline
from ....projections.audit.unfolded import NamedChannels, NotFolded
from ....projections.audit.values import value_words
from ....projections.channels.cells import Cells
from ....projections.state.merge import Channels
from ....projections.state.thread import ThreadState
from ..difference import ABSENT, same

WORDS_MAX = 200
"""Characters of a value in a difference."""


def changed_rules(seen: GraphSeen | None, channels: Channels) -> Mapping[str, tuple[str, str]]:
    """Key to its rule on record and its rule now, of keys that both have under different ones."""
    if seen is None:
        return {}
    return {
        key: (rule, channels[key].name)
        for key, rule in seen.channels.items()
        if key in channels and channels[key].name != rule
    }


@final
class RecordedStates:
    """A thread's states by the rules that its log names: what the thread had, where these are built in."""

    def __init__(self, commits: list[Recorded]) -> None:
        self._timeline = Timeline(commits, NamedChannels)

    def compare(
        self, version: int, ns: str, now: ThreadState, channels: Channels, keys: Mapping[str, tuple[str, str]]
    ) -> Iterator[tuple[str, str, str, str]]:
        """(key, in words: what differs, the value on record, the value now) of keys that are not as they were."""
        before = self._timeline.after(version)
        seen = _at_work(before, ns)
        recorded = NamedChannels(seen)
        for key, (rule, rule_now) in keys.items():
            was = read(recorded, before.last_line(ns).cells, key)
            value = read(channels, now.last_line(ns).cells, key)
            if isinstance(was, NotFolded):
                what = f"the rule of key {key!r} is {rule_now!r}, it was {rule!r}, whose results only its code knows"
                yield key, what, rule, rule_now
            elif not same(was, value):
                shown, shown_now = value_words(was, WORDS_MAX), value_words(value, WORDS_MAX)
                yield key, f"key {key!r} comes to {shown_now}, it was {shown}", shown, shown_now


def _at_work(state: ThreadState, ns: str) -> GraphSeen | None:
    run = state.last_line(ns).run
    return None if run is None else state.graph(run.fingerprint)


def read(channels: Channels, cells: Cells, key: str) -> Any:
    """A key's value; `ABSENT` where it has none."""
    channel = channels.get(key)
    if channel is None or not channel.holds_value(cells.get(key)):
        return ABSENT
    try:
        return channel.read(cells.get(key))
    except EmptyChannelError:
        return ABSENT
