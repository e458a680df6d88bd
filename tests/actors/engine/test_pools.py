"""The pool of threads for sync nodes: exhausted, nested deeper than it is wide, or limited, it never holds a run up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from clew import START, Runtime, StateGraph
from clew.checkpoint import InMemorySaver
from clew.config import get_stream_writer
from clew.types import Send

from ...support.watchdog import within
from .graphs import GIVEN, Body, State, named, on, side_by_side


@pytest.fixture
def narrow() -> Iterator[Runtime]:
    """A runtime with two pool threads."""
    opened = Runtime(pool_max=2)
    yield opened
    within(opened.close)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers that take the pool for exhausted after two milliseconds."""
    monkeypatch.setattr("clew.actors.doors.drive.STARVED_SECONDS", 0.002)


def steps(width: int, length: int, body: Any) -> StateGraph:
    """`length` super-steps of `width` nodes each."""
    builder = StateGraph(State)
    before: list[str] = [START]
    for step in range(length):
        names = [f"n{step}-{place}" for place in range(width)]
        for name in names:
            builder.add_node(name, body(name))
            for source in before if before == [START] else [before[0]]:
                builder.add_edge(source, name)
        before = names
    return builder


class Gauge:
    """How many bodies run at once, at most."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._lock = threading.Lock()
        self._pause = threading.Event()

    def body(self, name: str) -> Body:
        """A node that takes a few milliseconds and emits a chunk."""

        def run(state: State) -> dict[str, Any]:
            with self._lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            get_stream_writer()(name)
            self._pause.wait(0.003)
            with self._lock:
                self.inside -= 1
            return {"names": [name]}

        return run


@pytest.mark.slow
@pytest.mark.usefixtures("eager_switching", "impatient")
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_max_concurrency_holds_from_step_to_step_and_while_chunks_are_given_out(runtime: Runtime, limit: int) -> None:
    gauge = Gauge()
    graph = steps(4, 3, gauge.body).compile(checkpointer=InMemorySaver(), runtime=runtime)
    limited = {"max_concurrency": limit}
    assert len(within(lambda: graph.invoke(GIVEN, {**on("invoke"), **limited}))["names"]) == 12
    modes = ["custom", "updates"]
    chunks = within(lambda: list(graph.stream(GIVEN, {**on("stream"), **limited}, stream_mode=modes)))
    assert len(chunks) == 24
    assert gauge.most <= limit
    assert len(within(lambda: asyncio.run(graph.ainvoke(GIVEN, {**on("ainvoke"), **limited})))["names"]) == 12
    assert gauge.most <= limit


@pytest.mark.slow
@pytest.mark.usefixtures("eager_switching")
@pytest.mark.parametrize("modes", [["custom"], ["updates"], ["custom", "updates", "values"]])
def test_a_stream_of_more_sync_tasks_than_threads_comes_to_its_end(narrow: Runtime, modes: list[str]) -> None:
    def send_many(state: State) -> list[Send]:
        return [Send("work", {"names": [str(number)]}) for number in range(20)]

    def work(state: State) -> dict[str, Any]:
        get_stream_writer()(state["names"][0])
        return {"names": state["names"]}

    builder = StateGraph(State).add_node("work", work).add_conditional_edges(START, send_many, ["work"])
    graph = builder.compile(checkpointer=InMemorySaver(), runtime=narrow)

    async def take() -> list[Any]:
        return [chunk async for chunk in graph.astream(GIVEN, on("async"), stream_mode=modes)]

    given_out = within(lambda: asyncio.run(take()))
    assert sum(mode == "custom" for mode, _ in given_out) in (0, 20)
    assert graph.get_state(on("async")).values["names"] == [str(number) for number in range(20)]
    within(lambda: list(graph.stream(GIVEN, on("sync"), stream_mode=modes)))
    assert graph.get_state(on("sync")).values["names"] == [str(number) for number in range(20)]


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_sync_graphs_may_be_nested_deeper_than_the_pool_is_wide(narrow: Runtime) -> None:
    inner: Any = None
    for depth in range(7):
        within_it, leaf = inner, depth == 0

        def calls(state: State, within_it: Any = within_it, leaf: bool = leaf) -> dict[str, Any]:
            return {"names": ["leaf"] if leaf else within_it.invoke(GIVEN)["names"]}

        def streams(state: State, within_it: Any = within_it, leaf: bool = leaf) -> dict[str, Any]:
            for _ in () if leaf else within_it.stream(GIVEN, stream_mode="custom"):
                pass
            return {"names": []}

        inner = side_by_side(a=calls, b=streams if depth > 4 else named("b"), c=named("c")).compile(runtime=narrow)
    assert within(lambda: inner.invoke(GIVEN))["names"].count("leaf") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_async_graphs_run_by_sync_nodes_may_be_nested_deeper_than_the_pool_is_wide(narrow: Runtime) -> None:
    inner: Any = side_by_side(a=named("leaf"), b=named("b")).compile(runtime=narrow)
    for _ in range(5):

        def calls(state: State, within_it: Any = inner) -> dict[str, Any]:
            return {"names": asyncio.run(within_it.ainvoke(GIVEN))["names"]}

        inner = side_by_side(a=calls, b=named("b")).compile(runtime=narrow)

    async def several() -> list[Any]:
        return await asyncio.gather(*(inner.ainvoke(GIVEN) for _ in range(4)))

    assert [result["names"].count("leaf") for result in within(lambda: asyncio.run(several()))] == [1] * 4


def test_an_exhausted_pool_delays_async_callers_and_loses_none(narrow: Runtime) -> None:
    release, blocked = threading.Event(), list[int]()

    def blocks(state: State) -> dict[str, Any]:
        blocked.append(1)
        release.wait(20)
        return {"names": ["blocked"]}

    graph = side_by_side(blocks=blocks).compile(checkpointer=InMemorySaver(), runtime=narrow)
    quick = side_by_side(quick=named("quick")).compile(checkpointer=InMemorySaver(), runtime=narrow)

    async def all_of_them() -> list[Any]:
        holding = [asyncio.create_task(graph.ainvoke(GIVEN, on(f"{number}"))) for number in range(5)]
        waiting = [asyncio.create_task(quick.ainvoke(GIVEN, on(f"{number}"))) for number in range(5)]
        while len(blocked) < 2:
            await asyncio.sleep(0.001)
        # Somebody whose own thread does the work is not held up.
        assert (await asyncio.to_thread(quick.invoke, GIVEN, on("sync")))["names"] == ["quick"]
        release.set()
        return await asyncio.gather(*holding, *waiting)

    results = within(lambda: asyncio.run(all_of_them()))
    assert [result["names"] for result in results] == [["blocked"]] * 5 + [["quick"]] * 5


def test_submitted_runs_of_one_thread_queue_though_they_fill_the_pool(narrow: Runtime) -> None:
    graph = side_by_side(a=named("a"), b=named("b")).compile(checkpointer=InMemorySaver(), runtime=narrow)
    futures = [narrow.submit(graph, GIVEN, on("1")) for _ in range(20)]
    lengths = sorted(len(future.result(20)["names"]) for future in futures)
    assert lengths == [2 * (number + 1) for number in range(20)]
