"""`max_concurrency` bounds how many tasks run at once, whoever runs them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from clew import START, StateGraph

from .graphs import State


class Gauge:
    """How many are inside at once."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def leave(self) -> None:
        with self._lock:
            self.inside -= 1


def fan_out(gauge: Gauge, *, width: int, sync: int) -> StateGraph:
    """`width` nodes side by side, the first `sync` of them sync."""

    def blocking(state: State) -> dict[str, Any]:
        gauge.enter()
        threading.Event().wait(0.01)
        gauge.leave()
        return {"names": ["sync"]}

    async def waiting(state: State) -> dict[str, Any]:
        gauge.enter()
        await asyncio.sleep(0.01)
        gauge.leave()
        return {"names": ["async"]}

    builder = StateGraph(State)
    for place in range(width):
        builder.add_node(f"n{place}", blocking if place < sync else waiting).add_edge(START, f"n{place}")
    return builder


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.timeout(20)
def test_async_nodes_take_turns_under_the_limit(limit: int) -> None:
    gauge = Gauge()
    graph = fan_out(gauge, width=5, sync=0).compile()
    result = asyncio.run(graph.ainvoke({"x": 0}, {"max_concurrency": limit}))
    assert result["names"] == ["async"] * 5
    assert gauge.most == limit


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.timeout(20)
def test_sync_nodes_take_turns_under_the_limit(limit: int) -> None:
    gauge = Gauge()
    graph = fan_out(gauge, width=5, sync=5).compile()
    assert graph.invoke({"x": 0}, {"max_concurrency": limit})["names"] == ["sync"] * 5
    assert gauge.most <= limit


@pytest.mark.timeout(20)
def test_sync_and_async_nodes_share_one_limit() -> None:
    gauge = Gauge()
    graph = fan_out(gauge, width=6, sync=3).compile()
    result = asyncio.run(graph.ainvoke({"x": 0}, {"max_concurrency": 2}))
    assert sorted(result["names"]) == ["async"] * 3 + ["sync"] * 3
    assert gauge.most == 2
