"""What a stream shows for one commit: a pure function of its events and the states before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import BaseMessage

from ...events.vocabulary import (
    END,
    INTERRUPT,
    START,
    CommandApplied,
    Forked,
    NodeCompleted,
    NodeFailed,
    NodeStarted,
    RunContinued,
    RunFinished,
    RunPaused,
    RunStarted,
    StepCommitted,
    StepFailed,
    Write,
)
from ..channels.cells import Cells
from ..state import ids
from ..state.fold import step_writes
from ..state.merge import Channels, merge_or_keep, read_values
from ..state.thread import Checkpoint, Line, Question, Task, ThreadState, start_task
from ..state.upcast import rules_of
from ..state.views import as_given, by_channel, interrupt_of
from .checkpoints import checkpoint_payload
from .tasks import in_graph, in_stream_order, task_ended, task_metadata, task_started
from .view import Chunk, RunView

COMMITTED_MODES = frozenset({"values", "updates", "messages", "tasks", "checkpoints", "debug"})
"""Modes that show what was committed."""
MODES = COMMITTED_MODES | {"custom", "tools"}
"""Every stream mode there is."""
_NO_ERRORS: Mapping[int, BaseException] = {}
_NOTHING: Mapping[Any, Any] = {}


class _Chunks:
    """The chunks of one commit as they are worked out, in order."""

    __slots__ = ("before", "chunks", "errors", "line", "time", "view")

    def __init__(
        self, view: RunView, before: ThreadState, time: int, errors: Mapping[int, BaseException] = _NO_ERRORS
    ) -> None:
        self.view = view
        self.before = before
        """The thread before the commit."""
        self.line = line_of(view, before)
        """The line before the commit: its open step is the one that tasks report from."""
        self.time = time
        self.errors = errors
        self.chunks: list[Chunk] = []

    def add(self, mode: str, payload: Any) -> None:
        """Add a chunk where its mode is read."""
        if mode in self.view.modes:
            self.chunks.append((self.view.ns, mode, payload))

    def reads(self, mode: str) -> bool:
        """True when somebody reads the mode, or `debug`, which shows it too."""
        return mode in self.view.modes or "debug" in self.view.modes

    def debug(self, mode: str, kind: str, step: int, payload: Any) -> None:
        """Add a chunk of `tasks` or `checkpoints`, and the same in its `debug` wrapper."""
        self.add(mode, payload)
        if "debug" in self.view.modes:
            stamp = datetime.fromtimestamp(self.time / 1_000_000, UTC).isoformat()
            self.add("debug", {"step": step, "timestamp": stamp, "type": kind, "payload": payload})

    # -- the state

    def values(self, cells: Cells, questions: tuple[Any, ...] = ()) -> None:
        """Add the state, with the questions that were met."""
        view = self.view
        if "values" not in view.modes:
            return
        values = values_of(view, cells)
        if questions:
            given = values if isinstance(values, dict) and view.root in (None, END) and view.bare is None else {}
            values = {**given, INTERRUPT: questions}
        self.add("values", values)

    def checkpoint(
        self,
        line: Line,
        checkpoint: Checkpoint,
        cells: Cells,
        tasks: Sequence[Task],
        below: Mapping[tuple[str, int], Sequence[Question]] = _NOTHING,
        *,
        loaded: bool = False,
    ) -> None:
        """Add a checkpoint, made now or gone on from."""
        if not self.view.kept or not self.reads("checkpoints"):
            return
        parent = line.before(checkpoint)
        payload = checkpoint_payload(self.view, checkpoint, parent, cells, tasks, below, loaded=loaded)
        self.debug("checkpoints", "checkpoint", checkpoint.step, payload)

    # -- tasks

    def start(self, place: Line | Checkpoint, line: Line, head: Checkpoint, tasks: Iterable[Task]) -> None:
        """Add the beginning of each task that this stream has not shown yet; `line` has the run that starts them."""
        view = self.view
        if not self.reads("tasks"):
            return
        if view.step != head.address:
            view.step, view.started = head.address, set()
        for task in in_stream_order(tuple(tasks)):
            mark = (task.node, task.send)
            if task.node != START and mark not in view.started:
                view.started.add(mark)
                self.debug("tasks", "task", head.step + 1, task_started(view, place, line, head, task))

    def end(self, head: Checkpoint | None, task: Task, **outcome: Any) -> None:
        """Add the end of a task."""
        if head is not None and self.reads("tasks"):
            self.debug("tasks", "task_result", head.step + 1, task_ended(self.view, head, task, **outcome))

    def completed(self, task: Task, event: NodeCompleted) -> None:
        """Add what a task wrote: its messages, its update, its end."""
        if task.node == START:
            return
        view, head = self.view, self.line.head
        if "messages" in view.modes:
            self._messages(task, event)
        if "updates" in view.modes:
            self.add("updates", update_of(view, task, event, cached=event.cached))
        if not event.cached:
            # Of an entrypoint what it returned, not what it saves for its next call.
            writes = event.writes if view.root != END else [write for write in event.writes if write.channel == END]
            self.end(head, task, result=by_channel(writes))

    def _messages(self, task: Task, event: NodeCompleted) -> None:
        view = self.view
        metadata: dict[str, Any] | None = None
        for message in messages_in(event.writes):
            if message.id in view.seen_messages:
                continue
            view.seen_messages.add(message.id)
            if metadata is None:
                metadata = message_metadata(view, self.line, task)
            self.add("messages", (message, metadata))

    def asks(self, state: ThreadState, line: Line, ordinal: int) -> None:
        """Add the questions that a task waits for, itself or through a graph that it called."""
        task = line.tasks[ordinal]
        questions = tuple(
            interrupt_of(question) for question in (*task.open_questions, *state.asked_below(line, ordinal))
        )
        if not questions:
            return
        self.view.seen_questions.update(question.id for question in questions)
        self.add("updates", {INTERRUPT: questions})
        self.values(line.cells, questions)
        self.end(line.head, task, interrupts=questions)

    def paused(self, state: ThreadState, line: Line) -> None:
        """Add the end of a run that waits: questions it leaves open unasked, then the state with siblings' writes."""
        view = self.view
        for ordinal, task in enumerate(line.tasks):
            asked = (*task.open_questions, *state.asked_below(line, ordinal))
            if not view.seen_questions.issuperset(question.raised.question for question in asked):
                self.asks(state, line, ordinal)
        if line.below and not view.line and not state.open_questions():
            # A graph inside rests at a static breakpoint.
            self.add("updates", {INTERRUPT: ()})
        if "values" in view.modes and any(write.channel in view.shown for write in live_writes(line)):
            self.values(live_cells(view.channels, line))

    # -- runs

    def goes_on_from(self, place: Line | Checkpoint, line: Line, cells: Cells) -> None:
        """Add what a run goes on from: the state, its checkpoint, and what tasks of the open step wrote before."""
        head = place.head if isinstance(place, Line) else place
        self.values(cells)
        if head is None:
            return
        stood = self.line
        known = stood.tasks if stood.head is not None and stood.head.address == head.address else ()
        # As they stood when the run came: its own starts and answers are not news of the checkpoint.
        tasks = (*known, *place.tasks[len(known) :])
        below = {
            (task.node, task.send): asked
            for ordinal, task in enumerate(known)
            if (asked := self.before.asked_below(stood, ordinal))
        }
        self.checkpoint(line, head, cells, tasks, below, loaded=head.source != "fork" or bool(known))
        self.start(place, line, head, place.tasks)
        if "updates" in self.view.modes:
            for task in place.tasks:
                if task.completed is not None and task.node != START:
                    self.add("updates", update_of(self.view, task, task.completed, cached=True))


def commit_chunks(
    view: RunView,
    events: Sequence[Any],
    before: ThreadState,
    after: ThreadState,
    asked: Sequence[int] = (),
    errors: Mapping[int, BaseException] = _NO_ERRORS,
    lost: Sequence[NodeCompleted] = (),
) -> list[Chunk]:
    """The chunks of one commit, in order: what tasks wrote, as they finished, then the state after the step.

    Args:
        view: of the run.
        events: the commit's events.
        before: the thread's state before the commit: its open step is the one that tasks report from.
        after: the thread's state with the commit.
        asked: ordinals of tasks that paused with a question, asked now or before.
        errors: by ordinal what tasks raised, where the run is live; the log has only its text.
        lost: what tasks of a failed step did, where the run is live; the log does not have it.
    """
    chunks = _Chunks(view, before, after.time, errors)
    line = line_of(view, after)
    tasks = chunks.line.tasks
    starting: list[Task] = []
    for event in events:
        if getattr(event, "ns", "") != view.line:
            continue
        match event:
            case NodeCompleted() if event.task < len(tasks):
                chunks.completed(tasks[event.task], event)
            case NodeFailed() if event.task < len(tasks):
                error = errors.get(event.task, event.error)
                chunks.end(chunks.line.head, tasks[event.task], error=error)
            case StepFailed():
                for done in lost:
                    chunks.completed(tasks[done.task], done)
            case RunStarted():
                head = _opened(line)
                if head is not None:
                    tasks_of_input = (Task(event.node),) if event.node else (start_task(),)
                    chunks.checkpoint(line, head, head.cells, tasks_of_input)
            case StepCommitted():
                if "values" in view.modes and _wrote(view, events, chunks.line, line):
                    chunks.values(line.cells)
                if line.head is not None:
                    chunks.checkpoint(line, line.head, line.cells, [_fresh(task) for task in line.tasks])
            case NodeStarted() if event.task < len(line.tasks):
                starting.append(line.tasks[event.task])
            case RunContinued():
                chunks.goes_on_from(_step_of(events, line), line, _place_of(events, line).cells)
            case RunPaused() if not view.line:
                # Of a breakpoint inside of a graph that is called the root tells, when it pauses as well.
                chunks.add("updates", {INTERRUPT: ()})
    if starting and line.head is not None:
        chunks.start(line, line, line.head, starting)
    for ordinal in asked:
        chunks.asks(after, line, ordinal)
    if any(isinstance(event, RunFinished) and event.status == "interrupted" for event in events):
        chunks.paused(after, line)
    return chunks.chunks


def standing_chunks(view: RunView, state: ThreadState) -> list[Chunk]:
    """The chunks of a run that finds nothing to do: the state as it is, with the questions that it waits at."""
    line = line_of(view, state)
    if rules_of(view.channels, state, line) is not view.channels:
        return []  # a state of another version of the schema, which the view does not show
    chunks = _Chunks(view, state, state.time)
    chunks.goes_on_from(line, line, line.cells)
    if line.run is not None and line.run.status == "interrupted":
        chunks.paused(state, line)
    return chunks.chunks


def line_of(view: RunView, state: ThreadState) -> Line:
    """The line of the thread that the view shows; an empty one where there is none yet."""
    return state.lines.get(view.line) or Line(view.line)


def _fresh(task: Task) -> Task:
    """The task as it was planned."""
    return Task(task.node, task.send, task.payload, task.timeout)


def _opened(line: Line) -> Checkpoint | None:
    """The input checkpoint of the commit that the line's head comes from."""
    head = line.head
    if head is None or head.source == "input":
        return head
    return line.passed or line.before(head)


def _step_of(events: Sequence[Any], line: Line) -> Line | Checkpoint:
    """The step that a run goes on with: the open one, or the one before where the same commit has closed it already."""
    head = line.head
    if head is None or not any(isinstance(event, StepCommitted) for event in events):
        return line
    return line.passed or line.before(head) or line


def _place_of(events: Sequence[Any], line: Line) -> Line | Checkpoint:
    """Where the state is that a run goes on from."""
    if any(isinstance(event, CommandApplied) for event in events):
        # What a Command given as input wrote is in the state that it goes on from, as if the open step had it.
        return line
    return _step_of(events, line)


def update_of(view: RunView, task: Task, event: NodeCompleted, *, cached: bool) -> dict[str, Any]:
    """The `updates` payload of a finished task."""
    update = {task.runs: written(view, event.writes)}
    return {**update, "__metadata__": {"cached": True}} if cached else update


def written(view: RunView, writes: Iterable[Write]) -> Any:
    """What a task wrote, as `updates` shows it: a dict, a list of dicts when a key was written twice, or None."""
    given = [(write.channel, as_given(write)) for write in writes if write.channel in view.shown]
    if view.root is not None or view.bare is not None:
        values = [value for _, value in given]
        return None if not values else values[0] if len(values) == 1 else values
    if not given:
        return None
    if len({key for key, _ in given}) < len(given):
        return [{key: value} for key, value in given]
    return dict(given)


def messages_in(writes: Iterable[Write]) -> Iterable[Any]:
    """The messages among what was given: values themselves, or items of lists; what is still to become one is none."""
    for write in writes:
        value = write.payload.given
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, BaseMessage):
                yield item


def message_metadata(view: RunView, line: Line, task: Task) -> dict[str, Any]:
    """The metadata beside a message that a node wrote."""
    head, shape = line.head, view.node(task.runs)
    given = in_graph(view.metadata)
    if head is not None:
        task_id = ids.task_id(head.id, line.ns, task.runs, task.send)
        step, triggers = head.step + 1, shape.triggers
        given = task_metadata(task.runs, task.send, step, task_id, given, triggers=triggers, ns=view.line)
    return {**given, **shape.metadata}


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


def values_of(view: RunView, cells: Cells) -> Any:
    """The state as `values` shows it."""
    bare = view.bare if view.root is None else view.root
    if bare is not None:
        return read_values(view.channels, cells, (bare,)).get(bare)
    return read_values(view.channels, cells, [key for key in view.keys if key in view.shown])


def live_cells(channels: Channels, line: Line) -> Cells:
    """The state with the open step in it as far as it got: what a caller sees when a run pauses in mid-step.

    Finished tasks count, and what a task had written when it asked, in a path function for instance.
    """
    if not any(task.completed is not None or task.open_questions for task in line.tasks):
        return line.cells
    return merge_or_keep(channels, line.cells, live_writes(line))


def live_writes(line: Line) -> list[Write]:
    """What the open step's tasks wrote, in path order: finished ones, and those that wait for an answer."""
    if not any(task.questions for task in line.tasks):
        return step_writes(line)
    writes: list[Write] = []
    for task in line.tasks:
        if task.node == START and line.head is not None:
            writes.extend(line.head.input_writes)
        elif task.completed is not None:
            writes.extend(task.completed.writes)
        elif task.open_questions:
            writes.extend(task.open_questions[-1].raised.wrote)
    return writes
