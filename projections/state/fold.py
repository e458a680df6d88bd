"""The fold: a thread's state and one more commit give the thread's next state. Replay and live use this one code.

`Draft` is a state being written: `say` applies an event. The decider says events on a draft to see where they lead; the
replay says recorded ones. Nothing here calls user code but the reducers behind `merge_writes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import force_setattr, replace

from ...events.stores.store import RESTING, RUNNING, STOPPED, WAITING
from ...events.vocabulary import (
    EXIT,
    START,
    CommandApplied,
    Forked,
    GraphSeen,
    NodeCompleted,
    Recorded,
    RunContinued,
    RunFinished,
    RunPaused,
    RunStarted,
    StateUpdated,
    StepAbandoned,
    StepCommitted,
    StepFailed,
    StepPlanned,
    Taken,
    ThreadErased,
    Unknown,
    Update,
    ValueSaved,
    Write,
)
from ..channels.cells import Cells
from ..channels.shared_map import SharedMap
from . import namespaces, open_step, upcast
from .draft_lines import Lines
from .merge import Channels, MergeError, merge_or_keep, merge_writes
from .questions import with_questions, withdraw_open
from .thread import (
    _NOTHING,
    COMMANDS_MAX,
    Checkpoint,
    Line,
    Log,
    RunFacts,
    Task,
    ThreadState,
    start_task,
    step_after,
)


class Draft:
    """A thread's state with one commit being said on it.

    `state` is current after every `say`. The given state is not touched: what changes is copied first, once a commit.

    Args:
        state: the thread's state before the commit.
        channels: of the graph in `ns`.
        time: microseconds since the epoch.
        entropy: the commit's id.
        ns: namespace of the graph that speaks: what is said is said there.
    """

    __slots__ = (
        "_checkpoints",
        "began",
        "channels",
        "entropy",
        "events",
        "last_only",
        "lines",
        "ns",
        "state",
        "time",
        "version",
    )

    def __init__(self, state: ThreadState, channels: Channels, time: int, entropy: bytes, ns: str = "") -> None:
        self.state = state.copy()
        self.channels = channels
        self.ns = ns
        self.version = state.version + 1
        self.time = time
        self.began = time
        """When the commit was begun: what its checkpoints' ids are made of, with its entropy."""
        self.last_only = False
        """True for the commit of a whole run (durability "exit"): of the checkpoints it makes, the last one stays."""
        self.entropy = entropy
        self.events: list[Any] = []
        self.lines = Lines()
        """The lines by namespace, ready to be changed."""
        self.lines.state = self.state
        self._checkpoints = 0

    def following(self, channels: Channels, ns: str) -> Draft:
        """A draft of the same commit that goes on where this one stands, for a graph that speaks next.

        This one is left as it is, and must not be said more on: what the next one says comes to nothing where the
        graph's command is refused.
        """
        draft = Draft(self.state, channels, self.time, self.entropy, ns)
        draft.version = self.version
        draft.began, draft.last_only = self.began, self.last_only
        draft._checkpoints = self._checkpoints
        return draft

    def go_on(self, began: int) -> None:
        """Go on with a commit that was begun then and is not stored yet: what is said now joins it."""
        self.began = began
        self.last_only = True
        self.version = self.state.version
        self._checkpoints = self.state.checkpoints_made

    def begin_run(self, event: RunStarted | RunContinued) -> None:
        """Take note of how a root graph's run begins: a commit of the whole run was begun before the time it has."""
        self.began = self.time - event.lag
        if event.durability == EXIT:
            self.last_only = True

    def line(self, ns: str | None = None) -> Line:
        """A namespace's line, ready to be changed; that of the graph that speaks if none is named."""
        return self.lines[self.ns if ns is None else ns]

    def rules(self, line: Line) -> Channels:
        """The channels that a line's writes are merged with."""
        if line.ns == self.ns:
            return self.channels
        if line.rules is None:
            run = line.run
            seen = None if run is None else self.state.graph(run.fingerprint)
            line.rules = self.channels.below(namespaces.names(line.ns), seen)
        return line.rules

    def say(self, event: Any, merged: Cells | None = None) -> None:
        """Add an event of the speaking graph to the commit and apply it.

        Args:
            event: what happened.
            merged: for a checkpoint event, the cells after its merge where somebody already worked them out.
        """
        if self.ns and not event.ns:
            force_setattr(event, "ns", self.ns)
        self.events.append(event)
        applied = _APPLY.get(type(event))
        if applied is not None:
            applied(self, event, merged)

    def record(self, event: Any, merged: Cells | None = None) -> None:
        """Add an event to the commit as it is, and apply it: one of another namespace, or of a commit read back."""
        self.events.append(event)
        applied = _APPLY.get(type(event))
        if applied is not None:
            applied(self, event, merged)

    def finish(self, digest: bytes = b"", command: str = "") -> ThreadState:
        """The state after the commit: versioned, timed, and with the thread's status for the store's head."""
        state = self.state
        state.version = self.version
        state.time = self.time
        state.digest = digest
        state.checkpoints_made = self._checkpoints
        if command and state.commands.get(command) != self.version:
            # Without itself: each further commit of its run would push out the id of another command.
            others = [known for known in state.commands.items() if known[0] != command]
            state.commands = {**dict(others[-(COMMANDS_MAX - 1) :]), command: self.version}
            if state.entered[0] == self.version:
                state.entered = (self.version, command)
        self._settle()
        state.status = _status(state, self.lines.get("") or state.lines.get(""))
        return state

    def standing(self, time: int) -> ThreadState:
        """The state between two decisions of the commit, the first one made at this time: what follows leaves it be."""
        self._settle()
        state = self.state.copy()
        state.version, state.time = self.version, time
        state.lines = SharedMap({ns: line.copy() for ns, line in state.lines.items()})
        return state

    def _settle(self) -> None:
        """Bring up to date what is worked out once for all that was said."""
        asking = self.state.asking
        for ns, line in self.lines.items():
            line.tasks = tuple(line.tasks)
            if (ns in asking) != line.asks:
                asking ^= {ns}
        # Lines that were closed in this commit ask no longer.
        self.state.asking = frozenset(ns for ns in asking if ns in self.state.lines) if asking else asking

    def checkpoint(
        self,
        line: Line,
        source: str,
        cells: Cells,
        *,
        parent: Checkpoint | None,
        writers: tuple[str, ...],
        input_writes: tuple[Write, ...] = (),
        step: int | None = None,
        run: RunFacts | None = None,
        lag: int = 0,
    ) -> None:
        """Make a checkpoint the head of its line; the old head goes to the past with its step as it stands.

        Where only a run's last checkpoint stays, the head that this very commit made is passed over instead.
        """
        closed = line.closed_head()
        passed = closed if self.last_only and source == "loop" and _made_in(self.version, closed) else None
        if closed is not None and passed is None:
            line.keep_in_past(closed)
        line.passed = passed
        line.head = Checkpoint(
            (self.version, self._checkpoints),
            self.began,
            self.entropy,
            step_after(parent, source) if step is None else step,
            source,
            cells,
            line.run if run is None else run,
            passed.parent if passed is not None else None if parent is None else parent.address,
            input_writes,
            (),
            _NOTHING,
            (),
            writers,
            self.time - lag if self.last_only else 0,
        )
        self._checkpoints += 1
        line.cells = cells
        line.tasks = ()
        line.failure = ""
        line.paused = None
        line.ahead = None
        line.arrivals = _NOTHING
        line.deferred = ()
        if line.below:
            self.close_below(line, forget=passed is not None)

    def close_below(self, line: Line, *, forget: bool = False) -> None:
        """The step in which graphs were called is over: their lines go to the closed ones, all but those that go on.

        `forget`: nobody can come upon them, since the step's own checkpoint was passed over.
        """
        lines = dict(self.state.lines)
        over = list(line.below)
        for ns in over:
            called = lines.get(ns)
            if called is None or namespaces.continues(ns):
                continue
            del lines[ns]
            self.lines.pop(ns, None)
            if not forget:
                self.state.closed = self.state.closed.with_item(called)
            over.extend(called.below)
        line.below = ()
        self.state.lines = SharedMap(lines)


class _Versioned(Draft):
    """A commit read back of a thread that knows versions of a schema: each line by the rules that its state has."""

    __slots__ = ()

    def rules(self, line: Line) -> Channels:
        seen = upcast.made_by(self.state, line)
        line.rules = self.channels.below(namespaces.names(line.ns), seen).then(seen)
        return line.rules


def _made_in(version: int, checkpoint: Checkpoint | None) -> bool:
    return checkpoint is not None and checkpoint.address[0] == version


def fold(state: ThreadState, recorded: Recorded, channels: Channels) -> ThreadState:
    """The thread's state after one more recorded commit. Law: fold(fold(s, a), b) is the fold of a then b."""
    draft = draft_of(state, recorded, channels)
    commit = recorded.commit
    for event in commit.events:
        draft.record(event)
    if draft.state.upcasts and not state.upcasts and type(draft) is Draft:
        # The first graph with another version of the schema was seen in this very commit.
        return fold(replace(state, upcasts=True), recorded, channels)
    return draft.finish(recorded.digest, commit.command)


def draft_of(state: ThreadState, recorded: Recorded, channels: Channels) -> Draft:
    """A draft on which a commit that was read back is said."""
    commit = recorded.commit
    kind = _Versioned if state.upcasts or channels.schema else Draft
    draft = kind(state, channels, commit.time, commit.id)
    draft.version = recorded.version
    return draft


def fold_all(state: ThreadState, commits: Iterable[Recorded], channels: Channels) -> ThreadState:
    """The thread's state after all the commits, in order."""
    for recorded in commits:
        state = fold(state, recorded, channels)
    return state


def step_writes(line: Line) -> list[Write]:
    """What the open step's completed tasks wrote, in path order."""
    writes: list[Write] = []
    for task in line.tasks:
        if task.node == START and line.head is not None:
            writes.extend(line.head.input_writes)
        elif task.completed is not None:
            writes.extend(task.completed.writes)
    return writes


def _status(state: ThreadState, root: Line | None) -> int:
    if root is None:
        return RESTING
    if root.run is not None and root.run.status == "running":
        return RUNNING
    if state.asking and state.open_questions():
        return WAITING
    return STOPPED if root.tasks else RESTING


def _graph_seen(draft: Draft, event: GraphSeen, _: Cells | None) -> None:
    draft.state.graphs = (*draft.state.graphs, event)
    if event.schema:
        draft.state.upcasts = True


def _run_started(draft: Draft, event: RunStarted, _: Cells | None) -> None:
    if not event.ns:
        draft.begin_run(event)
        draft.state.turn_started = draft.time - event.lag
        draft.state.entered = (draft.version, "")
    line = draft.lines[event.ns]
    head = line.head
    base = 0 if head is None else head.step + 2
    line.run = RunFacts(event.run, event.fingerprint, event.metadata, event.durability, base, process=event.process)
    if event.ns:
        line.place = event.place
        _called(draft, line, event, fresh=head is None)
    cells = line.cells if head is None else head.cells
    rules = draft.rules(line)
    if rules.untracked:
        cells = rules.without_untracked(cells)
    writers = () if head is None else head.writers
    writes = tuple(event.writes)
    draft.checkpoint(line, "input", cells, parent=head, writers=writers, input_writes=writes, lag=event.lag)
    line.tasks = (Task(event.node, payload=event.writes[0].payload),) if event.node else (start_task(),)


def _called(draft: Draft, line: Line, event: RunStarted | RunContinued, *, fresh: bool = False) -> None:
    """A graph was called in a task of another one: it hangs below that one's open step. `fresh`: for the first time."""
    caller = namespaces.calling_task(event.ns, event.caller)
    outside = namespaces.graph_of(caller)
    above = draft.state.lines.get(outside)
    line.task = event.calling
    line.rules = draft.channels if event.ns == draft.ns else None
    if line.run is None or above is None or above.head is None:
        return
    over = above.run.above if above.run is not None else ()
    line.run = replace(line.run, caller=caller, above=(*over, (outside, above.head)))
    earlier = above.tasks[event.calling].called if event.calling < len(above.tasks) else ()
    if not fresh and event.ns in earlier:
        return
    above = draft.lines[outside]
    above.change_task(event.calling, called=(earlier or _no_names()).with_item(event.ns))
    if fresh or event.ns not in above.below:
        above.below = (above.below or _no_names()).with_item(event.ns)


def _no_names() -> Log[str]:
    names: Log[str] = Log()  # spelled `Log[str]()`, it is made through four functions of `typing`
    return names


def _run_continued(draft: Draft, event: RunContinued, _: Cells | None) -> None:
    if not event.ns:
        draft.begin_run(event)
    line = draft.lines[event.ns]
    base = 0 if line.head is None else line.head.step
    line.run = RunFacts(event.run, event.fingerprint, event.metadata, event.durability, base, process=event.process)
    if event.ns:
        _called(draft, line, event)
    line.paused = None
    line.failure = ""
    rules = draft.rules(line)
    if rules.untracked:
        line.cells = rules.without_untracked(line.cells)


def _command_applied(draft: Draft, event: CommandApplied, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    if event.writes:
        line.cells = merge_or_keep(draft.rules(line), line.cells, event.writes)
        if line.head is not None:
            # The state of the checkpoint itself: whatever becomes of its step, new input included, it stays written.
            line.head = replace(line.head, cells=line.cells)
    if event.answer is not None:
        line.ahead = event.answer


def _run_paused(draft: Draft, event: RunPaused, _: Cells | None) -> None:
    draft.lines[event.ns].paused = (event.where, tuple(event.nodes))


def _run_finished(draft: Draft, event: RunFinished, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    if line.run is not None:
        line.run = replace(line.run, status=event.status)
    rules = draft.rules(line) if event.status == "completed" else None
    if rules is not None and rules.at_end:
        line.cells = rules.finished(line.cells)
        if line.head is not None:
            line.head = replace(line.head, cells=line.cells)


def _value_saved(draft: Draft, event: ValueSaved, _: Cells | None) -> None:
    draft.state.saved = event.value


def _taken(draft: Draft, event: Taken, _: Cells | None) -> None:
    draft.state.owner = event.owner
    draft.state.epoch = event.epoch


def _step_planned(draft: Draft, event: StepPlanned, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    planned = [*line.tasks]
    sends = sum(1 for task in planned if task.send >= 0) if planned else 0
    for task in event.tasks:
        if task.send:
            planned.append(Task(task.node, sends, task.payload, task.timeout))
            sends += 1
        else:
            planned.append(Task(task.node))
    line.tasks = tuple(planned)
    line.arrivals = {key: tuple(sources) for key, sources in event.arrivals.items()} if event.arrivals else _NOTHING
    line.deferred = tuple(event.deferred)


def _step_committed(draft: Draft, event: StepCommitted, merged: Cells | None) -> None:
    line = draft.lines[event.ns]
    if merged is None:
        try:
            merged = merge_writes(draft.rules(line), line.cells, step_writes(line))
        except MergeError:
            # The graph's rules changed since the step was committed. Reads are total: what still merges is kept.
            merged = merge_or_keep(draft.rules(line), line.cells, step_writes(line))
    writers = tuple(dict.fromkeys([task.node for task in line.tasks]))
    draft.checkpoint(line, "loop", merged, parent=line.head, writers=writers, lag=event.lag)


def _step_failed(draft: Draft, event: StepFailed, _: Cells | None) -> None:
    line = draft.lines[event.ns]
    line.failure = event.error
    for ordinal in event.tasks:
        line.change_task(ordinal, completed=None)


def _step_abandoned(draft: Draft, event: StepAbandoned, _: Cells | None) -> None:
    line, state = draft.lines[event.ns], draft.state
    if not event.ns and _takes_input(line):
        # The input goes with the step that should have taken it: its command, sent again, is new.
        state.commands = {command: at for command, at in state.commands.items() if command != state.entered[1]}
    _abandon(draft, line)


def _takes_input(line: Line) -> bool:
    """True while the open step is the one that takes an input; an entrypoint that asked has told its caller."""
    if line.tasks and line.tasks[0].node == START:
        return True
    asked = line.run is not None and line.run.status in ("interrupted", "paused")
    return bool(line.tasks) and line.head is not None and line.head.source == "input" and not asked


def _abandon(draft: Draft, line: Line) -> None:
    line.tasks = tuple(with_questions(task, withdraw_open("abandoned")) for task in line.tasks)
    for ns in line.below:
        if ns in draft.state.lines:
            _abandon(draft, draft.lines[ns])


def _edited(draft: Draft, ns: str) -> Line:
    """A namespace's line to be changed by hand, taken back from the closed ones where its step is over."""
    if ns and ns not in draft.state.lines:
        known = draft.state.last_line(ns)
        if known.head is not None:
            draft.lines.put(known.copy())
    return draft.lines[ns]


def _state_updated(draft: Draft, event: StateUpdated, merged: Cells | None) -> None:
    line = _edited(draft, event.ns)
    if merged is None:
        merged = merge_or_keep(draft.rules(line), line.cells, update_writes(line, event.updates))
    writers = tuple(dict.fromkeys(update.as_node for update in event.updates))
    for update in event.updates:
        if update.task >= 0:
            line.change_task(update.task, completed=NodeCompleted(task=update.task, writes=update.writes))
    seen = upcast.made_by(draft.state, line)
    run = line.described(event.metadata)
    if seen is not None and run.fingerprint != seen.fingerprint:
        run = replace(run, fingerprint=seen.fingerprint)
    draft.checkpoint(line, "update", merged, parent=line.head, writers=writers, run=run)


def update_writes(line: Line, updates: Iterable[Update]) -> list[Write]:
    """What an update merges: the finished siblings' writes of the open step first, then each update's, in order."""
    writes = [write for task in line.tasks if task.completed is not None for write in task.completed.writes]
    for update in updates:
        writes.extend(update.writes)
    return writes


def _forked(draft: Draft, event: Forked, _: Cells | None) -> None:
    line = _edited(draft, event.ns)
    if event.version < 0:
        closed = line.closed_head()
        past = line.past if closed is None else line.past.with_item(closed)
        if line.below:
            draft.close_below(line)
        draft.lines.put(Line(line.ns, past=past, run=line.run, rules=line.rules))
        return
    origin = line.at((event.version, event.ordinal))
    if origin is None:
        return
    if event.rerun:
        # Of a commit that a whole run kept open, this is said before the run begins.
        draft.began = draft.time - event.lag
        draft.checkpoint(
            line,
            "fork",
            origin.cells,
            parent=line.before(origin) if event.sibling else origin,
            writers=origin.writers,
            input_writes=origin.input_writes,
            step=origin.step + 1,
            run=_as_made(origin, line.described(event.metadata)),
        )
        line.tasks = tuple(Task(task.node, task.send, task.payload, task.timeout) for task in origin.tasks)
        line.arrivals = origin.arrivals
        line.deferred = origin.deferred
        return
    closed = line.closed_head()
    if closed is not None:
        # Also where it is the origin itself: its step goes to the past as it stood, with its questions.
        line.keep_in_past(closed)
    if line.below:
        draft.close_below(line)
    draft.lines.put(line.standing_at(origin))


def _as_made(origin: Checkpoint, run: RunFacts) -> RunFacts:
    """A branch's facts: its state is one of the graph that made the origin's, whichever graph ran last."""
    made = origin.run
    return run if made is None or made.fingerprint == run.fingerprint else replace(run, fingerprint=made.fingerprint)


def _thread_erased(draft: Draft, event: ThreadErased, _: Cells | None) -> None:
    if event.epoch:
        draft.state.epoch = event.epoch
    else:
        draft.state.erased = True


def _unknown(draft: Draft, event: Unknown, _: Cells | None) -> None:
    draft.state.unknown = True


_APPLY: dict[type, Callable[[Draft, Any, Cells | None], None]] = {
    **open_step.APPLY,
    **upcast.APPLY,
    GraphSeen: _graph_seen,
    RunStarted: _run_started,
    RunContinued: _run_continued,
    CommandApplied: _command_applied,
    RunPaused: _run_paused,
    RunFinished: _run_finished,
    ValueSaved: _value_saved,
    Taken: _taken,
    StepPlanned: _step_planned,
    StepCommitted: _step_committed,
    StepFailed: _step_failed,
    StepAbandoned: _step_abandoned,
    StateUpdated: _state_updated,
    Forked: _forked,
    ThreadErased: _thread_erased,
    Unknown: _unknown,
}
