"""Several calls at once: on threads, on a loop, with a full pool; and what one call's error leaves of the others."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from itertools import count
from typing import Any

import pytest
from clew import START, InMemorySaver, MessagesState, Runtime, StateGraph, ToolNode
from clew.actors.agents.tools.together import drive_together
from clew.types import RetryPolicy
from langchain_core.tools import tool

from .tool_graphs import THREAD, Follower, asking_for, called, contents, run_alone, tools_graph

PATIENCE_SECONDS = 10


@tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


def test_calls_run_at_once_on_threads():
    together = threading.Barrier(3, timeout=PATIENCE_SECONDS)

    @tool
    def meet(name: str) -> str:
        """Wait for the others."""
        together.wait()
        return name

    calls = [called("meet", name, name=name) for name in "abc"]
    assert contents(tools_graph(ToolNode([meet])).invoke(asking_for(*calls), THREAD)) == ["a", "b", "c"]
    assert contents(run_alone([meet], *calls)) == ["a", "b", "c"]


def test_calls_run_at_once_on_the_loop():
    async def talk() -> Any:
        arrived: list[str] = []
        everybody = asyncio.Event()

        @tool
        async def meet(name: str) -> str:
            """Wait for the others."""
            arrived.append(name)
            if len(arrived) == 3:
                everybody.set()
            await asyncio.wait_for(everybody.wait(), PATIENCE_SECONDS)
            return name

        calls = [called("meet", name, name=name) for name in "abc"]
        return await tools_graph(ToolNode([meet])).ainvoke(asking_for(*calls), THREAD)

    assert contents(asyncio.run(talk())) == ["a", "b", "c"]


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
def test_a_sync_tool_of_an_async_caller_does_not_hold_up_the_loop(watched: bool):
    async def talk() -> Any:
        loop = asyncio.get_running_loop()
        alive = threading.Event()

        @tool
        def wait() -> str:
            """Wait until the loop has done something."""
            loop.call_soon_threadsafe(alive.set)
            assert alive.wait(PATIENCE_SECONDS)
            return "waited"

        config = {**THREAD, "callbacks": [Follower()] if watched else None}
        return await tools_graph(ToolNode([wait])).ainvoke(asking_for(called("wait")), config)

    assert contents(asyncio.run(talk())) == ["waited"]


def test_max_concurrency_limits_the_calls_of_a_node():
    @tool
    def where() -> str:
        """Name the thread."""
        return threading.current_thread().name

    calls = [called("where", str(number)) for number in range(6)]
    done = tools_graph(ToolNode([where])).invoke(asking_for(*calls), {**THREAD, "max_concurrency": 1})
    assert contents(done) == [threading.current_thread().name] * 6


def test_max_concurrency_limits_the_calls_of_a_node_on_a_loop():
    running, most = 0, 0

    @tool
    async def work() -> str:
        """Count who works."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return "worked"

    graph = tools_graph(ToolNode([work]))
    calls = [called("work", str(number)) for number in range(6)]
    asyncio.run(graph.ainvoke(asking_for(*calls), {**THREAD, "max_concurrency": 2}))
    assert most == 2


def test_a_single_call_runs_on_the_callers_thread():
    @tool
    def where() -> str:
        """Name the thread."""
        return threading.current_thread().name

    assert contents(tools_graph(ToolNode([where])).invoke(asking_for(called("where")), THREAD)) == [
        threading.current_thread().name
    ]


def test_every_call_sees_the_callers_context_variables_and_leaves_none_behind():
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")

    @tool
    def whose(name: str) -> str:
        """Say whose turn it is, then change it."""
        before = tenant.get()
        tenant.set(name)
        return before

    tenant.set("acme")
    calls = [called("whose", name, name=name) for name in "abcd"]
    assert contents(tools_graph(ToolNode([whose])).invoke(asking_for(*calls), THREAD)) == ["acme"] * 4
    assert tenant.get() == "acme"


def test_a_full_pool_makes_the_calls_slow_and_never_stuck():
    # Two tool nodes hold both threads of the pool, and each has three calls that want another.
    with Runtime(pool_max=2) as runtime:
        builder = StateGraph(MessagesState)
        for name in ("left", "right"):
            builder.add_node(name, ToolNode([add])).add_edge(START, name)
        graph = builder.compile(runtime=runtime)
        calls = [called("add", str(number), a=number) for number in range(3)]
        chunks = list(graph.stream(asking_for(*calls), stream_mode=["custom", "updates"]))
    assert [contents(update) for _, chunk in chunks for update in chunk.values()] == [["2", "3", "4"]] * 2


def test_scripts_are_driven_by_the_caller_when_the_pool_is_taken():
    done: list[str] = []

    def script(name: str) -> Any:
        done.append(f"{name} on {threading.current_thread().name}")
        yield from ()

    free = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(free.wait, PATIENCE_SECONDS)
        drive_together([script("a"), script("b")], lambda: pool, None)
        free.set()
    here = threading.current_thread().name
    assert done == [f"a on {here}", f"b on {here}"]


def test_cancelling_an_async_run_cancels_its_tools():
    async def talk() -> list[str]:
        began, seen = asyncio.Event(), []

        @tool
        async def endless() -> str:
            """Never end."""
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            return "never"

        graph = tools_graph(ToolNode([endless, add]))
        calls = [called("endless", "1"), called("add", "2", a=1), called("endless", "3")]
        task = asyncio.create_task(graph.ainvoke(asking_for(*calls), THREAD))
        await asyncio.wait_for(began.wait(), PATIENCE_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert asyncio.run(talk()) == ["cancelled", "cancelled"]


# -- errors beside other calls


def test_an_error_leaves_when_every_call_has_ended_and_names_the_others():
    second_failed, ended = threading.Event(), threading.Event()

    @tool
    def bad(name: str) -> str:
        """Fail."""
        if name == "second":
            second_failed.set()
        raise ValueError(name)

    @tool
    def slow() -> str:
        """End last of all."""
        assert second_failed.wait(PATIENCE_SECONDS)
        ended.set()
        return "done"

    with pytest.raises(ValueError, match="first") as caught:
        run_alone([bad, slow], called("bad", "1", name="first"), called("slow", "2"), called("bad", "3", name="second"))
    assert ended.is_set()
    assert "tool 'bad', called beside it, raised ValueError('second')" in caught.value.__notes__


@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
def test_finished_calls_do_not_run_again_when_a_failed_one_is_tried_again(door: str):
    counts: Counter[str] = Counter()
    attempts = count(1)

    @tool
    def flaky() -> str:
        """Fail twice."""
        if next(attempts) < 3:
            raise ValueError("not yet")
        return "at last"

    @tool
    def pay() -> str:
        """Pay."""
        counts["paid"] += 1
        return "paid"

    policy = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=2, retry_on=ValueError)
    builder = StateGraph(MessagesState).add_node("tools", ToolNode([flaky, pay]), retry_policy=policy)
    graph = builder.add_edge(START, "tools").compile(checkpointer=InMemorySaver())

    def run(given: Any) -> Any:
        done = getattr(graph, door)(given, THREAD)
        return asyncio.run(done) if door == "ainvoke" else done

    with pytest.raises(ValueError, match="not yet"):
        run(asking_for(called("flaky", "1"), called("pay", "2")))
    assert graph.get_state(THREAD).next == ("tools",)
    assert contents(run(None)) == ["at last", "paid"]
    assert counts == {"paid": 1}


def test_an_end_that_was_asked_for_goes_before_an_error():
    @tool
    def bad() -> str:
        """Fail."""
        raise ValueError("bad")

    @tool
    def leave() -> str:
        """End the program."""
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        run_alone([bad, leave], called("bad", "1"), called("leave", "2"))


@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
@pytest.mark.parametrize("calls", [1, 2])
def test_a_tool_that_raises_stop_iteration_fails_like_any_other(door: str, calls: int):
    @tool
    def exhausted() -> str:
        """Take the next of nothing."""
        return next(iter([]))

    given = asking_for(*(called("exhausted", str(number)) for number in range(calls)))
    done = getattr(ToolNode([exhausted]), door)
    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(done(given)) if door == "ainvoke" else done(given)
