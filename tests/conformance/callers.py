"""Callers of a graph, sync and async, behind one face."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Caller:
    """Calls a graph's sync methods."""

    is_async = False

    def invoke(self, graph: Any, given: Any, config: Any = None, **options: Any) -> Any:
        """What `invoke` returns."""
        return graph.invoke(given, config, **options)

    def stream(self, graph: Any, given: Any, config: Any = None, **options: Any) -> list[Any]:
        """All chunks of `stream`."""
        return list(graph.stream(given, config, **options))

    def clear_cache(self, graph: Any, *nodes: Any) -> None:
        """`clear_cache`."""
        graph.clear_cache(*nodes)

    def state(self, graph: Any, config: Any, **options: Any) -> Any:
        """What `get_state` returns."""
        return graph.get_state(config, **options)

    def history(self, graph: Any, config: Any, **options: Any) -> list[Any]:
        """All of `get_state_history`."""
        return list(graph.get_state_history(config, **options))

    def update(self, graph: Any, config: Any, values: Any, **options: Any) -> Any:
        """What `update_state` returns."""
        return graph.update_state(config, values, **options)

    def bulk_update(self, graph: Any, config: Any, supersteps: Any) -> Any:
        """What `bulk_update_state` returns."""
        return graph.bulk_update_state(config, supersteps)


class AsyncCaller(Caller):
    """Calls a graph's async methods, each on an event loop of its own."""

    is_async = True

    def invoke(self, graph: Any, given: Any, config: Any = None, **options: Any) -> Any:
        """What `ainvoke` returns."""
        return run(graph.ainvoke(given, config, **options))

    def stream(self, graph: Any, given: Any, config: Any = None, **options: Any) -> list[Any]:
        """All chunks of `astream`."""

        async def chunks() -> list[Any]:
            return [chunk async for chunk in graph.astream(given, config, **options)]

        return run(chunks())

    def clear_cache(self, graph: Any, *nodes: Any) -> None:
        """`aclear_cache`."""
        run(graph.aclear_cache(*nodes))

    def state(self, graph: Any, config: Any, **options: Any) -> Any:
        """What `aget_state` returns."""
        return run(graph.aget_state(config, **options))

    def history(self, graph: Any, config: Any, **options: Any) -> list[Any]:
        """All of `aget_state_history`."""

        async def snapshots() -> list[Any]:
            return [snapshot async for snapshot in graph.aget_state_history(config, **options)]

        return run(snapshots())

    def update(self, graph: Any, config: Any, values: Any, **options: Any) -> Any:
        """What `aupdate_state` returns."""
        return run(graph.aupdate_state(config, values, **options))

    def bulk_update(self, graph: Any, config: Any, supersteps: Any) -> Any:
        """What `abulk_update_state` returns."""
        return run(graph.abulk_update_state(config, supersteps))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns, on a new event loop."""
    return asyncio.run(work)
