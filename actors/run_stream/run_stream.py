"""What the caller of a v3 stream holds: reading any part of it moves the run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any

from ...events.errors import GraphBubbleUp
from ...projections.streams.lifecycle import SubgraphStatus
from ...projections.streams.protocol import ProtocolEvent, protocol_event
from ..scripts import adrive, drive
from .channel import StreamChannel
from .mux import StreamMux, now
from .steps import Steps, TwoWays


class _RunStream:
    """What both forms share: the projections, the outcome so far, and what one pull of the pump does."""

    def __init__(self, parts: Any, mux: StreamMux) -> None:
        self.mux = mux
        """The transformers of the run's graph."""
        self.extensions = mux.extensions
        """Every projection by name; those of built-in transformers are attributes too."""
        self._parts = parts
        self._place = list(mux.scope)
        self._exhausted = parts is None
        self._failure: BaseException | None = None
        self._part = TwoWays(self._next, self._anext)
        self._latest: Any = None
        self._questions: list[Any] = []
        for key in mux.native_keys:
            setattr(self, key, mux.extensions[key])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "mux" not in vars(self):
            raise AttributeError(name)
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r} (registered projections: "
            f"{', '.join(sorted(self.mux.native_keys))}); other transformers' are in .extensions"
        )

    def observe(self, event: ProtocolEvent) -> None:
        """Remember what an event of the run's own graph says of its outcome."""
        params = event["params"]
        if event["method"] == "values" and params["namespace"] == self._place:
            self._latest = params["data"]
            self._questions.extend(params.get("interrupts") or ())

    def _pulling(self) -> Steps:
        """Move the run on by one part, or to its end. Returns False at the end, well or not: the channels tell."""
        if self._exhausted:
            return False
        try:
            part = yield self._part
            if part is None:
                self._exhausted = True
                yield from self.mux.closing()
                return False
            event = protocol_event(part, now())
            self.observe(event)
            yield from self.mux.passing(event)
        except (Exception, GraphBubbleUp) as error:
            self._exhausted = True
            self._failure = error
            yield from self.mux.failing(error)
            # Where a transformer's own error ended it, the run is not over yet.
            yield TwoWays(self._leave, self._aleave)
            return False
        return True

    def _next(self) -> Any:
        return next(self._parts, None)

    async def _anext(self) -> Any:
        return await anext(self._parts, None)

    def _leave(self) -> None:
        if hasattr(self._parts, "close"):
            self._parts.close()

    async def _aleave(self) -> None:
        if hasattr(self._parts, "aclose"):
            await self._parts.aclose()

    def _stopping(self) -> Steps:
        """Leave the run as it is: its nodes are cancelled, its thread stays at the last commit."""
        self._exhausted = True
        try:
            yield TwoWays(self._leave, self._aleave)
        finally:
            yield from self.mux.closing()

    def _outcome(self) -> BaseException | None:
        return self._failure or self.mux.log.error


class GraphRunStream(_RunStream):
    """A run read by a sync caller: iterate it for its events, or one of its projections.

    Whatever is read moves the run on as far as the reader needs; nothing runs ahead. `values`, `messages`, `lifecycle`
    and `subgraphs` are always there, other projections where their transformer was given. Each has one reader, who gets
    what comes after it began (`tee` makes several). Use it as a context manager to stop the run on leaving early.

    Args:
        graph_iter: the run's parts, `{"type", "ns", "data", ...}`; None for a sub-graph's.
        mux: what they go through.
        wire_pump: False where something else moves the run on.
    """

    def __init__(self, graph_iter: Iterator[Any] | None, mux: StreamMux, *, wire_pump: bool = True) -> None:
        super().__init__(graph_iter, mux)
        if wire_pump:
            mux.bind_pump(self._pull)

    def _pull(self) -> bool:
        return bool(drive(self._pulling()))

    def _finish(self) -> None:
        while not self.mux.log.closed and self._pull():
            pass
        error = self._outcome()
        if error is not None:
            raise error

    @property
    def output(self) -> Any:
        """The state at the run's end, in the form of its schema; None if it streamed none. Runs to the end.

        Raises what ended the run.
        """
        self._finish()
        return self._latest

    @property
    def interrupted(self) -> bool:
        """True when the run ended at a question. Runs to the end; raises what ended the run."""
        self._finish()
        return bool(self._questions)

    @property
    def interrupts(self) -> list[Any]:
        """The questions at which the run ended. Runs to the end; raises what ended the run."""
        self._finish()
        return list(self._questions)

    def __iter__(self) -> Iterator[ProtocolEvent]:
        """The events, from here on, once."""
        return iter(self.mux.log)

    def interleave(self, *names: str) -> Iterator[tuple[str, Any]]:
        """The items of several projections as `(name, item)`, in the order in which they came.

        Raises:
            KeyError: there is no projection of that name.
            TypeError: it is no channel.
            RuntimeError: somebody reads it.
        """
        channels: dict[str, StreamChannel[Any]] = {}
        for name in names:
            channel = self.extensions[name]
            if not isinstance(channel, StreamChannel):
                kind = type(channel).__name__
                raise TypeError(f"interleave() requires StreamChannel projections, got {kind} for {name!r}")
            channels[name] = channel
        taken: list[StreamChannel[Any]] = []
        try:
            for name, channel in channels.items():
                channel.subscribe(is_async=False, name=name)
                taken.append(channel)
            yield from self._in_order(channels)
        finally:
            for channel in taken:
                channel.release()

    def _in_order(self, channels: dict[str, StreamChannel[Any]]) -> Iterator[tuple[str, Any]]:
        while channels:
            waiting = [(channel.head, name) for name, channel in channels.items() if channel.head is not None]
            if waiting:
                name = min(waiting)[1]
                yield name, channels[name].take()
            elif all(channel.closed for channel in channels.values()) or not self.mux.pump():
                if any(channel.head is not None for channel in channels.values()):
                    continue
                error = next((channel.error for channel in channels.values() if channel.error is not None), None)
                if error is not None:
                    raise error
                return

    def abort(self) -> None:
        """Stop the run where it is: nodes under way are cancelled, projections end. Twice is as good as once."""
        drive(self._stopping())

    def __enter__(self) -> GraphRunStream:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.abort()


class AsyncGraphRunStream(_RunStream):
    """A run read on an event loop: as `GraphRunStream`, with `async for`, and `await run.output()`.

    Several tasks may read different projections at once. One of them at a time moves the run on, for all; a task that
    is cancelled while it does so cancels the run.

    Args:
        graph_aiter: the run's parts, `{"type", "ns", "data", ...}`; None for a sub-graph's.
        mux: what they go through.
        wire_pump: False where something else moves the run on.
    """

    def __init__(self, graph_aiter: AsyncIterator[Any] | None, mux: StreamMux, *, wire_pump: bool = True) -> None:
        super().__init__(graph_aiter, mux)
        self._pull_under_way: asyncio.Future[None] | None = None
        """Resolves when the task that moves the run on has done so."""
        self._waiting_for_part: asyncio.Task[Any] | None = None
        self._aborting = False
        if wire_pump:
            mux.bind_apump(self._apull)

    async def _apull(self) -> bool:
        """Move the run on by one event, or wait until another task has."""
        if self._pull_under_way is not None:
            await asyncio.wait([self._pull_under_way])
            return True
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pull_under_way = done
        try:
            return bool(await adrive(self._pulling()))
        finally:
            self._pull_under_way = None
            done.set_result(None)

    async def _anext(self) -> Any:
        # A task of its own, so that `abort` can end the wait without cancelling whoever waits.
        task = asyncio.ensure_future(super()._anext())
        self._waiting_for_part = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._aborting and task.cancelled():
                return None
            raise
        finally:
            self._waiting_for_part = None

    async def _afinish(self) -> None:
        while not self.mux.log.closed and await self.mux.apump():
            pass
        error = self._outcome()
        if error is not None:
            raise error

    async def output(self) -> Any:
        """The state at the run's end, in the form of its schema; None if it streamed none. Runs to the end.

        Raises what ended the run.
        """
        await self._afinish()
        return self._latest

    async def interrupted(self) -> bool:
        """True when the run ended at a question. Runs to the end; raises what ended the run."""
        await self._afinish()
        return bool(self._questions)

    async def interrupts(self) -> list[Any]:
        """The questions at which the run ended. Runs to the end; raises what ended the run."""
        await self._afinish()
        return list(self._questions)

    def __aiter__(self) -> AsyncIterator[ProtocolEvent]:
        """The events, from here on, once."""
        return aiter(self.mux.log)

    async def abort(self) -> None:
        """Stop the run where it is: nodes under way are cancelled, projections end. Twice is as good as once."""
        self._aborting = True
        self._exhausted = True
        if self._waiting_for_part is not None:
            self._waiting_for_part.cancel()
        if self._pull_under_way is not None:
            await asyncio.wait([self._pull_under_way])
        await adrive(self._stopping())

    async def __aenter__(self) -> AsyncGraphRunStream:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.abort()


class _Subgraph:
    """What a sub-graph's stream says of it."""

    path: tuple[str, ...]
    """Its namespace."""
    graph_name: str | None
    """The agent's name where it has one, else the name of the node that it runs in."""
    trigger_call_id: str | None
    """Id of the task that it runs in; None for one with a history of its own."""
    status: SubgraphStatus
    """"started", and at its end "completed", "failed", "interrupted" or "drained"."""
    error: str | None
    """The text of what it failed with."""

    def _describe(self, path: tuple[str, ...], graph_name: str | None, trigger_call_id: str | None) -> None:
        self.path = path
        self.graph_name = graph_name
        self.trigger_call_id = trigger_call_id
        self.status = "started"
        self.error = None


class SubgraphRunStream(GraphRunStream, _Subgraph):
    """A sub-graph's part of a run, read by a sync caller; reading it moves the whole run on.

    What the sub-graph streamed before its first task began is not shown.
    """

    def __init__(
        self,
        mux: StreamMux,
        *,
        path: tuple[str, ...],
        graph_name: str | None = None,
        trigger_call_id: str | None = None,
    ) -> None:
        super().__init__(None, mux, wire_pump=False)
        self._describe(path, graph_name, trigger_call_id)

    def _pull(self) -> bool:
        return self.mux.pump()


class AsyncSubgraphRunStream(AsyncGraphRunStream, _Subgraph):
    """As `SubgraphRunStream`, on an event loop."""

    def __init__(
        self,
        mux: StreamMux,
        *,
        path: tuple[str, ...],
        graph_name: str | None = None,
        trigger_call_id: str | None = None,
    ) -> None:
        super().__init__(None, mux, wire_pump=False)
        self._describe(path, graph_name, trigger_call_id)
