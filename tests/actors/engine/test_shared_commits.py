"""Graphs that run side by side in one thread share commits: what comes while an append is on its way goes together."""

from __future__ import annotations

import asyncio
import operator
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Runtime, Send, StateGraph
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import CodecError, OutcomeUnknownError, StaleVersionError, StoreBusyError
from clew.events.codec.commits import decode_commit
from clew.events.codec.values import Codec
from clew.events.stores.memory import MemoryStore
from clew.events.stores.store import Entry, Verdict
from clew.events.vocabulary import RunStarted

from tests.support.watchdog import within

CALLS = 20
THREAD = {"configurable": {"thread_id": "1"}}


class State(TypedDict):
    found: Annotated[list, operator.add]


class Inner(TypedDict):
    number: int
    found: Annotated[list, operator.add]


def namespaces(body: bytes) -> list[str]:
    """The namespaces that speak in a commit, each once."""
    events = decode_commit(body, Codec(), thread="1", version=0).events
    return [*dict.fromkeys(getattr(event, "ns", "") for event in events)]


class GatedStore(MemoryStore):  # pyright: ignore[reportGeneralTypeIssues]
    """A durable store whose appends wait at a gate, and which fails as the test says."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.bodies: list[bytes] = []
        """Of every append that was tried."""
        self.fault: Callable[[Entry], Exception | None] = lambda entry: None
        """What an append raises instead of being done."""

    def append(self, entry: Entry) -> int:
        """See `Store.append`."""
        assert self.gate.wait(20)
        self.bodies.append(entry.body)
        error = self.fault(entry)
        if error is not None:
            raise error
        return super().append(entry)

    def append_batch(self, entries: Any) -> list[Verdict]:
        """See `Store.append_batch`: never met here, where one thread writes."""
        raise AssertionError("one thread has one append open")


def fan_out(store: GatedStore | None, saver: BaseCheckpointSaver, runtime: Runtime, calls: int = CALLS) -> Any:
    """A graph of as many calls of another one side by side; the gate closes at the first and opens after the last."""
    inner = StateGraph(Inner)
    inner.add_node("look", lambda state: {"found": [state["number"]]}).add_edge(START, "look")
    graph = inner.compile()
    called: list[int] = []

    async def call(state: Any) -> Any:
        called.append(state["number"])
        if store is not None and len(called) == 1:
            store.gate.clear()
        if store is not None and len(called) == calls:
            asyncio.get_running_loop().call_soon(store.gate.set)
        return {"found": (await graph.ainvoke({"number": state["number"], "found": []}))["found"]}

    builder = StateGraph(State)
    builder.add_node("call", call)
    builder.add_conditional_edges(START, lambda state: [Send("call", {"number": n}) for n in range(calls)], ["call"])
    return builder.compile(saver, runtime=runtime)


def story(store: GatedStore) -> tuple[Any, Any]:
    """Run the fan-out once; gives the state, and how the thread's actor and a replay of the log see it."""
    saver = BaseCheckpointSaver(store)
    with Runtime() as runtime:
        graph = fan_out(store, saver, runtime)
        result = within(lambda: asyncio.run(graph.ainvoke({"found": []}, THREAD)), 30)
        live = runtime.known(saver, "1")
        assert live is not None
        replayed = live.log.load(graph.codec, graph.channels)  # type: ignore[union-attr]
        assert [(line.ns, line.tasks) for line in replayed.closed] == [
            (line.ns, line.tasks) for line in live.state.closed
        ]
        assert (replayed.version, replayed.digest) == (live.state.version, live.state.digest)
        assert (dict(live.open), dict(live.inner), live.ready, live.gathered) == ({}, {}, (), {})
    return result, live


def test_what_comes_while_an_append_is_on_its_way_goes_into_one_commit() -> None:
    store = GatedStore()
    result, _ = story(store)
    assert result["found"] == [*range(CALLS)]
    commits = [decode_commit(body, Codec(), thread="1", version=0).events for body in store.bodies]
    begun = [count for events in commits if (count := sum(type(event) is RunStarted for event in events))]
    # The root's; perhaps that of the call which was there first; those that came while it was on its way.
    assert (sum(begun), begun[0], len(begun) in (2, 3)) == (1 + CALLS, 1, True)


@pytest.mark.parametrize("kind", ["stale", "busy", "unknown"])
def test_a_shared_commit_that_fails_ends_the_run_and_loses_nothing(kind: str) -> None:
    store, saver = (made := GatedStore()), BaseCheckpointSaver(made)
    met: list[int] = []

    def fault(entry: Entry) -> Exception | None:
        if len(namespaces(entry.body)) < 3 or met:
            return None
        met.append(entry.version)
        if kind == "stale":
            return StaleVersionError(entry.thread, entry.expected, entry.expected)
        return StoreBusyError("locked") if kind == "busy" else OutcomeUnknownError(entry.thread, entry.version, "gone")

    store.fault = fault
    with Runtime() as runtime:
        graph = fan_out(store, saver, runtime)
        with pytest.raises((StaleVersionError, StoreBusyError, OutcomeUnknownError)):
            within(lambda: asyncio.run(graph.ainvoke({"found": []}, THREAD)), 30)
        actor = runtime.known(saver, "1")
        assert actor is not None
        assert (actor.run, dict(actor.inner), actor.gathered, met) == (None, {}, {}, met[:1])
        result = within(lambda: asyncio.run(graph.ainvoke(None, THREAD)), 30)
    assert result["found"] == [*range(CALLS)]


def test_parts_that_cannot_be_written_together_are_written_alone() -> None:
    store = GatedStore()

    def fault(entry: Entry) -> Exception | None:
        return CodecError("too long") if len([ns for ns in namespaces(entry.body) if ns]) > 1 else None

    store.fault = fault
    result, _ = story(store)
    assert result["found"] == [*range(CALLS)]


def test_a_commit_costs_the_same_however_many_graphs_run_beside() -> None:
    def steps(calls: int) -> float:
        """Python function calls for each of the graphs that run side by side."""
        with Runtime() as runtime:
            graph = fan_out(None, InMemorySaver(), runtime, calls)
            counted = 0

            def count(frame: Any, event: str, argument: Any) -> None:
                nonlocal counted
                counted += event == "call"

            async def counting() -> None:
                sys.setprofile(count)
                try:
                    await graph.ainvoke({"found": []}, THREAD)
                finally:
                    sys.setprofile(None)

            asyncio.run(counting())
        return counted / calls

    assert steps(160) < 1.25 * steps(20)
