"""A thread's log, read and folded: with the graph's code where it was named, else by the rules that the log names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ....events.codec.values import Codec
from ....events.stores.saver import BaseCheckpointSaver
from ....events.vocabulary import GraphSeen, Recorded, RunContinued, RunStarted
from ....projections.channels.reducers import channel_of_name
from ....projections.state.fold import fold
from ....projections.state.merge import Channels
from ....projections.state.thread import Checkpoint, Line, ThreadState
from ....projections.state.views import StateSnapshot, View, live_snapshot, record_snapshot
from ...doors.compiled import CompiledStateGraph
from ...doors.state import place_at, view_of
from ...engine.log import ThreadLog
from .group import Failure

ROOT = "__root__"


class ThreadReading:
    """One thread as its log has it now."""

    def __init__(self, saver: BaseCheckpointSaver, thread: str, graph: CompiledStateGraph | None = None) -> None:
        """Read the log.

        Raises:
            CorruptCommitError: a commit is not what clew wrote; it names thread and version.
        """
        self.thread = thread
        self.graph = graph
        codec = Codec() if graph is None else graph.codec
        if graph is not None:
            graph.know_inside()
        log = ThreadLog(saver.store, thread, saver.tenant, saver.cipher)
        self.commits: Sequence[Recorded] = list(log.commits(codec))
        self.rules: Mapping[str, str] = _rules(self.commits)
        """Name of each channel's rule, by channel."""
        self.channels = (
            Channels({name: channel_of_name(rule) for name, rule in self.rules.items()})
            if graph is None
            else graph.channels
        )

    @property
    def version(self) -> int:
        """The last version."""
        return len(self.commits) - 1

    @property
    def unfolded(self) -> list[str]:
        """Channels whose reducer is code that is not at hand: what was written last is shown of them."""
        if self.graph is not None:
            return []
        return sorted(name for name, rule in self.rules.items() if "user:" in rule)

    def states(self) -> Iterator[ThreadState]:
        """The state after each commit."""
        state = ThreadState()
        for recorded in self.commits:
            state = fold(state, recorded, self.channels)
            yield state

    def at(self, version: int) -> ThreadState:
        """The state after a version.

        Raises:
            Failure: the thread has no such version.
        """
        if not 0 <= version <= self.version:
            raise Failure(f"thread {self.thread!r} has no version {version}: it has 0 to {self.version}")
        state = ThreadState()
        for recorded in self.commits[: version + 1]:
            state = fold(state, recorded, self.channels)
        return state

    def view(self, state: ThreadState, line: Line) -> View:
        """How a namespace of the thread is shown."""
        config: Mapping[str, Any] = {"configurable": {"thread_id": self.thread}}
        if self.graph is not None:
            return view_of(place_at(self.graph, state, line.ns), config, state)
        seen = None if line.run is None else state.graph(line.run.fingerprint)
        nodes = () if seen is None else seen.nodes
        channels = self.channels if not line.ns else self.channels.below((), seen)
        root = ROOT if ROOT in channels else None
        return View(channels, tuple(channels), root, config["configurable"], nodes, line.ns, state)

    def snapshot(self, state: ThreadState, ns: str = "") -> StateSnapshot | None:
        """The thread as it was live at a state; None where nothing was in that namespace."""
        line = state.last_line(ns)
        return live_snapshot(self.view(state, line), line)

    def record(self, state: ThreadState, line: Line, checkpoint: Checkpoint) -> StateSnapshot:
        """A checkpoint as it was recorded."""
        return record_snapshot(self.view(state, line), line, checkpoint)


def _rules(commits: Sequence[Recorded]) -> dict[str, str]:
    """The channels of the graphs that were the thread's root graph, the latest rule of each."""
    seen: dict[bytes, GraphSeen] = {}
    rules: dict[str, str] = {}
    for recorded in commits:
        for event in recorded.commit.events:
            if isinstance(event, GraphSeen):
                seen[event.fingerprint] = event
            elif isinstance(event, RunStarted | RunContinued) and not event.ns and event.fingerprint in seen:
                rules.update(seen[event.fingerprint].channels)
    return rules
