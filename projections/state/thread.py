"""What a thread's events amount to: its checkpoints, the open super-step with its tasks and questions, its runs.

Everything here is a value. The fold (fold.py) makes new ones; nobody changes one that was handed out. `gc=False` on the
small ones: none of them is ever part of a cycle, and a million of them need not be walked by every full collection.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from ...events.stores.store import RESTING
from ...events.vocabulary import (
    START,
    EffectRecorded,
    GraphSeen,
    InterruptRaised,
    Limits,
    NodeCompleted,
    NodeFailed,
    Payload,
    Resumed,
    Write,
)
from ..channels.cells import Cells
from ..channels.shared_map import SharedMap
from . import ids

Item = TypeVar("Item")

_NOTHING: Mapping[str, Any] = {}
"""The empty mapping of every new state; nobody writes to it, so all threads share it."""
_NO_CELLS = Cells()
_NO_LINES: SharedMap[Any] = SharedMap()
_NOBODY: frozenset[str] = frozenset()

COMMANDS_MAX = 256
"""How many command ids a thread remembers to recognise a repeated command."""


class Log(Generic[Item]):
    """An append-only sequence as a value: versions share one list, each knows its own length.

    Appending to the longest version costs O(1); appending to a shorter one (another branch of work on the same state)
    copies. Readers on other threads append too, when they fold what is new onto a state that they share: whose item
    came to lie right behind the version it was appended to has the list, the other copies.
    """

    __slots__ = ("_items", "_length", "last")

    def __init__(self, items: list[Item] | None = None) -> None:
        self._items: list[Item] = [] if items is None else items
        self._length = len(self._items)
        self.last: Item | None = self._items[-1] if items else None
        """The last item; None of an empty one."""

    def with_item(self, item: Item) -> Log[Item]:
        """The sequence with `item` at its end."""
        items, length = self._items, self._length
        if len(items) == length:
            items.append(item)
        if len(items) == length or items[length] is not item:
            items = [*items[:length], item]
        longer: Log[Item] = Log.__new__(Log)
        longer._items = items
        longer._length = length + 1
        longer.last = item
        return longer

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Item:
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._items[index if index >= 0 else self._length + index]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items[: self._length])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Log) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __reversed__(self) -> Iterator[Item]:
        return (self._items[index] for index in range(self._length - 1, -1, -1))


class Question(Struct, frozen=True, gc=False):
    """A question and what became of it."""

    raised: InterruptRaised
    asked_at: int
    """Microseconds since the epoch."""
    run: str = ""
    """Id of the run that asked."""
    fingerprint: bytes = b""
    """Fingerprint of the graph that asked."""
    answer: Resumed | None = None
    answered_at: int = 0
    answered_by: str = ""
    """Who answered; the id of the answering run where nobody said who."""
    withdrawn: str = ""
    """Why it is no longer asked; "" while it is."""
    drifted: bool = False
    """True when its answer was taken for another question in its place."""

    @property
    def open(self) -> bool:
        """True while the question waits for its answer."""
        return self.answer is None and not self.withdrawn


class Task(Struct, frozen=True, gc=False):
    """One task of a super-step and how far it got."""

    node: str
    send: int = -1
    """Its place among the step's Sends; -1 when an edge triggered it."""
    payload: Payload | None = None
    """A Send's argument."""
    timeout: float | Limits | None = None
    attempt: int = 0
    """How often it was started."""
    completed: NodeCompleted | None = None
    failed: NodeFailed | None = None
    """How it failed last. Also of a task that was run again since: its record shows both."""
    questions: tuple[Question, ...] = ()
    effects: tuple[EffectRecorded, ...] = ()
    called: tuple[()] | Log[str] = ()
    """Namespaces of the graphs that it called, in order. Those that go on may have another task's call by now."""
    answered: int = 0
    """The attempt whose question was answered last; 0 for none."""

    @property
    def handler(self) -> str:
        """Name of the error handler that has taken over from the node; "" while none has."""
        return "" if self.failed is None else self.failed.handled_by

    @property
    def runs(self) -> str:
        """Name of what runs, or ran, for this task: its node, or the error handler that has taken over."""
        return self.node if self.failed is None else self.failed.handled_by or self.node

    @property
    def unheard(self) -> bool:
        """True for a task that got an answer and was not started since."""
        return self.answered > 0 and self.answered == self.attempt and self.completed is None

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """The questions it waits for."""
        if not self.questions or self.completed is not None:
            return ()
        return tuple([question for question in self.questions if question.answer is None and not question.withdrawn])


class RunFacts(Struct, frozen=True, gc=False):
    """What is known of a run."""

    id: str
    fingerprint: bytes
    metadata: Payload | None = None
    durability: str = "sync"
    base_step: int = 0
    """Step number at which the run began: what it took is the head's step less this."""
    status: str = "running"
    """"running" until `RunFinished` says otherwise."""
    caller: str = ""
    """Namespace of the task that called a sub-graph; "" for the root graph's runs."""
    above: tuple[tuple[str, Checkpoint], ...] = ()
    """(namespace, checkpoint) of the graphs above a sub-graph when it was called, outermost first."""
    process: str = ""
    """Of a root graph's run: name of the process that works on it."""


class Checkpoint(Struct, frozen=True, gc=False):
    """A state of a thread that can be returned to, with the super-step that followed from it."""

    address: tuple[int, int]
    """Its place in the log: version of the commit that made it, and which checkpoint of that commit, from 0."""
    time: int
    """When its commit was begun, microseconds since the epoch."""
    entropy: bytes
    step: int
    """-1 for a thread's first input, then one more for each."""
    source: str
    """"input", "loop", "update" or "fork"."""
    cells: Cells
    run: RunFacts | None = None
    parent: tuple[int, int] | None = None
    """(version, ordinal) of the checkpoint before it on its branch."""
    input_writes: tuple[Write, ...] = ()
    """For source "input": what the hidden start task is about to write."""
    tasks: tuple[Task, ...] = ()
    """The super-step after it, as far as it got."""
    arrivals: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    """Joins partly filled: key to sources that arrived."""
    deferred: tuple[str, ...] = ()
    """Deferred nodes that wait until nothing else is left to run."""
    writers: tuple[str, ...] = ()
    """Nodes whose writes made it: what `update_state` takes for granted when it is not told a node."""
    made: int = 0
    """When it was made, where that is not `time`: in a commit that a run kept open to its end. 0 otherwise."""

    @property
    def version(self) -> int:
        """Version of the commit that made it."""
        return self.address[0]

    @property
    def ordinal(self) -> int:
        """Which checkpoint of that commit it is, from 0."""
        return self.address[1]

    @property
    def id(self) -> str:
        """The checkpoint's id: a UUID version 6 string."""
        return ids.checkpoint_id(self.time, self.address[1], self.entropy)

    @property
    def ticks(self) -> int:
        """When it was made, in 100-nanosecond ticks since the epoch: unique in its thread."""
        return self.time * ids.TICKS_PER_MICROSECOND + self.address[1]


class Line(Struct, eq=False):
    """One namespace of a thread: its head checkpoint with the open super-step, and the checkpoints before.

    Only a draft changes one, and only its own copy.
    """

    ns: str = ""
    head: Checkpoint | None = None
    past: Log[Checkpoint] = field(default_factory=lambda: Log())
    """Every checkpoint that was head before, of all branches, oldest first."""
    tasks: Sequence[Task] = ()
    """The open super-step's tasks in path order, a tuple once a commit is said. Ordinals name them in events."""
    cells: Cells = _NO_CELLS
    """What the open step's tasks see: the head's cells, less untracked ones where they were read from a store."""
    arrivals: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    deferred: tuple[str, ...] = ()
    paused: tuple[str, tuple[str, ...]] | None = None
    """("before" | "after", nodes) while a run rests at a static breakpoint."""
    failure: str = ""
    """Why the open step could not be merged; "" when it was not tried or succeeded."""
    ahead: Payload | None = None
    """An answer that waits for the first question of the open step."""
    passed: Checkpoint | None = None
    """The checkpoint that the head took the place of, in a run that keeps its last one only; None for none."""
    run: RunFacts | None = None
    """The last run in this namespace, whether it goes on or not."""
    below: tuple[()] | Log[str] = ()
    """Namespaces of the graphs that tasks of the open step called, in the order of the calls."""
    task: int = 0
    """Of a sub-graph: the ordinal of the calling task."""
    place: str = ""
    """Of a sub-graph: where in the calling task it was called."""
    rules: Any = None
    """Of a sub-graph: the channels that its writes are merged with."""

    copy = Struct.__copy__  # type: ignore[attr-defined]
    """A line that the fold may change; everything in it is shared."""

    def keep_in_past(self, closed: Checkpoint) -> None:
        """Add what was the head to the past, unless it came from there."""
        last = self.past.last
        if last is None or last.address < closed.address:
            self.past = self.past.with_item(closed)

    def change_task(self, ordinal: int, **changes: Any) -> None:
        """Put a changed task in the place of one; nothing where there is none."""
        tasks = self.tasks
        if 0 <= ordinal < len(tasks):
            if not isinstance(tasks, list):
                # The draft's own while the commit is said: a thousand tasks that start are not copied a thousand times.
                self.tasks = tasks = list(tasks)
            tasks[ordinal] = replace(tasks[ordinal], **changes)

    def handled(self, ordinal: int) -> NodeFailed | None:
        """The failure of a task that an error handler has taken over: it stays, whatever becomes of the handler."""
        failed = self.tasks[ordinal].failed if ordinal < len(self.tasks) else None
        return failed if failed is not None and failed.handled_by else None

    @property
    def unfinished(self) -> tuple[Task, ...]:
        """Tasks of the open step that are not completed."""
        return tuple(task for task in self.tasks if task.completed is None)

    @property
    def asks(self) -> bool:
        """True while a question of the open step waits for an answer."""
        for task in self.tasks:  # noqa: SIM110  # a generator's frame for each commit costs more than the loop
            if task.questions and task.open_questions:
                return True
        return False

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """Questions of the open step that wait for an answer, in task order."""
        return tuple([question for task in self.tasks if task.questions for question in task.open_questions])

    def described(self, metadata: Payload | None) -> RunFacts:
        """What a checkpoint made by hand shows of its making: the last run's facts under the caller's own metadata."""
        run = self.run
        return RunFacts("", b"", metadata) if run is None else replace(run, metadata=metadata)

    def closed_head(self) -> Checkpoint | None:
        """The head with the open step as it stands: what the history shows for it."""
        head = self.head
        if head is None:
            return None
        return Checkpoint(
            head.address,
            head.time,
            head.entropy,
            head.step,
            head.source,
            head.cells,
            head.run,
            head.parent,
            head.input_writes,
            tuple(self.tasks),
            self.arrivals,
            self.deferred,
            head.writers,
            head.made,
        )

    def standing_at(self, origin: Checkpoint) -> Line:
        """The line as it would be with an earlier checkpoint as its head: for working out an update from there."""
        line = self.copy()
        line.head = origin
        line.cells = origin.cells
        line.tasks = tuple(Task(task.node, task.send, task.payload, task.timeout) for task in origin.tasks)
        line.arrivals = origin.arrivals
        line.deferred = origin.deferred
        line.failure = ""
        line.paused = None
        line.ahead = None
        return line

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Every checkpoint of the namespace, newest first, across branches."""
        head = self.closed_head()
        if head is not None:
            yield head
        yield from reversed(self.past)

    def find(self, checkpoint: str) -> Checkpoint | None:
        """The checkpoint of this id, or None. Found by the time the id carries: O(log n)."""
        ticks = ids.checkpoint_ticks(checkpoint)
        if ticks is None:
            return None
        head = self.head
        if head is not None and head.ticks == ticks:
            found = self.closed_head()
        else:
            place = bisect_left(_Ticks(self.past), ticks)
            found = self.past[place] if place < len(self.past) else None
        return found if found is not None and found.id == checkpoint else None

    def before(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """The checkpoint before this one on its branch, or None."""
        return None if checkpoint.parent is None else self.at(checkpoint.parent)

    def at(self, address: tuple[int, int]) -> Checkpoint | None:
        """The checkpoint at (version, ordinal), or None."""
        head = self.head
        if head is not None and head.address == address:
            return self.closed_head()
        place = bisect_left(_Addresses(self.past), address)
        found = self.past[place] if place < len(self.past) else None
        return found if found is not None and found.address == address else None


class _Ticks:
    """A log's checkpoint times, as bisect wants to see them."""

    def __init__(self, log: Log[Checkpoint]) -> None:
        self._log = log

    def __len__(self) -> int:
        return len(self._log)

    def __getitem__(self, index: int) -> Any:
        return self._log[index].ticks


class _Addresses(_Ticks):
    """A log's checkpoint addresses, as bisect wants to see them."""

    def __getitem__(self, index: int) -> Any:
        return self._log[index].address


class ThreadState(Struct, eq=False):
    """The snapshot of a thread: what folding its commits gives. `version` -1 is a thread nobody wrote to yet.

    Only a draft changes one, and only its own copy: whoever was handed a state may keep it.
    """

    version: int = -1
    time: int = 0
    """Time of the last commit, microseconds since the epoch."""
    digest: bytes = b""
    """The chain up to the last commit; empty for a new thread."""
    lines: SharedMap[Line] = _NO_LINES
    """Namespace to line: the root graph's, those of graphs that tasks of open steps called, and those that continue."""
    closed: Log[Line] = field(default_factory=lambda: Log())
    """Lines of calls whose step is over, in the order in which their steps ended."""
    asking: frozenset[str] = _NOBODY
    """Namespaces with a question in their open step that waits for an answer."""
    status: int = RESTING
    graphs: tuple[GraphSeen, ...] = ()
    """The graphs that worked on the thread, each version of their code once."""
    commands: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    """Command ids seen lately, with the version of their commit."""
    entered: tuple[int, str] = (-1, "")
    """The last new input: version, and its command id where it had one."""
    answered: tuple[Question, ...] = ()
    """The last answered questions, newest last (bounded), to name the winner to whoever comes late."""
    turn_started: int = 0
    """When the last new input came, microseconds since the epoch."""
    saved: Payload | None = None
    owner: str = ""
    epoch: int = 0
    upcasts: bool = False
    """True once the log names a graph with upcasters: each line is merged by the rules of its own version then."""
    unknown: bool = False
    """True when a newer clew wrote events here: such a thread can be read, never appended to."""
    erased: bool = False
    checkpoints_made: int = 0
    """Checkpoints in the last commit: the next commit's time leaves room for their ids."""
    stored: ThreadState | None = None
    """For a state that a run works on and that is not stored yet: the thread as the store has it. None otherwise."""

    copy = Struct.__copy__  # type: ignore[attr-defined]
    """A state that the fold may change; everything in it is shared."""

    def graph(self, fingerprint: bytes) -> GraphSeen | None:
        """What is known of the graph with this fingerprint."""
        return next((seen for seen in self.graphs if seen.fingerprint == fingerprint), None)

    @property
    def root(self) -> Line:
        """The root graph's line; an empty one for a new thread."""
        return self.lines.get("") or Line()

    @property
    def run(self) -> RunFacts | None:
        """The root graph's last run, whether it goes on or not."""
        line = self.lines.get("")
        return None if line is None else line.run

    @property
    def running(self) -> bool:
        """True when the log says that a run has begun and not ended."""
        run = self.run
        return run is not None and run.status == "running"

    def line(self, ns: str) -> Line:
        """The line of a namespace; an empty one where nothing has run there, or its step is over."""
        return self.lines.get(ns) or Line(ns)

    def last_line(self, ns: str) -> Line:
        """As `line`, but that of a call whose step is over as well. Costs a walk through those."""
        known = self.lines.get(ns)
        if known is None and ns:
            known = next((line for line in reversed(self.closed) if line.ns == ns), None)
        return known or Line(ns)

    def live_lines(self, ns: str = "") -> Iterator[Line]:
        """A namespace's line, then those of the graphs that unfinished tasks of its open step called, and so on."""
        line = self.lines.get(ns)
        if line is None:
            return
        yield line
        below = [self.lines[inner] for inner in line.below if inner in self.lines]
        for called in sorted(below, key=lambda inner: inner.task) if below else ():
            if called.task < len(line.tasks) and line.tasks[called.task].completed is None:
                yield from self.live_lines(called.ns)

    def asked_below(self, line: Line, ordinal: int) -> tuple[Question, ...]:
        """What the graphs that a task called wait for, themselves or further below."""
        if not line.below or line.tasks[ordinal].completed is not None:
            return ()
        called = self.called(line, ordinal)
        return tuple(asked for graph in called for below in self.live_lines(graph.ns) for asked in below.open_questions)

    def called(self, line: Line, ordinal: int) -> list[Line]:
        """The lines of the graphs that a task of the line's open step called, in the order of the calls."""
        known = (self.lines.get(ns) for ns in line.tasks[ordinal].called)
        return [called for called in known if called is not None and called.task == ordinal]

    def waits(self, line: Line, ordinal: int) -> bool:
        """True when a task of the line's open step waits for an answer, itself or through a graph it called."""
        return bool(line.tasks[ordinal].open_questions or self.asked_below(line, ordinal))

    def unheard(self, line: Line, ordinal: int) -> bool:
        """True when a task that waits for no answer has one, itself or below, that it was not started for yet."""
        task = line.tasks[ordinal]
        if task.completed is not None or self.waits(line, ordinal):
            return False
        below = [inner for called in self.called(line, ordinal) for inner in self.live_lines(called.ns)]
        if any(inner.paused is not None for inner in below):
            return False
        return task.unheard or any(other.unheard for inner in below for other in inner.tasks)

    def open_questions(self, ns: str = "") -> tuple[Question, ...]:
        """Every question that waits for an answer, in a namespace and in those below it."""
        line = self.lines.get(ns)
        if line is None:
            return ()
        if not line.below:
            return line.open_questions
        return tuple(question for live in self.live_lines(ns) for question in live.open_questions)

    def paused_at(self, ns: str = "") -> tuple[str, tuple[str, ...]] | None:
        """The static breakpoint at which the namespace, or one below it, rests."""
        return next((line.paused for line in self.live_lines(ns) if line.paused is not None), None)


def start_task() -> Task:
    """The hidden task that copies an input into the state and fires START's edges."""
    return Task(START)


def step_after(parent: Checkpoint | None, source: str) -> int:
    """The number of the step that a checkpoint with this parent stands at."""
    if parent is None:
        return -1 if source == "input" else 0
    return parent.step + 1


def remaining(kind: str, step: int, base: int, steps_max: int) -> int | bool:
    """What a managed value is for a task: the super-steps that its run has left after this one, or whether few are.

    Args:
        kind: "remaining_steps", or "is_last_step".
        step: of the checkpoint that the task's super-step follows.
        base: the step number at which the run began, or went on.
        steps_max: super-steps that the run may take.
    """
    left = steps_max - (step - base + 1)
    return left if kind == "remaining_steps" else left <= 1
