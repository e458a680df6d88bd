"""The thread's state as users read it: StateSnapshot and its tasks, of now and of every checkpoint.

Reads are total: they never raise on a thread that clew wrote, whatever became of the graph's code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ...events.vocabulary import END, START, Interrupt, Overwrite, Payload, Write
from ..channels.cells import Cells
from . import ids
from .fold import step_writes
from .merge import Channels, merge_or_keep, read_values
from .namespaces import task_namespace
from .thread import Checkpoint, Line, Question, RunFacts, Task, ThreadState

_ROOT = "__root__"
"""The one channel of a state that is one value."""


class PregelTask(NamedTuple):
    """One task of a super-step, as `get_state` shows it."""

    id: str
    name: str
    path: tuple[str | int | tuple[Any, ...], ...]
    error: Exception | str | None = None
    interrupts: tuple[Interrupt, ...] = ()
    state: Any = None
    result: Any | None = None


class StateSnapshot(NamedTuple):
    """A thread's state at one checkpoint."""

    values: dict[str, Any] | Any
    """The channels' values; finished tasks of the open step included in the live view."""
    next: tuple[str, ...]
    """Nodes that are due and not finished; all of a step whose nodes are finished, but which is not committed."""
    config: dict[str, Any]
    """Coordinates of this checkpoint: thread_id, checkpoint_ns, checkpoint_id."""
    metadata: dict[str, Any] | None
    """source, step, parents, and scalar entries of the run's config metadata."""
    created_at: str | None
    """When the checkpoint was made, ISO 8601 with offset."""
    parent_config: dict[str, Any] | None
    tasks: tuple[PregelTask, ...]
    interrupts: tuple[Interrupt, ...]
    """Questions that wait for an answer."""


class View:
    """How a thread is shown: its channels, its keys, and the config it was asked for with."""

    __slots__ = ("_called", "channels", "configurable", "inside", "keys", "ns", "places", "root", "state")

    def __init__(
        self,
        channels: Channels,
        keys: tuple[str, ...],
        root: str | None,
        configurable: Mapping[str, Any],
        nodes: Iterable[str] = (),
        ns: str = "",
        state: ThreadState | None = None,
        inside: Callable[[str, str], Any] | None = None,
    ) -> None:
        self.channels = channels
        self.keys = tuple(key for key in keys if key not in channels.untracked) if channels.untracked else keys
        self.root = root
        self.configurable = configurable
        self.places = {name: place for place, name in enumerate(nodes)}
        """Node to its place in the order of adding, in which tasks are listed."""
        self.ns = ns
        self.state = ThreadState() if state is None else state
        self.inside = inside
        """What a task shows as its `state`, given its node and namespace; None for nothing."""
        self._called: dict[str, list[Line]] | None = None

    def called_in(self, task: str) -> list[Line]:
        """The lines of the graphs that a task called, also of a task whose step is over."""
        if self._called is None:
            self._called = {}
            for line in (*self.state.closed, *self.state.lines.values()):
                for caller in {checkpoint.run.caller for checkpoint in line.checkpoints() if checkpoint.run}:
                    self._called.setdefault(caller, []).append(line)
        return self._called.get(task, [])

    def rules(self, run: RunFacts | None) -> Channels:
        """What the state of a checkpoint that this run made is read by."""
        if run is None or not (self.channels.schema or self.state.upcasts):
            return self.channels
        return self.channels.then(self.state.graph(run.fingerprint))

    def values(self, cells: Cells, run: RunFacts | None) -> Any:
        """The values of all keys that have one; those of its own schema where the state is one of another version."""
        rules, root, keys = self.rules(run), self.root, self.keys
        if rules is not self.channels:
            root = END if END in rules else _ROOT if _ROOT in rules else None
            keys = tuple(key for key in rules if key not in rules.untracked)
        if root is not None:
            return read_values(rules, cells, (root,)).get(root)
        return read_values(rules, cells, keys)

    def kept(self, writes: Iterable[Write]) -> list[Write]:
        """The writes but those to untracked keys."""
        untracked = self.channels.untracked
        return [write for write in writes if write.channel not in untracked]

    def config(self, checkpoint: Checkpoint | None) -> dict[str, Any]:
        """The coordinates of a checkpoint, for a later call."""
        configurable: dict[str, Any] = {"thread_id": str(self.configurable.get("thread_id")), "checkpoint_ns": self.ns}
        if checkpoint is not None:
            configurable["checkpoint_id"] = checkpoint.id
            if self.ns:
                configurable["checkpoint_map"] = {**parents(checkpoint), self.ns: checkpoint.id}
        return {"configurable": configurable}


def parents(checkpoint: Checkpoint) -> dict[str, str]:
    """Namespace to checkpoint id of the graphs above a sub-graph's checkpoint, outermost first."""
    run = checkpoint.run
    return {} if run is None else {ns: above.id for ns, above in run.above}


def empty_snapshot(view: View, config: Mapping[str, Any]) -> StateSnapshot:
    """What an unknown thread or checkpoint shows."""
    return StateSnapshot({}, (), dict(config), None, None, None, (), ())


def live_snapshot(view: View, line: Line) -> StateSnapshot | None:
    """The thread as it is now: finished tasks of the open step count, `next` has the rest. None for a new thread.

    A step whose last task finished after its run had ended is yet to be committed: then `next` has all of it.
    """
    checkpoint = line.closed_head()
    if checkpoint is None:
        return None
    finished = any(task.completed is not None for task in line.tasks)
    cells = merge_or_keep(view.rules(checkpoint.run), line.cells, _live_writes(line)) if finished else line.cells
    return _snapshot(view, line, checkpoint, cells, live=True)


def record_snapshot(view: View, line: Line, checkpoint: Checkpoint) -> StateSnapshot:
    """A checkpoint as recorded: the state at its step's start, all tasks of the step with what became of them."""
    return _snapshot(view, line, checkpoint, checkpoint.cells, live=False)


def history(view: View, line: Line) -> Iterator[StateSnapshot]:
    """Every checkpoint of the line, newest first, across branches. Lazy: what is not taken costs nothing."""
    for checkpoint in line.checkpoints():
        yield record_snapshot(view, line, checkpoint)


def _live_writes(line: Line) -> list[Any]:
    return [] if line.tasks and line.tasks[0].node == START else step_writes(line)


def _snapshot(view: View, line: Line, checkpoint: Checkpoint, cells: Cells, *, live: bool) -> StateSnapshot:
    parent = None if checkpoint.parent is None else line.at(checkpoint.parent)
    # Sends first, then nodes as they were added: the order that LangGraph lists them in.
    ordered = sorted(checkpoint.tasks, key=lambda task: (task.send < 0, view.places.get(task.node, 0)))
    standing = line.head is not None and line.head.address == checkpoint.address
    numbers = {id(task): ordinal for ordinal, task in enumerate(checkpoint.tasks)}
    tasks = tuple(_task(view, line, checkpoint, numbers[id(task)], live, standing) for task in ordered)
    open_tasks = [task for task in ordered if task.completed is None] if live else ()
    # Work that was recorded late may leave nothing to be run: the step is still to be committed, so it is due.
    due = tuple(task.node for task in open_tasks or ordered)
    created = datetime.fromtimestamp((checkpoint.made or checkpoint.time) / 1_000_000, UTC).isoformat()
    return StateSnapshot(
        values=view.values(cells, checkpoint.run),
        next=due,
        config=view.config(checkpoint),
        metadata=_metadata(checkpoint),
        created_at=created,
        parent_config=None if parent is None else view.config(parent),
        tasks=tasks,
        interrupts=tuple(interrupt for task in tasks for interrupt in task.interrupts),
    )


def _metadata(checkpoint: Checkpoint) -> dict[str, Any]:
    given = checkpoint.run.metadata if checkpoint.run is not None else None
    extra = given.value if isinstance(given, Payload) else {}
    own = {"source": checkpoint.source, "step": checkpoint.step, "parents": parents(checkpoint)}
    return {**own, **extra, **own} if extra else own


def _task(view: View, line: Line, checkpoint: Checkpoint, ordinal: int, live: bool, standing: bool) -> PregelTask:
    task = checkpoint.tasks[ordinal]
    task_id = ids.task_id(checkpoint.id, view.ns, task.node, task.send)
    place = task_namespace(view.ns, task.node, task_id)
    questions = (*task.open_questions, *(view.state.asked_below(line, ordinal) if standing else ()))
    if not live and not questions:
        questions = (*task.questions, *_asked_in(view, place))
    return PregelTask(
        id=task_id,
        name=task.node,
        path=("__pregel_push", task.send, False) if task.send >= 0 else ("__pregel_pull", task.node),
        error=task.failed.error if task.failed is not None else None,
        interrupts=tuple(interrupt_of(question) for question in questions),
        state=None if view.inside is None or task.node == START else view.inside(task.node, place),
        result=_returned(task) if view.root == END else _result(view, checkpoint, task, standing),
    )


def _asked_in(view: View, task: str) -> tuple[Question, ...]:
    """What the graphs that a task called asked, with or without an answer, in the order of the asking."""
    asked: dict[str, Question] = {}
    for line in view.called_in(task):
        for checkpoint in reversed([*line.checkpoints()]):
            if checkpoint.run is None or checkpoint.run.caller != task:
                continue
            for inner in checkpoint.tasks:
                asked.update((question.raised.question, question) for question in inner.questions)
                name = task_namespace(line.ns, inner.node, ids.task_id(checkpoint.id, line.ns, inner.node, inner.send))
                asked.update((question.raised.question, question) for question in _asked_in(view, name))
    return tuple(asked.values())


def interrupt_of(question: Question) -> Interrupt:
    """The question as users see it."""
    schema = question.raised.schema
    declared = None if schema is None else schema.value
    return Interrupt(question.raised.value.value, question.raised.question, response_schema=declared)


def as_given(write: Write) -> Any:
    """What was written, as the node gave it: an `Overwrite` still says that it is one."""
    value = write.payload.given
    return Overwrite(value) if write.overwrite else value


def _returned(task: Task) -> Any:
    """What an entrypoint returned; None while it has not."""
    writes = task.completed.writes if task.completed is not None else ()
    return next((as_given(write) for write in writes if write.channel == END), None)


def _result(view: View, checkpoint: Checkpoint, task: Task, standing: bool) -> Any:
    """What a task wrote, bare where the state is one value; None while it is open.

    `standing`: the checkpoint is the head, so its start task is open.
    """
    if task.node == START:
        writes = None if standing else checkpoint.input_writes
    else:
        writes = None if task.completed is None or task.handler else task.completed.writes
    if writes is None:
        return None
    written = by_channel(view.kept(writes))
    return written if view.root is None else written.get(view.root)


def by_channel(writes: Sequence[Write]) -> dict[str, Any]:
    """Channel to what was written; several writes of one channel as `{"$writes": [...]}`."""
    several: dict[str, list[Any]] = {}
    for write in writes:
        several.setdefault(write.channel, []).append(as_given(write))
    return {channel: given[0] if len(given) == 1 else {"$writes": given} for channel, given in several.items()}
