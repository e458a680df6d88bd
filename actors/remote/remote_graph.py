"""RemoteGraph: a graph that runs on a server with LangGraph's interface."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Self

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs

from ...events.errors import GraphInterrupt
from ...events.vocabulary import INTERRUPT, Interrupt
from ...projections.state.views import StateSnapshot
from ...projections.streams.parts import GraphOutput
from ..engine.call import scope_here
from . import wire
from .wire import Asked, Seen

Config = RunnableConfig | None
Stops = Sequence[str] | str | None
_WATCHED = Asked(("values", "updates"), several=True)
"""What `invoke` follows: the values, and the questions, which servers show among updates."""


class RemoteGraph(Runnable[Any, Any]):
    """A graph on a server, called as a compiled graph is: also as a node of one. Safe to use from any thread.

    What a call means (input, config, modes, versions) is what `CompiledStateGraph` says. A run belongs to the thread
    that the config names; without one the server makes a run that keeps nothing. Used in a node, an open question of
    the server's run pauses the node, and answering it is the server's business: `invoke(Command(resume=...))` here.
    """

    def __init__(
        self,
        assistant_id: str,
        /,
        *,
        url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        client: Any = None,
        sync_client: Any = None,
        config: Config = None,
        name: str | None = None,
        distributed_tracing: bool = False,
    ) -> None:
        """Name a graph, by the id or name that its server knows it by.

        Args:
            assistant_id: which graph.
            url: refused: clew brings no client. Make clients with `langgraph_sdk.get_client(url=...)` and
                `get_sync_client(url=...)` and give them here.
            api_key: as `url`.
            headers: sent with every request, below those of a call.
            client: what async calls go through, of `langgraph_sdk` or of the same methods.
            sync_client: what sync calls go through.
            config: what every call starts from.
            name: the graph's name as a node; the id when None.
            distributed_tracing: refused when True.

        Raises:
            ValueError: one of the refused arguments was given.
        """
        if url is not None or api_key is not None:
            raise ValueError(
                "RemoteGraph takes clients, not an address: RemoteGraph(..., client=langgraph_sdk.get_client(url=...), "
                "sync_client=langgraph_sdk.get_sync_client(url=...))"
            )
        if distributed_tracing:
            raise ValueError("RemoteGraph sends no tracing headers: give them as headers={...}")
        self.assistant_id = assistant_id
        self.name = name or assistant_id
        self.config = config
        self.headers = headers
        self.client = client
        self.sync_client = sync_client

    def copy(self, update: Mapping[str, Any] | None = None) -> Self:
        """A graph like this one, with the attributes in `update` changed."""
        graph: Self = object.__new__(type(self))
        vars(graph).update(vars(self), **(update or {}))
        return graph

    def with_config(self, config: Config = None, **kwargs: Any) -> Self:
        """A graph that starts from this config in every call."""
        return self.copy({"config": merge_configs(self.config, config, kwargs or None)})  # type: ignore[arg-type]

    # -- running

    def invoke(self, input: Any, config: Config = None, *, version: str = "v1", **kwargs: Any) -> Any:
        """Run on the server until the graph ends or pauses; the values, or `GraphOutput` with version "v2"."""
        last = _Last()
        for one in self._seen(input, config, _WATCHED, kwargs):
            last.take(one)
        return last.result(version)

    async def ainvoke(self, input: Any, config: Config = None, *, version: str = "v1", **kwargs: Any) -> Any:
        """As `invoke`."""
        last = _Last()
        async for one in self._aseen(input, config, _WATCHED, kwargs):
            last.take(one)
        return last.result(version)

    def stream(  # type: ignore[override]  # langchain-core has no such keywords
        self,
        input: Any,
        config: Config = None,
        *,
        stream_mode: str | Sequence[str] | None = None,
        subgraphs: bool = False,
        version: str = "v1",
        **kwargs: Any,
    ) -> Iterator[Any]:
        """The run's chunks, in the forms of a compiled graph's `stream`; "updates" when no mode is given."""
        asked = _asked(stream_mode, subgraphs, version)
        for one in self._seen(input, config, asked, kwargs):
            if one.mode in asked.modes:
                yield one.chunk(asked)

    async def astream(  # type: ignore[override]  # as `stream`
        self,
        input: Any,
        config: Config = None,
        *,
        stream_mode: str | Sequence[str] | None = None,
        subgraphs: bool = False,
        version: str = "v1",
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """As `stream`."""
        asked = _asked(stream_mode, subgraphs, version)
        async for one in self._aseen(input, config, asked, kwargs):
            if one.mode in asked.modes:
                yield one.chunk(asked)

    def _seen(self, given: Any, config: Config, asked: Asked, options: dict[str, Any]) -> Iterator[Seen]:
        arguments = self._run_arguments(given, config, asked, options)
        for part in self._sync().runs.stream(**arguments):
            yield from wire.seen(part)

    async def _aseen(self, given: Any, config: Config, asked: Asked, options: dict[str, Any]) -> AsyncIterator[Seen]:
        arguments = self._run_arguments(given, config, asked, options)
        async for part in self._async().runs.stream(**arguments):
            for one in wire.seen(part):
                yield one

    def _run_arguments(self, given: Any, config: Config, asked: Asked, options: dict[str, Any]) -> dict[str, Any]:
        options = {**options, "headers": self._headers(options.get("headers"))}
        return wire.run_arguments(self.assistant_id, given, self._merged(config), asked, **options)

    # -- state

    def get_state(
        self, config: RunnableConfig, *, subgraphs: bool = False, headers: Any = None, params: Any = None
    ) -> StateSnapshot:
        """The thread's state, or that at the checkpoint that the config names."""
        arguments = self._at(config, headers, params, subgraphs=subgraphs)
        return wire.snapshot_of(self._sync().threads.get_state(**arguments))

    async def aget_state(
        self, config: RunnableConfig, *, subgraphs: bool = False, headers: Any = None, params: Any = None
    ) -> StateSnapshot:
        """As `get_state`."""
        arguments = self._at(config, headers, params, subgraphs=subgraphs)
        return wire.snapshot_of(await self._async().threads.get_state(**arguments))

    def get_state_history(
        self,
        config: RunnableConfig,
        *,
        filter: dict[str, Any] | None = None,
        before: Config = None,
        limit: int | None = None,
        headers: Any = None,
        params: Any = None,
    ) -> Iterator[StateSnapshot]:
        """The thread's checkpoints, newest first; the server's number of them when no limit is given."""
        for state in self._sync().threads.get_history(**self._past(config, filter, before, limit, headers, params)):
            yield wire.snapshot_of(state)

    async def aget_state_history(
        self,
        config: RunnableConfig,
        *,
        filter: dict[str, Any] | None = None,
        before: Config = None,
        limit: int | None = None,
        headers: Any = None,
        params: Any = None,
    ) -> AsyncIterator[StateSnapshot]:
        """As `get_state_history`."""
        arguments = self._past(config, filter, before, limit, headers, params)
        for state in await self._async().threads.get_history(**arguments):
            yield wire.snapshot_of(state)

    def update_state(
        self,
        config: RunnableConfig,
        values: Any,
        as_node: str | None = None,
        *,
        headers: Any = None,
        params: Any = None,
    ) -> Any:
        """Write values as a node would have; the config of the new checkpoint."""
        arguments = self._at(config, headers, params, values=values, as_node=as_node)
        return wire.config_of(self._sync().threads.update_state(**arguments)["checkpoint"])

    async def aupdate_state(
        self,
        config: RunnableConfig,
        values: Any,
        as_node: str | None = None,
        *,
        headers: Any = None,
        params: Any = None,
    ) -> Any:
        """As `update_state`."""
        arguments = self._at(config, headers, params, values=values, as_node=as_node)
        return wire.config_of((await self._async().threads.update_state(**arguments))["checkpoint"])

    # -- looks

    def get_graph(
        self, config: Config = None, *, xray: int | bool = False, headers: Any = None, params: Any = None
    ) -> Any:
        """The graph as a langchain-core `Graph`, as the server describes it."""
        return wire.drawn(self._sync().assistants.get_graph(**self._looked_at(xray, headers, params)))

    async def aget_graph(
        self, config: Config = None, *, xray: int | bool = False, headers: Any = None, params: Any = None
    ) -> Any:
        """As `get_graph`."""
        return wire.drawn(await self._async().assistants.get_graph(**self._looked_at(xray, headers, params)))

    # -- what a request is made of

    def _at(self, config: RunnableConfig, headers: Any, params: Any, **more: Any) -> dict[str, Any]:
        merged = self._merged(config)
        return {
            "thread_id": (merged.get("configurable") or {})["thread_id"],
            "checkpoint": wire.checkpoint_of(merged),
            **more,
            "headers": self._headers(headers),
            "params": params,
        }

    def _past(
        self, config: RunnableConfig, filter: Any, before: Config, limit: int | None, headers: Any, params: Any
    ) -> dict[str, Any]:
        count = {} if limit is None else {"limit": limit}
        return self._at(config, headers, params, before=wire.checkpoint_of(before), metadata=filter, **count)

    def _looked_at(self, xray: int | bool, headers: Any, params: Any) -> dict[str, Any]:
        asked = {"assistant_id": self.assistant_id, "xray": xray}
        return {**asked, "headers": self._headers(headers), "params": params}

    def _merged(self, config: Config) -> RunnableConfig:
        return merge_configs(self.config, config)

    def _headers(self, given: Mapping[str, str] | None) -> dict[str, str] | None:
        return {**(self.headers or {}), **(given or {})} or None

    def _sync(self) -> Any:
        if self.sync_client is None:
            raise ValueError(f"RemoteGraph {self.name!r} has no sync_client: give one, or call its async methods")
        return self.sync_client

    def _async(self) -> Any:
        if self.client is None:
            raise ValueError(f"RemoteGraph {self.name!r} has no client: give one, or call its sync methods")
        return self.client


class _Last:
    """What an `invoke` has seen of its run so far."""

    def __init__(self) -> None:
        self._values: Any = None
        self._interrupts: tuple[Interrupt, ...] = ()

    def take(self, one: Seen) -> None:
        if one.ns:
            return
        if one.mode == "values":
            self._values = one.data
        self._interrupts = one.interrupts or (self._interrupts if one.mode == "updates" else ())

    def result(self, version: str) -> Any:
        """The result in the form of a version. Raises `GraphInterrupt` in a node, where questions are open."""
        if self._interrupts and scope_here() is not None:
            raise GraphInterrupt(self._interrupts)
        values = self._values
        if isinstance(values, dict):
            values = {key: value for key, value in values.items() if key != INTERRUPT}
        if version == "v2":
            return GraphOutput(values, self._interrupts)
        if not self._interrupts:
            return values
        return {**(values if isinstance(values, dict) else {}), INTERRUPT: list(self._interrupts)}


def _asked(stream_mode: str | Sequence[str] | None, subgraphs: bool, version: str) -> Asked:
    several = stream_mode is not None and not isinstance(stream_mode, str)
    modes = tuple(stream_mode) if several else (stream_mode or "updates",)  # type: ignore[arg-type]  # a str here
    return Asked(tuple(str(mode) for mode in modes), several, subgraphs, version)
