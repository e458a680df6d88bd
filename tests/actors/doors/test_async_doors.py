"""Async callers, sync and async nodes mixed: the same results, on the caller's loop, cancelled when the caller is."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from clew import START, Command, StateGraph
from clew.checkpoint import BaseCheckpointSaver

from .graphs import THREAD, State, anamed, asking, chain, named, parallel_questions


def mixed() -> StateGraph:
    builder = StateGraph(State).add_node("a", anamed("a")).add_node("s", named("s")).add_node("z", anamed("z"))
    return builder.add_edge(START, "a").add_edge(START, "s").add_edge(["a", "s"], "z")


def test_sync_and_async_nodes_mix_under_an_async_caller(saver: BaseCheckpointSaver) -> None:
    graph = mixed().compile(checkpointer=saver)
    result = asyncio.run(graph.ainvoke({"x": 0, "names": []}, THREAD))
    assert result == {"x": 0, "names": ["a", "s", "z"]}


def test_an_async_node_under_a_sync_caller_is_a_type_error_that_names_it(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", make=anamed).compile(checkpointer=saver)
    with pytest.raises(TypeError, match="'a' is async"):
        graph.invoke({"x": 0, "names": []}, THREAD)
    assert asyncio.run(graph.ainvoke(None, THREAD))["names"] == ["a"]


def test_questions_are_asked_and_answered_from_async_callers(saver: BaseCheckpointSaver) -> None:
    graph = asking().compile(checkpointer=saver)

    async def talk() -> dict:
        await graph.ainvoke({"x": 1, "names": []}, THREAD)
        await graph.ainvoke(Command(resume="A"), THREAD)
        return await graph.ainvoke(Command(resume="B"), THREAD)

    assert asyncio.run(talk()) == {"x": 2, "names": ["A", "B"]}


def test_parallel_questions_from_an_async_caller(saver: BaseCheckpointSaver) -> None:
    graph = parallel_questions().compile(checkpointer=saver)

    async def talk() -> list:
        first = await graph.ainvoke({"x": 0, "names": []}, THREAD)
        answers = {question.id: question.value.upper() for question in first["__interrupt__"]}
        return (await graph.ainvoke(Command(resume=answers), THREAD))["names"]

    assert asyncio.run(talk()) == ["pa:PA", "pb:PB", "pc"]


def test_sync_and_async_streams_give_the_same_chunks(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    modes = ["values", "updates"]
    other = {"configurable": {"thread_id": "2"}}

    async def chunks() -> list:
        return [chunk async for chunk in graph.astream({"x": 0, "names": []}, other, stream_mode=modes)]

    assert asyncio.run(chunks()) == list(graph.stream({"x": 0, "names": []}, THREAD, stream_mode=modes))


def test_the_event_loop_is_never_blocked_by_a_sync_node() -> None:
    started, release = threading.Event(), threading.Event()

    def blocking(state: State) -> dict:
        started.set()
        release.wait(10)
        return {"names": ["done"]}

    graph = StateGraph(State).add_node("blocking", blocking).add_edge(START, "blocking").compile()

    async def both() -> list:
        task = asyncio.create_task(graph.ainvoke({"x": 0, "names": []}))
        while not started.is_set():
            await asyncio.sleep(0)
        release.set()
        return (await task)["names"]

    assert asyncio.run(both()) == ["done"]


def test_cancelling_the_caller_stops_at_the_last_commit_and_can_be_continued(saver: BaseCheckpointSaver) -> None:
    entered: list[str] = []

    async def slow(state: State) -> dict:
        entered.append("slow")
        await asyncio.sleep(0 if len(entered) > 1 else 3600)
        return {"names": ["slow"]}

    builder = StateGraph(State).add_node("a", anamed("a")).add_node("slow", slow)
    graph = builder.add_edge(START, "a").add_edge("a", "slow").compile(checkpointer=saver)

    async def talk() -> dict:
        task = asyncio.create_task(graph.ainvoke({"x": 0, "names": []}, THREAD))
        while not entered:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        snapshot = await graph.aget_state(THREAD)
        assert snapshot.values["names"] == ["a"]
        assert snapshot.next == ("slow",)
        assert snapshot.tasks[0].error is None
        return await graph.ainvoke(None, THREAD)

    assert asyncio.run(talk())["names"] == ["a", "slow"]


def test_closing_an_async_stream_stops_further_steps(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", "c", make=anamed).compile(checkpointer=saver)

    async def first_chunk() -> dict:
        stream = graph.astream({"x": 0, "names": []}, THREAD)
        chunk = await anext(stream)
        await stream.aclose()
        return chunk

    assert asyncio.run(first_chunk()) == {"a": {"names": ["a"]}}
    deadline = time.monotonic() + 10
    while graph.get_state(THREAD).next != ("b",) and time.monotonic() < deadline:
        pass
    assert graph.get_state(THREAD).values["names"] == ["a"]


def test_a_graph_serves_two_event_loops_one_after_the_other(saver: BaseCheckpointSaver) -> None:
    graph = asking().compile(checkpointer=saver)
    asyncio.run(graph.ainvoke({"x": 1, "names": []}, THREAD))
    asyncio.run(graph.ainvoke(Command(resume="A"), THREAD))
    assert asyncio.run(graph.ainvoke(Command(resume="B"), THREAD))["names"] == ["A", "B"]


def test_many_async_threads_run_at_once(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", make=anamed).compile(checkpointer=saver)

    async def all_at_once() -> list:
        configs = [{"configurable": {"thread_id": f"t{number}"}} for number in range(50)]
        return await asyncio.gather(*(graph.ainvoke({"x": 0, "names": []}, config) for config in configs))

    assert [result["names"] for result in asyncio.run(all_at_once())] == [["a", "b"]] * 50
