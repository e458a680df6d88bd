"""What a running node can reach: the questions it asks, the effects it records, where in the task it is.

A `Call` is one attempt of one task; a `Scope` is a place in it (the body itself, or one tool call), found through a
context variable. Both live on whatever thread or coroutine the node runs on; the thread actor never sees them.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import TypeAdapter

from ...events.codec.digest import canonical_digest
from ...events.errors import EncodeError, GraphInterrupt, QuestionNotReproducibleError
from ...events.vocabulary import (
    AnswerRefused,
    EffectRecorded,
    Interrupt,
    InterruptRaised,
    QuestionWithdrawn,
    Write,
)
from ...projections.state import ids
from ...projections.state.thread import Question
from .effects import Effect, EffectKept, Records

if TYPE_CHECKING:
    from .run import Job

current_scope: ContextVar[Scope] = ContextVar("clew_scope")
"""Where in which task the running code is; set by the runner around every body."""


class Call:
    """One attempt of one task, seen from inside."""

    __slots__ = (
        "_counts",
        "_records",
        "asked",
        "effects",
        "job",
        "lock",
        "open",
        "pushed",
        "strand",
        "tasks",
        "withdrawn",
    )

    def __init__(self, job: Job, effects: Iterable[EffectRecorded] = ()) -> None:
        self.job = job
        self.asked: list[InterruptRaised] = []
        """New questions, not in the log yet."""
        self.open: list[str] = []
        """Ids of every question this attempt met without an answer, new or not."""
        self.withdrawn: list[QuestionWithdrawn | AnswerRefused] = []
        """Questions in the log that this attempt asks no longer, with or without an answer."""
        self.effects: list[EffectRecorded] = [*effects]
        """Effects recorded and not yet reported: by this attempt, and by failed ones that are tried again."""
        self.pushed: Sequence[Write] = ()
        """What the node wrote to the state while it ran: see `push_message`. It comes before what it returns."""
        self.strand = strand_here()
        """Where the body itself runs, as opposed to threads and coroutines that it starts."""
        self.tasks: TasksOfCall | None = None
        """The functional tasks that the attempt called; None while it called none."""
        self._records: Records | None = None
        self._counts: dict[tuple[str, ...], int] = {}
        self.lock = threading.Lock()

    def next_ordinal(self, *place: str) -> int:
        """How many times this place was reached before in this attempt."""
        with self.lock:
            count = self._counts.get(place, 0)
            self._counts[place] = count + 1
        return count

    def ask(self, scope: str, value: Any, schema: dict[str, Any] | None) -> Any:
        """The answer to a question, or the pause: see `interrupt`."""
        job = self.job
        caller = job.run.caller
        if caller is not None and not job.run.terms.kept:
            return self._ask_above(caller, scope, value, schema)
        if not job.run.terms.kept:
            warnings.warn(
                f"node {job.task.node!r} asks a question in a graph without a checkpointer: nobody can answer "
                "it later; compile(checkpointer=...)",
                UserWarning,
                stacklevel=4,
            )
        ordinal = self.next_ordinal("question", scope)
        digest = self._digest(value, schema) if job.run.terms.kept else b""
        earlier = [
            asked for asked in job.task.questions if (asked.raised.scope, asked.raised.ordinal) == (scope, ordinal)
        ]
        standing = next((asked for asked in reversed(earlier) if not asked.withdrawn), None)
        if standing is not None and (standing.raised.digest == digest or job.run.answers_by_position):
            if standing.answer is not None:
                return standing.answer.value.value
            raise self._pause(standing.raised)
        if standing is not None:
            self._give_up(standing, value)
        question = ids.question_id(job.task_id, scope, ordinal, digest, len(earlier))
        raised = InterruptRaised(
            task=job.ordinal,
            question=question,
            scope=scope,
            ordinal=ordinal,
            digest=digest,
            value=job.run.payload(value, "interrupt"),
            schema=None if schema is None else job.run.payload(schema, "response_schema"),
        )
        self.asked.append(raised)
        raise self._pause(raised)

    def _digest(self, value: Any, schema: dict[str, Any] | None) -> bytes:
        run = self.job.run
        try:
            return canonical_digest((value, schema), run.codec)
        except EncodeError:
            # Once more, for a path that names the question instead of the pair.
            run.payload(value, "interrupt")
            run.payload(schema, "response_schema")
            raise

    def _ask_above(self, caller: Scope, scope: str, value: Any, schema: dict[str, Any] | None) -> Any:
        """A graph that keeps nothing, called inside a node, asks through that node: its records hold the answer."""
        place = "/".join(part for part in (caller.name, self.job.run.plan.name, self.job.task.node, scope) if part)
        if self.job.task.send >= 0:
            place = f"{place}#{self.job.task.send}"
        try:
            return caller.call.ask(place, value, schema)
        except GraphInterrupt:
            caller.paused = True
            self.open.append(place)
            raise

    def _pause(self, raised: InterruptRaised) -> GraphInterrupt:
        self.open.append(raised.question)
        schema = raised.schema.value if raised.schema is not None else None
        return GraphInterrupt([Interrupt(raised.value.value, raised.question, schema)])

    def _give_up(self, standing: Question, value: Any) -> None:
        """The body asks something else in a place where a question stands: never re-bind the answer."""
        job = self.job
        if standing.answer is not None and not job.code_changed_since(standing.fingerprint):
            asked = standing.raised
            raise QuestionNotReproducibleError(job.task.node, asked.question, asked.value.value, value)
        question, reason = standing.raised.question, "question_changed"
        if standing.answer is None:
            self.withdrawn.append(QuestionWithdrawn(question=question, reason=reason))
        else:
            self.withdrawn.append(AnswerRefused(question=question, reason=reason, who=standing.answer.who))

    @property
    def records(self) -> Records:
        """The effects on record: of earlier attempts, and of this one."""
        if self._records is None:
            self._records = Records((*self.job.task.effects, *self.effects))
        return self._records

    def keep(self, effect: EffectRecorded, *, early: bool) -> None:
        """Put an effect on record: with the node's report or, `early`, within milliseconds."""
        if self._records is not None:
            self._records.add(effect)
        self.effects.append(effect)
        run = self.job.run
        if early and run.terms.kept:
            run.actor.offer(EffectKept(self.job, effect))


class TasksOfCall(Protocol):
    """The functional tasks of one attempt, as the runner sees them: they end before the attempt does."""

    def finish(self) -> None:
        """The body has returned: bring every task to its end, on this thread where nobody has begun it."""
        ...

    async def afinish(self) -> None:
        """As `finish`, on the running loop."""
        ...

    def abandon(self, error: BaseException) -> None:
        """The body has raised: as `finish` for a pause; for an error begin nothing more and wait for what runs."""
        ...

    async def aabandon(self, error: BaseException) -> None:
        """As `abandon`, on the running loop; coroutines are cancelled."""
        ...


def strand_here() -> object:
    """What tells one sequence of code from those beside it: the asyncio task where there is one, else the thread."""
    if asyncio._get_running_loop() is not None:
        return asyncio.current_task()
    return threading.get_ident()


class Scope:
    """A place in a task: what asks there has questions of its own, what runs there has records of its own."""

    __slots__ = ("call", "info", "name", "paused", "strand")

    def __init__(self, call: Call, name: str = "", strand: object = None, info: Any = None) -> None:
        self.call = call
        self.name = name
        self.strand = call.strand if strand is None else strand
        """Where the code at this place runs, as opposed to threads and coroutines that it starts."""
        self.info = info
        """`ExecutionInfo` of the functional task that runs here; None in the node's own code."""
        self.paused = False
        """True once a question was met here without an answer, whatever the body made of the pause."""

    @contextmanager
    def child(self, name: str, info: Any = None) -> Iterator[Scope]:
        """Enter a place inside this one, for instance one tool call. `name` must be the same at every re-run."""
        scope = Scope(self.call, self.path(name), strand_here(), self.info if info is None else info)
        token = current_scope.set(scope)
        try:
            yield scope
        finally:
            self.paused |= scope.paused
            current_scope.reset(token)

    def path(self, name: str) -> str:
        """The full name of a place inside this one."""
        return f"{self.name}/{name}" if self.name else name

    def effect(self, name: str, arguments: Any) -> Effect:
        """The effect `name` with these arguments at this place: played back if it is on record, else to be done."""
        run = self.call.job.run
        digest = canonical_digest(arguments, run.codec) if run.terms.kept else b""
        return self.effect_at(name, digest)

    def effect_at(self, name: str, digest: bytes) -> Effect:
        """As `effect`, by the digest of the arguments."""
        ordinal = self.call.next_ordinal("effect", self.name, name, digest.hex())
        return Effect(self, name, digest, ordinal)


def scope_here() -> Scope | None:
    """The place in a task where the calling code runs, or None outside of a graph."""
    return current_scope.get(None)


def interrupt(value: Any, *, response_schema: Any = None) -> Any:
    """Ask a person, and return the answer.

    At the first call the run pauses: `invoke` returns with the question under `"__interrupt__"`. When the question is
    answered with `Command(resume=…)`, the node runs again from its first line and this call returns the answer. An
    answer belongs to this question: if the node asks something else in its place, the old answer is not delivered.

    Args:
        value: what to ask; anything the codec can store.
        response_schema: JSON schema (a dict) that tells the asked what an answer looks like.

    Returns:
        The answer.

    Raises:
        RuntimeError: called outside of a running graph.
        EncodeError: `value` cannot be stored; the message gives the path.
        QuestionNotReproducibleError: the node asks something else than what was answered, with the same code.
    """
    scope = current_scope.get(None)
    if scope is None:
        raise RuntimeError("interrupt() was called outside of a running graph: only a node, a tool or a task can ask")
    schema = response_schema if isinstance(response_schema, dict) else _json_schema(response_schema)
    try:
        return scope.call.ask(scope.name, value, schema)
    except GraphInterrupt:
        scope.paused = True
        raise


def _json_schema(declared: Any) -> dict[str, Any] | None:
    if declared is None:
        return None
    return TypeAdapter(declared).json_schema()
