"""Events of a super-step: planned, started, completed or failed, committed."""

from __future__ import annotations

from msgspec import Struct

from .base import Event, Payload, Route, Write
from .timeouts import Limits


class PlannedTask(Struct, array_like=True, frozen=True, gc=False):
    """One task of a planned super-step. Its ordinal in the plan names it in later events."""

    node: str
    send: bool = False
    """True when a `Send` asked for it: its input is `payload`, not the state."""
    payload: Payload | None = None
    timeout: float | Limits | None = None
    """A `Send`'s own timeout: seconds for the whole attempt, or its limits."""


class StepPlanned(Event, tag=20, frozen=True, kw_only=True):
    """What the next super-step runs, in path order: nodes by name, then Sends in the order they were sent.

    Said while a step is open (a `Command(goto=…)` given as input), it adds tasks to that step.
    """

    tasks: list[PlannedTask]
    arrivals: dict[str, list[str]] = {}
    """Joins partly filled: join key to the sources that arrived; carried from step to step of one run."""
    deferred: list[str] = []
    """Deferred nodes that are triggered and wait until nothing else is left to run."""


class NodeStarted(Event, tag=21, frozen=True, kw_only=True):
    """One attempt of one task began."""

    task: int
    """The task's ordinal in the step's plan."""
    attempt: int = 1


class EffectRecorded(Event, tag=22, frozen=True, kw_only=True):
    """The result of a recorded effect (a tool call, a `@task`): played back on re-entry, never run again."""

    task: int
    scope: str
    """Where in the task: the tool call's id, or the path of enclosing effects; "" is the task itself."""
    name: str
    digest: bytes
    """Digest (16 bytes) of the arguments."""
    ordinal: int
    """How many effects of this name and digest came before it in the scope."""
    value: Payload | None
    """The result; None when it failed, or when the task that did it ended in the same commit."""
    error: str | None = None
    """What it raised, as `repr` shows it; it is done again when the task is. None when it succeeded."""
    call: int = -1
    """Which call of this name the code at `scope` made itself, from 0; -1 for one beside it, whose turn is chance."""
    code: bytes = b""
    """Fingerprint (8 bytes) of the code that made the call; empty where `call` is -1."""

    @property
    def place(self) -> tuple[str, str, bytes, int]:
        """What tells it from the task's other effects."""
        return (self.scope, self.name, self.digest, self.ordinal)


class NodeCompleted(Event, tag=23, frozen=True, kw_only=True):
    """A task finished: what it wrote and where its path functions, Sends and gotos lead."""

    task: int
    writes: list[Write]
    routes: list[Route] = []
    cached: bool = False


class NodeFailed(Event, tag=24, frozen=True, kw_only=True):
    """An attempt of a task raised."""

    task: int
    error: str
    """The error's type and message, as `repr` shows them."""
    traceback: str = ""
    attempt: int = 1
    retry_at: int = 0
    """Microseconds since the epoch when it is tried again; 0 for never."""
    handled_by: str = ""
    """The error handler that takes over, if one does."""
    handler: str = ""
    """The error handler that raised, where it was not the node itself; what the node raised stays the task's error."""
    kind: str = ""
    """Name of the error's class, where a handler takes over: with `message`, what it reads when it runs again."""
    message: str = ""
    """What `str` gives of the error, where a handler takes over."""


class StepCommitted(Event, tag=25, frozen=True, kw_only=True):
    """The writes of the super-step were merged. It is a checkpoint, source "loop"."""


class StepFailed(Event, tag=26, frozen=True, kw_only=True):
    """The writes could not be merged (a conflict, a reducer's error); the step stays open and readable."""

    error: str
    tasks: list[int] = []
    """Tasks whose recorded completion no longer counts: they wrote to the channel in conflict and run again."""


class StepAbandoned(Event, tag=27, frozen=True, kw_only=True):
    """New input withdrew the open step, its finished work and its questions."""

    questions: list[str] = []
    """Ids of the questions that were open."""
