"""What the stories share: naming a thread in a config, one-node graphs, and reading what the log says of a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import wraps
from threading import Barrier, Event, Thread
from typing import Any, TypeVar

from clew import END, START, StateGraph
from clew.events.codec.commits import decode_commit
from clew.events.codec.values import Codec
from clew.events.stores.saver import BaseCheckpointSaver
from clew.events.stores.store import Row
from clew.events.vocabulary import Commit, InterruptRaised, Resumed
from langchain_core.runnables import RunnableConfig

EventType = TypeVar("EventType")
JOIN_SECONDS = 60.0


def on(thread: str, **configurable: Any) -> RunnableConfig:
    """The config that names a thread; `who`, `checkpoint_id` or `command_id` may stand beside it."""
    return {"configurable": {"thread_id": thread, **configurable}}


def one_node(node: Callable[..., Any], state: type) -> StateGraph:
    """A graph of one node, named after its function."""
    return StateGraph(state).add_node(node).add_edge(START, node.__name__).add_edge(node.__name__, END)


def chain(state: type, *nodes: Callable[..., Any]) -> StateGraph:
    """A graph of nodes one after the other, named after their functions."""
    builder = StateGraph(state).add_sequence(nodes)
    return builder.add_edge(START, nodes[0].__name__).add_edge(nodes[-1].__name__, END)


def asked(result: Any) -> list[Any]:
    """What a paused call asks, in order."""
    return [question.value for question in result.get("__interrupt__", ())]


def commits(saver: BaseCheckpointSaver, thread: str) -> list[Commit]:
    """The thread's log as the store has it, decoded."""
    codec = Codec()
    rows = saver.store.read(thread, tenant=saver.tenant)
    return [decode_commit(row.body, codec, thread=thread, version=row.version) for row in rows]


def events(saver: BaseCheckpointSaver, thread: str, kind: type[EventType]) -> list[EventType]:
    """The thread's recorded events of one kind, in order."""
    return [event for commit in commits(saver, thread) for event in commit.events if isinstance(event, kind)]


def interview(saver: BaseCheckpointSaver, thread: str) -> list[tuple[Any, Any, str]]:
    """(question, answer, who) of every answered question in the log, in the order of the answers."""
    questions = {event.question: event.value.value for event in events(saver, thread, InterruptRaised)}
    return [(questions[event.question], event.value.value, event.who) for event in events(saver, thread, Resumed)]


def at_once(calls: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Make all the calls at the same moment, each on a thread of its own; what each returned or raised, by name."""
    together = Barrier(len(calls))
    results: dict[str, Any] = {}

    def make(name: str, call: Callable[[], Any]) -> None:
        together.wait(JOIN_SECONDS)
        try:
            results[name] = call()
        except Exception as error:
            results[name] = error

    threads = [Thread(target=make, args=item, name=f"caller {item[0]}", daemon=True) for item in calls.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(JOIN_SECONDS)
    assert results.keys() == calls.keys(), f"no answer to {calls.keys() - results.keys()} in {JOIN_SECONDS:g} s"
    return results


def background(call: Callable[[], Any], results: list[Any]) -> Thread:
    """Make a call on a thread of its own; what it returns or raises is in the list."""

    def make() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = Thread(target=make, daemon=True)
    thread.start()
    return thread


def until(condition: Callable[[], bool]) -> None:
    """Look again and again until it is so."""
    pause, end = Event(), time.monotonic() + JOIN_SECONDS
    while not condition():
        assert time.monotonic() < end, f"it was not so in {JOIN_SECONDS:g} s"
        pause.wait(0.002)


def by_invoke(graph: Any, given: Any, config: Any) -> Any:
    """Call a graph from a thread."""
    return graph.invoke(given, config)


def by_ainvoke(graph: Any, given: Any, config: Any) -> Any:
    """Call a graph from an event loop, which is closed after it."""
    return asyncio.run(graph.ainvoke(given, config))


def by_stream(graph: Any, given: Any, config: Any) -> Any:
    """Call a graph by reading its stream of values to the end; the last of them."""
    return list(graph.stream(given, config, stream_mode="values"))[-1]


def by_astream(graph: Any, given: Any, config: Any) -> Any:
    """As `by_stream`, from an event loop."""

    async def read() -> list[Any]:
        return [values async for values in graph.astream(given, config, stream_mode="values")]

    return asyncio.run(read())[-1]


DOORS = (by_invoke, by_ainvoke, by_stream, by_astream)
"""The ways to run a graph; what one refuses, all refuse."""


def on_a_loop(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """An async test as a plain one: it runs on an event loop of its own, within a time limit."""

    @wraps(story)
    def run(*fixtures: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(story(*fixtures, **named), JOIN_SECONDS))

    return run


def rows(saver: BaseCheckpointSaver, thread: str) -> list[Row]:
    """The thread's commits as they are stored, undecoded: equal lists mean that nothing was written or lost."""
    return saver.store.read(thread, tenant=saver.tenant)
