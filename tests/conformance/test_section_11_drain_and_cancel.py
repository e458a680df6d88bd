"""Section 11.5 and 11.6: drain and cancellation."""

from __future__ import annotations

import asyncio
import operator
import threading
from typing import Annotated, Any, TypedDict

from clew import START, Command, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import GraphBubbleUp, GraphDrained, NodeCancelledError
from clew.runtime import RunControl, Runtime
from langchain_core.runnables import RunnableConfig

from ..support.watchdog import raised
from .callers import Caller, run

ONE: RunnableConfig = {"configurable": {"thread_id": "1"}}


class State(TypedDict):
    x: int
    log: Annotated[list[Any], operator.add]


GIVEN: State = {"x": 1, "log": []}


def named(name: str) -> Any:
    return lambda state: {"log": [name]}


def chain(**nodes: Any) -> StateGraph:
    """Nodes one after the other."""
    builder, before = StateGraph(State), START
    for name, node in nodes.items():
        builder.add_node(name, node).add_edge(before, name)
        before = name
    return builder


def asks_to_stop(control: RunControl, reason: str = "deploy") -> Any:
    """A node that asks its run to stop."""

    def node(state: State) -> dict[str, Any]:
        control.request_drain(reason)
        return {"log": ["a"]}

    return node


# -- 11.5 drain


def test_a_run_stops_at_its_steps_end_and_goes_on_later(caller: Caller, saver: BaseCheckpointSaver) -> None:
    control = RunControl()
    graph = chain(a=asks_to_stop(control), b=named("b")).compile(saver)
    error = raised(lambda: caller.invoke(graph, GIVEN, ONE, control=control))
    assert isinstance(error, GraphDrained)
    assert isinstance(error, GraphBubbleUp)
    assert isinstance(error, Exception)
    assert error.reason == "deploy"
    assert "deploy" in str(error)
    state = graph.get_state(ONE)
    assert (state.values["log"], state.next, [task.error for task in state.tasks]) == (["a"], ("b",), [None])
    assert caller.invoke(graph, None, ONE)["log"] == ["a", "b"]


def test_a_request_may_come_from_any_thread_and_waits_for_siblings(caller: Caller, saver: BaseCheckpointSaver) -> None:
    control, began, asked = RunControl(), threading.Event(), threading.Event()

    def slow(state: State) -> dict[str, Any]:
        began.set()
        asked.wait(20)
        return {"log": ["slow"]}

    graph = chain(slow=slow, b=named("b")).add_node("quick", named("quick")).add_edge(START, "quick").compile(saver)

    def ask() -> None:
        began.wait(20)
        control.request_drain()
        asked.set()

    asker = threading.Thread(target=ask)
    asker.start()
    error = raised(lambda: caller.invoke(graph, GIVEN, ONE, control=control))
    asker.join()
    assert isinstance(error, GraphDrained)
    assert error.reason == "shutdown"
    assert graph.get_state(ONE).values["log"] == ["quick", "slow"]
    assert caller.invoke(graph, None, ONE)["log"] == ["quick", "slow", "b"]


def test_a_stream_gives_out_what_was_done_first(caller: Caller) -> None:
    control, chunks = RunControl(), []
    graph = chain(a=asks_to_stop(control), b=named("b")).compile()

    async def read() -> None:
        async for chunk in graph.astream(GIVEN, control=control):
            chunks.append(chunk)

    def work() -> None:
        if caller.is_async:
            run(read())
        for chunk in graph.stream(GIVEN, control=control):
            chunks.append(chunk)

    assert isinstance(raised(work), GraphDrained)
    assert chunks == [{"a": {"log": ["a"]}}]


def test_a_run_with_nothing_left_to_do_ends_as_usual(caller: Caller) -> None:
    control = RunControl()
    assert caller.invoke(chain(a=asks_to_stop(control)).compile(), GIVEN, control=control)["log"] == ["a"]


def test_a_control_that_was_asked_before_runs_nothing_and_keeps_the_input(
    caller: Caller, saver: BaseCheckpointSaver
) -> None:
    control, ran = RunControl(), []
    control.request_drain("early")

    def node(state: State) -> None:
        ran.append(state["x"])

    graph = chain(a=node).compile(saver)
    assert isinstance(raised(lambda: caller.invoke(graph, {"x": 7, "log": []}, ONE, control=control)), GraphDrained)
    assert isinstance(raised(lambda: caller.invoke(graph, None, ONE, control=control)), GraphDrained)
    assert ran == []
    caller.invoke(graph, None, ONE)
    assert ran == [7]


def test_an_answer_is_kept_and_its_node_runs_later(caller: Caller, saver: BaseCheckpointSaver) -> None:
    graph = chain(a=lambda state: {"log": [interrupt("sure?")]}).compile(saver)
    caller.invoke(graph, GIVEN, ONE)
    control = RunControl()
    control.request_drain()
    assert isinstance(raised(lambda: caller.invoke(graph, Command(resume="yes"), ONE, control=control)), GraphDrained)
    assert graph.get_state(ONE).interrupts == ()
    assert caller.invoke(graph, None, ONE)["log"] == ["yes"]


def test_nodes_see_the_control_and_may_ask_themselves(caller: Caller, saver: BaseCheckpointSaver) -> None:
    seen: list[Any] = []

    def node(state: State, runtime: Runtime[Any]) -> None:
        seen.extend((runtime.drain_requested, runtime.drain_reason))
        assert runtime.control is not None
        runtime.control.request_drain("myself")
        seen.extend((runtime.drain_requested, runtime.drain_reason))

    graph = chain(a=node, b=named("b")).compile(saver)
    error = raised(lambda: caller.invoke(graph, GIVEN, ONE))
    assert isinstance(error, GraphDrained)
    assert seen == [False, None, True, "myself"]


def test_the_last_reason_counts() -> None:
    control = RunControl()
    assert (control.drain_requested, control.drain_reason) == (False, None)
    control.request_drain("one")
    control.request_drain("two")
    assert (control.drain_requested, control.drain_reason) == (True, "two")


def test_a_graph_inside_a_node_stops_and_goes_on_where_it_stopped(caller: Caller, saver: BaseCheckpointSaver) -> None:
    control, calls = RunControl(), []

    def first(state: State) -> dict[str, Any]:
        calls.append(1)
        control.request_drain()
        return {"log": ["i1"]}

    inner = chain(i1=first, i2=named("i2")).compile()

    def node(state: State) -> dict[str, Any]:
        return {"log": inner.invoke(GIVEN)["log"]}

    graph = chain(outer=node, b=named("b")).compile(saver)
    assert isinstance(raised(lambda: caller.invoke(graph, GIVEN, ONE, control=control)), GraphDrained)
    state = graph.get_state(ONE)
    assert (state.next, [task.error for task in state.tasks]) == (("outer",), [None])
    assert caller.invoke(graph, None, ONE)["log"] == ["i1", "i2", "b"]
    assert len(calls) == 1


def test_the_log_says_that_the_run_was_drained(saver: BaseCheckpointSaver) -> None:
    control = RunControl()
    graph = chain(a=asks_to_stop(control), b=named("b")).compile(saver)
    raised(lambda: graph.invoke(GIVEN, ONE, control=control))
    run_facts = graph.peek(graph.runtime.thread(saver, "1", graph.codec)).run
    assert run_facts is not None
    assert run_facts.status == "drained"


# -- 11.6 cancellation


async def stuck(state: State) -> None:
    await asyncio.Event().wait()


def test_cancelling_ainvoke_leaves_the_thread_at_its_last_checkpoint(saver: BaseCheckpointSaver) -> None:
    graph = chain(a=named("a"), stuck=stuck).compile(saver)

    async def call() -> BaseException | None:
        task = asyncio.create_task(graph.ainvoke(GIVEN, ONE))
        while graph.get_state(ONE).next != ("stuck",):
            await asyncio.sleep(0.001)
        task.cancel()
        try:
            await task
        except BaseException as error:
            return error
        return None

    assert isinstance(run(call()), asyncio.CancelledError)
    state = graph.get_state(ONE)
    assert (state.values["log"], state.next, [task.error for task in state.tasks]) == (["a"], ("stuck",), [None])

    going_on = chain(a=named("a"), stuck=named("unstuck")).compile(saver)
    assert going_on.invoke(None, ONE)["log"] == ["a", "unstuck"]


def test_a_node_that_raises_cancelled_error_itself_is_told_apart(caller: Caller, saver: BaseCheckpointSaver) -> None:
    def node(state: State) -> None:
        raise asyncio.CancelledError

    graph = chain(a=node).compile(saver)
    error = raised(lambda: caller.invoke(graph, GIVEN, ONE))
    assert isinstance(error, NodeCancelledError)
    assert isinstance(error, Exception)
    assert error.node == "a"
    state = graph.get_state(ONE)
    assert state.next == ("a",)
    assert "NodeCancelledError" in str(state.tasks[0].error)


def test_an_async_node_that_raises_it_is_told_apart_too(saver: BaseCheckpointSaver) -> None:
    async def node(state: State) -> None:
        raise asyncio.CancelledError("mine")

    graph = chain(a=node).compile(saver)
    assert isinstance(raised(lambda: run(graph.ainvoke(GIVEN, ONE))), NodeCancelledError)


def test_abandoning_an_iterator_stops_further_steps_and_keeps_the_finished(saver: BaseCheckpointSaver) -> None:
    ran: list[str] = []

    def late(state: State) -> dict[str, Any]:
        ran.append("b")
        return {"log": ["b"]}

    graph = chain(a=named("a"), b=late).compile(saver)
    chunks = graph.stream(GIVEN, ONE)
    assert next(chunks) == {"a": {"log": ["a"]}}
    chunks.close()  # type: ignore[attr-defined]
    assert ran == []
    assert graph.get_state(ONE).next == ("b",)
    assert graph.invoke(None, ONE)["log"] == ["a", "b"]


def test_abandoning_an_async_iterator_does_the_same(saver: BaseCheckpointSaver) -> None:
    graph = chain(a=named("a"), b=named("b")).compile(saver)

    async def read() -> None:
        chunks = graph.astream(GIVEN, ONE)
        async for chunk in chunks:
            assert chunk == {"a": {"log": ["a"]}}
            break
        await chunks.aclose()  # type: ignore[attr-defined]

    run(read())
    assert graph.get_state(ONE).next == ("b",)
    assert run(graph.ainvoke(None, ONE))["log"] == ["a", "b"]


def test_without_a_control_nothing_is_drained() -> None:
    assert chain(a=named("a"), b=named("b")).compile(InMemorySaver()).invoke(GIVEN, ONE)["log"] == ["a", "b"]
