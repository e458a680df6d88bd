"""How fast the deploy gate is: a figure, not a promise of the machine's."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, InMemorySaver, StateGraph, add_messages, interrupt
from clew.audit import check_graph

THREADS = 60
STEPS = 23


class Chat(TypedDict):
    log: Annotated[list[int], operator.add]
    messages: Annotated[list[Any], add_messages]
    count: int


def step(state: Chat) -> dict[str, Any]:
    count = state["count"]
    return {"log": [count], "count": count + 1, "messages": [("ai", f"reply {count}")]}


def long_threads(saver: Any = None) -> Any:
    builder = StateGraph(Chat).add_node("step", step).add_node("ask", lambda state: {"log": [interrupt("well?")]})
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", lambda state: "step" if state["count"] < STEPS else "ask")
    return builder.compile(checkpointer=saver)


@pytest.mark.slow
def test_threads_of_a_hundred_events(report_figure: Callable[[str], None]) -> None:
    saver = InMemorySaver()
    graph = long_threads(saver)
    for number in range(THREADS):
        graph.invoke({"count": 0, "messages": ["hello"]}, {"configurable": {"thread_id": f"t{number}"}})
    said = []
    for bodies in (False, True):
        began = time.process_time()
        report = check_graph(long_threads(), saver, bodies=bodies)
        seconds = time.process_time() - began
        assert report.passed
        said.append(f"{1000 * seconds / THREADS:.1f} ms{' with bodies' if bodies else ''}")
    each = report.events // THREADS
    report_figure(f"deploy gate: a thread of {each} events in {', '.join(said)} of one core (target 12 ms)")
