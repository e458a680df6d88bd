"""From `stream_events(version="v3")` to a run stream: one ordinary run in every mode that the transformers need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any

from langchain_core.messages import ToolMessage

from ...projections.streams.view import Chunk
from ..doors.drive import adrive, drive
from ..doors.output import Forms
from ..doors.request import Options, meant_durability, open_run
from ..doors.setup import Setup
from ..engine.run import Run
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
DECIDED = frozenset({"modes", "stepwise", "version", "message_events", "subgraphs"})
"""Options of a run that no caller of a v3 stream gives."""
ARGUMENTS = tuple(name for name in Options.__struct_fields__ if name not in DECIDED)
"""Arguments of `stream` that are said to the run as they are."""


def open_stream_events(
    graph: Setup, given: Any, config: Any, transformers: Sequence[Factory] | None, arguments: Mapping[str, Any]
) -> GraphRunStream:
    """A run stream of a run that begins when it is read. Raises what is wrong with the call's transformers."""
    call = Call(graph, given, config, transformers, arguments, is_async=False)
    return GraphRunStream(call.parts(), call.mux)


async def open_astream_events(
    graph: Setup, given: Any, config: Any, transformers: Sequence[Factory] | None, arguments: Mapping[str, Any]
) -> AsyncGraphRunStream:
    """As `open_stream_events`, for a reader on an event loop."""
    call = Call(graph, given, config, transformers, arguments, is_async=True)
    return AsyncGraphRunStream(call.aparts(), call.mux)


class Call:
    """One call of a v3 door: what it says, and the parts of the run that it asks for.

    Raises:
        TypeError: the call says what only the stream can; a transformer is no class or function of a scope.
        ValueError: a transformer needs a mode that does not exist, or has a projection that another one has.
        RuntimeError: as `StreamMux`.
    """

    def __init__(
        self,
        graph: Setup,
        given: Any,
        config: Any,
        transformers: Sequence[Factory] | None,
        arguments: Mapping[str, Any],
        *,
        is_async: bool,
    ) -> None:
        taken = [name for name in OWNED if name in arguments]
        if taken:
            raise TypeError(
                f"version='v3' does not accept {', '.join(taken)}: its transformers say which modes are streamed, and "
                "sub-graphs always are"
            )
        factories = [*BUILTINS, *checked(graph.stream_transformers), *checked(transformers or ())]
        self.mux = StreamMux(factories=factories, is_async=is_async)
        debug = arguments.get("debug")
        self._forms = Forms(
            sorted(self.mux.required_modes),
            "values",
            version="v2",
            subgraphs=True,
            print_mode=arguments.get("print_mode", ()),
            debug=graph.debug if debug is None else debug,
        )
        said = {name: arguments[name] for name in ARGUMENTS if name in arguments}
        others = {name: arguments[name] for name in arguments if name not in (*ARGUMENTS, "print_mode", "debug")}
        said["durability"] = meant_durability(arguments.get("durability"), others, frames=5)
        self._options = Options(
            **said, modes=self._forms.modes, stepwise=True, version="v2", subgraphs=True, message_events=True
        )
        self._graph, self._given, self._config = graph, given, config

    def parts(self) -> Iterator[Any]:
        """The run's parts; the run begins with the first and is cancelled by closing the iterator."""
        graph = self._graph
        run = open_run(graph, self._given, self._config, self._options)
        with open_watch(graph, run, self._given), closing(drive(run, graph.runtime)) as chunks:
            for chunk in chunks:
                if self._shown(chunk):
                    yield self._forms.form(_seen_from(run, chunk))

    async def aparts(self) -> AsyncGenerator[Any]:
        """As `parts`, on the calling loop."""
        graph = self._graph
        run = open_run(graph, self._given, self._config, self._options, asyncio.get_running_loop())
        async with open_watch(graph, run, self._given), aclosing(adrive(run, graph.runtime)) as chunks:
            async for chunk in chunks:
                if self._shown(chunk):
                    yield self._forms.form(_seen_from(run, chunk))

    def _shown(self, chunk: Chunk) -> bool:
        """Messages of tools are left out: their calls have events of their own."""
        _, mode, payload = chunk
        return self._forms.wants(chunk) and not (mode == "messages" and isinstance(payload[0], ToolMessage))


def _seen_from(run: Run, chunk: Chunk) -> Chunk:
    """The chunk with its namespace as the run's own graph sees it: () for that graph, be it called inside a node."""
    return (chunk[0][len(run.view.ns) :], *chunk[1:]) if run.view.ns else chunk


def checked(transformers: Sequence[Factory]) -> Sequence[Factory]:
    """The transformers of a `compile` or a call. Raises `TypeError` for one that cannot be made for each scope."""
    for one in transformers:
        if isinstance(one, StreamTransformer):
            raise TypeError(
                f"transformers must be scope-aware callables, got a pre-built instance of {type(one).__name__}: pass "
                f"the class, or a function like `lambda scope: {type(one).__name__}(scope, ...)`"
            )
        if not callable(one):
            raise TypeError(f"transformers must be scope-aware callables, got {type(one).__name__}")
    return transformers
