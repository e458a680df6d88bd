"""Callers that give up: a cancelled call, a stream that is left. The thread rests at its last step, to go on later."""

import asyncio
import operator
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, StateGraph
from clew.events.stores.saver import BaseCheckpointSaver
from clew.events.vocabulary import NodeCompleted, RunFinished

from tests.support.stories import chain, events, on, on_a_loop, one_node

SECONDS_MAX = 30.0


class Trip(TypedDict, total=False):
    lines: Annotated[list[str], operator.add]


@on_a_loop
async def test_a_cancelled_call_leaves_the_thread_at_its_last_step_and_it_goes_on_later(
    saver: BaseCheckpointSaver,
) -> None:
    waiting, free = asyncio.Event(), asyncio.Event()

    async def pack(_: Trip) -> Trip:
        return {"lines": ["packed"]}

    async def board(_: Trip) -> Trip:
        waiting.set()
        await free.wait()
        return {"lines": ["boarded"]}

    graph = chain(Trip, pack, board).compile(checkpointer=saver)
    call = asyncio.create_task(graph.ainvoke({}, on("trip")))
    await asyncio.wait_for(waiting.wait(), SECONDS_MAX)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    await until(lambda: [event.status for event in events(saver, "trip", RunFinished)] == ["cancelled"])
    state = await graph.aget_state(on("trip"))
    assert (state.values, state.next, state.tasks[0].error) == ({"lines": ["packed"]}, ("board",), None)
    free.set()
    assert await graph.ainvoke(None, on("trip")) == {"lines": ["packed", "boarded"]}
    assert [event.task for event in events(saver, "trip", NodeCompleted)] == [0, 0], "pack ran once"


@on_a_loop
async def test_a_cancelled_call_keeps_what_a_finished_sibling_did(saver: BaseCheckpointSaver) -> None:
    free = asyncio.Event()
    runs: list[str] = []

    async def quick(_: Trip) -> Trip:
        runs.append("quick")
        return {"lines": ["quick"]}

    async def slow(_: Trip) -> Trip:
        runs.append("slow")
        await free.wait()
        return {"lines": ["slow"]}

    builder = StateGraph(Trip).add_node(quick).add_node(slow).add_edge(START, "quick").add_edge(START, "slow")
    graph = builder.compile(checkpointer=saver)
    call = asyncio.create_task(graph.ainvoke({}, on("trip")))
    await until(lambda: events(saver, "trip", NodeCompleted))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    await until(lambda: events(saver, "trip", RunFinished))
    assert (await graph.aget_state(on("trip"))).next == ("slow",)
    free.set()
    assert await graph.ainvoke(None, on("trip")) == {"lines": ["quick", "slow"]}
    assert runs == ["quick", "slow", "slow"]


class StillWorking:
    """A sync node under an async caller who gives up: a thread cannot be stopped, so the node goes on without him."""

    def __init__(self, saver: BaseCheckpointSaver) -> None:
        self.runs: list[str] = []
        self._began, self._free = Event(), Event()
        self.graph = one_node(self.named_node(), Trip).compile(checkpointer=saver)

    def named_node(self) -> Any:
        def drive(state: Trip) -> Trip:
            self.runs.append(state["lines"][0])
            if len(self.runs) == 1:
                self._began.set()
                assert self._free.wait(SECONDS_MAX)
            return {"lines": [f"drove to {state['lines'][-1]}"]}

        return drive

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """In the block the caller has gone and the node still runs; it ends after the block."""

        async def call_and_give_up() -> None:
            call = asyncio.create_task(self.graph.ainvoke({"lines": ["Rome"]}, on("trip")))
            await asyncio.to_thread(self._began.wait, SECONDS_MAX)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            gone.set()

        gone = Event()
        # asyncio.run waits for the pool thread of its own at its end, so the loop has a thread to itself.
        loop = Thread(target=asyncio.run, args=(call_and_give_up(),), daemon=True)
        loop.start()
        try:
            assert gone.wait(SECONDS_MAX)
            yield
        finally:
            self._free.set()
            loop.join(SECONDS_MAX)


def test_new_input_does_not_wait_for_what_a_caller_who_gave_up_left_running(saver: BaseCheckpointSaver) -> None:
    trip = StillWorking(saver)
    with trip.given_up(), ThreadPoolExecutor(1) as callers:
        anew = callers.submit(trip.graph.invoke, {"lines": ["Oslo"]}, on("trip"))
        assert anew.result(SECONDS_MAX) == {"lines": ["Rome", "Oslo", "drove to Oslo"]}
    assert trip.graph.get_state(on("trip")).values == {"lines": ["Rome", "Oslo", "drove to Oslo"]}


def test_whoever_continues_gets_the_result_of_what_a_caller_who_gave_up_left_running(
    saver: BaseCheckpointSaver,
) -> None:
    trip = StillWorking(saver)
    with ThreadPoolExecutor(1) as callers:
        with trip.given_up():
            continued = callers.submit(trip.graph.invoke, None, on("trip"))
        assert continued.result(SECONDS_MAX) == {"lines": ["Rome", "drove to Rome"]}
    assert trip.runs == ["Rome"], "the node ran once"


@on_a_loop
async def test_whoever_continues_while_a_cancelled_node_cleans_up_is_not_cancelled_with_it(
    saver: BaseCheckpointSaver,
) -> None:
    runs: list[str] = []
    cleaning, clean = asyncio.Event(), asyncio.Event()

    async def paint(_: Trip) -> Trip:
        runs.append("paint")
        if len(runs) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                cleaning.set()
                await clean.wait()
        return {"lines": ["painted"]}

    graph = one_node(paint, Trip).compile(checkpointer=saver)
    call = asyncio.create_task(graph.ainvoke({}, on("wall")))
    await until(lambda: runs)
    call.cancel()
    await asyncio.wait_for(cleaning.wait(), SECONDS_MAX)
    continued = asyncio.create_task(graph.ainvoke(None, on("wall")))
    await asyncio.sleep(0)
    clean.set()

    assert await continued == {"lines": ["painted"]}
    with pytest.raises(asyncio.CancelledError):
        await call
    assert runs == ["paint", "paint"]


async def until(happened: Any) -> None:
    """Give the loop its turns until something is so."""

    async def look() -> None:
        while not happened():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(look(), SECONDS_MAX)


def four_steps(saver: BaseCheckpointSaver, ran: list[str]) -> Any:
    def step(name: str) -> Any:
        def node(_: Trip) -> Trip:
            ran.append(name)
            return {"lines": [name]}

        node.__name__ = name
        return node

    return chain(Trip, *(step(name) for name in ("one", "two", "three", "four"))).compile(checkpointer=saver)


def test_a_stream_that_is_closed_early_stops_there_and_goes_on_later(saver: BaseCheckpointSaver) -> None:
    ran: list[str] = []
    graph = four_steps(saver, ran)

    stream = graph.stream({}, on("trip"), stream_mode="updates")
    assert next(stream) == {"one": {"lines": ["one"]}}
    assert next(stream) == {"two": {"lines": ["two"]}}
    stream.close()

    assert ran == ["one", "two"], "the next step begins when its chunks are wanted"
    assert graph.get_state(on("trip")).next == ("three",)
    assert [event.status for event in events(saver, "trip", RunFinished)] == ["cancelled"]
    assert graph.invoke(None, on("trip")) == {"lines": ["one", "two", "three", "four"]}
    assert ran == ["one", "two", "three", "four"]


@on_a_loop
async def test_an_async_stream_that_is_closed_early_stops_there_and_goes_on_later(saver: BaseCheckpointSaver) -> None:
    ran: list[str] = []
    graph = four_steps(saver, ran)

    stream = graph.astream({}, on("trip"), stream_mode="updates")
    async for chunk in stream:
        if "two" in chunk:
            break
    await stream.aclose()

    await until(lambda: [event.status for event in events(saver, "trip", RunFinished)] == ["cancelled"])
    assert ran == ["one", "two"]
    assert await graph.ainvoke(None, on("trip")) == {"lines": ["one", "two", "three", "four"]}
    assert ran == ["one", "two", "three", "four"]


def test_the_next_caller_does_not_wait_for_a_stream_that_was_left(saver: BaseCheckpointSaver) -> None:
    graph = four_steps(saver, [])
    for chunk in graph.stream({}, on("trip")):
        if "one" in chunk:
            break
    waiting = Thread(target=graph.invoke, args=({"lines": ["anew"]}, on("trip")), daemon=True)
    waiting.start()
    waiting.join(SECONDS_MAX)
    assert graph.get_state(on("trip")).values["lines"][-5:] == ["anew", "one", "two", "three", "four"]
