"""A finished tool call is recorded while a slower one goes on: the process may die in between."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import pytest
from clew import START, InMemorySaver, MessagesState, Runtime, SqliteSaver, StateGraph, ToolNode
from clew.errors import StaleVersionError
from clew.events.codec.commits import decode_commit
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

CALLS = [
    {"name": "pay", "args": {"amount": 1}, "id": "call-pay", "type": "tool_call"},
    {"name": "slow", "args": {}, "id": "call-slow", "type": "tool_call"},
]
CONFIG = {"configurable": {"thread_id": "1"}}


def test_a_call_that_finished_beside_a_slow_one_survives_the_end_of_the_process(tmp_path: Path) -> None:
    paid: list[int] = []
    release = threading.Event()

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    @tool
    def slow() -> str:
        """Wait for the test."""
        release.wait(20)
        return "slept"

    builder = StateGraph(MessagesState).add_node("tools", ToolNode([pay, slow])).add_edge(START, "tools")
    given = {"messages": [HumanMessage("go", id="h"), AIMessage("", tool_calls=CALLS, id="a")]}
    file = str(tmp_path / "threads.sqlite")

    with SqliteSaver.from_conn_string(file) as first:
        graph = builder.compile(checkpointer=first, runtime=Runtime())
        run = threading.Thread(target=_run_until_stopped, args=(graph, given))
        run.start()
        deadline = time.monotonic() + 20
        while not _recorded(first):
            assert time.monotonic() < deadline, "the finished call was never recorded"
        assert paid == [1]

        # Another process takes the thread up: the first one hangs in `slow` for ever, as far as it can tell.
        with SqliteSaver.from_conn_string(file) as second:
            release.set()
            taken_up = builder.compile(checkpointer=second, runtime=Runtime())
            result = taken_up.invoke(None, CONFIG)
        run.join(20)
    assert [message.content for message in result["messages"][2:]] == ["paid", "slept"]
    assert paid == [1]


def _run_until_stopped(graph, given: dict) -> None:
    # The other process may be first to finish: then this one has lost the thread.
    with contextlib.suppress(StaleVersionError):
        graph.invoke(given, CONFIG)


def _recorded(saver: SqliteSaver) -> bool:
    return len(saver.store.read("1")) > 1


@pytest.mark.parametrize("quick", ["first", "last"])
def test_effects_of_a_round_are_recorded_once(quick: str) -> None:
    @tool
    def one() -> str:
        """One."""
        if quick == "last":
            time.sleep(0.02)
        return "1"

    @tool
    def two() -> str:
        """Two."""
        if quick == "first":
            time.sleep(0.02)
        return "2"

    saver = InMemorySaver()
    calls = [{"name": name, "args": {}, "id": name, "type": "tool_call"} for name in ("one", "two")]
    graph = StateGraph(MessagesState).add_node("tools", ToolNode([one, two])).add_edge(START, "tools").compile(saver)
    graph.invoke({"messages": [AIMessage("", tool_calls=calls)]}, CONFIG)
    events = [
        event
        for row in saver.store.read("1")
        for event in decode_commit(row.body, graph.codec, thread="1", version=row.version).events
        if type(event).__name__ == "EffectRecorded"
    ]
    assert sorted(event.scope for event in events) == ["one", "two"]
