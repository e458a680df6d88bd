"""`join_stream` and `ajoin_stream`: two thin doors over one follower."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

from langchain_core.runnables import RunnableConfig

from ..doors.looks import Described
from ..doors.output import Forms
from ..engine.work.processes import QUIET_SECONDS
from .follower import LOOK, Follower, Joining, Pause


class Joinable(Described):
    """The part of a compiled graph that shows a thread's stream again."""

    def join_stream(
        self,
        config: RunnableConfig | None = None,
        *,
        after: int = -1,
        stream_mode: str | Sequence[str] | None = None,
        output_keys: str | Sequence[str] | None = None,
        subgraphs: bool = False,
        version: str = "v1",
        positions: bool = False,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> Iterator[Any]:
        """Show again what a thread committed, and what a run under way goes on to commit; ends when the thread rests.

        Nothing runs: chunks are worked out from the log, each run's as its own stream showed them. What was never
        stored is not shown again: tokens (their messages are, whole), custom values, the life of tool calls. Errors of
        tasks come as text.

        Args:
            config: the thread.
            after: only what was committed after this version of the thread (0-based; -1 for everything).
            stream_mode: as in `stream`; "updates" by default, "custom" and "tools" are refused.
            output_keys: as in `stream`.
            subgraphs: shows the graphs that nodes call as well, and puts the namespace in front, as in `stream`; of a
                graph that a node makes while it runs, what its log tells.
            version: as in `stream`.
            positions: True gives `(version, chunk)`: to go on after a lost connection, join with `after` that version,
                and take care of the chunks of one version together: they were one commit.
            quiet_seconds: how long a run of another process may commit nothing before it is taken for dead. A run of
                this process tells of its commits; for another's the store is read at intervals of at most a second.

        Raises:
            ValueError: the graph has no checkpointer, a mode cannot be joined, or the thread has not reached `after`.
        """
        forms = Forms(stream_mode, "updates", version=version, subgraphs=subgraphs)
        joining = Joining(after, output_keys, positions, quiet_seconds)
        news = threading.Event()
        with closing(Follower(self, config, forms, joining, news.set)) as follower:
            for need in follower.needs():
                if need is LOOK:
                    news.clear()
                    follower.look()
                elif isinstance(need, Pause):
                    news.wait(need.seconds)
                else:
                    yield need

    async def ajoin_stream(
        self,
        config: RunnableConfig | None = None,
        *,
        after: int = -1,
        stream_mode: str | Sequence[str] | None = None,
        output_keys: str | Sequence[str] | None = None,
        subgraphs: bool = False,
        version: str = "v1",
        positions: bool = False,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> AsyncIterator[Any]:
        """As `join_stream`; the log is read off the event loop."""
        forms = Forms(stream_mode, "updates", version=version, subgraphs=subgraphs)
        joining = Joining(after, output_keys, positions, quiet_seconds)
        news = asyncio.Event()
        with closing(Follower(self, config, forms, joining, _setter(asyncio.get_running_loop(), news))) as follower:
            for need in follower.needs():
                if need is LOOK:
                    news.clear()
                    await asyncio.to_thread(follower.look)
                elif isinstance(need, Pause):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), need.seconds)
                else:
                    yield need


def _setter(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> Callable[[], None]:
    """What sets the event from any thread."""

    def set_soon() -> None:
        with suppress(RuntimeError):  # the loop was closed under its stream
            loop.call_soon_threadsafe(news.set)

    return set_soon
