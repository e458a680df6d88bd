"""Graphs inside a thread while things go wrong: other processes, crashes, cancelled callers, blocked event loops."""

from __future__ import annotations

import asyncio
import operator
import threading
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Runtime, Send, SqliteSaver, StateGraph, interrupt
from clew.checkpoint import InMemorySaver
from clew.errors import StaleVersionError
from clew.func import entrypoint, task
from clew.prebuilt import ToolNode
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from tests.support.watchdog import within

THREAD = {"configurable": {"thread_id": "1"}}


class State(TypedDict):
    names: Annotated[list, operator.add]


def chain(**bodies: Any) -> StateGraph:
    """The nodes one after the other."""
    builder = StateGraph(State)
    for name, body in bodies.items():
        builder.add_node(name, body)
    for source, target in zip((START, *bodies), bodies, strict=False):
        builder.add_edge(source, target)
    return builder


def named(name: str) -> Any:
    """A node that appends its name."""
    return lambda state: {"names": [name]}


def test_a_graph_inside_ends_when_another_process_has_taken_the_thread() -> None:
    saver = InMemorySaver()
    ran: list[str] = []

    def builder() -> StateGraph:
        return chain(sub=chain(a=node_a, b=node_b).compile())

    def node_a(state: State) -> dict[str, Any]:
        ran.append("a")
        if ran.count("a") == 1:
            with Runtime() as other:
                builder().compile(saver, runtime=other).invoke({"names": ["other"]}, THREAD)
        return {"names": ["a"]}

    def node_b(state: State) -> dict[str, Any]:
        ran.append("b")
        return {"names": ["b"]}

    with Runtime() as runtime:
        graph = builder().compile(saver, runtime=runtime)
        with pytest.raises(StaleVersionError):
            within(lambda: graph.invoke({"names": ["first"]}, THREAD), 20)
        assert ran == ["a", "a", "b"]
        assert graph.get_state(THREAD).values["names"] == ["first", "other", "first", "other", "a", "b"]


def test_a_graph_inside_ends_when_another_process_has_changed_the_parents_state() -> None:
    saver = InMemorySaver()

    def node_a(state: State) -> dict[str, Any]:
        with Runtime() as other:
            chain(sub=inner).compile(saver, runtime=other).update_state(THREAD, {"names": ["by hand"]}, as_node="sub")
        return {"names": ["a"]}

    inner = chain(a=node_a, b=named("b")).compile()
    with Runtime() as runtime:
        graph = chain(sub=inner).compile(saver, runtime=runtime)
        with pytest.raises(StaleVersionError):
            within(lambda: graph.invoke({"names": []}, THREAD), 20)
        assert graph.get_state(THREAD).values["names"] == ["by hand"]


def test_a_cancelled_caller_leaves_the_graph_inside_at_its_last_commit(tmp_path: Path) -> None:
    ran: list[str] = []

    async def slow(state: State) -> dict[str, Any]:
        ran.append("slow")
        if ran.count("slow") == 1:
            await asyncio.Event().wait()
        return {"names": ["slow"]}

    def first(state: State) -> dict[str, Any]:
        ran.append("first")
        return {"names": ["first"]}

    async def story(graph: Any) -> Any:
        call = asyncio.ensure_future(graph.ainvoke({"names": []}, THREAD))
        while "slow" not in ran:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return await graph.ainvoke(None, THREAD)

    with SqliteSaver.from_conn_string(str(tmp_path / "t.sqlite")) as saver:
        graph = chain(sub=chain(first=first, slow=slow).compile()).compile(saver)
        assert asyncio.run(story(graph))["names"] == ["first", "slow"]
    assert ran == ["first", "slow", "slow"]


def test_a_sync_call_in_an_async_node_does_not_wait_for_the_loop_that_it_blocks(tmp_path: Path) -> None:
    inner = chain(a=named("a"), b=named("b")).compile()

    async def quick(state: State) -> dict[str, Any]:
        return {"names": ["quick"]}

    async def blocks(state: State) -> dict[str, Any]:
        await asyncio.sleep(0.01)  # the other one is being recorded by now
        return {"names": inner.invoke({"names": []})["names"]}

    builder = StateGraph(State)
    for name, body in {"quick": quick, "blocks": blocks, "also": blocks}.items():
        builder.add_node(name, body).add_edge(START, name)
    with SqliteSaver.from_conn_string(str(tmp_path / "t.sqlite")) as saver:
        graph = builder.compile(saver)
        result = within(lambda: asyncio.run(graph.ainvoke({"names": []}, THREAD)), 20)
    assert result["names"] == ["a", "b", "a", "b", "quick"]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_many_graphs_side_by_side_share_one_thread(tmp_path: Path, asynchronous: bool) -> None:
    inner = chain(a=named("a"), b=named("b")).compile()
    builder = StateGraph(State)
    for number in range(20):
        builder.add_node(f"n{number:02}", inner).add_edge(START, f"n{number:02}")
    with SqliteSaver.from_conn_string(str(tmp_path / "t.sqlite")) as saver:
        graph = builder.compile(saver)
        if asynchronous:
            result = within(lambda: asyncio.run(graph.ainvoke({"names": []}, THREAD)), 30)
        else:
            result = within(lambda: graph.invoke({"names": []}, THREAD), 30)
        state = graph.runtime.known(saver, "1")
    assert result["names"] == ["a", "b"] * 20
    assert state is not None
    assert (list(state.state.lines), len(state.state.closed), dict(state.open), dict(state.inner)) == ([""], 20, {}, {})


def test_a_crash_inside_does_not_cost_what_was_finished(tmp_path: Path) -> None:
    ran: list[str] = []

    class Killed(BaseException):
        """Stands for the end of the process: nothing is recorded of it."""

    def step(name: str) -> Any:
        def body(state: State) -> dict[str, Any]:
            ran.append(name)
            return {"names": [name]}

        return body

    with SqliteSaver.from_conn_string(str(tmp_path / "t.sqlite")) as saver:
        append, alive = saver.store.append, [6]

        def dies(entry: Any) -> int:
            if alive[0] == 0:
                raise Killed
            alive[0] -= 1
            return append(entry)

        def graph(runtime: Runtime) -> Any:
            inner = chain(a=step("a"), b=step("b"), c=step("c")).compile()
            return chain(p=step("p"), sub=inner, z=step("z")).compile(saver, runtime=runtime)

        saver.store.append = dies  # type: ignore[method-assign]
        with Runtime() as first, pytest.raises(Killed):
            graph(first).invoke({"names": []}, THREAD)
        saver.store.append = append  # type: ignore[method-assign]
        with Runtime() as second:
            assert graph(second).invoke(None, THREAD)["names"] == ["p", "p", "a", "b", "c", "z"]
    assert max(ran.count(name) for name in ("p", "a", "z")) == 1


def test_tools_of_one_message_keep_to_their_own_graphs() -> None:
    ran: list[str] = []

    def asking(state: State) -> dict[str, Any]:
        ran.append(f"ask {state['names'][0]}")
        return {"names": [interrupt(f"{state['names'][0]}?")]}

    def quick(state: State) -> dict[str, Any]:
        ran.append(f"quick {state['names'][0]}")
        return {"names": ["done"]}

    quickly, asks = chain(quick=quick).compile(), chain(asking=asking).compile()

    @tool
    def fast(what: str) -> str:
        """Call the graph that finishes."""
        return quickly.invoke({"names": [what]})["names"][-1]

    @tool
    def slow(what: str) -> str:
        """Call the graph that asks."""
        return asks.invoke({"names": [what]})["names"][-1]

    class Messages(TypedDict):
        messages: Annotated[list, operator.add]

    calls = [
        {"name": name, "args": {"what": what}, "id": what}
        for name, what in (("fast", "one"), ("slow", "two"), ("slow", "three"))
    ]
    builder = StateGraph(Messages).add_node("tools", ToolNode([fast, slow])).add_edge(START, "tools")
    graph = builder.compile(InMemorySaver())
    asked = graph.invoke({"messages": [AIMessage("", tool_calls=calls)]}, THREAD)["__interrupt__"]
    ids = {question.value: question.id for question in asked}
    assert sorted(ids) == ["three?", "two?"]
    graph.invoke(Command(resume={ids["three?"]: "3"}), THREAD)
    end = graph.invoke(Command(resume="2"), THREAD)
    assert [message.content for message in end["messages"][1:]] == ["done", "2", "3"]
    assert ran.count("quick one") == 1


def test_tasks_of_an_entrypoint_inside_are_done_once() -> None:
    done: list[str] = []

    @task
    def work(name: str) -> str:
        done.append(name)
        return name

    @entrypoint()
    def inner(given: str) -> str:
        first = work(given).result()
        return f"{first} {interrupt('go on?')} {work('last').result()}"

    graph = chain(call=lambda state: {"names": [inner.invoke("begin")]}).compile(InMemorySaver())
    assert graph.invoke({"names": []}, THREAD)["__interrupt__"][0].value == "go on?"
    assert graph.invoke(Command(resume="yes"), THREAD)["names"] == ["begin yes last"]
    assert done == ["begin", "last"]


def test_calls_into_one_history_at_the_same_time_take_turns() -> None:
    together = threading.Barrier(2, timeout=10)

    def bump(state: dict[str, Any]) -> dict[str, Any]:
        return {"names": [len(state["names"])]}

    inner = chain(bump=bump).compile(checkpointer=True)

    def call(state: State) -> dict[str, Any]:
        together.wait()
        return {"names": [len(inner.invoke({"names": []})["names"])]}

    builder = StateGraph(State).add_node("call", call)
    builder.add_conditional_edges(START, lambda state: [Send("call", {"names": []}) for _ in range(2)], ["call"])
    graph = builder.compile(InMemorySaver())
    assert sorted(within(lambda: graph.invoke({"names": []}, THREAD), 20)["names"]) == [1, 2]
