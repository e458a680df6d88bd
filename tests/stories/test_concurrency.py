"""Many callers and many tasks: one thread stays one story, and nothing that was done is lost."""

import asyncio
import operator
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Annotated, Any, TypedDict

import pytest
from clew import END, START, Command, InMemorySaver, Runtime, Send, StateGraph, interrupt, register_type
from clew.errors import EncodeError, ThreadBusyError
from clew.events.stores.saver import BaseCheckpointSaver
from clew.events.vocabulary import NodeCompleted, NodeStarted, RunStarted

from tests.support.stories import asked, at_once, commits, events, on, on_a_loop, one_node

from .desk import LETTER, Desk

CALLERS = 32
SENDS = 1_000
SECONDS_MAX = 30.0


class Notes(TypedDict, total=False):
    lines: Annotated[list[str], operator.add]


def echo(state: Notes) -> Notes:
    return {"lines": [f"re: {state['lines'][-1]}"]}


# --- many callers of one thread


@pytest.mark.slow
def test_thirty_two_callers_of_one_thread_make_thirty_two_turns(saver: BaseCheckpointSaver) -> None:
    graph = one_node(echo, Notes).compile(checkpointer=saver)
    names = [f"caller {number}" for number in range(CALLERS)]

    results = at_once({name: lambda name=name: graph.invoke({"lines": [name]}, on("room")) for name in names})

    lines = graph.get_state(on("room")).values["lines"]
    assert sorted(lines[::2]) == sorted(names)
    assert lines[1::2] == [f"re: {line}" for line in lines[::2]]
    assert sorted(len(result["lines"]) for result in results.values()) == list(range(2, 2 * CALLERS + 2, 2))
    assert len(events(saver, "room", RunStarted)) == CALLERS
    versions = [row.version for row in saver.store.read("room")]
    assert versions == list(range(2 * CALLERS)), "two commits a turn: the input taken, the step done"


@on_a_loop
async def test_callers_on_event_loops_and_on_threads_share_a_thread(saver: BaseCheckpointSaver) -> None:
    graph = one_node(echo, Notes).compile(checkpointer=saver)

    async def call(name: str) -> Any:
        return await graph.ainvoke({"lines": [name]}, on("room"))

    async def call_on_thread(name: str) -> Any:
        return await asyncio.to_thread(graph.invoke, {"lines": [name]}, on("room"))

    await asyncio.gather(*(call(f"loop {n}") for n in range(8)), *(call_on_thread(f"thread {n}") for n in range(8)))

    lines = (await graph.aget_state(on("room"))).values["lines"]
    assert len(lines) == 32
    assert lines[1::2] == [f"re: {line}" for line in lines[::2]]


def test_a_graph_is_used_from_two_event_loops_one_after_the_other() -> None:
    saver = InMemorySaver()

    async def sign(_: Notes) -> Notes:
        await asyncio.sleep(0)
        return {"lines": [interrupt("Sign?")]}

    graph = one_node(sign, Notes).compile(checkpointer=saver)
    assert asked(asyncio.run(graph.ainvoke({}, on("letter")))) == ["Sign?"]
    assert asyncio.run(graph.ainvoke(Command(resume="Ann"), on("letter"))) == {"lines": ["Ann"]}


def test_a_graph_is_used_from_two_event_loops_at_the_same_time(saver: BaseCheckpointSaver) -> None:
    async def breathe(state: Notes) -> Notes:
        await asyncio.sleep(0)
        return echo(state)

    graph = one_node(breathe, Notes).compile(checkpointer=saver)

    async def talk(name: str) -> None:
        for turn in range(10):
            await graph.ainvoke({"lines": [f"{name} {turn}"]}, on("room"))

    results = at_once({name: lambda name=name: asyncio.run(talk(name)) for name in ("ann", "bob")})

    assert results == {"ann": None, "bob": None}
    lines = graph.get_state(on("room")).values["lines"]
    for name in ("ann", "bob"):
        assert [line for line in lines[::2] if line.startswith(name)] == [f"{name} {turn}" for turn in range(10)]
    assert lines[1::2] == [f"re: {line}" for line in lines[::2]]


# --- a thread that would wait for itself


def test_a_node_that_calls_its_own_thread_gets_an_error_instead_of_waiting_for_ever() -> None:
    refusals: list[ThreadBusyError] = []

    def recurse(_: Notes) -> Notes:
        with pytest.raises(
            ThreadBusyError, match=r"'room' is running the node 'recurse'.*another thread_id"
        ) as refused:
            graph.invoke({"lines": ["again"]}, on("room"))
        refusals.append(refused.value)
        return {"lines": ["done"]}

    graph = one_node(recurse, Notes).compile(checkpointer=InMemorySaver())
    assert graph.invoke({"lines": ["once"]}, on("room")) == {"lines": ["once", "done"]}
    assert len(refusals) == 1


@on_a_loop
async def test_a_node_that_calls_its_own_thread_by_a_detour_gets_the_error_too() -> None:
    async def go_back(_: Notes) -> Notes:
        return await room.ainvoke({"lines": ["again"]}, on("room"))

    corridor = one_node(go_back, Notes).compile(checkpointer=InMemorySaver())

    async def leave(_: Notes) -> Notes:
        return await corridor.ainvoke({}, on("corridor"))

    room = one_node(leave, Notes).compile(checkpointer=InMemorySaver())
    with pytest.raises(ThreadBusyError, match="'room' is running the node 'leave'"):
        await room.ainvoke({"lines": ["once"]}, on("room"))
    assert room.get_state(on("room")).next == ("leave",)


# --- many tasks


def spread(_: Notes) -> Command[Any]:
    return Command(goto=[Send("count", {"lines": [str(number)]}) for number in range(SENDS)])


def count(state: Notes) -> Notes:
    return {"lines": [f"counted {state['lines'][0]}"]}


async def acount(state: Notes) -> Notes:
    await asyncio.sleep(0)
    return count(state)


def counting(saver: BaseCheckpointSaver, node: Any) -> Any:
    builder = StateGraph(Notes).add_node(spread).add_node("count", node)
    return builder.add_edge(START, "spread").add_edge("count", END).compile(checkpointer=saver)


@pytest.mark.slow
def test_a_thousand_sends_are_one_step_in_the_order_they_were_sent(saver: BaseCheckpointSaver) -> None:
    graph = counting(saver, count)
    assert graph.invoke({}, on("many"))["lines"] == [f"counted {number}" for number in range(SENDS)]
    assert_one_step(saver)


@pytest.mark.slow
@on_a_loop
async def test_a_thousand_async_sends_are_one_step_in_the_order_they_were_sent(saver: BaseCheckpointSaver) -> None:
    graph = counting(saver, acount)
    result = await graph.ainvoke({}, on("many"))
    assert result["lines"] == [f"counted {number}" for number in range(SENDS)]
    assert_one_step(saver)


def assert_one_step(saver: BaseCheckpointSaver) -> None:
    assert len(events(saver, "many", NodeCompleted)) == 1 + SENDS
    assert len(commits(saver, "many")) < SENDS / 10, "tasks that end about the same time share a commit"
    assert len(saver.store.read("many")) == len(commits(saver, "many"))


# --- actors that rest


def test_an_actor_at_rest_is_forgotten_between_question_and_answer(saver: BaseCheckpointSaver) -> None:
    with Runtime() as runtime:
        desk = Desk(saver)
        desk.graph = desk.with_seal(desk.seal, runtime)
        for number in range(3):
            desk.put_down(f"letter {number}")
        assert runtime.health().active == 3
        assert runtime.passivate() == 3
        assert runtime.health().active == 0

        for number in range(3):
            done = desk.graph.invoke(Command(resume="Bob"), on(f"letter {number}"))
            assert done == {"text": "Dear Ann", "signed": "Bob", "stamp": "red wax"}
        assert desk.graph.get_state(LETTER).next == ("sign",)


def test_an_actor_at_work_is_not_forgotten(saver: BaseCheckpointSaver) -> None:
    began, go_on = Event(), Event()

    def wait(_: Notes) -> Notes:
        began.set()
        assert go_on.wait(SECONDS_MAX)
        return {"lines": ["done"]}

    with Runtime() as runtime, ThreadPoolExecutor(2) as callers:
        graph = one_node(wait, Notes).compile(checkpointer=saver, runtime=runtime)
        first = callers.submit(graph.invoke, {"lines": ["first"]}, on("room"))
        assert began.wait(SECONDS_MAX)
        second = callers.submit(graph.invoke, {"lines": ["second"]}, on("room"))
        assert runtime.passivate() == 0
        go_on.set()
        assert first.result(SECONDS_MAX)["lines"] == ["first", "done"]
        assert second.result(SECONDS_MAX)["lines"] == ["first", "done", "second", "done"]
    assert [event.attempt for event in events(saver, "room", NodeStarted)] == [1, 1]


def test_refused_calls_leave_no_actor_behind(saver: BaseCheckpointSaver) -> None:
    with Runtime() as runtime:
        graph = one_node(echo, Notes).compile(checkpointer=saver, runtime=runtime)
        for number in range(20):
            with pytest.raises(EncodeError):
                graph.invoke({"lines": [runtime]}, on(f"room {number}"))
        runtime.passivate()
        assert runtime.health().active == 0


class Parcel:
    """A value that takes its time to be written down."""


def test_a_call_whose_actor_is_forgotten_before_it_begins_waits_its_turn(saver: BaseCheckpointSaver) -> None:
    """Between the look at a call and its beginning the actor rests, and another call starts work with a new one."""
    began, free = Event(), Event()

    def unpack(state: Notes) -> Notes:
        if state["lines"][-1] == "first":
            began.set()
            assert free.wait(SECONDS_MAX)
        return {"lines": [f"re: {len(state['lines'])}"]}

    def meanwhile(_: Parcel) -> str:
        if not began.is_set():
            runtime.passivate()
            results.append(callers.submit(graph.invoke, {"lines": ["first"]}, on("room")))
            assert began.wait(SECONDS_MAX)
            results.append(callers.submit(free_once_somebody_waits))
        return "parcel"

    def free_once_somebody_waits() -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while not runtime.health().waiting and time.monotonic() < deadline:
            time.sleep(0.002)
        free.set()

    register_type(Parcel, dump=meanwhile, load=lambda _: Parcel())
    results: list[Any] = []
    with Runtime() as runtime, ThreadPoolExecutor(2) as callers:
        graph = one_node(unpack, Notes).compile(checkpointer=saver, runtime=runtime)
        graph.invoke({"lines": ["before"]}, on("room"))
        last = graph.invoke({"lines": [Parcel()]}, on("room"))
        assert [type(line).__name__ for line in last["lines"]] == ["str", "str", "str", "str", "Parcel", "str"]
        assert results[0].result(SECONDS_MAX)["lines"] == ["before", "re: 1", "first", "re: 3"]
