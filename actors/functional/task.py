"""`@task`: a function whose calls inside a graph are recorded effects."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar, overload

from ...events.codec.values import Codec
from ...events.vocabulary import TimeoutPolicy, timeout_policy
from ..author.builder import under_new_names
from ..author.callee import callee_of, name_of
from ..author.hints import EMPTY, underlying_function
from ..author.policies import CachePolicy, RetryPolicy, retry_policies
from ..author.validation import check_timeout
from ..caching.base import BaseCache, Namespace
from ..caching.slots import namespace_of
from ..engine.call import scope_here
from .calls import TaskCall
from .crew import crew_of

P = ParamSpec("P")
T = TypeVar("T")

Retries = RetryPolicy | Sequence[RetryPolicy] | None
Timeout = float | timedelta | TimeoutPolicy | None


class TaskFunction(Generic[P, T]):
    """What `@task` makes of a function: called in a node or entrypoint, it gives a future of the result at once."""

    def __init__(
        self,
        func: Callable[P, T],
        *,
        retry_policy: Sequence[RetryPolicy] = (),
        cache_policy: CachePolicy[Any] | None = None,
        timeout: TimeoutPolicy | None = None,
        name: str | None = None,
    ) -> None:
        if name is not None and "/" in name:
            raise ValueError(f"the task name {name!r} contains '/', which parts the places of tasks: leave it out")
        self.func = func
        self.name = name or name_of(func)
        self.retry_policy = tuple(retry_policy)
        self.cache_policy = cache_policy
        self.timeout = timeout
        refuse_generators(func, f"task {self.name!r}")
        self.callee, shape = callee_of(func, role=f"task {self.name!r}")
        check_timeout(self.name, self.callee, timeout)
        self._signature = inspect.signature(func) if self.callee.injects else None
        self._returns = shape.returns
        self._known: weakref.WeakSet[Codec] = weakref.WeakSet()
        """Codecs that were told what the function returns."""
        functools.update_wrapper(self, func)
        self.__name__ = self.name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Begin the task and return a future of its result at once.

        On an event loop an asyncio future, to be awaited; else a `concurrent.futures.Future` with `result()`. A call
        whose result is on record has it at once.

        Raises:
            RuntimeError: outside of a running graph; an async task where no event loop runs.
            EffectNotReproducibleError: see `task`.
        """
        scope = scope_here()
        if scope is None:
            raise RuntimeError(
                f"task {self.name!r} was called outside of a running graph: call it in an entrypoint or a node"
            )
        codec = scope.call.job.run.codec
        if self._returns is not EMPTY and codec not in self._known:
            codec.registry.register_schema(self._returns)
            self._known.add(codec)
        return crew_of(scope.call).begin(TaskCall(self, scope, args, kwargs))

    @property
    def cache_place(self) -> Namespace:
        """Where in a cache its results are."""
        return namespace_of(self.name, self.callee.fingerprint)

    def clear_cache(self, cache: BaseCache[Any]) -> None:
        """Drop the task's results from a cache; without a cache policy there are none."""
        if self.cache_policy is not None:
            cache.clear((self.cache_place,))

    async def aclear_cache(self, cache: BaseCache[Any]) -> None:
        """As `clear_cache`."""
        if self.cache_policy is not None:
            await cache.aclear((self.cache_place,))

    def left_open(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[str, ...]:
        """The parameters to inject that the call does not give itself."""
        if self._signature is None:
            return ()
        given = self._signature.bind_partial(*arguments, **keywords).arguments
        return tuple(name for name in self.callee.injects if name not in given)

    def named(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        """The call's arguments by name, defaults too, but for what is injected: what tracers show as its input."""
        signature = inspect.signature(self.func)
        bound = signature.bind_partial(*arguments, **keywords)
        bound.apply_defaults()
        named: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                named.update(value)
            elif name not in self.callee.injects:
                named[name] = value
        return named

    def __repr__(self) -> str:
        return f"<task {self.name!r}>"


def refuse_generators(func: Callable[..., Any], role: str) -> None:
    """Raises `NotImplementedError` for a generator function: a task and an entrypoint return one value."""
    function = underlying_function(func)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise NotImplementedError(f"{role} is a generator function: return one value, and emit others with a writer")


@overload
def task(
    __func_or_none__: Callable[P, Awaitable[T]],
) -> TaskFunction[P, T]: ...


@overload
def task(__func_or_none__: Callable[P, T]) -> TaskFunction[P, T]: ...


@overload
def task(
    __func_or_none__: None = None,
    *,
    name: str | None = None,
    retry_policy: Retries = None,
    cache_policy: CachePolicy[Any] | None = None,
    timeout: Timeout = None,
) -> Callable[[Callable[P, Any]], TaskFunction[P, Any]]: ...


def task(
    __func_or_none__: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    retry_policy: Retries = None,
    cache_policy: CachePolicy[Any] | None = None,
    timeout: Timeout = None,
    **kwargs: Any,
) -> Any:
    """Make a function a task: a step of a workflow whose result is put on record and never worked out twice.

    Called in an entrypoint, a node, a tool or another task, it runs beside its caller (a sync function on a thread of
    the pool, an async one on the event loop) and gives a future: `.result()` in sync code, `await` in async code. What
    it raises is raised there, and may be caught.

    When the node runs again, after a question, a failure or a crash, a finished call has its recorded result at once; a
    failed one runs again. A call is recognised by the task's name, its arguments and how many equal calls came before
    it in the same place, not by its position: what runs in another order gets its own results. Of an argument that
    cannot be stored (a client, a lock) only the class counts.

    A call is refused, before it runs, when all of these hold: nothing is on record for it; the code that makes it is
    the same as before; that code itself made another call in its turn (the n-th of this task), with other arguments,
    which is on record; this attempt has not made that one. Such an argument is never the same twice, a time or a random
    number say, and every run would do the work once more. Not refused are: another number of calls, other tasks on
    another way through an `if`, calls from threads and coroutines that the code starts, whose order is chance, a call
    that was made before and failed or asked a question, and whatever code does that was changed since.

    Args:
        __func_or_none__: the function, sync or async, where the decorator is used without parentheses.
        name: as streams and the log call it; the function's own name by default.
        retry_policy: when a failed run is tried again; of several the first that covers the error.
        cache_policy: takes results of equal arguments from the graph's cache.
        timeout: seconds that one attempt may take, or a `TimeoutPolicy` with an idle time, for async functions.
        **kwargs: the older name `retry`.

    Raises:
        ValueError: a timeout for a sync function.
        NotImplementedError: a generator function.
    """

    old = under_new_names("task", kwargs, {"retry": "retry_policy"})
    policies = retry_policies(old.get("retry_policy", retry_policy))

    def decorate(function: Callable[..., Any]) -> TaskFunction[Any, Any]:
        return TaskFunction(
            function,
            retry_policy=policies,
            cache_policy=cache_policy,
            timeout=timeout_policy(timeout),
            name=name,
        )

    return decorate if __func_or_none__ is None else decorate(__func_or_none__)
