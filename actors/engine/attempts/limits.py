"""The time limits of one attempt, of a node or a task: a timer on the caller's loop that ends it when one is passed.

There is one timer an attempt, set for the earliest moment a limit could be passed; progress only notes the time, so it
costs a clock reading, from whatever thread. Without a timeout there is no timer at all.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager

from ....events.errors import NodeTimeoutError
from ....events.vocabulary import TimeoutPolicy, timeout_of
from ..work.jobs import Job


class Timed(Protocol):
    """What an attempt belongs to, and where code inside of it finds its limits: a node's job, a task's place."""

    deadline: Deadline | None


def limits_of(job: Job) -> TimeoutPolicy | None:
    """The job's timeout: its Send's, or its node's; an error handler has only its own."""
    recorded = job.task.timeout
    if recorded is None or job.task.handler:
        return job.node.timeout
    return timeout_of(recorded)


class Deadline:
    """A context around one attempt, in the task that runs it: cancels it when a limit is passed."""

    def __init__(self, owner: Timed, policy: TimeoutPolicy, name: str) -> None:
        self._owner = owner
        self._name = name
        self._run_seconds: Any = policy.run_timeout
        self._idle_seconds: Any = policy.idle_timeout
        self.any_progress = policy.idle_timeout is not None and policy.refresh_on == "auto"
        """True when whatever the attempt does counts as progress."""
        self.passed: NodeTimeoutError | None = None
        """The limit that was passed; None while none was."""
        self._began = self._progress_at = 0.0
        """Seconds of the loop's clock; the second is set from any thread."""
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._began = self._progress_at = self._loop.time()
        self._task = asyncio.current_task()
        self._owner.deadline = self
        self._arm(self._began)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._owner.deadline = None
        if self._timer is not None:
            self._timer.cancel()
        if self.passed is not None and self._task is not None:
            self._task.uncancel()

    def progress(self) -> None:
        """Begin the idle time anew. From any thread."""
        self._progress_at = self._loop.time()

    def _arm(self, now: float) -> None:
        ends = [
            since + seconds
            for since, seconds in ((self._began, self._run_seconds), (self._progress_at, self._idle_seconds))
            if seconds is not None
        ]
        self._timer = self._loop.call_later(max(0.0, min(ends) - now), self._look)

    def _look(self) -> None:
        now = self._loop.time()
        if self._run_seconds is not None and now - self._began >= self._run_seconds:
            self._pass("run", now - self._began)
        elif self._idle_seconds is not None and now - self._progress_at >= self._idle_seconds:
            self._pass("idle", now - self._progress_at)
        else:
            self._arm(now)

    def _pass(self, kind: Literal["idle", "run"], elapsed: float) -> None:
        self.passed = NodeTimeoutError(
            self._name, elapsed, kind=kind, idle_timeout=self._idle_seconds, run_timeout=self._run_seconds
        )
        if self._task is not None:
            self._task.cancel()


class ProgressHandler(BaseCallbackHandler):
    """Callbacks of a node's models, tools and graphs, all of which are progress."""

    run_inline = True

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline

    def _progress(self, *_: Any, **__: Any) -> None:
        self.deadline.progress()

    on_llm_start = on_chat_model_start = on_llm_new_token = on_llm_end = on_llm_error = _progress
    on_chain_start = on_chain_end = on_chain_error = on_agent_action = on_agent_finish = _progress
    on_tool_start = on_tool_end = on_tool_error = on_text = on_retry = on_custom_event = _progress
    on_retriever_start = on_retriever_end = on_retriever_error = _progress


def with_progress(callbacks: Any, deadline: Deadline) -> Any:
    """A node's callbacks with one that notes progress."""
    handler = ProgressHandler(deadline)
    if isinstance(callbacks, BaseCallbackManager):
        manager = callbacks.copy()
        manager.add_handler(handler, inherit=True)
        return manager
    return [*(callbacks or ()), handler]
