"""From `stream_events(version="v3")` to a run stream: one ordinary run in every mode that the transformers need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any

from langchain_core.messages import ToolMessage

from ...events.vocabulary import INTERRUPT
from ...projections.streams.commit import MODES
from ..doors.drive import adrive, drive
from ..doors.request import Options, open_run
from ..doors.setup import Setup
from ..watch.watch import open_watch
from .builtins import ValuesTransformer
from .lifecycle import LifecycleTransformer, SubgraphTransformer
from .messages import MessagesTransformer
from .mux import Factory, StreamMux
from .run_stream import AsyncGraphRunStream, GraphRunStream
from .transformer import StreamTransformer

BUILTINS: tuple[Factory, ...] = (ValuesTransformer, MessagesTransformer, LifecycleTransformer, SubgraphTransformer)
"""The transformers of every v3 stream."""
OWNED = ("stream_mode", "subgraphs")
"""Arguments of `stream` that a v3 stream decides itself."""


def open_stream_events(
    graph: Setup, given: Any, config: Any, transformers: Sequence[Factory] | None, options: Mapping[str, Any]
) -> GraphRunStream:
    """A run stream of a run that begins when it is read. Raises what is wrong with the call's transformers."""
    mux = open_mux(graph, transformers, options, is_async=False)
    return GraphRunStream(_parts(graph, given, config, mux, options), mux)


async def open_astream_events(
    graph: Setup, given: Any, config: Any, transformers: Sequence[Factory] | None, options: Mapping[str, Any]
) -> AsyncGraphRunStream:
    """As `open_stream_events`, for a reader on an event loop."""
    mux = open_mux(graph, transformers, options, is_async=True)
    return AsyncGraphRunStream(_aparts(graph, given, config, mux, options), mux)


def open_mux(
    graph: Setup, transformers: Sequence[Factory] | None, options: Mapping[str, Any], *, is_async: bool
) -> StreamMux:
    """The root's mux: the built-in transformers, the graph's, the call's.

    Raises:
        TypeError: the call says what only the stream can; a transformer is no class or function of a scope.
        ValueError, RuntimeError: as `StreamMux`.
    """
    taken = [name for name in OWNED if name in options]
    if taken:
        raise TypeError(
            f"version='v3' does not accept {', '.join(taken)}: its transformers say which modes are streamed, and "
            "sub-graphs always are"
        )
    factories = [*BUILTINS, *checked(graph.stream_transformers), *checked(transformers or ())]
    return StreamMux(factories=factories, is_async=is_async)


def checked(transformers: Sequence[Factory]) -> tuple[Factory, ...]:
    """The transformers of a `compile` or a call. Raises `TypeError` for one that cannot be made for each scope."""
    for one in transformers:
        if isinstance(one, StreamTransformer):
            raise TypeError(
                f"transformers must be scope-aware callables, got a pre-built instance of {type(one).__name__}: pass "
                f"the class, or a function like `lambda scope: {type(one).__name__}(scope, ...)`"
            )
        if not callable(one):
            raise TypeError(f"transformers must be scope-aware callables, got {type(one).__name__}")
    return tuple(transformers)


def _options(mux: StreamMux, given: Mapping[str, Any]) -> Options:
    names = ("context", "interrupt_before", "interrupt_after", "durability", "output_keys")
    known = {name: given[name] for name in names if name in given}
    return Options(**known, modes=mux.required_modes & MODES, stepwise=True, message_events=True)


def _parts(graph: Setup, given: Any, config: Any, mux: StreamMux, options: Mapping[str, Any]) -> Iterator[Any]:
    run = open_run(graph, given, config, _options(mux, options))
    with open_watch(graph, run, given), closing(drive(run, graph.runtime)) as chunks:
        for chunk in chunks:
            if _wanted(chunk):
                yield _part(chunk)


async def _aparts(
    graph: Setup, given: Any, config: Any, mux: StreamMux, options: Mapping[str, Any]
) -> AsyncGenerator[Any]:
    run = open_run(graph, given, config, _options(mux, options), asyncio.get_running_loop())
    async with open_watch(graph, run, given), aclosing(adrive(run, graph.runtime)) as chunks:
        async for chunk in chunks:
            if _wanted(chunk):
                yield _part(chunk)


def _wanted(chunk: Any) -> bool:
    """Messages of tools are left out: their calls have events of their own."""
    _, mode, payload = chunk
    return mode != "messages" or not isinstance(payload[0], ToolMessage)


def _part(chunk: Any) -> dict[str, Any]:
    ns, mode, payload = chunk
    if mode == "values":
        interrupts = ()
        if isinstance(payload, dict) and INTERRUPT in payload:
            payload = dict(payload)
            interrupts = payload.pop(INTERRUPT)
        return {"type": mode, "ns": ns, "data": payload, "interrupts": interrupts}
    return {"type": mode, "ns": ns, "data": payload}
