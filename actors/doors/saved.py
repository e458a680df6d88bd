"""Threads as a saver shows them: checkpoints, folded from the log with the channels that are at hand."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any, Final, final

from ...events.codec.values import Codec
from ...events.stores.checkpoints import CheckpointTuple, PendingWrite
from ...events.stores.saver import BaseCheckpointSaver
from ...events.vocabulary import INTERRUPT, START, GraphSeen
from ...projections.channels.aggregate import BinaryOperatorAggregate
from ...projections.channels.any_value import AnyValue
from ...projections.channels.channel import Channel
from ...projections.channels.ephemeral_value import EphemeralValue
from ...projections.channels.messages_channel import MessagesChannel
from ...projections.channels.topic import Topic
from ...projections.channels.untracked_value import UntrackedValue
from ...projections.state import views
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState
from ...projections.state.views import StateSnapshot, View
from ..engine.log import ThreadLog
from .setup import Setup

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

    def checkpoints(self, saver: BaseCheckpointSaver, thread: str, checkpoint: str) -> Iterator[CheckpointTuple]:
        """See `ThreadReader.checkpoints`."""
        state, view = _read(saver, thread)
        for one in state.root.checkpoints():
            if not checkpoint or one.id == checkpoint:
                yield _shown(view, views.record_snapshot(view, state.root, one))

    def latest(self, saver: BaseCheckpointSaver, thread: str) -> CheckpointTuple | None:
        """See `ThreadReader.latest`."""
        state, view = _read(saver, thread)
        head = state.root.closed_head()
        return None if head is None else _shown(view, views.record_snapshot(view, state.root, head))


def _read(saver: BaseCheckpointSaver, thread: str) -> tuple[ThreadState, View]:
    """The thread's state and how to show it."""
    log = ThreadLog(saver.store, thread, saver.tenant, saver.cipher)
    # Once without channels: which graph worked on it says the log itself.
    seen = log.load(Codec(), Channels({})).graphs
    graph = _known(saver, seen)
    here = {"thread_id": thread}
    if graph is not None:
        plan = graph.plan
        view = View(graph.channels, plan.state_view.keys, plan.root, here, plan.nodes)
        return log.load(graph.codec, graph.channels), view
    rules = seen[-1].channels if seen else {}
    channels = Channels({name: _channel(rule) for name, rule in rules.items()})
    nodes = seen[-1].nodes if seen else {}
    view = View(channels, tuple(rules), _ROOT if _ROOT in rules else None, here, nodes)
    return log.load(Codec(), channels), view


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


def _shown(view: View, snapshot: StateSnapshot) -> CheckpointTuple:
    values = {_ROOT: snapshot.values} if view.root is not None else dict(snapshot.values)
    pending: list[PendingWrite] = []
    for task in snapshot.tasks:
        if task.name == START:
            values = {START: task.result}
        pending += [(task.id, channel, value) for channel, value in (task.result or {}).items()]
        if task.error is not None:
            pending.append((task.id, _ERROR, task.error))
        if task.interrupts:
            pending.append((task.id, INTERRUPT, list(task.interrupts)))
    return CheckpointTuple(
        config=snapshot.config,
        checkpoint={
            "v": FORM,
            "id": snapshot.config["configurable"]["checkpoint_id"],
            "ts": snapshot.created_at or "",
            "channel_values": values,
            "channel_versions": {},
            "versions_seen": {},
            "updated_channels": None,
        },
        metadata=snapshot.metadata or {},  # type: ignore[arg-type]  # entries of the run's config besides
        parent_config=snapshot.parent_config,
        pending_writes=pending,
    )
