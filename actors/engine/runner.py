"""The node runner: the only place that runs user code: bodies, path functions, coercion of inputs, user reducers.

What happens to a task is written once, as a script: a generator that yields the user's calls and is sent their
results. `perform` drives it on a thread, `aperform` on an event loop. The outcome is a value; the runner never writes
to a store.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Generator, Iterable
from typing import Any

from langchain_core.runnables import Runnable
from langchain_core.runnables.config import RunnableConfig, var_child_runnable_config
from msgspec import Struct

from ...events.errors import GraphBubbleUp, GraphDrained, GraphInterrupt, NodeCancelledError, ParentCommand, writable
from ...events.vocabulary import Command, Interrupt, Route, TimeoutPolicy, Write
from ...projections.channels.cells import Cells
from ...projections.state.merge import MergeError, merge_writes
from ..author.plan import Branch, Callee
from ..author.returns import beyond_view, branch_routes, interpret
from ..decider.commands import Merged, Outcome, UpcastWanted
from .attempts.cached import cached, encoded_result, result_slot
from .attempts.inputs import node_input, read_view
from .attempts.limits import Deadline, limits_of, with_progress
from .attempts.mutations import held, warn_of_changes
from .attempts.retry import retry_delay
from .attempts.upcasts import upcast
from .call import Call, Scope, current_scope, scope_here, strand_here
from .context import injected, is_start, node_config
from .work.jobs import Job, MergeJob

TRACEBACK_MAX = 4000
"""Characters of a traceback that `NodeFailed` keeps: its end, which names the failing line."""


class UserCall(Struct, eq=False):
    """One call into user code, as the script asks for it."""

    callee: Callee
    given: Any
    parameters: dict[str, Any]
    config: RunnableConfig

    __repr__ = object.__repr__  # see `Job`

    def make(self) -> Any:
        """Make the call; what it returns is awaitable for an async callee."""
        callee = self.callee
        if callee.wants_config:
            return callee.call(self.given, self.config)
        return callee.call(self.given, **self.parameters)

    def make_apart(self) -> Any:
        """Make the call on a thread for an event loop, whose futures cannot carry a `StopIteration`."""
        scope = scope_here()
        if scope is not None:
            scope.strand = strand_here()
        try:
            return self.make()
        except StopIteration as error:
            raise RuntimeError(f"{self.callee.name or 'the path function'} raised StopIteration") from error

    def amake(self) -> Any:
        """Make the call for an async caller: an awaitable where the callee has an async form."""
        callee = self.callee
        if callee.acall is None:
            return self.make()
        if callee.wants_config:
            return callee.acall(self.given, self.config)
        return callee.acall(self.given, **self.parameters)


Script = Generator[UserCall, Any, tuple[list[Write], list[Route]]]


def wants_loop(job: Job | MergeJob) -> bool:
    """True when part of the job must or should run on an event loop."""
    if isinstance(job, MergeJob):
        return False
    node = job.node
    if not is_start(job) and (node.callee.is_async or node.callee.acall is not None):
        return True
    if job.task.timeout is not None:
        return True
    return any(branch.path.is_async or branch.path.acall is not None for branch in node.branches)


def merge(job: MergeJob) -> Merged:
    """Do a merge that calls a user's reducer, or call the user's upcasters."""
    wanted = job.wanted
    if isinstance(wanted, UpcastWanted):
        return Merged(upcast=upcast(job.run, wanted))
    try:
        return Merged(merge_writes(job.run.channels, wanted.cells, wanted.writes, settle=True), upcast=wanted.upcast)
    except MergeError as error:
        return Merged(None, error, wanted.upcast)


def perform(job: Job) -> Outcome:
    """Run one task to its outcome on this thread, trying again as its retry policy says. Never raises."""
    call, node = Call(job, strand_here()), job.node
    try:
        if (node.timeout or job.task.timeout) and limits_of(job) is not None and not node.callee.is_async:
            raise ValueError(
                f"node {node.name!r} has a timeout and is called by a sync caller: only what runs on an event loop "
                "can be stopped; call the graph with ainvoke, astream or abatch"
            )
        slot = None if node.cache_policy is None else result_slot(job)
        if slot is not None and (outcome := cached(job, slot.find())) is not None:
            return outcome
        while (outcome := _drive(job, call)).error is not None:
            delay = retry_delay(node, outcome, job.tried)
            if delay is None:
                break
            call = Call(job, strand_here(), [*outcome.effects])
            if not job.run.wait_apart(delay):
                return _given_up(job, call)
            _try_again(job)
        if slot is not None and (result := encoded_result(job, outcome)) is not None:
            slot.keep(result)
    except BaseException as error:
        return _cut_short(job, call, error)
    return outcome


async def aperform(job: Job) -> Outcome:
    """As `perform`, for a task with async parts, on the caller's event loop. Never raises."""
    call = Call(job, strand_here())
    try:
        slot = result_slot(job) if job.node.cache_policy is not None else None
        if slot is not None and (outcome := cached(job, await slot.afind())) is not None:
            return outcome
        limits = limits_of(job)
        while (delay := retry_delay(job.node, outcome := await _attempt(job, call, limits), job.tried)) is not None:
            call = Call(job, strand_here(), [*outcome.effects])
            await asyncio.sleep(delay)
            _try_again(job)
        if slot is not None and (result := encoded_result(job, outcome)) is not None:
            await slot.akeep(result)
    except BaseException as error:
        return _cut_short(job, call, error)
    return outcome


async def _attempt(job: Job, call: Call, limits: TimeoutPolicy | None) -> Outcome:
    """One attempt, within its time limits. Whatever the body makes of its end, a limit that was passed fails it."""
    if limits is None:
        return await _adrive(job, call)
    with Deadline(job, limits, job.node.name) as deadline:
        outcome = await _adrive(job, call)
    if deadline.passed is None or outcome.kind in ("asked", "failed"):
        return outcome
    return _failed(job, call, deadline.passed)


def _try_again(job: Job) -> None:
    job.attempt += 1
    job.tried += 1


def _given_up(job: Job, call: Call) -> Outcome:
    """The run was given up while a failed attempt waited for the next one: nobody wants that any more."""
    return Outcome(job.ordinal, "cancelled", job.attempt, effects=tuple(call.effects), finished_at=_now())


def _drive(job: Job, call: Call) -> Outcome:
    config = _open_config(job)
    scope = current_scope.set(Scope(call, job.handler, call.strand))
    surrounding = var_child_runnable_config.set(config)
    try:
        steps = script(job, call, config)
        result: Any = None
        while True:
            try:
                user_call = steps.send(result)
            except StopIteration as done:
                if call.tasks is not None:
                    call.tasks.finish()
                return _completed(job, call, *done.value)
            try:
                result = user_call.make()
            except ParentCommand as left:
                result = _handed_up(left)
    except BaseException as error:
        if call.tasks is not None:
            call.tasks.abandon(error)
        return _raised(job, call, error)
    finally:
        var_child_runnable_config.reset(surrounding)
        current_scope.reset(scope)


async def _adrive(job: Job, call: Call) -> Outcome:
    config = _open_config(job)
    scope = current_scope.set(Scope(call, job.handler, call.strand))
    surrounding = var_child_runnable_config.set(config)
    try:
        steps = script(job, call, config)
        result: Any = None
        while True:
            try:
                user_call = steps.send(result)
            except StopIteration as done:
                if call.tasks is not None:
                    await call.tasks.afinish()
                return _completed(job, call, *done.value)
            try:
                if user_call.callee.is_async or user_call.callee.acall is not None:
                    result = await user_call.amake()
                else:
                    result = await asyncio.to_thread(user_call.make_apart)
            except ParentCommand as left:
                result = _handed_up(left)
    except BaseException as error:
        if call.tasks is not None:
            await call.tasks.aabandon(error)
        return _raised(job, call, error)
    finally:
        var_child_runnable_config.reset(surrounding)
        current_scope.reset(scope)


def _handed_up(left: ParentCommand) -> Command[Any]:
    """The Command with which a graph called in the node left it: the node's own return, where it was called."""
    command: Command[Any] = left.args[0]
    return Command(update=command.update, goto=command.goto)


def script(job: Job, call: Call, config: RunnableConfig) -> Script:
    """What happens in a task: its body, then its path functions on the state with the body's own writes in it."""
    run, node = job.run, job.node
    extra: dict[str, Any] = {}
    if node is run.plan.start:
        writes: list[Write] = list(job.checkpoint.input_writes)
        routes: list[Route] = []
    else:
        given = node_input(job)
        before = held(job, given) if run.settings.debug else None
        asked = _user_call(job, node.callee, given, config)
        returned = yield asked if run.settings.watch is None else run.settings.watch.node_call(job, asked)
        while type(returned) is not dict and isinstance(returned, Runnable):  # the common return is spared the look
            returned = yield UserCall(_as_callee(returned), given, {}, config)
        call.returned = returned
        if before is not None:
            warn_of_changes(job, before)
        understood = interpret(run.plan, node, returned)
        if understood.parent is not None:
            raise ParentCommand(understood.parent)
        writes, routes = [*call.pushed, *understood.writes], list(understood.routes)
        extra = beyond_view(node, understood) if node.branches else extra
    if node.branches:
        after, watch = _with_own_writes(job, writes), run.settings.watch
        if not is_start(job):  # whose writes the input checkpoint has
            call.wrote = writes
        for ordinal, branch in enumerate(node.branches):
            asked = branch_call(job, after, branch, config, extra)
            result = yield asked if watch is None else watch.path_call(job, ordinal, asked)
            routes.extend(branch_routes(run.plan, node, branch, result))
    return writes, routes


def branch_call(
    job: Job, cells: Cells, branch: Branch, config: RunnableConfig, extra: dict[str, Any] | None = None
) -> UserCall:
    """The call of a path function on the state that its node's writes lead to.

    `extra` are keys that the node returned and does not read itself: only path functions without a schema of their own
    see them.
    """
    given = read_view(job, cells, branch.view)
    if extra and type(given) is dict and branch.view.keys == job.node.view.keys:
        given = {**extra, **given}
    return _user_call(job, branch.path, given, config)


def _with_own_writes(job: Job, writes: Iterable[Write]) -> Cells:
    try:
        return merge_writes(job.run.channels, job.cells, writes, settle=True)
    except MergeError as error:
        raise error.cause from error


def _user_call(job: Job, callee: Callee, given: Any, config: RunnableConfig) -> UserCall:
    if callee.is_async and job.run.loop is None and not job.run.detached:
        raise TypeError(
            f"node {job.node.name!r} is async ({callee.name or 'its path function'}): "
            "call the graph with ainvoke, astream or abatch"
        )
    return UserCall(callee, given, injected(job, callee.injects, config) if callee.injects else {}, config)


def _as_callee(runnable: Runnable[Any, Any]) -> Callee:
    return Callee(runnable.invoke, runnable.ainvoke, wants_config=True, name=runnable.get_name())


def _open_config(job: Job) -> RunnableConfig:
    watch, deadline = job.run.settings.watch, job.deadline
    callbacks = None if watch is None else watch.open_node(job)
    if deadline is not None and deadline.any_progress:
        callbacks = with_progress(callbacks, deadline)
    return node_config(job, callbacks)


def _completed(job: Job, call: Call, writes: list[Write], routes: list[Route]) -> Outcome:
    if call.refused is not None:
        return _raised(job, call, call.refused)
    if call.open:
        return _asked(job, call)
    if job.task.questions and not job.handler:
        call.set_unheard_aside()
    if job.run.terms.kept:
        try:
            # Here, on its own thread, so that a value that cannot be stored fails this task.
            job.run.encode_writes(writes)
            for route in routes:
                job.run.encode_route(route)
        except Exception as error:
            return _failed(job, call, error)
    if job.run.settings.watch is not None:
        _close_watch(job, call.returned, None)
    return Outcome(
        job.ordinal,
        "completed",
        job.attempt,
        () if job.node is job.run.plan.start else tuple(writes),
        tuple(routes),
        tuple(call.effects),
        tuple(call.asked),
        tuple(call.withdrawn),
        tuple(call.answered),
        finished_at=time.time_ns() // 1000,
    )


def _raised(job: Job, call: Call, error: BaseException) -> Outcome:
    if call.refused is not None:
        error = call.refused
    elif call.open:
        return _asked(job, call)
    elif isinstance(error, GraphInterrupt):
        return _paused(job, call, error)
    control = job.run.settings.control
    if isinstance(error, GraphDrained) and control is not None and control.drain_requested:
        _close_watch(job, None, error)
        return Outcome(job.ordinal, "drained", job.attempt, effects=tuple(call.effects), finished_at=_now())
    passed = None if job.deadline is None else job.deadline.passed
    if passed is not None and isinstance(error, Exception | asyncio.CancelledError) and not job.run.cancelled:
        error = _instead_of(error, passed)
    if isinstance(error, asyncio.CancelledError):
        if job.run.cancelled or job.run.given_up or _caller_cancelled():
            _close_watch(job, None, error)
            return Outcome(job.ordinal, "cancelled", job.attempt, effects=tuple(call.effects), finished_at=_now())
        error = _instead_of(error, NodeCancelledError(job.node.name))
    if isinstance(error, (StopIteration, StopAsyncIteration)):
        # On its way through the generators that drive a run it would lose its name.
        error = _instead_of(error, RuntimeError(f"node {job.node.name!r} raised {type(error).__name__}"))
    if not isinstance(error, GraphBubbleUp):
        _add_note(job, error)
    return _failed(job, call, error)


def _paused(job: Job, call: Call, raised: GraphInterrupt) -> Outcome:
    """A node raised the pause itself (`NodeInterrupt`): it asks at each run, whatever was answered before."""
    for question in raised.args[0] if raised.args else ():
        try:
            while True:
                call.ask("raised", question.value)
        except GraphInterrupt:
            continue
        except Exception as error:
            return _failed(job, call, error)
    return _asked(job, call)


def _instead_of(cause: BaseException, error: Exception) -> Exception:
    error.__cause__ = cause
    return error


def _caller_cancelled() -> bool:
    """True when the coroutine that runs the node is being cancelled from outside, not by the node itself."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


def _add_note(job: Job, error: BaseException) -> None:
    note = f"raised in node {job.node.name!r}, task {job.task_id}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _asked(job: Job, call: Call) -> Outcome:
    if job.run.settings.watch is not None:
        _close_watch(job, None, GraphInterrupt(_open_questions(job, call)))
    return Outcome(
        task=job.ordinal,
        kind="asked",
        attempt=job.attempt,
        effects=tuple(call.effects),
        questions=tuple(call.asked),
        withdrawn=tuple(call.withdrawn),
        answered=tuple(call.answered),
        finished_at=_now(),
        blocked=call.blocked,
    )


def _open_questions(job: Job, call: Call) -> list[Interrupt]:
    """The questions at which the node waits, so that a trace shows what was asked."""
    raised = [*(question.raised for question in job.task.questions), *call.asked]
    return [
        Interrupt(one.value.value, one.question, response_schema=None if one.schema is None else one.schema.value)
        for one in raised
        if one.question in call.open
    ] + call.asked_below


def _failed(job: Job, call: Call, error: BaseException) -> Outcome:
    _close_watch(job, None, error)
    return Outcome(
        task=job.ordinal,
        kind="failed",
        attempt=job.attempt,
        effects=tuple(call.effects),
        questions=tuple(call.asked),
        withdrawn=tuple(call.withdrawn),
        answered=tuple(call.answered),
        error=error,
        traceback=_traceback(error) if job.run.terms.kept else "",
        finished_at=_now(),
    )


def _cut_short(job: Job, call: Call, error: BaseException) -> Outcome:
    """What ended a task outside of its body: a retry policy's or a callback's own error, a wait that was cancelled."""
    cancelled = isinstance(error, asyncio.CancelledError)
    return Outcome(
        task=job.ordinal,
        kind="cancelled" if cancelled else "failed",
        attempt=job.attempt,
        effects=tuple(call.effects),
        error=None if cancelled else error,
        traceback=_traceback(error) if job.run.terms.kept and not cancelled else "",
        finished_at=_now(),
    )


def _traceback(error: BaseException) -> str:
    return writable("".join(traceback.format_exception(error))[-TRACEBACK_MAX:])


def _close_watch(job: Job, returned: Any, error: BaseException | None) -> None:
    watch = job.run.settings.watch
    if watch is not None:
        watch.close_node(job, returned, error)


def _now() -> int:
    return time.time_ns() // 1000
