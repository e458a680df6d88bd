"""Several scripts at once, on threads or on an event loop. Knows nothing of tools; `ToolNode` calls it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context

from ...scripts import Script, adrive, drive


def drive_together(scripts: Sequence[Script[None]], pool: Callable[[], ThreadPoolExecutor], limit: int | None) -> None:
    """Run scripts at once, on the calling thread and as many of the pool's as are free; all have ended on return.

    The calling thread takes what no other has begun, so a full pool makes it slow, never stuck: the caller may be one
    of the pool's threads itself.

    Args:
        scripts: they raise nothing. Each sees a copy of the caller's context variables.
        pool: asked for only if there is more than one script.
        limit: scripts at a time; None for no limit but the pool's.
    """
    if len(scripts) == 1:
        drive(scripts[0])
        return
    waiting = deque((copy_context(), script) for script in scripts)
    helpers = min(len(scripts), limit or len(scripts)) - 1
    helping = [pool().submit(_drive_waiting, waiting) for _ in range(helpers)]
    _drive_waiting(waiting)
    for helper in helping:
        if not helper.cancel():
            helper.result()


async def adrive_together(scripts: Sequence[Script[None]], limit: int | None) -> None:
    """As `drive_together`, on the running loop."""
    if len(scripts) == 1:
        await adrive(scripts[0])
        return
    places = asyncio.Semaphore(limit or len(scripts))

    async def take_place(script: Script[None]) -> None:
        async with places:
            await adrive(script)

    await asyncio.gather(*map(take_place, scripts))


def _drive_waiting(waiting: deque[tuple[Context, Script[None]]]) -> None:
    while True:
        try:
            context, script = waiting.popleft()
        except IndexError:
            return
        context.run(drive, script)
