"""Section 19, what LangGraph's library lacks: a stream can be joined again, from any version of its thread."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from clew import Runtime
from clew.checkpoint.base import BaseCheckpointSaver
from clew.checkpoint.memory import InMemorySaver
from clew.graph import START, MessagesState, StateGraph
from clew.types import Command
from langchain_core.messages import AIMessage, HumanMessage
from typing_extensions import TypedDict

from .streamed import INPUT, THREAD, Failing, State, asking, chain, commanding, fan_in, named, sends, two_questions

MODES = ["values", "updates", "tasks", "checkpoints", "debug"]
RUNS: dict[str, tuple[Callable[[], StateGraph], list[Any]]] = {
    "chain": (lambda: chain("a", "b", "c"), [INPUT, {"x": 2, "l": ["t2"]}]),
    "fan-in": (fan_in, [INPUT]),
    "sends": (sends, [INPUT]),
    "commands": (commanding, [INPUT, Command(update={"x": 9}), Command(goto="w", update={"l": ["k"]})]),
    "questions": (asking, [INPUT, None, Command(resume="A"), Command(resume="B"), None]),
}


@pytest.fixture
def other_process(saver: BaseCheckpointSaver) -> Iterator[Callable[[StateGraph], Any]]:
    """Compiles a graph over the same store, with a runtime that knows nothing of the other one's actors."""
    with Runtime() as runtime:
        yield lambda builder: builder.compile(checkpointer=saver, runtime=runtime)


class Gate:
    """A chain of `a` and `b`, in which `b` waits until it may go on."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

        def b(state: State) -> dict[str, Any]:
            self.reached.set()
            assert self.open.wait(20)
            return {"l": ["b"]}

        self.builder = StateGraph(State).add_node("a", named("a")).add_node("b", b)
        self.builder.add_edge(START, "a").add_edge("a", "b")


@pytest.mark.parametrize("name", RUNS)
def test_joined_from_the_start_a_thread_shows_what_its_runs_showed(name: str, saver: BaseCheckpointSaver) -> None:
    build, inputs = RUNS[name]
    graph = build().compile(checkpointer=saver)
    shown = [chunk for given in inputs for chunk in graph.stream(given, THREAD, stream_mode=MODES)]
    joined = list(graph.join_stream(THREAD, stream_mode=MODES))
    # A call that finds nothing to do commits nothing, so its chunks are not shown again.
    assert joined == (shown[:-3] if name == "questions" else shown)


def around(inner: Any) -> StateGraph:
    """START -> pre -> sub (the graph given, or a function)."""
    builder = StateGraph(State).add_node("pre", named("pre")).add_node("sub", inner)
    return builder.add_edge(START, "pre").add_edge("pre", "sub")


def called_twice() -> StateGraph:
    inner = chain("a", "b").compile()

    def function(state: State) -> dict[str, Any]:
        inner.invoke({"x": 5, "l": []})
        return {"l": inner.invoke({"x": 6, "l": []})["l"]}

    return around(function)


def narrow() -> StateGraph:
    class Names(TypedDict):
        l: Annotated[list, operator.add]  # noqa: E741  # as in the state

    builder = StateGraph(State, output_schema=Names).add_node("a", named("a"))
    return around(builder.add_edge(START, "a").compile())


def speaking() -> StateGraph:
    inner = StateGraph(MessagesState).add_node("n", lambda state: {"messages": [AIMessage("hello", id="a")]})
    return StateGraph(MessagesState).add_node("sub", inner.add_edge(START, "n").compile()).add_edge(START, "sub")


ANSWERED = [INPUT, Command(resume="A"), Command(resume="B")]
NESTED: dict[str, tuple[Callable[[], StateGraph], list[Any]]] = {
    "node": (lambda: around(chain("a", "b").compile()), [INPUT, {"x": 2, "l": ["t2"]}]),
    "two levels": (lambda: around(around(chain("a").compile()).compile()), [INPUT]),
    "function": (called_twice, [INPUT]),
    "question": (lambda: around(asking().compile()), ANSWERED),
    "question two levels down": (lambda: around(around(asking().compile()).compile()), ANSWERED),
    "history of its own": (lambda: around(chain("a").compile(True)), [INPUT, {"x": 2, "l": ["t2"]}]),
    "breakpoint": (lambda: around(chain("a", "b").compile(interrupt_before=["b"])), [INPUT, None]),
    "output schema": (narrow, [INPUT]),
    "messages": (speaking, [{"messages": [HumanMessage("hi", id="h")]}]),
}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", NESTED)
def test_graphs_inside_are_shown_again(name: str, version: str, saver: BaseCheckpointSaver) -> None:
    build, inputs = NESTED[name]
    graph = build().compile(checkpointer=saver)
    options: dict[str, Any] = {"stream_mode": [*MODES, "messages"], "subgraphs": True, "version": version}
    config: Any = {"configurable": {"thread_id": "1", "user": "u"}, "metadata": {"k": 1}}
    shown = [chunk for given in inputs for chunk in graph.stream(given, config, **options)]
    assert list(graph.join_stream(config, **options)) == shown
    if version == "v1":
        alone = list(graph.join_stream(config, stream_mode=MODES))
        assert alone == [chunk[1:] for chunk in shown if not chunk[0] and chunk[1] != "messages"]
    every = list(graph.join_stream(config, **options, positions=True))
    for after in range(every[-1][0] + 1):
        rest = list(graph.join_stream(config, **options, positions=True, after=after))
        assert rest == [(position, chunk) for position, chunk in every if position > after]


def test_of_a_graph_that_a_node_makes_the_log_tells(saver: BaseCheckpointSaver) -> None:
    graph = around(lambda state: chain("a").compile().invoke({"x": 1, "l": []}) and None).compile(saver)
    shown = list(graph.stream(INPUT, THREAD, stream_mode=["updates", "values"], subgraphs=True))
    assert list(graph.join_stream(THREAD, stream_mode=["updates", "values"], subgraphs=True)) == shown


def test_answers_in_parts_are_shown_again(saver: BaseCheckpointSaver) -> None:
    graph = two_questions().compile(checkpointer=saver)
    shown = list(graph.stream(INPUT, THREAD, stream_mode=MODES))
    asked = {one.value: one.id for one in graph.get_state(THREAD).interrupts}
    shown += graph.stream(Command(resume={asked["qa"]: "A"}), THREAD, stream_mode=MODES)
    shown += graph.stream(Command(resume="V"), THREAD, stream_mode=MODES)
    joined = list(graph.join_stream(THREAD, stream_mode=MODES))
    assert [chunk for chunk in joined if chunk[0] == "checkpoints"] == [c for c in shown if c[0] == "checkpoints"]
    assert sorted(map(repr, joined)) == sorted(map(repr, shown))


@pytest.mark.parametrize("name", RUNS)
def test_from_any_version_on_it_shows_the_rest(name: str, saver: BaseCheckpointSaver) -> None:
    build, inputs = RUNS[name]
    graph = build().compile(checkpointer=saver)
    for given in inputs:
        graph.invoke(given, THREAD)
    every = list(graph.join_stream(THREAD, stream_mode=MODES, positions=True))
    versions = [version for version, _ in every]
    assert versions == sorted(versions)
    for after in range(-1, versions[-1] + 1):
        rest = list(graph.join_stream(THREAD, stream_mode=MODES, positions=True, after=after))
        assert rest == [(version, chunk) for version, chunk in every if version > after]


def test_the_forms_are_those_of_a_stream() -> None:
    graph = chain("a").compile(checkpointer=InMemorySaver())
    graph.invoke(INPUT, THREAD)
    assert list(graph.join_stream(THREAD)) == [{"a": {"l": ["a"]}}]
    assert list(graph.join_stream(THREAD, subgraphs=True)) == [((), {"a": {"l": ["a"]}})]
    assert list(graph.join_stream(THREAD, stream_mode=["updates"], output_keys="l")) == [("updates", {"a": ["a"]})]
    assert list(graph.join_stream(THREAD, version="v2")) == [{"type": "updates", "ns": (), "data": {"a": {"l": ["a"]}}}]

    async def joined() -> list[Any]:
        return [chunk async for chunk in graph.ajoin_stream(THREAD, stream_mode="values", positions=True)]

    assert asyncio.run(joined()) == [(0, {"x": 1, "l": []}), (1, {"x": 1, "l": ["a"]})]


def test_messages_are_shown_whole(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(MessagesState).add_node("n", lambda state: {"messages": [AIMessage("one two", id="a")]})
    graph = builder.add_edge(START, "n").compile(checkpointer=saver)
    given = {"messages": [HumanMessage("hi", id="h")]}
    shown = list(graph.stream(given, THREAD, stream_mode="messages"))
    assert list(graph.join_stream(THREAD, stream_mode="messages")) == shown


def test_a_failure_is_shown_with_its_text_and_not_raised(saver: BaseCheckpointSaver) -> None:
    graph = Failing().builder.compile(checkpointer=saver)
    with pytest.raises(ValueError, match="boom"):
        graph.invoke(INPUT, THREAD)
    ended = [chunk for chunk in graph.join_stream(THREAD, stream_mode="tasks") if "error" in chunk]
    assert {chunk["name"]: chunk["error"] for chunk in ended} == {"ok": None, "bad": "ValueError('boom')"}


def test_a_run_under_way_is_followed_to_its_end(saver: BaseCheckpointSaver) -> None:
    gate = Gate()
    graph = gate.builder.compile(checkpointer=saver)
    running = graph.runtime.submit(graph, INPUT, THREAD)
    assert gate.reached.wait(20)
    stream = graph.join_stream(THREAD)
    assert next(stream) == {"a": {"l": ["a"]}}
    gate.open.set()
    assert list(stream) == [{"b": {"l": ["b"]}}]
    assert running.result(20)["l"] == ["a", "b"]


def test_an_async_reader_follows_a_run_too(saver: BaseCheckpointSaver) -> None:
    gate = Gate()
    graph = gate.builder.compile(checkpointer=saver)
    running = graph.runtime.submit(graph, INPUT, THREAD)
    assert gate.reached.wait(20)

    async def follow() -> list[Any]:
        chunks: list[Any] = []
        async for chunk in graph.ajoin_stream(THREAD):
            chunks.append(chunk)
            gate.open.set()
        return chunks

    assert asyncio.run(follow()) == [{"a": {"l": ["a"]}}, {"b": {"l": ["b"]}}]
    assert running.result(20)["l"] == ["a", "b"]


def test_the_run_of_another_process_is_followed_by_reading_the_store(
    saver: BaseCheckpointSaver, other_process: Callable[[StateGraph], Any]
) -> None:
    gate = Gate()
    graph = gate.builder.compile(checkpointer=saver)
    running = graph.runtime.submit(graph, INPUT, THREAD)
    assert gate.reached.wait(20)
    stream = other_process(gate.builder).join_stream(THREAD)
    assert next(stream) == {"a": {"l": ["a"]}}
    gate.open.set()
    assert list(stream) == [{"b": {"l": ["b"]}}]
    assert running.result(20)["l"] == ["a", "b"]


def test_a_dead_process_is_not_waited_for_for_ever(
    saver: BaseCheckpointSaver, other_process: Callable[[StateGraph], Any]
) -> None:
    gate = Gate()
    graph = gate.builder.compile(checkpointer=saver)
    running = graph.runtime.submit(graph, INPUT, THREAD)
    assert gate.reached.wait(20)
    try:
        stream = other_process(gate.builder).join_stream(THREAD, quiet_seconds=0.05)
        assert list(stream) == [{"a": {"l": ["a"]}}]
    finally:
        gate.open.set()
    assert running.result(20)["l"] == ["a", "b"]


def test_readers_leave_nothing_behind(saver: BaseCheckpointSaver) -> None:
    gate = Gate()
    graph = gate.builder.compile(checkpointer=saver)
    running = graph.runtime.submit(graph, INPUT, THREAD)
    assert gate.reached.wait(20)
    actor = graph.runtime.known(saver, "1")
    assert actor is not None
    stream = graph.join_stream(THREAD)
    next(stream)
    assert len(actor.followers) == 1
    stream.close()
    assert actor.followers == ()
    gate.open.set()
    running.result(20)


def test_a_thread_that_rests_or_is_unknown_ends_the_iteration(saver: BaseCheckpointSaver) -> None:
    graph = asking().compile(checkpointer=saver)
    assert list(graph.join_stream(THREAD)) == []
    graph.invoke(INPUT, THREAD)
    (asked,) = graph.get_state(THREAD).interrupts
    assert list(graph.join_stream(THREAD)) == [{"__interrupt__": (asked,)}]


def test_what_cannot_be_joined_is_refused() -> None:
    graph = chain("a").compile(checkpointer=InMemorySaver())
    with pytest.raises(ValueError, match=r"\['custom'\] cannot be joined"):
        list(graph.join_stream(THREAD, stream_mode=["custom", "values"]))
    with pytest.raises(ValueError, match="no checkpointer"):
        list(chain("a").compile().join_stream(THREAD))
    with pytest.raises(ValueError, match="'nope' does not exist"):
        list(graph.join_stream(THREAD, stream_mode="nope"))
    graph.invoke(INPUT, THREAD)
    with pytest.raises(ValueError, match="at version 1 and cannot be joined after 7"):
        list(graph.join_stream(THREAD, after=7))
