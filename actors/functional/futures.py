"""What a call of a task returns: a future that whoever waits for it can bring to its end itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class TaskFuture(Future[T]):
    """A `concurrent.futures.Future` of a task that runs on a thread.

    Waiting for one that nobody has begun yet runs it on the waiting thread, so tasks that wait for tasks cannot use up
    the pool.
    """

    def __init__(self, run: Callable[[TaskFuture[T]], None]) -> None:
        super().__init__()
        self._run = run

    def run(self) -> None:
        """Run the task on this thread, unless somebody has begun it or it was cancelled. Raises nothing."""
        self._run(self)

    def result(self, timeout: float | None = None) -> T:
        """What the task returned; raises what it raised.

        Args:
            timeout: seconds to wait for a task that runs elsewhere; one that nobody has begun runs here, to its end.
        """
        if not self.done():
            self.run()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the task raised, or None; waits as `result` does."""
        if not self.done():
            self.run()
        return super().exception(timeout)


def finished(value: T) -> Future[T]:
    """A future that has its result."""
    future: Future[T] = Future()
    future.set_result(value)
    return future
