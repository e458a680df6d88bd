"""The compiled graph: a langchain-core Runnable over a plan, a saver and a runtime. Its methods are thin doors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, Self

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs

from ...events.vocabulary import StateUpdate
from ...projections.state.views import StateSnapshot
from ..author.plan import Plan
from ..author.validation import check_checkpointer
from ..channel_graph.node_builder import NodeBuilder, PregelNode
from ..channel_graph.planning import channel_plan
from ..engine.attempts.control import RunControl
from ..follow.door import Joinable
from ..run_stream.door import open_astream_events, open_stream_events
from ..run_stream.mux import Factory
from ..run_stream.run_stream import AsyncGraphRunStream, GraphRunStream
from ..watch.watch import open_watch
from . import editing
from . import state as state_door
from .caches import cache_places
from .config import handed_on
from .drive import adrive, drive
from .output import Forms, output_of
from .request import Options, meant_durability, open_run, output_keys, result_keys
from .saved import SavedThreads
from .setup import Setup
from .subgraphs import subgraphs

Config = RunnableConfig | None
Stops = Sequence[str] | str | None


class Pregel(Joinable):
    """A graph that runs. Made by `StateGraph.compile`, by `entrypoint`, or of nodes and channels as here.

    Safe to use from any thread and any event loop.

    Common arguments of its methods:

    - `input`: new input (a dict of state keys, an instance of the input schema), `None` to continue, or a `Command`.
    - `config`: `{"configurable": {"thread_id": ...}}` names the thread, `checkpoint_id` a checkpoint of it.
      `recursion_limit`, `max_concurrency`, `tags`, `metadata`, `callbacks` as langchain-core has them.
      `configurable["who"]` is recorded as who acts; with `configurable["command_id"]` a repeated call is harmless.
    - `context`: given to nodes as `runtime.context`; not stored.
    - `interrupt_before`, `interrupt_after`: nodes to stop at in this call, or "*".
    - `control`: a `RunControl`, whose `request_drain` stops the run at the end of its super-step with `GraphDrained`.
    - `durability`: "sync" (default) and "async": every super-step is durable before the next begins. "exit": nothing is
      stored before the run's end, then all of it in one commit with one checkpoint, or, where another writer was
      faster, nothing (`StaleVersionError`). What runs inside is stored with the run around it.
    """

    def __init__(
        self,
        *,
        nodes: Mapping[str, PregelNode | NodeBuilder],
        channels: Mapping[str, Any],
        input_channels: str | Sequence[str],
        output_channels: str | Sequence[str],
        stream_channels: str | Sequence[str] | None = None,
        stream_mode: str | Sequence[str] = "values",
        interrupt_before_nodes: Sequence[str] | str = (),
        interrupt_after_nodes: Sequence[str] | str = (),
        step_timeout: float | None = None,
        debug: bool = False,
        checkpointer: Any = None,
        store: Any = None,
        cache: Any = None,
        context_schema: Any = None,
        config: Config = None,
        name: str = "LangGraph",
    ) -> None:
        """A graph of channels: a node runs in the super-step after a channel that it subscribes to was written.

        Args:
            nodes: by name, each a `NodeBuilder` or what it builds.
            channels: by name, each an instance of a channel class.
            input_channels: what the input is written to: its value itself, or, for a list, a dict of channels.
            output_channels: what `invoke` returns: the one channel's value, or, for a list, a dict.
            stream_channels: what streams show; all but the input's ephemeral ones when None.
            stream_mode: the mode of `stream` when none is given.
            interrupt_before_nodes: nodes to stop ahead of, in every call.
            interrupt_after_nodes: nodes to stop after, in every call.
            step_timeout: seconds that a super-step may take.
            debug: print updates and values.
            checkpointer: what keeps threads, as in `StateGraph.compile`.
            store: given to nodes.
            cache: where nodes with a cache policy keep results.
            context_schema: the class that `context` is made an instance of.
            config: what every call starts from.
            name: the graph's name.

        Raises:
            ValueError: a channel that is named is not there, or nothing would ever run.
            TypeError: the checkpointer is none.
        """
        check_checkpointer(checkpointer)
        plan = channel_plan(
            name=name,
            nodes=nodes,
            channels=channels,
            input_channels=input_channels,
            output_channels=output_channels,
            stream_channels=stream_channels,
            context_schema=context_schema,
        )
        super().__init__(plan, checkpointer=checkpointer, cache=cache, store=store, debug=debug)
        self.stream_mode = stream_mode
        self.step_timeout = step_timeout
        self.config = config
        self.interrupt_before_nodes = interrupt_before_nodes
        self.interrupt_after_nodes = interrupt_after_nodes

    def with_config(self, config: Config = None, **kwargs: Any) -> Self:
        """A graph that starts from this config in every call; the call's own values win, tags and metadata merge."""
        graph = self.copy()
        graph.config = merge_configs(self.config, config, kwargs or None)  # type: ignore[arg-type]
        return graph

    def copy(self, update: Mapping[str, Any] | None = None) -> Self:
        """A graph like this one, with the attributes in `update` changed."""
        graph: Self = object.__new__(type(self))
        vars(graph).update(vars(self), **(update or {}))
        return graph

    # -- running

    def invoke(
        self,
        input: Any,
        config: Config = None,
        *,
        context: Any = None,
        stream_mode: str | Sequence[str] = "values",
        print_mode: str | Sequence[str] = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Stops = None,
        interrupt_after: Stops = None,
        durability: str | None = None,
        control: RunControl | None = None,
        debug: bool | None = None,
        version: str = "v1",
        **kwargs: Any,
    ) -> Any:
        """Run until the graph ends or pauses, on the calling thread.

        Returns:
            The output keys of the state; with `"__interrupt__"`, a list of `Interrupt`, when questions are open. With
            version "v2" a `GraphOutput` of the value, in the class of the output schema, and the questions. With
            another `stream_mode` than "values", the list of that stream's chunks.

        Raises:
            ValueError, KeyError: no thread named, an unknown breakpoint or mode, a bad limit.
            RefusedError: the thread does not take this input; its sub-classes say why.
            EncodeError: the input cannot be stored; the message gives the path.
            StoreError: the store failed; nothing acknowledged is lost.
            Exception: whatever a node raised.
        """
        durability = meant_durability(durability, kwargs)
        forms = Forms(None, "", version=version, print_mode=print_mode, debug=self.debug if debug is None else debug)
        options = Options(
            context,
            interrupt_before,
            interrupt_after,
            durability,
            output_keys,
            forms.modes,
            version=version,
            control=control,
        )
        if stream_mode != "values":
            given = self._spelled(options, print_mode, debug)
            return list(self.stream(input, config, stream_mode=stream_mode, **given))
        run = open_run(self, input, config, options)
        with open_watch(self, run, input):
            for chunk in drive(run, self.runtime):
                forms.wants(chunk)
            return output_of(self, run, output_keys, version)

    async def ainvoke(
        self,
        input: Any,
        config: Config = None,
        *,
        context: Any = None,
        stream_mode: str | Sequence[str] = "values",
        print_mode: str | Sequence[str] = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Stops = None,
        interrupt_after: Stops = None,
        durability: str | None = None,
        control: RunControl | None = None,
        debug: bool | None = None,
        version: str = "v1",
        **kwargs: Any,
    ) -> Any:
        """As `invoke`; async nodes run on the calling event loop, sync ones on the runtime's pool."""
        durability = meant_durability(durability, kwargs)
        forms = Forms(None, "", version=version, print_mode=print_mode, debug=self.debug if debug is None else debug)
        options = Options(
            context,
            interrupt_before,
            interrupt_after,
            durability,
            output_keys,
            forms.modes,
            version=version,
            control=control,
        )
        if stream_mode != "values":
            given = self._spelled(options, print_mode, debug)
            return [chunk async for chunk in self.astream(input, config, stream_mode=stream_mode, **given)]
        run = open_run(self, input, config, options, asyncio.get_running_loop())
        async with open_watch(self, run, input), aclosing(adrive(run, self.runtime)) as chunks:
            async for chunk in chunks:
                forms.wants(chunk)
            return output_of(self, run, output_keys, version)

    def stream(  # type: ignore[override]  # langchain-core takes None for every keyword
        self,
        input: Any,
        config: Config = None,
        *,
        context: Any = None,
        stream_mode: str | Sequence[str] | None = None,
        print_mode: str | Sequence[str] = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Stops = None,
        interrupt_after: Stops = None,
        durability: str | None = None,
        control: RunControl | None = None,
        subgraphs: bool = False,
        debug: bool | None = None,
        version: str = "v1",
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Run and give out chunks as they come; the next super-step begins when the last one's chunks were taken.

        Modes: "updates": `{node: what it wrote}`; "values": the state after each step; "messages": `(message or chunk,
        metadata)`; "custom": what nodes emit; "tasks": the beginning and end of each task; "checkpoints": each
        checkpoint, where there is a checkpointer; "debug": both, with step and time; "tools": what becomes of tool
        calls. The payloads' shapes are in `clew.types`. The default is the graph's `stream_mode`, which is "updates";
        "values" for a node that hands its own config on to a graph that it calls.

        A list of modes gives `(mode, payload)`, `subgraphs` puts the namespace in front. With version "v2" every chunk
        is `{"type": mode, "ns": namespace, "data": payload}`, and "values" has "interrupts" and the state in the class
        that the output schema declares. `print_mode` names modes whose chunks are printed to stdout, `debug` prints
        "values" and "updates". Closing the iterator cancels the run at its last commit.

        Raises as `invoke` does, after the chunks of what was done.
        """
        durability = meant_durability(durability, kwargs)
        forms = Forms(
            self._mode(config) if stream_mode is None else stream_mode,
            "updates",
            version=version,
            subgraphs=subgraphs,
            print_mode=print_mode,
            debug=self.debug if debug is None else debug,
        )
        options = Options(
            context,
            interrupt_before,
            interrupt_after,
            durability,
            output_keys,
            forms.modes,
            stepwise=True,
            version=version,
            subgraphs=subgraphs,
            control=control,
        )
        run = open_run(self, input, config, options)
        with open_watch(self, run, input), closing(drive(run, self.runtime)) as chunks:
            for chunk in chunks:
                if forms.wants(chunk):
                    yield forms.form(chunk)

    async def astream(  # type: ignore[override]  # as above
        self,
        input: Any,
        config: Config = None,
        *,
        context: Any = None,
        stream_mode: str | Sequence[str] | None = None,
        print_mode: str | Sequence[str] = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Stops = None,
        interrupt_after: Stops = None,
        durability: str | None = None,
        control: RunControl | None = None,
        subgraphs: bool = False,
        debug: bool | None = None,
        version: str = "v1",
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """As `stream`; async nodes run on the calling event loop, sync ones on the runtime's pool."""
        durability = meant_durability(durability, kwargs)
        forms = Forms(
            self._mode(config) if stream_mode is None else stream_mode,
            "updates",
            version=version,
            subgraphs=subgraphs,
            print_mode=print_mode,
            debug=self.debug if debug is None else debug,
        )
        options = Options(
            context,
            interrupt_before,
            interrupt_after,
            durability,
            output_keys,
            forms.modes,
            stepwise=True,
            version=version,
            subgraphs=subgraphs,
            control=control,
        )
        run = open_run(self, input, config, options, asyncio.get_running_loop())
        async with open_watch(self, run, input), aclosing(adrive(run, self.runtime)) as chunks:
            async for chunk in chunks:
                if forms.wants(chunk):
                    yield forms.form(chunk)

    def stream_events(  # type: ignore[override]  # langchain-core spells out the filters that v1 and v2 take
        self,
        input: Any,
        config: Config = None,
        *,
        version: str = "v2",
        transformers: Sequence[Factory] | None = None,
        **kwargs: Any,
    ) -> GraphRunStream:
        """A run whose state, messages, sub-graphs and events are read as the caller likes; reading it runs it.

        Args:
            input: as `invoke` takes it.
            config: as `invoke` takes it.
            version: "v3"; the others exist in `astream_events` only.
            transformers: classes of `StreamTransformer`, or functions that make one for a scope: projections beside the
                built-in ones and the graph's own.
            **kwargs: as `stream` takes them, but for `stream_mode` and `subgraphs`.

        Raises:
            NotImplementedError: another version.
            TypeError, ValueError, RuntimeError: `stream_mode` or `subgraphs` is given, or a transformer is not right.
        """
        if version != "v3":
            raise NotImplementedError(
                f"stream_events(version={version!r}) is not there: use version='v3', or astream_events for v1 and v2"
            )
        return open_stream_events(self, input, config, transformers, kwargs)

    def astream_events(  # type: ignore[override]  # as above
        self,
        input: Any,
        config: Config = None,
        *,
        version: str = "v2",
        transformers: Sequence[Factory] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any] | Coroutine[Any, Any, AsyncGraphRunStream]:
        """With version "v3", which is to be awaited: as `stream_events`, read with `async for` and `await`.

        With "v1" and "v2": langchain-core's event dicts, `{"event", "name", "run_id", "data", ...}`, with its filters.
        """
        if version == "v3":
            return open_astream_events(self, input, config, transformers, kwargs)
        return super().astream_events(input, config, version=version, **kwargs)  # type: ignore[arg-type]

    def _mode(self, config: Config) -> str | Sequence[str]:
        """The mode of a stream for which none is given: a node that hands on its config reads the state."""
        return "values" if handed_on(config) else self.stream_mode

    # -- state

    def get_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        """The thread's state: the live view, or the record of the checkpoint that the config names.

        A `checkpoint_ns` in the config names a graph inside, as a task's `state` says it: with `subgraphs` that is the
        inner snapshot itself.

        Raises `ValueError` without a checkpointer or thread, `KeyError` without a thread_id.
        """
        return state_door.get_state(self, config, subgraphs=subgraphs)

    async def aget_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        """As `get_state`, off the event loop."""
        return await asyncio.to_thread(self.get_state, config, subgraphs=subgraphs)

    def get_state_history(
        self,
        config: RunnableConfig,
        *,
        filter: dict[str, Any] | None = None,
        before: Config = None,
        limit: int | None = None,
    ) -> Iterator[StateSnapshot]:
        """The thread's checkpoints, newest first, across branches.

        Args:
            config: the thread; with a checkpoint_id, that checkpoint alone.
            filter: metadata entries that must be equal.
            before: only checkpoints older than the one this config names.
            limit: how many at most.
        """
        return state_door.history(self, config, filter, before, limit)

    async def aget_state_history(
        self,
        config: RunnableConfig,
        *,
        filter: dict[str, Any] | None = None,
        before: Config = None,
        limit: int | None = None,
    ) -> AsyncIterator[StateSnapshot]:
        """As `get_state_history`; the log is read off the event loop."""
        snapshots = await asyncio.to_thread(state_door.history, self, config, filter, before, limit)
        for snapshot in snapshots:
            yield snapshot

    def update_state(
        self, config: RunnableConfig, values: Any, as_node: str | None = None, task_id: str | None = None
    ) -> RunnableConfig:
        """Write to the state as if `as_node` had returned `values`; its edges and path functions then say what is next.

        Args:
            config: the thread; with a checkpoint_id, a branch from there that becomes the thread's latest.
            values: what the node would return; None writes nothing but fires the node's edges.
            as_node: the node; without it START on a new thread, else the one that wrote last. START takes the values as
                an input whose edges are due; "__input__" records an input that the next continue takes up; "__copy__"
                duplicates the checkpoint beside itself; END, with None as values, drops what is planned.
            task_id: the open task that the values stand for, where its node has several.

        Returns:
            The config of the new checkpoint.

        Raises:
            InvalidUpdateError: unknown or ambiguous node, unknown task, or values that are no update.
        """
        return editing.update_state(self, config, [[StateUpdate(values, as_node, task_id)]])

    async def aupdate_state(
        self, config: RunnableConfig, values: Any, as_node: str | None = None, task_id: str | None = None
    ) -> RunnableConfig:
        """As `update_state`, off the event loop."""
        return await asyncio.to_thread(self.update_state, config, values, as_node, task_id)

    # -- cache

    def clear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """Drop what the cache has of these nodes, or of all. `ValueError` without a cache or for an unknown node."""
        cache, namespaces = cache_places(self, nodes)
        cache.clear(namespaces)

    async def aclear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """As `clear_cache`."""
        cache, namespaces = cache_places(self, nodes)
        await cache.aclear(namespaces)

    def bulk_update_state(self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]) -> RunnableConfig:
        """Several super-steps made by hand, one after the other, in one commit: all of them or none.

        Args:
            config: as in `update_state`.
            supersteps: of each the updates that it applies together, in order; with several, each names its `as_node`.

        Returns:
            The config of the last checkpoint.

        Raises:
            ValueError: there are no super-steps, or one has no updates.
            InvalidUpdateError: as `update_state`; or "__input__", "__copy__" or END does not stand alone.
        """
        return editing.update_state(self, config, [[StateUpdate(*update) for update in step] for step in supersteps])

    async def abulk_update_state(
        self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> RunnableConfig:
        """As `bulk_update_state`, off the event loop."""
        return await asyncio.to_thread(self.bulk_update_state, config, supersteps)

    # -- looks

    def get_subgraphs(self, *, namespace: str | None = None, recurse: bool = False) -> Iterator[tuple[str, Pregel]]:
        """(name, graph) of the graphs inside: nodes that are one, and node functions that are seen to use one.

        Those compiled with `checkpointer=False` keep nothing that could be looked at, and are left out.

        Args:
            namespace: only the graph at this path of node names, "a" or "a|b".
            recurse: also those inside of these, under "a|b".
        """
        yield from subgraphs(self.plan, namespace, recurse)

    async def aget_subgraphs(
        self, *, namespace: str | None = None, recurse: bool = False
    ) -> AsyncIterator[tuple[str, Pregel]]:
        """As `get_subgraphs`."""
        for found in self.get_subgraphs(namespace=namespace, recurse=recurse):
            yield found

    def _spelled(self, options: Options, print_mode: Any, debug: bool | None) -> dict[str, Any]:
        """The arguments of `stream` that make it what an `invoke` with another mode wants."""
        return {
            "print_mode": print_mode,
            "debug": debug,
            "version": options.version,
            "context": options.context,
            "interrupt_before": options.interrupt_before,
            "interrupt_after": options.interrupt_after,
            "durability": options.durability,
            "control": options.control,
            "output_keys": result_keys(self, output_keys(self, options.output_keys)),
        }


class CompiledStateGraph(Pregel):
    """What `StateGraph.compile` makes of its plan."""

    def __init__(self, plan: Plan, **options: Any) -> None:
        Setup.__init__(self, plan, **options)


# The room of events cannot fold; here is what can, for all savers.
THREADS = SavedThreads()
