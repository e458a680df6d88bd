"""Threads and loops that get in each other's way: nothing hangs, nothing is lost, whoever waits is served."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Runtime, StateGraph
from clew.checkpoint import InMemorySaver
from clew.errors import StoreError
from clew.projections.state.thread import Log

from ...support.slow_store import slow_saver
from ...support.watchdog import raised, within
from .graphs import GIVEN, anamed, chain, named, on, side_by_side


def all_at_once(*calls: Callable[[], Any], seconds: float = 60.0) -> None:
    """Make the calls on threads of their own; the first error of any, or `Hang`."""

    def every() -> None:
        errors: list[BaseException] = []

        def make(call: Callable[[], Any]) -> None:
            try:
                call()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=make, args=(call,), daemon=True) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    within(every, seconds)


@pytest.mark.slow
@pytest.mark.usefixtures("eager_switching")
def test_sync_calls_inside_and_outside_of_event_loops_share_one_committer(runtime: Runtime) -> None:
    graph = chain(a=named("a"), b=named("b"), c=named("c")).compile(checkpointer=slow_saver(), runtime=runtime)

    def outside(thread: str) -> None:
        for _ in range(20):
            graph.invoke(GIVEN, on(thread))

    async def inside(thread: str) -> None:
        outside(thread)

    # "shared" has callers of both kinds: the turn that begins one's run may be the other's.
    all_at_once(
        *(lambda name=name: outside(name) for name in ("own 1", "own 2", "shared", "shared")),
        *(lambda name=name: asyncio.run(inside(name)) for name in ("loop 1", "loop 2", "shared", "shared")),
    )
    assert len(graph.get_state(on("shared")).values["names"]) == 4 * 20 * 3


@pytest.mark.slow
def test_callers_that_are_cancelled_with_their_loops_leave_no_run_behind(runtime: Runtime) -> None:
    graph = chain(a=anamed("a"), b=anamed("b"), c=anamed("c")).compile(checkpointer=slow_saver(), runtime=runtime)

    async def give_up(thread: str, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(graph.ainvoke(GIVEN, on(thread)), seconds)

    def caller(number: int) -> None:
        chance = random.Random(number)
        for turn in range(25):
            asyncio.run(give_up(f"{number}-{turn}", chance.uniform(0, 0.006)))

    all_at_once(*(lambda number=number: caller(number) for number in range(4)))
    assert within(lambda: runtime.drain(10))
    assert runtime.health().running == 0


def test_a_closed_runtime_refuses_every_call_and_lets_none_wait() -> None:
    runtime = Runtime()
    graph = chain(a=named("a")).compile(checkpointer=slow_saver(), runtime=runtime)
    graph.invoke(GIVEN, on("1"))
    runtime.close()
    for _ in range(2):
        assert isinstance(raised(lambda: asyncio.run(graph.ainvoke(GIVEN, on("1")))), StoreError)
    assert graph.get_state(on("1")).values == {"names": ["a"]}


def test_an_unused_runtime_can_be_closed() -> None:
    runtime = Runtime()
    chain(a=named("a")).compile(checkpointer=InMemorySaver(), runtime=runtime)
    within(runtime.close)


@pytest.mark.slow
@pytest.mark.usefixtures("eager_switching")
def test_readers_and_the_writer_that_share_a_history_do_not_mix_it_up() -> None:
    shared: list[Log[Any]] = [Log([number]) for number in range(3000)]
    longer: dict[int, list[Log[Any]]] = {who: [] for who in range(4)}
    together = threading.Barrier(4)

    def append(who: int) -> None:
        together.wait(10)
        for log in shared:
            longer[who].append(log.with_item(who).with_item("again"))

    all_at_once(*(lambda who=who: append(who) for who in longer))
    for who, logs in longer.items():
        assert [[*log] for log in logs] == [[number, who, "again"] for number in range(3000)]
    assert [[*log] for log in shared] == [[number] for number in range(3000)]


def test_an_error_of_ours_reaches_the_caller_whoever_ran_into_it(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> Any:
        raise LookupError("a bug of ours")

    graph = side_by_side(a=named("a"), b=named("b")).compile(checkpointer=InMemorySaver(), runtime=runtime)
    with monkeypatch.context() as patch:
        patch.setattr("clew.actors.engine.work.messages.commit_chunks", broken)
        for door in (lambda: list(graph.stream(GIVEN, on("1"))), lambda: asyncio.run(take(graph))):
            assert isinstance(raised(door), LookupError)
    assert "unhandled error" in caplog.text
    assert within(lambda: graph.invoke(GIVEN, on("1")))["names"][-2:] == ["a", "b"]


async def take(graph: Any) -> list[Any]:
    """All chunks of an async stream."""
    return [chunk async for chunk in graph.astream(GIVEN, on("1"))]


@pytest.mark.slow
@pytest.mark.usefixtures("eager_switching")
def test_two_graphs_may_take_turns_on_a_thread_while_it_is_read(runtime: Runtime) -> None:
    class Counting(TypedDict):
        names: Annotated[int, lambda before, more: before + len(more) if isinstance(more, list) else before + more]

    saver = InMemorySaver()
    adding = chain(a=named("a")).compile(checkpointer=saver, runtime=runtime)
    counted = StateGraph(Counting).add_node("a", lambda state: {"names": 1}).add_edge(START, "a")
    counting = counted.compile(checkpointer=saver, runtime=runtime)
    stop = threading.Event()
    adding.invoke(GIVEN, on("1"))

    def work() -> None:
        try:
            for _ in range(30):
                adding.update_state(on("1"), {"names": ["by hand"]}, as_node="a")
                counting.get_state(on("1"))
        finally:
            stop.set()

    def look(graph: Any, kind: type) -> None:
        while not stop.is_set():
            assert isinstance(graph.get_state(on("1")).values["names"], kind)
            for snapshot in graph.get_state_history(on("1"), limit=5):
                assert isinstance(snapshot.values.get("names", kind()), kind)

    def unsettle() -> None:
        while not stop.is_set():
            counting.update_state(on("1"), {"names": []}, as_node="a")

    all_at_once(work, unsettle, lambda: look(adding, list), lambda: look(counting, int))
