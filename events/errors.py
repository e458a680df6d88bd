"""Every error of clew, and when it is raised.

    ClewError
    ├── InternalError                 a bug of ours; please report it
    ├── StoreError
    │   ├── MissingStoreError         no such file, or a database without clew's tables
    │   ├── StaleVersionError         another writer appended first
    │   ├── OutcomeUnknownError       the store did not answer: the append may or may not have happened
    │   ├── StoreBusyError            locked, full or read-only: nothing was written
    │   ├── CorruptCommitError        a row that is not what clew wrote
    │   ├── ArchiveError              a file that is no archive, or a damaged one
    │   ├── UnknownThreadError (KeyError)  no such thread in the store or file
    │   ├── UnknownVersionError (LookupError)  the thread has no such version, or none at that time
    │   ├── CipherError               a commit stored in plain where a key is set, or one without its key at hand
    │   └── ThreadErasedError         the thread's data is gone
    ├── StillRunningError (TimeoutError)  another process works on the thread and has said nothing for long
    ├── CodecError
    │   ├── EncodeError (TypeError)   a value the codec does not know, with its path
    │   └── DecodeError (ValueError)  bytes the codec cannot read
    ├── RefusedError                  a command that the thread does not take
    │   ├── EmptyInputError           nothing to start with or to continue
    │   ├── NothingToResumeError      an answer where no question is open
    │   │   └── AlreadyAnsweredError  the question has its answer
    │   ├── AmbiguousAnswerError      one answer, several questions
    │   ├── UnknownInterruptError     an answer to a question nobody asked
    │   ├── UnknownCheckpointError    no such checkpoint in the thread
    │   ├── QuestionNotReproducibleError  the node asks something else than what was answered
    │   ├── EffectNotReproducibleError  the node calls a task with other arguments than what is on record
    │   ├── GraphChangedError         the code no longer fits the paused thread
    │   │   └── UpcastError           the thread's state cannot be brought to the graph's schema
    │   ├── ThreadBusyError           the thread runs and was asked not to wait; a call from inside its own run
    │   └── InboxFullError            more commands wait than the inbox holds
    ├── InvalidUpdateError            writes that cannot be merged, or that are no update
    │   └── InvalidValueError (ValueError)  a written value does not fit its key's annotation
    ├── InvalidNamespaceError (ValueError)  a namespace that the long-term store cannot have
    ├── EmptyChannelError             a channel read before anything was written to it
    ├── GraphRecursionError           more super-steps than the limit while work remains
    ├── LimitError                    more commits in a run, or questions in a thread, than may be
    ├── NodeTimeoutError              a node took longer than its timeout
    ├── NodeCancelledError            a node cancelled itself
    ├── InvalidAnswer                 an answer that does not fit its schema, or the cause of the `ValidationError`
    ├── TaskNotFound                  never raised; for programs that catch it
    ├── EmptyCorpusError (LookupError)  no recorded thread to check a graph against
    ├── MissingPackageError           an extra that is not installed
    ├── DrawingUnavailableError       the service that renders diagrams did not
    └── ScriptError                   a scripted model has no reply for its messages
    GraphBubbleUp (BaseException)     control signals; never leave the root graph, never caught by `except Exception`
    ├── GraphInterrupt                a question was asked
    │   └── NodeInterrupt             the older way to pause, raised by a node
    ├── ParentCommand                 a Command for the calling graph
    └── GraphDrained                  the run stopped because it was asked to

Where Python readers expect a built-in error, the class inherits it too.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Any, Literal

from .deprecations import LangGraphDeprecatedSinceV10
from .vocabulary import Interrupt


class ClewError(Exception):
    """Base of every error that clew raises on purpose."""


class InternalError(ClewError):
    """An invariant of clew's own does not hold. Please report it with the traceback."""


class StoreError(ClewError):
    """The event store could not do what was asked."""


class MissingStoreError(StoreError):
    """There is no store yet: no such file, or a database without clew's tables. Nothing was made."""


class StaleVersionError(StoreError):
    """Another writer appended first. Nothing was written; read the thread again and decide again."""

    def __init__(self, thread: str, expected: int, actual: int | None = None, answered: Sequence[str] = ()) -> None:
        self.thread = thread
        self.expected = expected
        self.actual = actual
        self.answered = tuple(answered)
        """Questions whose answers, given by the call that raised this, are on record."""
        found = "further on" if actual is None else f"at version {actual}"
        recorded = f"; {_on_record(self.answered)}" if answered else ""
        super().__init__(
            f"thread {thread!r} is {found}, expected {expected}: another writer appended; read it again{recorded}"
        )


class StillRunningError(ClewError, TimeoutError):
    """Another process, which lives, works on the thread and has said nothing for long; what was recorded stays."""

    def __init__(self, thread: str, seconds: float, answered: Sequence[str] = ()) -> None:
        self.thread = thread
        self.answered = tuple(answered)
        """Questions whose answers, given by the call that raised this, are on record."""
        recorded = f"; {_on_record(self.answered)}" if answered else ""
        super().__init__(
            f"another process works on thread {thread!r}; it lives and has committed nothing for {seconds:g} s"
            f"{recorded}; if it is stuck, take its work over with None as input"
        )


def _on_record(answered: Sequence[str]) -> str:
    which = ", ".join(map(repr, answered))
    return (
        f"the answer to question {which} is on record: do not send it again, read the state or join the stream to see "
        "what becomes of it"
    )


class OutcomeUnknownError(StoreError, ConnectionError):
    """The store did not answer an append. It may have happened; the same command id may be sent again safely."""

    def __init__(self, thread: str, version: int, reason: str) -> None:
        self.thread = thread
        self.version = version
        super().__init__(
            f"the store did not answer the append of version {version} to thread {thread!r} ({reason}): "
            "it may have happened; read the thread, or send the same command again"
        )


class StoreBusyError(StoreError):
    """The store is locked, full or read-only. Nothing was written."""


class CorruptCommitError(StoreError, ValueError):
    """A row is not what clew wrote there. Other threads are not affected."""

    def __init__(self, thread: str, version: int, reason: str) -> None:
        self.thread = thread
        self.version = version
        super().__init__(
            f"thread {thread!r}, version {version}: {reason}; the row was changed outside clew or by another program; "
            "restore it from a backup"
        )


class ArchiveError(StoreError, ValueError):
    """A file is no archive of threads, or it is damaged. Nothing of the thread at that place was taken."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        self.path = path
        self.line = line
        """Counted from 1; 0 where it is no single line."""
        place = f"line {line}: " if line else ""
        super().__init__(f"archive {path!r}: {place}{reason}")


class UnknownThreadError(StoreError, KeyError):
    """A store or a file does not have the thread. It may never have run, or was erased."""

    def __init__(self, thread: str, place: str = "the store") -> None:
        self.thread = thread
        super().__init__(f"there is no thread {thread!r} in {place}: check its id, and the tenant")

    __str__ = Exception.__str__


class UnknownVersionError(StoreError, LookupError):
    """A thread has no such version, or had none at that time."""

    def __init__(self, thread: str, asked: object, last: int) -> None:
        self.thread = thread
        self.last = last
        """The last version that it has."""
        super().__init__(f"thread {thread!r} has no version {asked}: its versions are 0 to {last}")


class CipherError(StoreError):
    """A commit cannot be opened with the keys at hand, or was stored in plain where a key is set. Nothing is lost."""

    def __init__(self, thread: str, version: int, reason: str) -> None:
        self.thread = thread
        self.version = version
        super().__init__(f"thread {thread!r}, version {version}: {reason}")


class ThreadErasedError(StoreError, KeyError):
    """The thread was erased: nothing is added to what it was. A new call begins it anew, unless its proof was kept."""

    def __init__(self, thread: str, epoch: int | None = None, *, advice: str = "") -> None:
        self.thread = thread
        self.epoch = epoch
        """Epoch of the life that was erased, where another one may follow; None where none may, or it is not known."""
        if not advice:
            advice = "start another thread id" if epoch is None else "a new call begins it anew"
        super().__init__(f"thread {thread!r} was erased; {advice}")

    __str__ = Exception.__str__


class CodecError(ClewError):
    """A value or row could not be converted."""


class EncodeError(CodecError, TypeError):
    """A value that clew cannot store, with the path to it. Nothing was written."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot store the value at {path}: {reason}")


class DecodeError(CodecError, ValueError):
    """Bytes that clew cannot read."""


class RefusedError(ClewError):
    """The thread does not take this command. Nothing was written, open questions stay open."""


class EmptyInputError(RefusedError):
    """There is nothing to start with or to continue."""


class NothingToResumeError(RefusedError, RuntimeError):
    """An answer for a thread or checkpoint that waits for none."""


class AmbiguousAnswerError(RefusedError, RuntimeError):
    """One answer was given and several questions are open."""

    def __init__(self, questions: Sequence[str]) -> None:
        self.questions = list(questions)
        super().__init__(
            f"{len(self.questions)} questions are open; answer by id: "
            f"Command(resume={{id: answer}}) with ids from {self.questions}"
        )


class AlreadyAnsweredError(NothingToResumeError):
    """The question has its answer; `winner` gave it."""

    def __init__(self, question: str, winner: str, answered_at: str = "", advice: str = "") -> None:
        self.question = question
        self.winner = winner
        self.answered_at = answered_at
        when = f" at {answered_at}" if answered_at else ""
        super().__init__(
            f"question {question!r} was answered by {winner or 'another caller'!r}{when}: one answer counts{advice}"
        )


class UnknownInterruptError(RefusedError, ValueError):
    """An answer names a question that is not open here; under a strict resume also an answer that names none.

    `reason` is "not_pending", "empty_map" or "ambiguous"; `interrupt_ids` are the questions that the answer named,
    `pending_ids` those that wait.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "not_pending",
        interrupt_ids: Sequence[str] = (),
        pending_ids: Sequence[str] = (),
    ) -> None:
        self.reason = reason
        self.interrupt_ids = tuple(interrupt_ids)
        self.pending_ids = tuple(pending_ids)
        super().__init__(message)

    @property
    def questions(self) -> list[str]:
        """Ids of the questions that wait."""
        return list(self.pending_ids)


class InvalidAnswer(ClewError):
    """An answer that does not fit its question's schema; the cause of the `ValidationError` that a graph raises."""

    def __init__(self, question: str, reason: str = "") -> None:
        self.question = question
        why = f" ({reason})" if reason else ""
        super().__init__(f"the answer to question {question!r} does not fit its response_schema{why}: it stays open")


def is_invalid_resume(error: BaseException) -> bool:
    """True for the `ValidationError` that a refused answer raises; the question is still open then."""
    return isinstance(error.__cause__, InvalidAnswer)


class UnknownCheckpointError(RefusedError, KeyError):
    """The thread has no checkpoint of this id."""

    def __init__(self, thread: str, checkpoint: str) -> None:
        self.thread = thread
        self.checkpoint = checkpoint
        super().__init__(f"thread {thread!r} has no checkpoint {checkpoint!r}; get_state_history lists the ones it has")

    __str__ = Exception.__str__


class QuestionNotReproducibleError(RefusedError, RuntimeError):
    """The node ran again and asked something else than what was answered; its code did not change."""

    def __init__(self, node: str, question: str, asked: Any, asks: Any) -> None:
        self.node = node
        self.question = question
        self.asked = asked
        self.asks = asks
        super().__init__(
            f"node {node!r} asked {asked!r} (question {question!r}, answered) and now asks {asks!r} "
            "with the same code: the answer stays in the log. Make the question repeatable: compute it in a @task, "
            "or bind answers by position with compile(answers='position')"
        )


class EffectNotReproducibleError(RefusedError, RuntimeError):
    """The node ran again and called a task with other arguments than those on record; its code did not change."""

    def __init__(self, node: str, task: str, call: int, arguments: str) -> None:
        self.node = node
        self.task = task
        self.call = call
        """Which call of the task it is, from 0."""
        super().__init__(
            f"node {node!r} calls task {task!r} (call {call + 1} of it) with {arguments}; an earlier attempt, with "
            "the same code, gave other arguments here, and that call is on record: the work would be done twice. Make "
            "the arguments repeatable: read clock, chance and the outside in a task of their own, sort what has no "
            "order. Changed code is not held to its earlier calls; an earlier checkpoint run again does all anew"
        )


class GraphChangedError(RefusedError):
    """The graph's code no longer fits what the thread waits for."""


class UpcastError(GraphChangedError):
    """A state of another version of the schema cannot be brought to the graph's. Nothing was changed."""

    def __init__(self, thread: str, version: int, expected: int, reason: str) -> None:
        self.thread = thread
        self.version = version
        """Of the schema that the thread's state has."""
        self.expected = expected
        """Of the graph's schema."""
        super().__init__(
            f"thread {thread!r} holds a state of schema version {version}, the graph has version {expected}: {reason}; "
            "nothing was changed"
        )


class ThreadBusyError(RefusedError, RuntimeError):
    """The thread is running and the caller cannot or would not wait."""


class InboxFullError(RefusedError):
    """The thread's inbox holds as many commands as it may; try again later."""


class InvalidUpdateError(ClewError):
    """Writes that cannot be merged into the state, or a value that is no update."""


class InvalidValueError(InvalidUpdateError, ValueError):
    """A written value is not what its key's annotation says, in a graph compiled with `validate=True`."""

    def __init__(self, node: str, key: str, kind: type, details: Sequence[Any] = ()) -> None:
        self.node = node
        """Who wrote it; START for the graph's input."""
        self.key = key
        self.kind = kind
        """Type of the value."""
        self.details = list(details)
        """What does not fit, as pydantic's `ValidationError.errors()` says it."""
        said = "; ".join(f"{'.'.join(map(str, one.get('loc', ())))} {one.get('msg', '')}".strip() for one in details)
        super().__init__(
            f"node {node!r} wrote a value of type {kind.__name__!r} to key {key!r}, which does not fit its annotation"
            f"{': ' if said else ''}{said}"
        )


class InvalidNamespaceError(ClewError, ValueError):
    """A namespace of the long-term store that is empty, reserved, or has a label that none can have."""


class EmptyChannelError(ClewError):
    """A channel was read before anything was written to it."""


class GraphRecursionError(ClewError, RecursionError):
    """The run took as many super-steps as `recursion_limit` allows and work remains. Continue with `None` as input."""


class LimitError(ClewError):
    """A bound of clew's own was reached; see the page of limits. What was recorded before is kept."""

    def __init__(self, limit: str, value: int, message: str) -> None:
        self.limit = limit
        """Name of the constant."""
        self.value = value
        """The bound."""
        super().__init__(f"{message} ({limit} = {value:,})")


class NodeTimeoutError(ClewError):
    """A node took longer than its timeout. Deliberately no `TimeoutError`, so the default retry policy tries again."""

    def __init__(
        self,
        node: str,
        elapsed: float,
        *,
        kind: Literal["idle", "run"],
        idle_timeout: float | None = None,
        run_timeout: float | None = None,
    ) -> None:
        self.node = node
        self.elapsed = elapsed
        """Seconds the attempt took, or, for an idle timeout, made no progress."""
        self.kind = kind
        """"run": the whole attempt took too long; "idle": it made no progress for too long."""
        self.idle_timeout = idle_timeout
        """The node's idle timeout in seconds, None where it has none."""
        self.run_timeout = run_timeout
        """The node's run timeout in seconds, None where it has none."""
        timeout = idle_timeout if kind == "idle" else run_timeout
        self.timeout = 0.0 if timeout is None else timeout
        """The timeout that was passed, in seconds."""
        idle = " without progress" if kind == "idle" else ""
        super().__init__(f"node {node!r} passed its {kind} timeout of {self.timeout:g} s{idle}, after {elapsed:.3f} s")

    def __reduce__(self) -> tuple[Any, ...]:
        limits = {"kind": self.kind, "idle_timeout": self.idle_timeout, "run_timeout": self.run_timeout}
        return partial(type(self), **limits), (self.node, self.elapsed)


class TaskNotFound(ClewError):
    """A task that is looked for is not there. Nothing of clew raises it: it stands for programs that catch it."""


class NodeCancelledError(ClewError):
    """A node raised `asyncio.CancelledError` though nobody cancelled the run."""

    def __init__(self, node: str, message: str | None = None) -> None:
        self.node = node
        super().__init__(message or f"node {node!r} raised asyncio.CancelledError, though nobody cancelled the run")


class EmptyCorpusError(ClewError, LookupError):
    """There is no recorded thread to check a graph against. That is no pass: nothing was shown."""


class MissingPackageError(ClewError, ImportError):
    """An optional package is not installed; the message gives the command."""


class DrawingUnavailableError(ClewError, ValueError):
    """The service that renders diagrams as images was not reached, or refused."""

    def __init__(self, service: str, reason: str) -> None:
        self.service = service
        super().__init__(
            f"draw_mermaid_png needs the Mermaid service at {service}, which gave no image ({reason}). "
            "draw_mermaid() gives the diagram as text and works offline; for an image without the service, "
            "pip install pyppeteer and use draw_method=MermaidDrawMethod.PYPPETEER, or give a base_url of your own"
        )


class ScriptError(ClewError, LookupError):
    """A `ScriptedModel` has no reply for the messages it was given; the message lists them and its rules."""


class GraphBubbleUp(BaseException):
    """Base of control signals. A BaseException, so that user code that catches `Exception` cannot swallow a pause."""


class GraphInterrupt(GraphBubbleUp):
    """A question was asked and has no answer yet."""

    def __init__(self, interrupts: Sequence[Any] = ()) -> None:
        super().__init__(interrupts)


class NodeInterrupt(GraphInterrupt):
    """Raised by a node to pause: the older form of `interrupt`, which takes no answer and asks anew at each run."""

    def __init__(self, value: Any, id: str | None = None) -> None:
        warnings.warn(
            "NodeInterrupt is deprecated: call interrupt(value) instead", LangGraphDeprecatedSinceV10, stacklevel=2
        )
        super().__init__([Interrupt(value) if id is None else Interrupt(value, id)])


class ParentCommand(GraphBubbleUp):
    """A node returned a Command for the graph that called this one."""

    def __init__(self, command: Any) -> None:
        super().__init__(command)


class GraphDrained(GraphBubbleUp, Exception):
    """The run stopped at a step's end because it was asked to; continue it later with `None` as input.

    It is an `Exception` too, since it is what the caller gets.
    """

    def __init__(self, reason: str = "shutdown") -> None:
        self.reason = reason
        super().__init__(f"the run was drained ({reason}); continue it with None as input")


class ErrorCode(Enum):
    """The names under which the common-errors page explains what went wrong."""

    GRAPH_RECURSION_LIMIT = "GRAPH_RECURSION_LIMIT"
    INVALID_CONCURRENT_GRAPH_UPDATE = "INVALID_CONCURRENT_GRAPH_UPDATE"
    INVALID_GRAPH_NODE_RETURN_VALUE = "INVALID_GRAPH_NODE_RETURN_VALUE"
    MULTIPLE_SUBGRAPHS = "MULTIPLE_SUBGRAPHS"
    INVALID_CHAT_HISTORY = "INVALID_CHAT_HISTORY"


def create_error_message(*, message: str, error_code: ErrorCode) -> str:
    """`message` with its code, as clew's own errors have it."""
    return with_code(message, error_code.value)


def with_code(message: str, code: str) -> str:
    """`message` with the name under which the common-errors page explains it."""
    return f"{message} [{code}: see docs/reference/errors.md]"


def error_repr(error: BaseException | None) -> str:
    """The error as its `repr` gives it, as text that can be kept, whatever its class does in `repr`."""
    try:
        return writable(repr(error))
    except Exception as trouble:
        return f"<{type(error).__qualname__}, whose repr raised {type(trouble).__name__}>"


def error_text(error: BaseException | None) -> str:
    """The error as its `str` gives it, as text that can be kept, whatever its class does in `str`."""
    try:
        return writable(str(error))
    except Exception:
        return error_repr(error)


def writable(text: str) -> str:
    """The text with halves of surrogate pairs spelled out: UTF-8 has no bytes for them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _name_as_imported() -> None:
    """Give each class here the path that people import it from: it is what tracebacks and pickles show."""
    for value in globals().values():
        if isinstance(value, type) and value.__module__ == __name__:
            value.__module__ = "clew.errors"


_name_as_imported()
