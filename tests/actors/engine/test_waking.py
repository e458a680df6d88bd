"""A run's caller is never left waiting: what another thread does between two lines of a look is seen, then or next.

Each test stops one thread between two lines by a property that lets another thread's part happen when it is read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from clew.actors.engine.run import Run


class Interleaved(Run):
    """As much of a run as waking takes. `between` happens once, right after a field was read."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.jobs, self.chunks, self.ending = [], deque(), None
        self.between: Callable[[], Any] | None = None
        self._signal, self._futures = None, []
        self._fresh, self._loop = False, loop

    def _meanwhile(self) -> None:
        between, self.between = self.between, None
        if between is not None:
            between()

    @property
    def fresh_jobs(self) -> bool:  # type: ignore[override]
        read = self._fresh
        self._meanwhile()
        return read

    @fresh_jobs.setter
    def fresh_jobs(self, fresh: bool) -> None:
        self._fresh = fresh

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:  # type: ignore[override]
        self._meanwhile()
        return self._loop

    @loop.setter
    def loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop


JOB: Any = object()


def test_jobs_that_come_during_a_look_for_fresh_ones_stay_fresh() -> None:
    run = Interleaved()
    run.jobs.append(JOB)
    run.between = lambda: run.add_jobs([JOB])
    assert run.take_fresh() or run.take_fresh()


def test_a_late_waker_forgets_nobody_who_waits_anew() -> None:
    async def talk() -> None:
        run = Interleaved(asyncio.get_running_loop())
        first, waits = run.waiting(), list[asyncio.Future[None]]()

        def another_wakes_the_caller_who_waits_anew() -> None:
            run.show((("", "values", 1),))  # type: ignore[arg-type]
            run.chunks.clear()
            waits.append(run.waiting())

        run.between = another_wakes_the_caller_who_waits_anew
        run.wake()
        assert first.done()
        run.show((("", "values", 2),))  # type: ignore[arg-type]
        assert waits[0].done()

    asyncio.run(talk())


def test_who_waits_once_more_is_woken_though_it_gave_up_waiting_before() -> None:
    async def talk() -> None:
        run = Interleaved(asyncio.get_running_loop())
        run.waiting()
        anew = run.waiting()
        run.show((("", "values", 1),))  # type: ignore[arg-type]
        assert anew.done()

    asyncio.run(talk())
