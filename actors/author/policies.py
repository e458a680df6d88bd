"""How a node is tried again, cached and timed: what people hand to `add_node`. The engine applies it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from ...events.codec.digest import canonical_digest
from ...events.codec.values import Codec
from ...events.errors import NodeTimeoutError
from ...events.stores.saver import BaseCheckpointSaver

All = Literal["*"]
"""Every node, as in `interrupt_before="*"`."""
Checkpointer = None | bool | BaseCheckpointSaver
"""A saver; None inherits that of the graph around, True keeps one history per thread there, False keeps nothing."""
Durability = Literal["sync", "async", "exit"]
"""When the steps of a run are stored."""

KeyFunction = TypeVar("KeyFunction", bound=Callable[..., str | bytes])

_FINAL_ERRORS = (
    ValueError,
    TypeError,
    ArithmeticError,
    ImportError,
    LookupError,
    NameError,
    SyntaxError,
    RuntimeError,
    ReferenceError,
    StopIteration,
    StopAsyncIteration,
    OSError,
)
"""Errors that a second try would meet again: mistakes in code or input, and the operating system's refusals."""

_STATUS_ERRORS = {("httpx", "HTTPStatusError"), ("requests", "HTTPError")}
"""By name: neither package is needed here, and importing them costs more than asking."""


def default_retry_on(error: Exception) -> bool:
    """True for what may pass: lost connections, HTTP status 5xx, timeouts of nodes, and errors of no known family.

    Only the status errors of httpx and requests are judged by status; a model provider's rate limit (429) is an error
    of its own class and tried again.
    """
    if isinstance(error, (ConnectionError, NodeTimeoutError)):
        return True
    if any((base.__module__.partition(".")[0], base.__name__) in _STATUS_ERRORS for base in type(error).__mro__):
        status = getattr(getattr(error, "response", None), "status_code", None)
        return not isinstance(status, int) or 500 <= status < 600
    return not isinstance(error, _FINAL_ERRORS)


class RetryPolicy(NamedTuple):
    """When a failed node is tried again, and how long to wait before it."""

    initial_interval: float = 0.5
    """Seconds before the second attempt."""
    backoff_factor: float = 2.0
    """Each wait is this many times the one before."""
    max_interval: float = 128.0
    """Longest wait, in seconds, before jitter."""
    max_attempts: int = 3
    """Attempts in all, the first included."""
    jitter: bool = True
    """Adds up to one second, at random, to each wait."""
    retry_on: type[Exception] | Sequence[type[Exception]] | Callable[[Exception], bool] = default_retry_on
    """Which errors are tried again: a class, several, or a predicate (which the node runner calls)."""

    def covers(self, error: Exception) -> bool:
        """True when this policy governs `error`. May call the user's predicate."""
        chosen = self.retry_on
        if isinstance(chosen, type):
            return isinstance(error, chosen)
        if callable(chosen):
            return bool(chosen(error))
        return isinstance(error, tuple(chosen))

    def wait_seconds(self, attempt: int, chance: float = 0.0) -> float:
        """Seconds to wait after attempt number `attempt` (1-based) failed; `chance` in [0, 1) is the jitter's draw."""
        wait = min(self.max_interval, self.initial_interval * self.backoff_factor ** (attempt - 1))
        return wait + chance if self.jitter else wait


class CacheKey(NamedTuple):
    """A place in a cache, and how long what is kept there stays good."""

    ns: tuple[str, ...]
    """Namespace: what the entry belongs to."""
    key: str
    ttl: int | None
    """Seconds; None for ever."""


def default_cache_key(*args: Any, **kwargs: Any) -> str:
    """The key of a call's arguments: a digest of what would be stored of them, equal in every process.

    A graph makes the same digest with the classes that its own schemas name.

    Raises:
        EncodeError: an argument cannot be stored.
    """
    return canonical_digest((list(args), kwargs), Codec()).hex()


@dataclass(frozen=True, kw_only=True, slots=True)
class CachePolicy(Generic[KeyFunction]):
    """That a node's writes may be taken from the graph's cache when its input is the same."""

    key_func: KeyFunction = default_cache_key  # type: ignore[assignment]  # a type variable has no default of its own
    """Makes the key of the node's input."""
    ttl: int | None = None
    """Seconds an entry stays good; None for ever."""


def retry_policies(given: RetryPolicy | Sequence[RetryPolicy] | None) -> tuple[RetryPolicy, ...]:
    """The policies as a tuple; the first that covers an error governs it. Raises `TypeError` for anything else."""
    if given is None:
        return ()
    policies = (given,) if isinstance(given, RetryPolicy) else tuple(given)
    for policy in policies:
        if not isinstance(policy, RetryPolicy):
            raise TypeError(f"retry_policy holds {policy!r}: give a RetryPolicy or a list of them")
    return policies


@dataclass(frozen=True, kw_only=True)
class TracePolicy:
    """What tracers record of a node: `add_node(trace_policy=...)`. Other callback handlers see everything."""

    process_inputs: Callable[[Any], Any] | None = None
    """From the node's input to what is recorded of it; None records it as it is, as does one that raises."""
    process_outputs: Callable[[Any], Any] | None = None
    """From what the node returned to what is recorded of it."""


def omit_payload(_value: Any) -> dict[str, Any]:
    """For a `TracePolicy`: records nothing of an input or output."""
    return {}
