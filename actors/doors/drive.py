"""Driving a run: the caller's thread or loop does its jobs, takes its chunks, and waits.

What to do next is decided once, in `needs`; the sync and the async door only differ in how they do it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from contextvars import copy_context
from functools import partial
from typing import Any

from ...events.errors import GraphInterrupt
from ...projections.state.views import interrupt_of
from ...projections.streams.finished import finished
from ...projections.streams.view import Chunk
from ..decider.commands import Outcome
from ..engine.run import Run
from ..engine.runner import aperform, merge, perform, wants_loop
from ..engine.runtime import Runtime
from ..engine.work.jobs import Job, MergeJob
from ..engine.work.messages import FLUSH, Cancel, Finished, MergeFinished
from ..engine.work.progress import EARLY_COMMIT_SECONDS

STARVED_SECONDS = 0.05
"""How long a caller that does no jobs itself waits for the pool to take one: then it has a spare thread do them."""

LEAVING_SECONDS = 5.0
"""How long an async caller that was cancelled waits for the store to take the run's end."""

PAUSES = ("interrupted", "paused", "blocked")
"""How a run ends that goes on later."""


class Wait:
    """Nothing to do but wait."""


WAIT = Wait()
Need = Chunk | Job | MergeJob | Wait


def needs(run: Run, runtime: Runtime) -> Iterator[Need]:
    """What the run's caller is to do next: give out a chunk, do a job, wait; ends when the run is over."""
    chunks = run.chunks
    while True:
        while chunks:
            chunk = chunks.popleft()
            yield finished(run.inner_views.get(chunk[0], run.view), chunk)
        if run.ending is not None and not chunks:
            return
        job = _hand_out(run, runtime) if run.jobs else None
        yield WAIT if job is None else job


def _hand_out(run: Run, runtime: Runtime) -> Job | MergeJob | None:
    """Give the open jobs to whoever should do them; the one for the caller itself is returned."""
    if run.loop is None:
        if (run.settings.live or run.settings.stepwise) and _gives_out(run):
            return _for_pool_only(run, runtime)
        if len(run.jobs) > 1 and run.take_fresh():
            _ask_pool(run, runtime, len(run.jobs) - 1)
        return run.pop_job()
    if len(run.jobs) == 1 and not run.tasks and not run.settings.live and run.settings.step_timeout is None:
        job = run.pop_job(_for_loop)
        if job is not None:
            return job
    _spread(run, runtime)
    return None


def _gives_out(run: Run) -> bool:
    """True while the caller must be free to give out chunks: nodes emit some, or one of several tasks may be done."""
    settings = run.settings
    return settings.live or (settings.stepwise and run.progress.several)


def _for_pool_only(run: Run, runtime: Runtime) -> Job | MergeJob | None:
    """All jobs but merges, which emit nothing, are the pool's."""
    merges = run.pop_job(lambda job: isinstance(job, MergeJob))
    if merges is None:
        if run.starved:
            run.starved = False
            _spare_thread(run, _help)
        elif run.take_fresh():
            _ask_pool(run, runtime, len(run.jobs))
    return merges


def _for_loop(job: Job | MergeJob) -> bool:
    return isinstance(job, MergeJob) or wants_loop(job)


def _spread(run: Run, runtime: Runtime) -> None:
    """Async jobs become tasks of the caller's loop, sync ones go to the pool."""
    # Taken before a look at the jobs: what comes meanwhile is fresh again, what stays behind waits for a free place.
    fresh = run.take_fresh()
    limit = run.settings.concurrency_max
    # Under a limit the loop has them all, sync ones in threads: one count is right where two would add up.
    wanted = _for_loop if limit is None else None
    while limit is None or len(run.tasks) < limit:
        job = run.pop_job(wanted)
        if job is None:
            break
        task = asyncio.get_running_loop().create_task(_ado(job))
        run.tasks.add(task)
        task.add_done_callback(partial(_forget_task, run, job))
    if fresh and limit is None and any(not _for_loop(job) for job in run.jobs):
        _ask_pool(run, runtime, len(run.jobs))


def _forget_task(run: Run, job: Job | MergeJob, task: asyncio.Task[None]) -> None:
    run.tasks.discard(task)
    if task.cancelled() and isinstance(job, Job):
        # Its run ended before the coroutine began: nobody else says so, and the task would count as running for ever.
        run.actor.offer(Finished(job, Outcome(job.ordinal, "cancelled", job.attempt)))
    if run.jobs:
        # A place under `max_concurrency` is free.
        run.fresh_jobs = True
        run.wake()


def _ask_pool(run: Run, runtime: Runtime, helpers: int) -> None:
    """Ask pool threads to help with the jobs, once for each batch of jobs."""
    run.surroundings = copy_context()
    for _ in range(min(helpers, run.settings.concurrency_max or helpers, runtime.pool_max)):
        runtime.pool.submit(_help, run)


def _help(run: Run) -> None:
    """A pool thread's part: do jobs while there are any. Never raises."""
    wanted = None if run.loop is None else _for_thread
    surroundings = run.surroundings or copy_context()
    while not (run.settings.stepwise and run.chunks):
        job = run.pop_job(wanted)
        if job is None:
            break
        surroundings.copy().run(do, job)
    else:
        # The caller gives out its chunks first, and then asks for help with what is left.
        run.fresh_jobs = True
        run.wake()
    if run.progress.held:
        # Nothing else to do here: see that what waits for its siblings is recorded in time.
        run.wait_apart(EARLY_COMMIT_SECONDS)
        run.actor.offer(FLUSH)


def _for_thread(job: Job | MergeJob) -> bool:
    return not _for_loop(job)


def do(job: Job | MergeJob) -> None:
    """Do a job on this thread and report it."""
    run = job.run
    message = Finished(job, perform(job)) if isinstance(job, Job) else MergeFinished(job, merge(job))
    if run.places is not None:
        run.give_place_back()
    run.actor.offer(message)


async def _ado(job: Job | MergeJob) -> None:
    if isinstance(job, MergeJob):
        do(job)
    else:
        outcome = await aperform(job)
        job.run.actor.offer(Finished(job, outcome))
        _flush_soon(job.run)


class _Apart:
    """Awaits a coroutine in a copy of the context, as a task would: what a node sets, the caller does not see."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, None]:
        run, step, given = copy_context().run, self._coroutine.send, None
        while True:
            try:
                waits = run(step, given)
            except StopIteration:
                return
            try:
                given = yield waits
                step = self._coroutine.send
            except BaseException as error:
                step, given = self._coroutine.throw, error


def _flush_soon(run: Run) -> None:
    """See that an outcome which waits for slower siblings is recorded in time, whatever the caller waits for."""
    if run.progress.working and not run.flush_due:
        run.flush_due = True
        asyncio.get_running_loop().call_later(EARLY_COMMIT_SECONDS, _flush, run)


def _flush(run: Run) -> None:
    run.flush_due = False
    run.actor.offer(FLUSH)


def drive(run: Run, runtime: Runtime) -> Generator[Chunk]:
    """Run to the end on the calling thread, giving out chunks. Closing the iterator cancels the run.

    Raises what ended the run, after its last chunk.
    """
    try:
        runtime.begin(run)
        for need in needs(run, runtime):
            if type(need) is tuple:
                yield need
            elif need is WAIT:
                _wait(run)
            else:
                copy_context().run(do, need)  # type: ignore[arg-type]
    finally:
        if not run.over:
            run.actor.offer(Cancel(run))
    raise_ending(run)


async def adrive(run: Run, runtime: Runtime) -> AsyncGenerator[Chunk]:
    """As `drive`, on the caller's event loop."""
    try:
        runtime.begin(run)
        for need in needs(run, runtime):
            if type(need) is tuple:
                yield need
            elif need is WAIT:
                await _await(run)
            else:
                await _Apart(_ado(need))  # type: ignore[arg-type]
    finally:
        if not run.over:
            # First of all: from here on a verdict must not wait for this loop, which may be closed next.
            run.cancelled = True
            run.actor.offer(Cancel(run))
        for task in list(run.tasks):
            run.cancelled = True
            task.cancel()
        if not run.over:
            await _leave(run)
    raise_ending(run)


def _wait(run: Run) -> None:
    if run.progress.held:
        run.wait(EARLY_COMMIT_SECONDS)
        run.actor.offer(FLUSH)
    elif run.jobs and _gives_out(run):
        run.starved = not run.wait(STARVED_SECONDS) and bool(run.jobs)
    else:
        run.wait()


async def _await(run: Run) -> None:
    if run.caller is None or not run.jobs:
        await run.waiting()
        return
    # A graph called inside a node: the pool's threads may all be waiting for graphs like this one.
    woken, _ = await asyncio.wait([run.waiting()], timeout=STARVED_SECONDS)
    if not woken and run.jobs and not run.starved:
        run.starved = True
        _spare_thread(run, _help_starved)


async def _leave(run: Run) -> None:
    """Wait until what a cancelled run stores at its end is stored, as a sync caller does: the next read shows it."""
    until = time.monotonic() + LEAVING_SECONDS
    while not run.over and (left := until - time.monotonic()) > 0:
        run.chunks.clear()
        run.take_fresh()
        await asyncio.wait([run.waiting()], timeout=left)


def _spare_thread(run: Run, work: Callable[[Run], None]) -> None:
    threading.Thread(target=work, args=(run,), name="clew-node-spare", daemon=True).start()


def _help_starved(run: Run) -> None:
    _help(run)
    run.starved = False


def raise_ending(run: Run) -> None:
    """Raise what ended the run, if an error did.

    A graph that is called in a node, and has no thread of its own, hands its pause up: it is the node's.
    """
    ending = run.ending
    error: Any = None if ending is None else ending.error
    if error is not None:
        raise error
    caller = run.caller
    if ending is None or ending.status not in PAUSES or caller is None or (run.terms.kept and run.outer is None):
        return
    state = run.state
    questions = [] if state is None else [interrupt_of(question) for question in state.open_questions(run.ns)]
    caller.paused = True
    if ending.status == "blocked":
        caller.call.blocked = run.ns
    caller.call.paused_below(run.ns, questions)
    raise GraphInterrupt(questions)
