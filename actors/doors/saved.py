"""Threads as a saver shows them: checkpoints, folded from the log with the channels that are at hand."""

from __future__ import annotations

import heapq
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, final

from ...events.codec.values import Codec
from ...events.stores.checkpoints import CheckpointTuple, PendingWrite
from ...events.stores.saver import BaseCheckpointSaver
from ...events.vocabulary import END, INTERRUPT, START, GraphSeen
from ...projections.channels.aggregate import BinaryOperatorAggregate
from ...projections.channels.any_value import AnyValue
from ...projections.channels.cells import Cells
from ...projections.channels.channel import Channel
from ...projections.channels.ephemeral_value import EphemeralValue
from ...projections.channels.messages_channel import MessagesChannel
from ...projections.channels.topic import Topic
from ...projections.channels.untracked_value import UntrackedValue
from ...projections.state import namespaces, views
from ...projections.state.merge import Channels
from ...projections.state.thread import Line
from ...projections.state.views import StateSnapshot, View
from ..engine.log import ThreadLog
from .setup import Setup
from .state import place_at, view_of

ADD_LIST: Final = BinaryOperatorAggregate(list, operator.add).name
FORM: Final = 4
"""`Checkpoint.v`: the form that LangGraph 1.2 writes, whose fields ours have."""
_ERROR: Final = "__error__"
_ROOT: Final = "__root__"
_BUILT_IN: Final[Mapping[str, Channel[Any]]] = {
    "any_value": AnyValue(Any),
    "ephemeral_value": EphemeralValue(Any),
    "untracked_value": UntrackedValue(Any),
    "messages": MessagesChannel(list),
    "topic": Topic(Any),
    "topic:accumulate": Topic(Any, accumulate=True),
}
"""Rules that a log's `GraphSeen` names and that need no code of the user's. Any other shows what was written last."""


@final
class SavedThreads:
    """The `ThreadReader` of this room."""

    def checkpoints(
        self, saver: BaseCheckpointSaver, thread: str, checkpoint: str, ns: str | None
    ) -> Iterator[CheckpointTuple]:
        """See `ThreadReader.checkpoints`."""
        saved = _Saved(saver, thread)
        lines = saved.lines() if ns is None else [saved.state.last_line(ns)]
        found = [[(line, one) for one in line.checkpoints() if checkpoint in ("", one.id)] for line in lines]
        for line, one in heapq.merge(*found, key=lambda at: at[1].ticks, reverse=True):
            view = saved.view(line)
            yield _shown(view, views.record_snapshot(view, line, one), one.cells)

    def latest(self, saver: BaseCheckpointSaver, thread: str, ns: str) -> CheckpointTuple | None:
        """See `ThreadReader.latest`."""
        saved = _Saved(saver, thread)
        line = saved.state.last_line(ns)
        head = line.closed_head()
        if head is None:
            return None
        view = saved.view(line)
        return _shown(view, views.record_snapshot(view, line, head), head.cells)


class _Saved:
    """A thread as its log has it, and how to show its graphs."""

    def __init__(self, saver: BaseCheckpointSaver, thread: str) -> None:
        log = ThreadLog(saver.store, thread, saver.tenant, saver.cipher)
        # Once without channels: which graph worked on it says the log itself.
        first = log.load(Codec(), Channels({}))
        root = first.root.run
        ran = None if root is None else first.graph(root.fingerprint)
        seen = first.graphs if ran is None else (*first.graphs, ran)
        self._config = {"configurable": {"thread_id": thread}}
        self._graph = _known(saver, seen)
        self._rules: Mapping[str, str] = seen[-1].channels if seen else {}
        self._nodes: Iterable[str] = seen[-1].nodes if seen else ()
        self._views: dict[str, View] = {}
        if self._graph is not None:
            self._graph.know_inside()
            self._channels = self._graph.channels
        else:
            self._channels = Channels({name: _channel(rule) for name, rule in self._rules.items()})
        codec = Codec() if self._graph is None else self._graph.codec
        self.state = log.load(codec, self._channels)
        """The thread's state."""

    def lines(self) -> list[Line]:
        """The line of each of its namespaces."""
        known = {line.ns for line in (*self.state.closed, *self.state.lines.values()) if line.head is not None}
        return [self.state.last_line(ns) for ns in sorted(known)]

    def view(self, line: Line) -> View:
        """How the graph of a namespace is shown."""
        known = self._views.get(line.ns)
        if known is None:
            known = self._views[line.ns] = self._view(line)
        return known

    def _view(self, line: Line) -> View:
        if self._graph is not None:
            place = place_at(self._graph, self.state, line.ns)
            return view_of(place, self._config, self.state)
        here = self._config["configurable"]
        if not line.ns:
            root = _ROOT if _ROOT in self._rules else None
            return View(self._channels, tuple(self._rules), root, here, self._nodes)
        seen = None if line.run is None else self.state.graph(line.run.fingerprint)
        channels = self._channels.below(namespaces.names(line.ns), seen)
        root = _ROOT if _ROOT in channels else None
        return View(channels, tuple(channels), root, here, () if seen is None else seen.nodes, line.ns, self.state)


def _known(saver: BaseCheckpointSaver, seen: tuple[GraphSeen, ...]) -> Setup | None:
    """The graph that worked on the thread last, if it was compiled with this saver here; else one of its name."""
    for graph in reversed(seen):
        if (known := saver.graphs.get(graph.fingerprint)) is not None:
            return known
    names = {graph.name for graph in seen}
    return next((known for known in saver.graphs.values() if known.plan.name in names), None)


def _channel(rule: str) -> Channel[Any]:
    if rule == ADD_LIST:
        return BinaryOperatorAggregate(list, operator.add)
    # Any type but a built-in one: there is no empty value to begin with, the first write is it.
    return _BUILT_IN.get(rule) or BinaryOperatorAggregate(object, _the_last)


def _the_last(_: Any, written: Any) -> Any:
    return written


def _shown(view: View, snapshot: StateSnapshot, cells: Cells) -> CheckpointTuple:
    if view.root is None:
        values = {name: value for name, value in snapshot.values.items() if cells.get(name) is not None}
    else:
        values = {} if snapshot.values is None else {view.root: snapshot.values}
    pending: list[PendingWrite] = []
    for task in snapshot.tasks:
        if task.name == START:
            values = {START: task.result}
        # An entrypoint's one result is no dict of channels.
        result = {END: task.result} if view.root == END and task.result is not None else task.result or {}
        pending += [(task.id, channel, value) for channel, value in result.items()]
        if task.error is not None:
            pending.append((task.id, _ERROR, task.error))
        if task.interrupts:
            pending.append((task.id, INTERRUPT, list(task.interrupts)))
    return CheckpointTuple(
        config=_coordinates(snapshot.config),
        checkpoint={
            "v": FORM,
            "ts": snapshot.created_at or "",
            "id": snapshot.config["configurable"]["checkpoint_id"],
            "channel_versions": {},
            "versions_seen": {},
            "updated_channels": None,
            "channel_values": values,
        },
        metadata=snapshot.metadata or {},  # type: ignore[arg-type]  # entries of the run's config besides
        parent_config=None if snapshot.parent_config is None else _coordinates(snapshot.parent_config),
        pending_writes=pending,
    )


def _coordinates(config: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's config as savers give it: without the checkpoints of the graphs around."""
    configurable = config["configurable"]
    return {"configurable": {key: configurable[key] for key in configurable if key != "checkpoint_map"}}
