"""Makes `run.lifecycle` and `run.subgraphs`: the sub-graphs of a run, as records and as streams of their own."""

from __future__ import annotations

from typing import Any, ClassVar

from ...projections.streams.lifecycle import (
    Began,
    Ended,
    LifecyclePayload,
    Sightings,
    error_status,
    payload_of,
    segment,
)
from ...projections.streams.protocol import ProtocolEvent
from ..scripts import adrive, drive
from .channel import StreamChannel
from .mux import StreamMux
from .run_stream import AsyncSubgraphRunStream, SubgraphRunStream
from .steps import Steps
from .transformer import StreamTransformer


class LifecycleTransformer(StreamTransformer):
    """Makes `run.lifecycle`, and an event `lifecycle`, for the start and the end of each sub-graph at any depth.

    A sub-graph is seen by its first task; its end is the result of the task that it runs in. The `tasks` events that
    this is read from are taken out of the log.
    """

    _native = True
    required_stream_modes: ClassVar[tuple[str, ...]] = ("tasks",)

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self._channel: StreamChannel[LifecyclePayload] = StreamChannel("lifecycle")
        self._sightings = Sightings(self._tracked)

    def _tracked(self, ns: tuple[str, ...]) -> bool:
        """Every sub-graph below this graph that runs in a task; one with a history of its own has none in its name."""
        below = len(ns) > len(self.scope) and ns[: len(self.scope)] == self.scope
        return below and segment(ns[-1])[1] is not None

    def init(self) -> dict[str, Any]:
        """The channel, whose items are events `lifecycle` too."""
        return {"lifecycle": self._channel}

    def process(self, event: ProtocolEvent) -> bool:
        """Read what tells of tasks, and take it out of the log."""
        if event["method"] != "tasks":
            return True
        for change in self._sightings.observe(tuple(event["params"]["namespace"]), event["params"]["data"]):
            self._channel.push(payload_of(change))
        return False

    def finalize(self) -> None:
        """End what is under way: well."""
        for change in self._sightings.close("completed"):
            self._channel.push(payload_of(change))

    def fail(self, err: BaseException) -> None:
        """End what is under way: as the run did."""
        for change in self._sightings.close(*error_status(err)):
            self._channel.push(payload_of(change))


class SubgraphTransformer(StreamTransformer):
    """Makes `run.subgraphs`: a run stream for each sub-graph that this graph runs itself, with projections of its own.

    Each has a mux with fresh transformers, which sees the events of that sub-graph and of those inside it.
    """

    _native = True
    supports_sync: ClassVar[bool] = True
    required_stream_modes: ClassVar[tuple[str, ...]] = ("tasks",)

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self._channel: StreamChannel[SubgraphRunStream | AsyncSubgraphRunStream] = StreamChannel()
        self._sightings = Sightings(self._tracked)
        self._open: dict[tuple[str, ...], SubgraphRunStream | AsyncSubgraphRunStream] = {}
        self._mux: StreamMux | None = None

    def _tracked(self, ns: tuple[str, ...]) -> bool:
        return len(ns) == len(self.scope) + 1 and ns[:-1] == self.scope

    def init(self) -> dict[str, Any]:
        """The channel of run streams."""
        return {"subgraphs": self._channel}

    def _on_register(self, mux: StreamMux) -> None:
        self._mux = mux

    def process(self, event: ProtocolEvent) -> bool:
        """Send the event on to the sub-graph that it is of."""
        return bool(drive(self._steps(event)))

    async def aprocess(self, event: ProtocolEvent) -> bool:
        """As `process`."""
        return bool(await adrive(self._steps(event)))

    def finalize(self) -> None:
        """Close the run streams under way."""
        drive(self._closing_steps())

    async def afinalize(self) -> None:
        """As `finalize`."""
        await adrive(self._closing_steps())

    def fail(self, err: BaseException) -> None:
        """Fail the run streams under way."""
        drive(self._failing_steps(err))

    async def afail(self, err: BaseException) -> None:
        """As `fail`."""
        await adrive(self._failing_steps(err))

    def _steps(self, event: ProtocolEvent) -> Steps:
        ns = tuple(event["params"]["namespace"])
        told = event["method"] == "tasks"
        for change in self._sightings.observe(ns, event["params"]["data"]) if told else ():
            if isinstance(change, Began):
                self._begin(change)
            else:
                yield from self._end(change)
        handle = self._open.get(ns[: len(self.scope) + 1])
        if handle is not None:
            handle.observe(event)
            yield from handle.mux.passing(event)
        return not told

    def _begin(self, change: Began) -> None:
        mux = self._mux
        if mux is None:
            raise RuntimeError("SubgraphTransformer was given an event before a StreamMux registered it")
        kind = AsyncSubgraphRunStream if mux.is_async else SubgraphRunStream
        handle = kind(
            mux.child(change.ns),
            path=change.ns,
            graph_name=change.graph_name,
            trigger_call_id=change.trigger_call_id,
        )
        self._open[change.ns] = handle
        self._channel.push(handle)

    def _end(self, change: Ended, error: BaseException | None = None) -> Steps:
        handle = self._open.pop(change.ns)
        handle.status, handle.error = change.status, change.error
        if error is None and change.status == "failed":
            error = RuntimeError(change.error)
        if error is None:
            yield from handle.mux.closing()
        else:
            yield from handle.mux.failing(error)

    def _closing_steps(self) -> Steps:
        first: BaseException | None = None
        for change in self._sightings.close("completed"):
            try:
                yield from self._end(change)
            except Exception as error:
                first = first or error
        if first is not None:
            raise first

    def _failing_steps(self, error: BaseException) -> Steps:
        for change in self._sightings.close(*error_status(error)):
            yield from self._end(change, error)
