"""What a running node can reach: the questions it asks, the effects it records, where in the task it is.

A `Call` is one attempt of one task; a `Scope` is a place in it (the body itself, or one tool call), found through a
context variable. Both live on whatever thread or coroutine the node runs on; the thread actor never sees them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from ...events.codec.digest import canonical_digest
from ...events.errors import EncodeError, GraphInterrupt, InvalidAnswer, LimitError, QuestionNotReproducibleError
from ...events.vocabulary import (
    AnswerRefused,
    EffectRecorded,
    Interrupt,
    InterruptRaised,
    QuestionDrifted,
    QuestionWithdrawn,
    Resumed,
    Write,
)
from ...projections.state import ids
from ...projections.state.namespaces import SEPARATOR
from ...projections.state.thread import Question
from .effects import Effect, EffectKept, Records

if TYPE_CHECKING:
    from .attempts.limits import Deadline
    from .work.jobs import Job

_log = logging.getLogger(__name__)
TASK_QUESTIONS_MAX = 10_000
"""Questions that one task may ask, one after the other: its node runs again from its first line with each answer."""

current_scope: ContextVar[Scope] = ContextVar("clew_scope")
"""Where in which task the running code is; set by the runner around every body."""


class Call(Struct, eq=False):
    """One attempt of one task, seen from inside."""

    job: Job
    strand: object
    """Where the body itself runs, as opposed to threads and coroutines that it starts: see `strand_here`."""
    effects: list[EffectRecorded] = []
    """Effects recorded and not yet reported: by this attempt, and by failed ones that are tried again."""
    asked: list[InterruptRaised] = []
    """New questions, not in the log yet."""
    open: list[str] = []
    """Ids of every question this attempt met without an answer, new or not."""
    withdrawn: list[QuestionWithdrawn | AnswerRefused | QuestionDrifted] = []
    """What became of questions in the log: asked no longer, answered in a wrong form, drifted."""
    answered: list[Resumed] = []
    """Answers that were given ahead, to questions that this attempt asked."""
    refused: BaseException | None = None
    """Why an answer was refused: the attempt ends with it, whatever the body made of it."""
    pushed: Sequence[Write] = ()
    """What the node wrote to the state while it ran: see `push_message`. It comes before what it returns."""
    wrote: Sequence[Write] = ()
    """What the body wrote, once it has returned and its path functions run."""
    returned: Any = None
    """What the body returned, for those who watch."""
    tasks: TasksOfCall | None = None
    """The functional tasks that the attempt called; None while it called none."""
    asked_below: list[Interrupt] = []
    """Questions of graphs that this attempt called, without an answer."""
    blocked: str = ""
    """Namespace of a history whose turn this attempt waits for; "" for none."""
    lock: Lock = field(default_factory=Lock)
    _records: Records | None = None
    _calls: dict[str, int] | None = None
    """Place to number of the calls of graphs, earlier attempts' as well."""
    _counts: dict[tuple[str, ...], int] = {}

    __repr__ = object.__repr__  # see `Job`

    def next_ordinal(self, *place: str) -> int:
        """How many times this place was reached before in this attempt."""
        with self.lock:
            count = self._counts.get(place, 0)
            self._counts[place] = count + 1
        return count

    def next_call(self, scope: str) -> tuple[int, str]:
        """The number of a graph's call in this task, and its place.

        A place that called before keeps its number, whatever is not called again or in another order this time.
        """
        ordinal = self.next_ordinal("call", scope)
        place = f"{scope}#{ordinal}" if ordinal else scope
        with self.lock:
            if self._calls is None:
                self._calls = _calls_before(self.job)
            number = self._calls.get(place)
            if number is None:
                used = set(self._calls.values())
                number = next(number for number in count() if number not in used)
                self._calls[place] = number
        return number, place

    def paused_below(self, ns: str, questions: list[Interrupt]) -> None:
        """A graph that this attempt called has paused: so does the task, whatever the body makes of it."""
        self.open.append(ns)
        self.asked_below.extend(questions)

    def ask(
        self,
        scope: str,
        value: Any,
        schema: dict[str, Any] | None = None,
        bind: str | None = None,
        read: Callable[[Any], Any] | None = None,
    ) -> Any:
        """The answer to a question, or the pause: see `interrupt`. `read` makes of the answer what the body expects."""
        job = self.job
        caller = job.run.caller
        if caller is not None and not job.run.terms.kept:
            return self._ask_above(caller, scope, value, schema, bind, read)
        if not job.run.terms.kept:
            warnings.warn(
                f"node {job.task.node!r} asks a question in a graph without a checkpointer: nobody can answer "
                "it later; compile(checkpointer=...)",
                UserWarning,
                stacklevel=4,
            )
        ordinal = self.next_ordinal("question", scope)
        if ordinal >= TASK_QUESTIONS_MAX:
            message = f"node {job.task.node!r} asks too many questions in one task; ask on from a node that follows"
            raise LimitError("TASK_QUESTIONS_MAX", TASK_QUESTIONS_MAX, message)
        digest = self._digest(value, schema) if job.run.terms.kept else b""
        earlier = [
            asked for asked in job.task.questions if (asked.raised.scope, asked.raised.ordinal) == (scope, ordinal)
        ]
        standing = next((asked for asked in reversed(earlier) if not asked.withdrawn), None)
        same = standing is not None and standing.raised.digest == digest
        if standing is not None and (same or (bind or job.run.settings.answers) in self._loose(scope)):
            if standing.answer is None:
                raise self._pause(standing.raised)
            if not same and not standing.drifted:
                self._drifted(standing, value)
            return self._read(standing.raised.question, standing.answer.value.value, read, standing.answer.who)
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
            wrote=self._written(),
        )
        self.asked.append(raised)
        ahead = job.run.take_ahead()
        if ahead is None:
            raise self._pause(raised)
        who = job.run.terms.who
        answer = self._read(question, ahead.value, read, who)
        self.answered.append(Resumed(question=question, value=ahead, who=who))
        return answer

    def _written(self) -> list[Write]:
        """What the task has written so far, for the question's event."""
        written = [*(self.wrote or self.pushed)]
        if written and self.job.run.terms.kept:
            self.job.run.encode_writes(written)
        return written

    @staticmethod
    def _loose(scope: str) -> tuple[str, ...]:
        """Rules under which a question that came out differently takes the answer: of a key's, also its own."""
        return ("position", "key") if scope else ("position",)

    def _read(self, question: str, answer: Any, read: Callable[[Any], Any] | None, who: str) -> Any:
        """The answer in the form that the body expects; one that does not fit is refused, the question stays open."""
        if read is None:
            return answer
        try:
            return read(answer)
        except ValueError as error:
            self.withdrawn.append(AnswerRefused(question=question, reason="wrong_schema", who=who))
            self.refused = error
            raise error from InvalidAnswer(question)

    def _drifted(self, standing: Question, value: Any) -> None:
        question, job = standing.raised.question, self.job
        _log.warning(
            "node %r asks %r where %r was answered: the answer is taken, since answers are bound to their place here",
            job.task.node,
            value,
            standing.raised.value.value,
        )
        self.withdrawn.append(QuestionDrifted(question=question, value=job.run.payload(value, "interrupt")))

    def _digest(self, value: Any, schema: dict[str, Any] | None) -> bytes:
        run = self.job.run
        try:
            return canonical_digest((value, schema), run.codec)
        except EncodeError:
            # Once more, for a path that names the question instead of the pair.
            run.payload(value, "interrupt")
            run.payload(schema, "response_schema")
            raise

    def _ask_above(
        self,
        caller: Scope,
        scope: str,
        value: Any,
        schema: dict[str, Any] | None,
        bind: str | None,
        read: Callable[[Any], Any] | None,
    ) -> Any:
        """A graph that keeps nothing, called inside a node, asks through that node: its records hold the answer."""
        place = "/".join(part for part in (caller.name, self.job.run.plan.name, self.job.task.node, scope) if part)
        if self.job.task.send >= 0:
            place = f"{place}#{self.job.task.send}"
        try:
            return caller.call.ask(place, value, schema, bind, read)
        except GraphInterrupt:
            caller.paused = True
            self.open.append(place)
            raise

    def _pause(self, raised: InterruptRaised) -> GraphInterrupt:
        self.open.append(raised.question)
        schema = raised.schema.value if raised.schema is not None else None
        return GraphInterrupt([Interrupt(raised.value.value, raised.question, response_schema=schema)])

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

    def set_unheard_aside(self) -> None:
        """The body has returned: answers to questions that it no longer asked are refused, on record.

        Of questions that a tool call or a task of its own asked the answers may be in what these have recorded.
        """
        for asked in self.job.task.questions:
            raised, answer = asked.raised, asked.answer
            if raised.scope or answer is None or asked.withdrawn:
                continue
            if raised.ordinal >= self._counts.get(("question", ""), 0):
                node, value = self.job.task.node, raised.value.value
                _log.warning("node %r ended without asking %r, which was answered: the answer is refused", node, value)
                refused = AnswerRefused(question=raised.question, reason="question_changed", who=answer.who)
                self.withdrawn.append(refused)

    @property
    def records(self) -> Records:
        """The effects on record: of earlier attempts, and of this one."""
        if self._records is None:
            self._records = Records((*self.job.task.effects, *self.effects))
        return self._records

    def keep(self, effect: EffectRecorded, *, early: bool) -> None:
        """Put an effect on record: with the node's report or, `early`, within milliseconds."""
        self.job.progress()
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


def _calls_before(job: Job) -> dict[str, int]:
    """Place to number of the graphs that the task called in earlier attempts."""
    if job.attempt <= 1:
        return {}
    state = job.run.actor.state
    line = state.lines.get(job.run.ns)
    calls: dict[str, int] = {}
    for called in () if line is None or job.ordinal >= len(line.tasks) else state.called(line, job.ordinal):
        if called.run is not None and called.run.caller == job.namespace:
            last = called.ns.rpartition(SEPARATOR)[2]
            calls[called.place] = int(last) if last.isdigit() else 0
    return calls


class Scope(Struct, eq=False):
    """A place in a task: what asks there has questions of its own, what runs there has records of its own."""

    call: Call
    name: str
    strand: object
    """Where the code at this place runs, as opposed to threads and coroutines that it starts."""
    info: Any = None
    """`ExecutionInfo` of the functional task that runs here; None in the node's own code."""
    deadline: Deadline | None = None
    """The time limits of the functional task's attempt that runs here; None where it has none."""
    paused: bool = False
    """True once a question was met here without an answer, whatever the body made of the pause."""

    __repr__ = object.__repr__  # see `Job`

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
        self.progress()
        digest = canonical_digest(arguments, run.codec) if run.terms.kept else b""
        return self.effect_at(name, digest)

    def progress(self) -> None:
        """Note that what runs here does something, where idle time counts everything. From any thread."""
        self.call.job.progress()
        deadline = self.deadline
        if deadline is not None and deadline.any_progress:
            deadline.progress()

    def effect_at(self, name: str, digest: bytes) -> Effect:
        """As `effect`, by the digest of the arguments."""
        ordinal = self.call.next_ordinal("effect", self.name, name, digest.hex())
        return Effect(self, name, digest, ordinal)


def scope_here() -> Scope | None:
    """The place in a task where the calling code runs, or None outside of a graph."""
    return current_scope.get(None)
