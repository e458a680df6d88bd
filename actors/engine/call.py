"""What a running node can reach: the questions it asks, the effects it records, where in the task it is.

A `Call` is one attempt of one task; a `Scope` is a place in it (the body itself, or one tool call), found through a
context variable. Both live on whatever thread or coroutine the node runs on; the thread actor never sees them.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import TypeAdapter

from ...events.codec.digest import canonical_digest
from ...events.errors import EncodeError, GraphInterrupt, QuestionNotReproducibleError
from ...events.vocabulary import AnswerRefused, EffectRecorded, Interrupt, InterruptRaised, QuestionWithdrawn
from ...projections.state import ids
from ...projections.state.thread import Question

if TYPE_CHECKING:
    from .run import Job

current_scope: ContextVar[Scope] = ContextVar("clew_scope")
"""Where in which task the running code is; set by the runner around every body."""


class EffectKept(Struct, frozen=True):
    """A message from inside a node to its thread's actor: an effect is done while the node goes on."""

    job: Job
    effect: EffectRecorded


class Call:
    """One attempt of one task, seen from inside."""

    __slots__ = ("_counts", "_lock", "asked", "effects", "job", "open", "withdrawn")

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
        self._counts: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def next_ordinal(self, *place: str) -> int:
        """How many times this place was reached before in this attempt."""
        with self._lock:
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

    def played_back(self, scope: str, name: str, digest: bytes, ordinal: int) -> EffectRecorded | None:
        """The record of an effect that an earlier attempt finished, or None."""
        for effect in (*self.job.task.effects, *self.effects):
            # Without a value it was recorded with the completion of a task that has to run again after all.
            if effect.value is None:
                continue
            if (effect.scope, effect.name, effect.digest, effect.ordinal) == (scope, name, digest, ordinal):
                return effect
        return None


class Scope:
    """A place in a task: what asks there has questions of its own, what runs there has records of its own."""

    __slots__ = ("call", "name", "paused")

    def __init__(self, call: Call, name: str = "") -> None:
        self.call = call
        self.name = name
        self.paused = False
        """True once a question was met here without an answer, whatever the body made of the pause."""

    @contextmanager
    def child(self, name: str) -> Iterator[Scope]:
        """Enter a place inside this one, for instance one tool call. `name` must be the same at every re-run."""
        scope = Scope(self.call, f"{self.name}/{name}" if self.name else name)
        token = current_scope.set(scope)
        try:
            yield scope
        finally:
            self.paused |= scope.paused
            current_scope.reset(token)

    def effect(self, name: str, arguments: Any) -> Effect:
        """The effect `name` with these arguments at this place: played back if it is on record, else to be done."""
        run = self.call.job.run
        digest = canonical_digest(arguments, run.codec) if run.terms.kept else b""
        ordinal = self.call.next_ordinal("effect", self.name, name, digest.hex())
        return Effect(self, name, digest, ordinal)


class Effect:
    """One recorded effect: ask `recorded` first, `keep` the result afterwards."""

    __slots__ = ("digest", "name", "ordinal", "scope")

    def __init__(self, scope: Scope, name: str, digest: bytes, ordinal: int) -> None:
        self.scope = scope
        self.name = name
        self.digest = digest
        self.ordinal = ordinal

    @property
    def recorded(self) -> EffectRecorded | None:
        """The record of an earlier attempt, or None when the effect is still to be done."""
        return self.scope.call.played_back(self.scope.name, self.name, self.digest, self.ordinal)

    def keep(self, value: Any, *, early: bool = False) -> None:
        """Record the effect's result; it becomes durable with the task's report.

        Args:
            value: what the effect came to.
            early: True while something slower may go on beside it: then it is recorded within milliseconds, so that a
                crash in between does not cost it.
        """
        call = self.scope.call
        effect = EffectRecorded(
            task=call.job.ordinal,
            scope=self.scope.name,
            name=self.name,
            digest=self.digest,
            ordinal=self.ordinal,
            value=call.job.run.payload(value, self.name),
        )
        call.effects.append(effect)
        run = call.job.run
        if early and run.terms.kept:
            run.actor.offer(EffectKept(call.job, effect))


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
