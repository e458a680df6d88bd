"""Keys of the state whose rule is another one than on record, and states of an earlier schema: what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

from ....events.errors import EmptyChannelError
from ....events.vocabulary import GraphSeen, Payload, Recorded, Route, Write
from ....projections.audit.timeline import Timeline
from ....projections.audit.unfolded import NamedChannels, NotFolded
from ....projections.audit.values import value_words
from ....projections.channels.cells import Cells
from ....projections.state.fold import Draft
from ....projections.state.merge import Channels
from ....projections.state.thread import Line, ThreadState
from ....projections.state.upcast import made_by
from ...decider.commands import Moment, Terms, Upcast
from ...decider.request import Request
from ...decider.upcasting import upcast_wanted
from ...doors.setup import Setup
from ...engine.attempts.upcasts import upcast
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


def is_earlier(place: Setup, state: ThreadState, line: Line) -> bool:
    """True for a line whose state was made under another version of the graph's schema: upcasters bring it up."""
    run = line.run if line.head is None else line.head.run
    if run is None or run.fingerprint == place.plan.fingerprint:
        return False
    seen = made_by(state, line)
    return (0 if seen is None else seen.schema) != place.plan.schema


def brought_up(
    place: Setup, state: ThreadState, line: Line, cells: Cells, thread: str, *, step: bool = False
) -> Upcast | None:
    """What the graph's upcasters make of a line's state; None where it is of the graph's own schema.

    Args:
        place: the graph.
        state: the thread.
        line: whose state.
        cells: the state.
        thread: its id, for messages.
        step: with what is on record of the open step.

    Raises:
        UpcastError: no upcasters lead from there to here.
    """
    line = line.copy()
    line.cells = cells
    request = Request(place.plan, place.channels, Terms(run=""), state, Moment(0, b""), thread)
    wanted = upcast_wanted(request, Draft(state, place.channels, 0, b"", line.ns), line, step=step)
    return None if wanted is None else upcast(_Hands(place), wanted)


@final
class _Hands:
    """Stands where the run stands that has states brought up: nothing is stored, so nothing need be encoded."""

    def __init__(self, place: Setup) -> None:
        self.plan = place.plan
        self.channels = place.channels

    def encode_writes(self, writes: Iterable[Write]) -> None:
        """Nothing."""

    def encode_route(self, route: Route) -> None:
        """Nothing."""

    def payload(self, value: Any, path: str) -> Payload:
        """The value as it is."""
        return Payload(value)


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
