"""`Replay`: a recorded thread, stepped through event by event. Nothing runs but the reducers of a graph at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, final

from ...events.codec.digest import canonical_digest
from ...events.codec.values import Codec
from ...events.errors import UnknownVersionError
from ...events.privacy.cipher import Cipher
from ...events.vocabulary import END, GraphSeen, Recorded, RunContinued, RunStarted
from ...projections.audit.story import StoryLine, story
from ...projections.audit.timeline import Timeline
from ...projections.audit.unfolded import NamedChannels, NotFolded, UnknownRule
from ...projections.state import namespaces, views
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState
from ...projections.state.views import StateSnapshot, View
from ..doors.setup import Setup
from ..doors.state import place_at, view_of
from .difference import Changes, changes_between
from .source import Source, recording

_ROOT = "__root__"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Point = int | datetime
"""A version of a thread, or a time, which means the last version made by then."""


@final
class Moment:
    """One event of a thread, and the thread as it was right after it. Made by `Replay`."""

    def __init__(self, replay: Replay, line: StoryLine, event: Any) -> None:
        self._replay = replay
        self.line = line
        """What the event says, for people."""
        self.event = event
        """The event itself: see the reference page of events."""

    @property
    def version(self) -> int:
        """Version of the event's commit, from 0."""
        return self.line.version

    @property
    def index(self) -> int:
        """The event's place in its commit, from 0."""
        return self.line.index

    @property
    def time(self) -> datetime:
        """When it happened, UTC."""
        return _EPOCH + timedelta(microseconds=self.line.time)

    @property
    def name(self) -> str:
        """The event's name, "NodeCompleted" say."""
        return self.line.event

    @cached_property
    def folded(self) -> ThreadState:
        """All that the log has come to: every line of every graph, with its open step and its checkpoints."""
        return self._replay.timeline.inside(self.version, self.index)

    @cached_property
    def state(self) -> StateSnapshot:
        """The thread's state, as `get_state` showed it then. A value that cannot be folded here is a `NotFolded`."""
        return self.state_of("")

    @property
    def values(self) -> Any:
        """The state's values."""
        return self.state.values

    def state_of(self, namespace: str) -> StateSnapshot:
        """The state of a graph inside, by its namespace; empty where none had run there."""
        return self._replay.shown(self, namespace)

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal characters, equal for equal states: values, what is due, what is asked, which checkpoint."""
        state = self.state
        asked = [[question.id, question.value, question.response_schema] for question in state.interrupts]
        told = [_plain(state.values), list(state.next), state.config, state.metadata, asked]
        return canonical_digest(told, self._replay.codec).hex()

    def __repr__(self) -> str:
        node = f" {self.line.node!r}" if self.line.node else ""
        return f"<Moment {self.version}.{self.index} {self.name}{node}: {self.line.what}>"


@final
class Replay:
    """A recorded thread, from its first event to its last, with the state after each.

    The states are those that the thread had: the fold is the one that ran then. It works with no code of the graph at
    hand, by the rules that the log names. A value whose reducer is the user's own is then a `NotFolded`, unless the
    graph is given, or was compiled with the saver. Where a graph with other rules went on with a thread, each version
    is shown by the rules of its time; with a graph given, all are shown by that graph's.

    The thread is read once, when the replay is made. May be used from one thread at a time.

    Args:
        thread: its id.
        source: where it is: a compiled graph with a saver, a saver, a store, or the path of an exported file.
        graph: whose reducers and types to use; the source's own, where that is a graph.
        tenant: whose thread; the saver's own tenant by default.
        cipher: what opens sealed commits of a file or a store; a saver's own by default.

    Raises:
        UnknownThreadError: there is no such thread.
        ThreadErasedError: it was erased.
        CorruptCommitError: a commit is not what clew wrote there.
        CipherError: a commit is sealed and its key is not at hand.
        ArchiveError: the file is damaged.
    """

    def __init__(
        self,
        thread: str,
        source: Source,
        *,
        graph: Setup | None = None,
        tenant: str | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        if graph is None and isinstance(source, Setup):
            graph = source
        found = recording(str(thread), source, tenant=tenant, cipher=cipher)
        self.thread = found.thread
        self._graph = graph
        self._graphs: Mapping[bytes, Any] = found.graphs
        if graph is not None:
            graph.know_inside()
        self.codec = Codec() if graph is None else graph.codec
        commits = found.commits(self.codec)
        last = None if graph is not None else _last_known(commits, self._graphs)
        if last is not None:
            # Once more, so that values of its types are made.
            last.know_inside()
            self.codec = last.codec
            commits = found.commits(self.codec)
        self.timeline = Timeline(commits, self._rules)
        """The commits, and the states between them."""

    def __len__(self) -> int:
        """How many events there are."""
        return sum(len(recorded.commit.events) for recorded in self.timeline.commits)

    def __iter__(self) -> Iterator[Moment]:
        """Every event in the order in which things happened."""
        return self._moments(0, self.last)

    @property
    def last(self) -> int:
        """The last version."""
        return len(self.timeline) - 1

    def at(self, point: Point) -> Moment:
        """The thread at the end of a version, or at a time: its last event until then.

        Args:
            point: a version from 0, negative ones from the end (-1 is the last); or a time with a time zone.

        Raises:
            UnknownVersionError: there is no such version, or the thread did not exist at that time.
            ValueError: the time has no time zone.
        """
        version = self.version(point)
        return [*self._moments(version, version)][-1]

    def between(self, first: Point, last: Point) -> Iterator[Moment]:
        """The events from one version (or time) to another, both included."""
        start = self._version_by(first)
        until = self.version(last)
        if isinstance(first, datetime) and (start < 0 or self._time(start) < _micros(first)):
            start += 1
        yield from self._moments(start, until)

    def changes(self, before: Point, after: Point, namespace: str = "") -> Changes:
        """How the state at one version (or time) differs from that at another.

        Args:
            before: the first; a time before the thread began means an empty state.
            after: the second.
            namespace: of a graph inside; "" for the root graph.
        """
        second = self.at(after).state_of(namespace)
        if isinstance(before, datetime) and self._version_by(before) < 0:
            return changes_between(StateSnapshot({}, (), {}, None, None, None, (), ()), second)
        return changes_between(self.at(before).state_of(namespace), second)

    def version(self, point: Point) -> int:
        """The version that a point means. Raises as `at`."""
        version = self._version_by(point)
        if not 0 <= version < len(self.timeline):
            asked = f"at {point.isoformat()}" if isinstance(point, datetime) else point
            raise UnknownVersionError(self.thread, asked, self.last)
        return version

    @property
    def not_folded(self) -> Mapping[str, str]:
        """Key to rule of the root graph's keys that cannot be folded here, at the last version; {} if all can."""
        rules = self.timeline.rules_at(self.last)
        return {name: channel.name for name, channel in rules.items() if isinstance(channel, UnknownRule)}

    def shown(self, moment: Moment, namespace: str) -> StateSnapshot:
        """The state of a graph at a moment; see `Moment.state_of`."""
        rules = self.timeline.rules_at(moment.version)
        return self._snapshot(rules, moment.folded, namespace)

    def _moments(self, first: int, last: int) -> Iterator[Moment]:
        for version in range(max(first, 0), last + 1):
            events = self.timeline.commits[version].commit.events
            for line, event in zip(self._lines[version], events, strict=True):
                yield Moment(self, line, event)

    @cached_property
    def _lines(self) -> list[list[StoryLine]]:
        """The lines of the story, by version."""
        lines: list[list[StoryLine]] = [[] for _ in self.timeline.commits]
        for line in story(self.timeline.commits):
            lines[line.version].append(line)
        return lines

    def _version_by(self, point: Point) -> int:
        if isinstance(point, datetime):
            return self.timeline.version_at(_micros(point))
        return point + len(self.timeline) if point < 0 else point

    def _time(self, version: int) -> int:
        return self.timeline.commits[version].commit.time

    def _rules(self, seen: GraphSeen | None) -> Channels:
        graph = self._graph or (None if seen is None else self._graphs.get(seen.fingerprint))
        if graph is None:
            return NamedChannels(seen)
        graph.know_inside()
        return graph.channels

    def _snapshot(self, rules: Channels, state: ThreadState, namespace: str) -> StateSnapshot:
        config = {"configurable": {"thread_id": self.thread}}
        graph = self._graph or self._graphs.get(rules.fingerprint)
        if graph is not None and graph.channels is rules:
            place = place_at(graph, state, namespace)
            view, line = view_of(place, config, state), place.line
        else:
            line = state.last_line(namespace)
            view = _named_view(rules, state, namespace, config["configurable"])
        if namespace:
            config["configurable"]["checkpoint_ns"] = namespace
        return views.live_snapshot(view, line) or views.empty_snapshot(view, config)


def _last_known(commits: list[Recorded], graphs: Mapping[bytes, Any]) -> Setup | None:
    """Of the graphs at hand the one that worked on the thread last."""
    for recorded in reversed(commits) if graphs else ():
        for event in recorded.commit.events:
            if isinstance(event, (RunStarted, RunContinued)) and not event.ns and event.fingerprint in graphs:
                return graphs[event.fingerprint]
    return None


def _named_view(rules: Channels, state: ThreadState, namespace: str, configurable: Mapping[str, Any]) -> View:
    """How a graph is shown whose code is not at hand."""
    line = state.last_line(namespace)
    seen = None if line.run is None else state.graph(line.run.fingerprint)
    channels = rules.below(namespaces.names(namespace), seen) if namespace else rules
    root = next((name for name in (_ROOT, END) if name in channels), None)

    def inside(node: str, ns: str) -> Any:
        if state.last_line(ns).head is None:
            return None
        return {"configurable": {"thread_id": configurable["thread_id"], "checkpoint_ns": ns}}

    nodes = () if seen is None else seen.nodes
    return View(channels, tuple(channels), root, configurable, nodes, namespace, state, inside)


def _plain(values: Any) -> Any:
    """The values, for a digest: a `NotFolded` counts by its rule and its writes."""
    if isinstance(values, NotFolded):
        return ["not folded", values.rule, list(values.writes)]
    if isinstance(values, dict):
        return {key: _plain(value) for key, value in values.items()}
    return values


def _micros(time: datetime) -> int:
    if time.tzinfo is None:
        raise ValueError(f"the time {time.isoformat()} has no time zone: datetime(..., tzinfo=UTC)")
    return (time - _EPOCH) // timedelta(microseconds=1)
