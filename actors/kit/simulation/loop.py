"""An event loop on a virtual clock: `asyncio.sleep(3600)` returns at once, and an hour has passed."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar, final

from .clock import VirtualClock

Result = TypeVar("Result")


@final
class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    """Never waits for a timer: the clock is moved to where the wait would have ended."""

    clock: VirtualClock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; without a timer it waits for threads that the user's code started."""
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self.clock.advance(timeout)
        return ready


@final
class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose `time()` is the virtual clock's."""

    def __init__(self, clock: VirtualClock) -> None:
        selector = _Selector()
        selector.clock = clock
        self.clock = clock
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds."""
        return self.clock.seconds


def run_on_virtual_loop(clock: VirtualClock, work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on a loop of its own; what it waits for in time passes at once."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(work)
