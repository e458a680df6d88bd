"""One graph's transformers and its log: every event goes through them all, in order, and then into the log.

Written once, as generators of steps; `push`, `close` and `fail` drive them for sync runs, `apush`, `aclose` and `afail`
on an event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from types import MappingProxyType
from typing import Any

from ...projections.streams.protocol import ProtocolEvent, protocol_event
from ..scripts import adrive, drive
from .channel import AsyncPump, Pump, StreamChannel
from .steps import Steps, TwoWays
from .transformer import StreamTransformer, needs_loop

Factory = Callable[[tuple[str, ...]], StreamTransformer]
"""Makes a transformer for the graph in a namespace: its class, or a function."""


class StreamMux:
    """The transformers of one graph in a run, their projections, and the log of its events.

    Args:
        transformers: made already; they serve this graph alone.
        is_async: True for a run on an event loop.
        factories: make the transformers, here and again for each sub-graph.
        scope: the graph's namespace.
        _assign_seq: False for a sub-graph's: its events have their numbers from the root.

    Raises:
        RuntimeError: a transformer works in async runs only, and this is none.
        TypeError: an `init()` returned no dict.
        ValueError: two transformers have a projection of one name.
    """

    def __init__(
        self,
        transformers: Iterable[StreamTransformer] | None = None,
        *,
        is_async: bool = False,
        factories: Sequence[Factory] | None = None,
        scope: tuple[str, ...] = (),
        _assign_seq: bool = True,
    ) -> None:
        self.scope = scope
        self.is_async = is_async
        self.log: StreamChannel[ProtocolEvent] = StreamChannel()
        """The events that no transformer suppressed, for whoever iterates the run."""
        self.native_keys: set[str] = set()
        """Names of projections that are attributes of the run stream."""
        self._factories = None if factories is None else tuple(factories)
        self._numbers = count(1) if _assign_seq else None
        self._stamps = count(1)
        self._transformers: list[StreamTransformer] = []
        self._pipeline: list[tuple[StreamTransformer, Callable[[ProtocolEvent], Steps] | None, bool]] = []
        """(transformer, its own steps if it says them, True when an event is to be awaited) in the order of events."""
        self._projections: dict[str, Any] = {}
        self._owners: dict[str, StreamTransformer] = {}
        self._channels: list[StreamChannel[Any]] = []
        self._pump: Pump | None = None
        self._apump: AsyncPump | None = None
        self._over = False
        self.extensions: Mapping[str, Any] = MappingProxyType(self._projections)
        """Every projection by name."""
        self.log.bind(is_async=is_async, stamp=self._next_stamp)
        made = [*(transformers or ()), *(factory(scope) for factory in self._factories or ())]
        for transformer in sorted(made, key=lambda one: not one.before_builtins):
            self._register(transformer)

    @property
    def required_modes(self) -> frozenset[str]:
        """The stream modes that the transformers need."""
        return frozenset(mode for one in self._transformers for mode in one.required_stream_modes)

    def transformer_by_key(self, key: str) -> StreamTransformer | None:
        """The transformer that has the projection of this name."""
        return self._owners.get(key)

    def child(self, scope: tuple[str, ...]) -> StreamMux:
        """A mux for a sub-graph: fresh transformers of the same factories, read by the same pump.

        Raises `RuntimeError` where this one has no factories.
        """
        if self._factories is None:
            raise RuntimeError("this StreamMux was given transformers, not factories: none can be made for a sub-graph")
        child = StreamMux(is_async=self.is_async, factories=self._factories, scope=scope, _assign_seq=False)
        child._wire(self._pump, self._apump)
        return child

    def bind_pump(self, fn: Pump) -> None:
        """What moves the run on when a reader waits, of the log or of any projection."""
        self._wire(fn, None)

    def bind_apump(self, fn: AsyncPump) -> None:
        """As `bind_pump`, for async runs."""
        self._wire(None, fn)

    @property
    def pump(self) -> Pump:
        """What moves the run on; says that there is nothing more where nothing does."""
        return self._pump or (lambda: False)

    @property
    def apump(self) -> AsyncPump:
        """As `pump`, for async runs."""
        return self._apump or _no_more

    def _wire(self, pump: Pump | None, apump: AsyncPump | None) -> None:
        self._pump, self._apump = pump or self._pump, apump or self._apump
        for channel in (self.log, *self._channels):
            channel.pull_with(pump, apump)
        for transformer in self._transformers:
            for hook, fn in (("_bind_pump", pump), ("_bind_apump", apump)):
                bind = getattr(transformer, hook, None)
                if bind is not None and fn is not None:
                    bind(fn)

    def _next_stamp(self) -> int:
        return next(self._stamps)

    # -- registering

    def _register(self, transformer: StreamTransformer) -> None:
        name = type(transformer).__name__
        if not self.is_async and needs_loop(transformer):
            raise RuntimeError(
                f"{name} requires an async run (it overrides aprocess, afinalize or afail, or sets requires_async): "
                "read the stream with astream_events(version='v3')"
            )
        projections = transformer.init()
        if not isinstance(projections, dict):
            raise TypeError(f"StreamTransformer.init() must return a dict, got {type(projections).__name__} ({name})")
        taken = sorted(self._owners.keys() & projections.keys())
        if taken:
            owned = ", ".join(f"{key!r} (owned by {type(self._owners[key]).__name__})" for key in taken)
            raise ValueError(f"{name} has projection keys that conflict with already-registered ones: {owned}")
        native = bool(getattr(transformer, "_native", False))
        for key, value in projections.items():
            self._owners[key] = transformer
            self._projections[key] = value
            if native:
                self.native_keys.add(key)
            if isinstance(value, StreamChannel):
                self._adopt(value, native)
        self._transformers.append(transformer)
        waits = self.is_async and type(transformer).aprocess is not StreamTransformer.aprocess
        self._pipeline.append((transformer, getattr(transformer, "_steps", None), waits))
        registered = getattr(transformer, "_on_register", None)
        if registered is not None:
            registered(self)

    def _adopt(self, channel: StreamChannel[Any], native: bool) -> None:
        channel.bind(is_async=self.is_async, stamp=self._next_stamp)
        self._channels.append(channel)
        if channel.name is not None:
            channel.forward_to(partial(self._forward, channel.name if native else f"custom:{channel.name}"))

    def _forward(self, method: str, item: Any) -> None:
        """Log a channel's item. It goes past the transformers: one that pushes in `process` would see its own."""
        if not self.log.closed:
            self._append(protocol_event({"type": method, "ns": (), "data": item}, now()))

    def _append(self, event: ProtocolEvent) -> None:
        # Numbered last, so that what transformers forward about an event stands in the log before it.
        if self._numbers is not None:
            event["seq"] = next(self._numbers)
        self.log.push(event)

    # -- the three things that happen to a mux

    def passing(self, event: ProtocolEvent) -> Steps:
        """Show an event to every transformer, and log it if they all keep it."""
        if self._over:
            # A sub-graph's that its reader has left.
            return
        kept = True
        for transformer, own, waits in self._pipeline:
            if own is not None:
                # A built-in that feeds other muxes says its steps itself.
                keep = yield from own(event)
            elif waits:
                keep = yield _hook(transformer, "process", event)
            else:
                keep = transformer.process(event)
            kept = bool(keep) and kept
        if kept:
            self._append(event)

    def closing(self) -> Steps:
        """The run ended well: wait for what was scheduled, finalize, close.

        Raises the first error, all else done; the channels and the log raise it to their readers.
        """
        if self._over:
            return
        yield from self._joining()
        self._over = True
        first: BaseException | None = None
        for transformer in self._transformers:
            own = getattr(transformer, "_closing_steps", None)
            try:
                if own is not None:
                    yield from own()
                else:
                    yield _hook(transformer, "finalize")
            except Exception as error:
                first = first or error
        for channel in (*self._channels, self.log):
            if channel.closed:
                continue
            if first is None:
                channel.close()
            else:
                # Whoever reads a projection hears of it as well: what the hook was to add may be missing.
                channel.fail(first)
        if first is not None:
            raise first

    def failing(self, error: BaseException) -> Steps:
        """The run ended with an error: cancel what was scheduled, tell the transformers, fail the channels."""
        if self._over:
            return
        self._over = True
        yield from self._cancelling()
        for transformer in self._transformers:
            own = getattr(transformer, "_failing_steps", None)
            try:
                if own is not None:
                    yield from own(error)
                else:
                    yield _hook(transformer, "fail", error)
            except Exception as own_error:
                # The run's error is the one to tell; the hook's goes with it.
                error.add_note(f"and {type(transformer).__name__}.fail raised {own_error!r}")
        for channel in (*self._channels, self.log):
            if not channel.closed:
                channel.fail(error)

    def _joining(self) -> Steps:
        """Wait for everything scheduled, whatever it schedules meanwhile. Raises what one of it raised."""
        while tasks := [task for one in self._transformers for task in _scheduled(one)]:
            yield TwoWays(_nothing, partial(_join, tasks))
            for one in self._transformers:
                _scheduled(one).difference_update(tasks)

    def _cancelling(self) -> Steps:
        tasks = [task for one in self._transformers for task in _scheduled(one)]
        if tasks:
            yield TwoWays(_nothing, partial(_cancel, tasks))

    # -- the two doors

    def push(self, event: ProtocolEvent) -> None:
        """Send an event through the transformers and into the log."""
        drive(self.passing(event))

    async def apush(self, event: ProtocolEvent) -> None:
        """As `push`; each transformer is awaited before the next."""
        await adrive(self.passing(event))

    def close(self) -> None:
        """End well. Raises the first error of a `finalize`, when everything is closed."""
        drive(self.closing())

    async def aclose(self) -> None:
        """As `close`, after everything scheduled is done."""
        await adrive(self.closing())

    def fail(self, err: BaseException) -> None:
        """End with an error, which every channel and the log raise to their readers."""
        drive(self.failing(err))

    async def afail(self, err: BaseException) -> None:
        """As `fail`, after everything scheduled was cancelled."""
        await adrive(self.failing(err))


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _hook(transformer: StreamTransformer, name: str, *given: Any) -> TwoWays:
    return TwoWays(partial(getattr(transformer, name), *given), partial(getattr(transformer, "a" + name), *given))


def _scheduled(transformer: StreamTransformer) -> set[asyncio.Task[Any]]:
    """What a transformer scheduled and nobody has waited for yet."""
    tasks: set[asyncio.Task[Any]] = vars(transformer).get("_tasks") or set()
    return tasks


async def _join(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks)
    for task in tasks:
        task.result()


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _nothing() -> None: ...


async def _no_more() -> bool:
    return False
