"""Who runs the tasks that one node calls: threads of the pool, the event loop, and whoever waits for one.

Made at a node's first call of a task; gone with the attempt. It never blocks a pool thread on a task that nobody has
begun, so tasks that call tasks cannot use the pool up.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import AsyncExitStack, suppress
from typing import Any

from ...events.errors import GraphBubbleUp, GraphInterrupt
from ..engine.call import Call
from ..engine.runtime import default_runtime
from ..scripts import adrive, drive
from .calls import TaskCall
from .futures import TaskFuture, finished


class Crew:
    """The tasks of one attempt of a node. Its methods may be called from any thread that the node uses."""

    def __init__(self, call: Call) -> None:
        self._call = call
        limit = call.job.run.settings.concurrency_max
        # The body has one of the places: it waits for its tasks, or runs one of them meanwhile.
        self._helpers_max = None if limit is None else limit - 1
        self._places = None if limit is None else asyncio.Semaphore(max(1, limit - 1))
        self._lock = threading.Lock()
        self._waiting: deque[tuple[TaskFuture[Any], TaskCall]] = deque()
        """Calls for threads that nobody has begun, in the order they were made."""
        self._helpers = 0
        """Pool threads that were asked to help and are not done."""
        self._futures: list[Future[Any]] = []
        """Every call that a thread runs or will run."""
        self._coroutines: set[asyncio.Future[Any]] = set()
        """Calls under way on an event loop."""

    def begin(self, call: TaskCall) -> Any:
        """Have a call run, or its result played back.

        Returns:
            A future: asyncio's on a running event loop, else a `concurrent.futures.Future`.

        Raises:
            EffectNotReproducibleError: as `TaskCall.recorded`.
            RuntimeError: an async task is called where no event loop runs.
        """
        recorded = call.recorded
        call.began()
        loop = asyncio._get_running_loop()
        if recorded is not None and recorded.value is not None:
            return _done(recorded.value.value, loop)
        if call.function.callee.is_async:
            return self._begin_coroutine(call, loop)
        future = self._begin_on_a_thread(call)
        if loop is None:
            return future
        waiting = asyncio.wrap_future(future, loop=loop)
        waiting.add_done_callback(_keep_quiet_about_pauses)
        return waiting

    # -- the runner's side

    def finish(self) -> None:
        """The body has returned: bring every task to its end, on this thread where nobody has begun it."""
        while unfinished := self._threads():
            for future in unfinished:
                with suppress(CancelledError):
                    future.exception()

    async def afinish(self) -> None:
        """As `finish`, on the running loop. What coroutines raised that nobody waited for stays with them."""
        while waiting := self._unfinished():
            await asyncio.wait(waiting)

    def abandon(self, error: BaseException) -> None:
        """The body has raised. A pause lets every task end, so that no work is lost; an error lets none begin."""
        if not isinstance(error, GraphInterrupt):
            self._drop()
        self.finish()
        self._ask_only(error)

    async def aabandon(self, error: BaseException) -> None:
        """As `abandon`, on the running loop; an error cancels the tasks that are coroutines."""
        if not isinstance(error, GraphInterrupt):
            self._drop()
            for task in tuple(self._coroutines):
                task.cancel()
        await self.afinish()
        self._ask_only(error)

    # -- threads

    def _begin_on_a_thread(self, call: TaskCall) -> TaskFuture[Any]:
        future: TaskFuture[Any] = TaskFuture(self._run_here)
        with self._lock:
            self._waiting.append((future, call))
            self._futures.append(future)
            wanted = self._helpers_max is None or self._helpers < self._least
            if wanted:
                self._helpers += 1
        if wanted:
            runtime = self._call.job.run.settings.runtime or default_runtime()
            runtime.pool.submit(self._help)
        return future

    @property
    def _least(self) -> int:
        """Helpers allowed: a body on an event loop runs no task itself, so it has one in any case."""
        least = 1 if self._call.job.run.loop is not None else 0
        return max(self._helpers_max or 0, least)

    def _help(self) -> None:
        """A pool thread's part: run tasks while there are any."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._helpers -= 1
                    return
                future, call = self._waiting.popleft()
            _run(future, call)

    def _run_here(self, wanted: TaskFuture[Any]) -> None:
        with self._lock:
            entry = next((entry for entry in self._waiting if entry[0] is wanted), None)
            if entry is None:
                return
            self._waiting.remove(entry)
        _run(*entry)

    def _threads(self) -> list[Future[Any]]:
        with self._lock:
            return [future for future in self._futures if not future.done()]

    def _drop(self) -> None:
        """Begin nothing more."""
        with self._lock:
            dropped = [future for future, _ in self._waiting]
            self._waiting.clear()
        for future in dropped:
            future.cancel()

    # -- an event loop

    def _begin_coroutine(self, call: TaskCall, loop: asyncio.AbstractEventLoop | None) -> Any:
        if loop is not None:
            task = loop.create_task(self._drive(call), context=call.context)
            self._coroutines.add(task)
            task.add_done_callback(self._coroutines.discard)
            task.add_done_callback(_keep_quiet_about_pauses)
            return task
        home = self._call.job.run.loop
        if home is None:
            raise RuntimeError(
                f"task {call.function.name!r} is async and was called where no event loop runs: make the entrypoint or "
                "node async and call the graph with ainvoke or astream"
            )
        # A sync body of an async call runs on a thread; its async tasks run on the caller's loop.
        future: Future[Any] = Future()
        self._futures.append(future)
        home.call_soon_threadsafe(self._begin_at_home, call, home, future)
        return future

    def _begin_at_home(self, call: TaskCall, home: asyncio.AbstractEventLoop, future: Future[Any]) -> None:
        task = self._begin_coroutine(call, home)
        task.add_done_callback(lambda done: _pass_on(done, future))

    async def _drive(self, call: TaskCall) -> Any:
        async with AsyncExitStack() as stack:
            if self._places is not None and call.scope.info is None:
                # Tasks that a task calls share its place: it waits for them.
                await stack.enter_async_context(self._places)
            return await adrive(call.script())

    def _unfinished(self) -> list[asyncio.Future[Any]]:
        running: list[asyncio.Future[Any]] = [task for task in self._coroutines if not task.done()]
        return [*running, *(asyncio.wrap_future(_settled(future)) for future in self._threads())]

    # -- questions

    def _ask_only(self, error: BaseException) -> None:
        """Of the questions that tasks met, ask those that made the body pause; the others come up in their turn."""
        call = self._call
        if not isinstance(error, GraphInterrupt) or not error.args:
            return
        met = {question.id for question in error.args[0]}
        if not met.intersection(call.open):
            return
        call.asked[:] = [asked for asked in call.asked if asked.question in met]
        call.open[:] = [question for question in call.open if question in met]


def crew_of(call: Call) -> Crew:
    """The crew of an attempt, made at the first call of a task."""
    tasks = call.tasks
    if isinstance(tasks, Crew):
        return tasks
    with call.lock:
        if call.tasks is None:
            call.tasks = Crew(call)
    return call.tasks  # type: ignore[return-value]


def _run(future: TaskFuture[Any], call: TaskCall) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = call.context.run(drive, call.script())
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(value)


def _done(value: Any, loop: asyncio.AbstractEventLoop | None) -> Any:
    if loop is None:
        return finished(value)
    future = loop.create_future()
    future.set_result(value)
    return future


def _keep_quiet_about_pauses(done: asyncio.Future[Any]) -> None:
    """Spare the log a pause that nobody waited for: it is known. asyncio goes on to tell of errors."""
    error = None if done.cancelled() else getattr(done, "_exception", None)
    if isinstance(error, GraphBubbleUp):
        done.exception()


def _settled(future: Future[Any]) -> Future[None]:
    """A future that is done when the other is, and never raises."""
    settled: Future[None] = Future()
    future.add_done_callback(lambda _: settled.set_result(None))
    return settled


def _pass_on(done: asyncio.Future[Any], future: Future[Any]) -> None:
    with suppress(InvalidStateError):  # its caller has cancelled it
        if done.cancelled():
            future.cancel()
            return
        error = done.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())
