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


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns, on a new event loop."""
    return asyncio.run(work)
