"""`join_stream` and `ajoin_stream`: two thin doors over one follower."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Any

from langchain_core.runnables import RunnableConfig

from ..doors.looks import Pregel
from ..doors.output import Forms
from .follower import QUIET_SECONDS, Follower


class Joinable(Pregel):
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
            subgraphs: puts the namespace in front, as in `stream`.
            version: as in `stream`.
            positions: True gives `(version, chunk)`: to go on after a lost connection, join with `after` that version,
                and take care of the chunks of one version together: they were one commit.
            quiet_seconds: how long a run of another process may commit nothing before it is taken for dead. A run of
                this process tells of its commits; for another's the store is read at intervals of at most a second.

        Raises:
            ValueError: the graph has no checkpointer, a mode cannot be joined, or the thread has not reached `after`.
        """
        forms = Forms(stream_mode, "updates", version=version, subgraphs=subgraphs)
        news = threading.Event()
        follower = Follower(
            self,
            config,
            forms.modes,
            after=after,
            keys=output_keys,
            version=version,
            quiet_seconds=quiet_seconds,
        )
        follower.wake = news.set
        try:
            while True:
                news.clear()
                chunks = follower.more()
                for position, chunk in chunks:
                    yield (position, forms.form(chunk)) if positions else forms.form(chunk)
                if not chunks:
                    seconds = follower.wait_seconds()
                    if seconds is None:
                        return
                    news.wait(seconds)
        finally:
            follower.close()

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
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop was closed under its stream
                loop.call_soon_threadsafe(news.set)

        follower = Follower(
            self,
            config,
            forms.modes,
            after=after,
            keys=output_keys,
            version=version,
            quiet_seconds=quiet_seconds,
        )
        follower.wake = wake
        try:
            while True:
                news.clear()
                chunks = await asyncio.to_thread(follower.more)
                for position, chunk in chunks:
                    yield (position, forms.form(chunk)) if positions else forms.form(chunk)
                if not chunks:
                    seconds = follower.wait_seconds()
                    if seconds is None:
                        return
                    with suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), seconds)
        finally:
            follower.close()
