"""What a thread can be asked to do, and the terms of the asking. Plain values: time and entropy come with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ...events.vocabulary import (
    AnswerRefused,
    EffectRecorded,
    InterruptRaised,
    Payload,
    QuestionDrifted,
    QuestionWithdrawn,
    Resumed,
    Route,
    StateUpcast,
    Update,
    Write,
)
from ...projections.channels.cells import Cells
from ...projections.state.merge import Channels, MergeError
from ...projections.state.thread import Task


class Moment(Struct, frozen=True):
    """When a command is decided, and the chance that goes into its ids."""

    time: int
    """Microseconds since the epoch; later than the thread's last commit."""
    entropy: bytes
    """16 random bytes: the commit's id."""
    began: int = 0
    """For what joins a commit that is not stored yet: when that was begun. 0 for a commit of its own."""


class Terms(Struct, frozen=True):
    """How a run is to be run: given by the caller of `invoke` and its like, the same for all its steps."""

    run: str
    """The run's id, a UUID string."""
    steps_max: int = 10007
    """Super-steps the run may take (`recursion_limit`)."""
    interrupt_before: frozenset[str] = frozenset()
    interrupt_after: frozenset[str] = frozenset()
    metadata: Payload | None = None
    durability: str = "sync"
    who: str = ""
    """Who sends the command, for the log."""
    drained: str | None = None
    """Why the run is to stop at the end of its super-step; None while nobody asked."""
    kept: bool = True
    """False without a checkpointer: nothing can be resumed later."""
    calling: int = 0
    """Of a sub-graph's run: the ordinal of the calling task in the open step of the graph above."""
    caller: str = ""
    """Of a `checkpointer=True` sub-graph's run: namespace of the calling task."""
    place: str = ""
    """Of a sub-graph's run: where in the calling task it is called."""
    process: str = ""
    """Of a root graph's run that is kept: name of the process that works on it."""


class Found(Struct, frozen=True):
    """What a look at a process has found."""

    process: str
    lives: bool | None
    """None where it cannot be known from here."""


class Start(Struct, frozen=True):
    """New input: begin at START, withdrawing what is open."""

    writes: tuple[Write, ...]
    checkpoint: str = ""
    """Id of an earlier checkpoint to branch from; "" for the head."""
    routes: tuple[Route, ...] = ()
    """Where to go besides START's targets: the goto of a Command given to a new thread."""
    stand: tuple[int, int] | None = None
    """Address of the checkpoint to go on from, instead of its id; (-1, 0) for before the first."""


class Continue(Struct, frozen=True):
    """`None` as input: take up what is open, pass a breakpoint, try failed tasks again; or run a checkpoint anew."""

    checkpoint: str = ""


class Answer(Struct, frozen=True):
    """`Command(resume=…)`: answers to open questions, with what else the Command says."""

    answers: Mapping[str, Payload]
    """Question id to answer. Empty with `bare` None: an empty map, which asks again."""
    bare: Payload | None = None
    """An answer without an id: for the only open question."""
    checkpoint: str = ""
    writes: tuple[Write, ...] = ()
    routes: tuple[Route, ...] = ()
    strict: bool = False
    """True refuses an empty map too, and says `UnknownInterruptError` where one answer could mean several questions."""
    found: Found | None = None
    """What a look at the process that works on the thread has found; None before one was wanted."""


class Settle(Struct, frozen=True):
    """What was recorded while another process worked on the step: take up what that one leaves, once it is done."""

    step: tuple[int, int]
    """Address of the checkpoint before the step."""
    found: Found | None = None
    """As in `Answer`."""


class Apply(Struct, frozen=True):
    """`Command(update=…, goto=…)` as input to a thread that exists: applied to the open step, which then goes on."""

    writes: tuple[Write, ...]
    routes: tuple[Route, ...] = ()
    checkpoint: str = ""


class Enter(Struct, frozen=True):
    """A graph is called in a node of another one that is kept: it starts, or goes on where it was left."""

    caller: str
    """Namespace of the calling task. The same task calls again when it is resumed or tried again."""
    begin: Start | Continue | Answer | Apply
    """What a first call of this task means."""
    older_than: tuple[int, int] | None = None
    """In a run that branched off an earlier checkpoint: its address. A history that goes on, goes on from before it."""
    since: int = 0
    """Version at which the run branched off: what the history has from later, it has from this run's own calls."""


class Edit(Struct, frozen=True):
    """`update_state`: one super-step made by hand."""

    updates: tuple[Update, ...]
    checkpoint: str = ""
    kind: str = "node"
    """"node": as nodes' returns; "clear": drop what is planned; "input": record an input; "copy": duplicate."""
    based_on: int | None = None
    """Version of the state that the update was worked out on: refused as stale on any other."""
    cells: Cells | None = None
    """The state with the updates in it, where the node runner has merged them already."""
    rest: tuple[Edit, ...] = ()
    """Further super-steps, each on top of the one before: all of them or none."""
    upcast: Upcast | None = None
    """The state brought up to the graph's schema, where it had to be: what the updates are made on."""


class Stop(Struct, frozen=True):
    """End the run at its last commit."""

    status: str = "cancelled"
    """"cancelled", or "failed" with an error."""
    error: BaseException | None = None


ENDS_ITS_RUN = ("failed", "cancelled")
"""Kinds of outcomes after which a run does not wait for the tasks beside."""


class Outcome(Struct, frozen=True):
    """What became of one task's attempt."""

    task: int
    """The task's ordinal in the open step."""
    kind: str
    """"completed", "asked", "drained", "failed" or "cancelled"; "abandoned" if the last two befell a run that has ended
    since. "drained": a graph called inside the task stopped at its own super-step's end."""
    attempt: int = 1
    writes: tuple[Write, ...] = ()
    routes: tuple[Route, ...] = ()
    effects: tuple[EffectRecorded, ...] = ()
    """Effects recorded since the last report of this task."""
    questions: tuple[InterruptRaised, ...] = ()
    """Questions asked that are not in the log yet."""
    withdrawn: tuple[QuestionWithdrawn | AnswerRefused | QuestionDrifted, ...] = ()
    """What became of questions in the log: asked no longer, answered in a wrong form, drifted."""
    answered: tuple[Resumed, ...] = ()
    """Answers given ahead, to questions among `questions`."""
    error: BaseException | None = None
    traceback: str = ""
    finished_at: int = 0
    """Microseconds since the epoch."""
    cached: bool = False
    blocked: str = ""
    """Namespace of a history that goes on, in which another task's call is unfinished: this task waits for its turn."""


class Upcast(Struct, frozen=True):
    """What the user's upcasters made of a state, worked out by the node runner."""

    place: tuple[int, int]
    """Address of the checkpoint whose state it is."""
    event: StateUpcast | None = None
    cells: Cells | None = None
    """The state in its new form."""
    error: Exception | None = None
    """Why it cannot be brought up; then there is no event."""


class Merged(Struct, frozen=True):
    """What the node runner did because a user's code has a part in it: a merge, or a state brought up before it."""

    cells: Cells | None = None
    error: MergeError | None = None
    upcast: Upcast | None = None


class Report(Struct, frozen=True):
    """What the node runner has to say about the open step."""

    outcomes: tuple[Outcome, ...]
    running: frozenset[int] = frozenset()
    """Ordinals of tasks that are still being run."""
    effects: tuple[EffectRecorded, ...] = ()
    """Effects of tasks that go on, recorded early."""
    blocked: Mapping[int, str] = {}
    """Ordinals of tasks that wait for their turn, to the namespace of the history that another task's call is in."""
    overtaken: bool = False
    """True when others have appended since the report was made: perhaps they answered what the step waits for."""


Command = Start | Continue | Answer | Settle | Apply | Enter | Edit | Stop | Report


class MergeWanted(Struct, frozen=True):
    """A merge with a user's reducer in it: the decider asks for it, the node runner does it."""

    cells: Cells
    writes: tuple[Write, ...]
    upcast: Upcast | None = None
    """What was brought up for the same command before; the answer has it too."""


class UpcastWanted(Struct, frozen=True):
    """A state to be brought up to the graph's schema: the decider asks for it, the node runner does it."""

    place: tuple[int, int]
    """Address of the checkpoint whose state it is."""
    schema: int
    """The version that it has."""
    rules: Channels
    """What it is read by."""
    cells: Cells
    tasks: tuple[Task, ...]
    """The open step that goes on from it."""
    input_writes: tuple[Write, ...]
    thread: str
    """For messages only."""


class Ending(Struct, frozen=True):
    """How a run ended."""

    status: str
    error: BaseException | None = None
    """What the caller gets raised; None when the call returns."""


class Decision(Struct, frozen=True):
    """What a command leads to: a commit to append, or what user code has to do first. Refusals are raised instead."""

    draft: Any = None
    """The `Draft` with the events said on it; None when nothing is to be written."""
    merge: MergeWanted | UpcastWanted | None = None
    start: tuple[int, ...] = ()
    """Ordinals of the tasks to start once the commit is durable."""
    ending: Ending | None = None
    answered: tuple[str, ...] = ()
    """Questions that the command answered."""
    causes: Mapping[int, BaseException] = {}
    """For tasks to start whose error handler takes over: what their node raised, as it was raised."""
    look: str = ""
    """Name of a process that seems to work on the thread: `then` is to be decided with what a look at it finds."""
    then: Answer | Settle | None = None
    """Without `look`: what is to be decided when that process is done."""
