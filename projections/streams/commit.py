"""What a stream shows for one commit: a pure function of its events and the states before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from ...events.vocabulary import (
    INTERRUPT,
    START,
    CommandApplied,
    Forked,
    NodeCompleted,
    RunContinued,
    RunFinished,
    RunPaused,
    RunStarted,
    StepCommitted,
    Write,
)
from ..channels.cells import Cells
from ..state import ids
from ..state.fold import step_writes
from ..state.merge import Channels, merge_or_keep, read_values
from ..state.thread import Checkpoint, Line, Task, ThreadState
from ..state.views import as_given, shown
from .tasks import task_metadata

Chunk = tuple[tuple[str, ...], str, Any]
"""(namespace, stream mode, payload)."""

COMMITTED_MODES = frozenset({"values", "updates", "messages"})
"""Modes that show what was committed."""
MODES = COMMITTED_MODES | {"custom"}
"""Every stream mode there is."""


class RunView:
    """How one run's stream looks: the modes that are read and the keys that are shown."""

    __slots__ = (
        "bare",
        "channels",
        "keys",
        "metadata",
        "modes",
        "node_metadata",
        "root",
        "seen_messages",
        "seen_questions",
        "shown",
    )

    def __init__(
        self,
        channels: Channels,
        keys: Sequence[str],
        root: str | None,
        modes: frozenset[str],
        output_keys: str | Sequence[str] | None,
    ) -> None:
        self.channels = channels
        self.keys = tuple(keys)
        """Every key of the state."""
        self.bare = output_keys if isinstance(output_keys, str) else None
        """The one key whose value is shown by itself, no dict around it."""
        self.shown = frozenset(keys if output_keys is None else [output_keys] if self.bare else output_keys)
        """Keys that `values` and `updates` show."""
        self.root = root
        self.modes = modes
        self.metadata: Mapping[str, Any] = {}
        """Metadata of the run, for `messages`."""
        self.node_metadata: Mapping[str, Mapping[str, Any]] = {}
        """Metadata of each node that has some, by name."""
        self.seen_messages: set[str] = set()
        """Ids of messages that were streamed or were there before: shown once in a run."""
        self.seen_questions: set[str] = set()
        """Ids of questions that the run has shown."""


def commit_chunks(
    view: RunView, events: Sequence[Any], before: ThreadState, after: ThreadState, asked: Sequence[int]
) -> list[Chunk]:
    """The chunks of one commit, in order: what tasks wrote, as they finished, then the state after the step.

    Args:
        view: of the run.
        events: the commit's events.
        before: the thread's state before the commit: its open step is the one that tasks report from.
        after: the thread's state with the commit.
        asked: ordinals of tasks that paused with a question, asked now or before.
    """
    chunks: list[Chunk] = []
    line = before.root
    for event in events:
        match event:
            case NodeCompleted() if event.task < len(line.tasks):
                task = line.tasks[event.task]
                if task.node != START:
                    _completed(view, chunks, line, task, event)
            case StepCommitted() if "values" in view.modes and _wrote(view, events, line, after.root):
                chunks.append(((), "values", _values(view, after.root.cells)))
            case RunContinued():
                _goes_on_from(view, chunks, _place_of(events, after.root))
            case RunPaused() if "updates" in view.modes:
                chunks.append(((), "updates", {INTERRUPT: ()}))
    for ordinal in asked:
        _asks(view, chunks, after.root, after.root.tasks[ordinal])
    if any(isinstance(event, RunFinished) and event.status == "interrupted" for event in events):
        _paused(view, chunks, after.root)
    return chunks


def _asks(view: RunView, chunks: list[Chunk], line: Line, task: Task) -> None:
    questions = tuple(shown(question) for question in task.open_questions)
    if not questions:
        return
    view.seen_questions.update(question.id for question in questions)
    if "updates" in view.modes:
        chunks.append(((), "updates", {INTERRUPT: questions}))
    if "values" in view.modes:
        values = _values(view, line.cells)
        given = values if isinstance(values, dict) and view.root is None and view.bare is None else {}
        chunks.append(((), "values", {**given, INTERRUPT: questions}))


def _paused(view: RunView, chunks: list[Chunk], line: Line) -> None:
    """The end of a run that waits: questions it leaves open unasked, then the state with what siblings wrote."""
    for task in line.tasks:
        if not view.seen_questions.issuperset(question.raised.question for question in task.open_questions):
            _asks(view, chunks, line, task)
    if "values" in view.modes and any(write.channel in view.shown for write in step_writes(line)):
        chunks.append(((), "values", _values(view, live_cells(view.channels, line))))


def standing_chunks(view: RunView, place: Line | Checkpoint) -> list[Chunk]:
    """The chunks of a run that finds nothing to do: the state as it is."""
    return [((), "values", _values(view, place.cells))] if "values" in view.modes else []


def _place_of(events: Sequence[Any], line: Line) -> Line | Checkpoint:
    """Where a run goes on from: the open step, or the one before where the same commit has closed it already."""
    head = line.head
    if head is None or head.parent is None or not any(isinstance(event, StepCommitted) for event in events):
        return line
    if any(isinstance(event, CommandApplied) for event in events):
        # What a Command given as input wrote is in the state that it goes on from, as if the open step had it.
        return line
    return line.at(head.parent) or line


def _goes_on_from(view: RunView, chunks: list[Chunk], place: Line | Checkpoint) -> None:
    """A run that goes on shows what it goes on from: the state, and what tasks of the open step wrote before."""
    chunks.extend(standing_chunks(view, place))
    if "updates" in view.modes:
        finished = ((task, task.completed) for task in place.tasks if task.completed is not None)
        chunks.extend(_update(view, task, event, cached=True) for task, event in finished if task.node != START)


def _update(view: RunView, task: Task, event: NodeCompleted, *, cached: bool) -> Chunk:
    chunk = {task.node: written(view, event.writes)}
    return ((), "updates", {**chunk, "__metadata__": {"cached": True}} if cached else chunk)


def _completed(view: RunView, chunks: list[Chunk], line: Line, task: Task, event: NodeCompleted) -> None:
    if "updates" in view.modes:
        chunks.append(_update(view, task, event, cached=event.cached))
    if "messages" in view.modes:
        metadata: dict[str, Any] | None = None
        for message in _messages(event.writes):
            if message.id in view.seen_messages:
                continue
            view.seen_messages.add(message.id)
            if metadata is None:
                metadata = _metadata(view, line, task)
            chunks.append(((), "messages", (message, metadata)))


def written(view: RunView, writes: Iterable[Write]) -> Any:
    """What a task wrote, as `updates` shows it: a dict, a list of dicts when a key was written twice, or None."""
    shown = [(write.channel, as_given(write)) for write in writes if write.channel in view.shown]
    if view.root is not None or view.bare is not None:
        values = [value for _, value in shown]
        return None if not values else values[0] if len(values) == 1 else values
    if not shown:
        return None
    if len({key for key, _ in shown}) < len(shown):
        return [{key: value} for key, value in shown]
    return dict(shown)


def _messages(writes: Iterable[Write]) -> Iterable[Any]:
    for write in writes:
        value = write.payload.value
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, BaseMessage):
                yield item


def _metadata(view: RunView, line: Line, task: Task) -> dict[str, Any]:
    head = line.head
    given = {"ls_integration": "langgraph", **view.metadata, **view.node_metadata.get(task.node, {})}
    if head is None:
        return dict(given)
    return task_metadata(
        task.node, task.send, head.step + 1, ids.task_id(head.id, line.ns, task.node, task.send), given
    )


def _wrote(view: RunView, events: Sequence[Any], line: Line, after: Line) -> bool:
    """True when the step that the events commit wrote a key that is shown."""
    opened = next((event for event in events if isinstance(event, (RunStarted, Forked))), None)
    place = _place_of(events, after)
    if opened is not None:
        # Opened and closed in one commit: a step that only copies an input into the state.
        writes: Sequence[Write] = place.input_writes if isinstance(place, Checkpoint) else ()
    else:
        reported = (event for event in events if isinstance(event, NodeCompleted))
        writes = [*step_writes(line), *(write for event in reported for write in event.writes)]
    return any(write.channel in view.shown for write in writes)


def _values(view: RunView, cells: Cells) -> Any:
    bare = view.bare if view.root is None else view.root
    if bare is not None:
        return read_values(view.channels, cells, (bare,)).get(bare)
    return read_values(view.channels, cells, (key for key in view.keys if key in view.shown))


def live_cells(channels: Channels, line: Line) -> Cells:
    """The state with the finished tasks of the open step in it: what a caller sees when a run pauses in mid-step."""
    if not any(task.completed is not None for task in line.tasks):
        return line.cells
    return merge_or_keep(channels, line.cells, step_writes(line))
