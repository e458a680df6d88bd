"""Workloads of other shapes than a chain or a chat: wide steps and states, tools, sub-graphs, streams, many at once.

Written like those in `workloads.py`, which lists them.
"""

import asyncio
import operator
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Annotated, Any, TypedDict

from .bench import Bench, expect
from .stores import SQLITE

KEYS_WRITTEN = 3
"""Keys that a step of the wide state writes."""
WIDE_STEPS = 50
INNER_STEPS = 8
"""Super-steps of one sub-graph."""
SIDE_STEPS = 2
"""Super-steps of one sub-graph among many side by side."""
NAPS = 3
NAP_SECONDS = 0.010


class Gathered(TypedDict):
    found: Annotated[list[int], operator.add]


class Number(TypedDict):
    number: int
    found: Annotated[list[int], operator.add]


class Total(TypedDict):
    value: int


def fan_out(bench: Bench) -> Iterator[None]:
    """A path function sends `size` tasks into one super-step, and a node gathers what they found; a lap is the run."""
    engine, size = bench.engine, bench.amount.size

    def work(given: dict[str, int]) -> dict[str, list[int]]:
        return {"found": [given["number"]]}

    builder = engine.StateGraph(Gathered)
    builder.add_node("work", work)
    builder.add_node("gather", lambda state: {})
    builder.add_conditional_edges(
        engine.START, lambda state: [engine.Send("work", {"number": number}) for number in range(size)], ["work"]
    )
    builder.add_edge("work", "gather")
    for state in _runs(bench, bench.compiled(builder), {"found": []}):
        if state is not None:
            expect("what the tasks found", state["found"], list(range(size)))
            continue
        yield


def fan_out_graphs(bench: Bench) -> Iterator[None]:
    """A path function sends `size` tasks to a sub-graph of two super-steps, all side by side; a lap is the run."""
    engine, size = bench.engine, bench.amount.size
    inner = engine.StateGraph(Number)
    inner.add_node("double", lambda state: {"number": state["number"] * 2})
    inner.add_node("tell", lambda state: {"found": [state["number"]]})
    inner.add_edge(engine.START, "double")
    inner.add_edge("double", "tell")
    builder = engine.StateGraph(Gathered)
    builder.add_node("work", inner.compile())
    builder.add_node("gather", lambda state: {})
    sends = [engine.Send("work", {"number": number, "found": []}) for number in range(size)]
    builder.add_conditional_edges(engine.START, lambda state: sends, ["work"])
    builder.add_edge("work", "gather")
    for state in _runs(bench, bench.compiled(builder), {"found": []}):
        if state is not None:
            expect("what the graphs found", state["found"], [number * 2 for number in range(size)])
            continue
        yield


def wide_state(bench: Bench) -> Iterator[None]:
    """A state of `size` keys, of which each of 50 super-steps writes three; a lap is the run."""
    engine, size = bench.engine, bench.amount.size
    schema = TypedDict("Wide", {f"key_{number}": int for number in range(size)})  # type: ignore[misc]

    def writes(step: int) -> Any:
        keys = [f"key_{(step * KEYS_WRITTEN + offset) % size}" for offset in range(KEYS_WRITTEN)]
        return lambda state: {key: state[key] + 1 for key in keys}

    builder = engine.StateGraph(schema)
    names = [f"step_{step}" for step in range(WIDE_STEPS)]
    for step, name in enumerate(names):
        builder.add_node(name, writes(step))
    for earlier, later in zip([engine.START, *names], [*names, engine.END], strict=True):
        builder.add_edge(earlier, later)
    graph = bench.compiled(builder)
    for state in _runs(bench, graph, {f"key_{number}": 0 for number in range(size)}):
        if state is not None:
            expect("the sum over the keys", sum(state.values()), WIDE_STEPS * KEYS_WRITTEN)
            continue
        yield


def tool_loop(bench: Bench) -> Iterator[None]:
    """A scripted model asks for one tool call a round, `size` rounds long, then ends; a lap is the run."""
    from langchain_core.messages import AIMessage

    engine, size = bench.engine, bench.amount.size

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    def model(state: Any) -> dict[str, Any]:
        rounds = len(state["messages"]) // 2
        calls = [{"name": "add", "args": {"a": rounds, "b": 1}, "id": f"call-{rounds}", "type": "tool_call"}]
        return {"messages": [AIMessage("", tool_calls=calls) if rounds < size else AIMessage("done")]}

    builder = engine.StateGraph(engine.MessagesState)
    builder.add_node("model", model)
    builder.add_node("tools", engine.ToolNode([add]))
    builder.add_edge(engine.START, "model")
    builder.add_conditional_edges("model", engine.tools_condition)
    builder.add_edge("tools", "model")
    for state in _runs(bench, bench.compiled(builder), {"messages": [("user", "count")]}, size * 2 + 10):
        if state is not None:
            expect("the number of messages", len(state["messages"]), 2 * size + 2)
            expect("the last result", state["messages"][-2].content, str(size))
            continue
        yield


def sub_graphs(bench: Bench) -> Iterator[None]:
    """A loop runs a sub-graph of 8 super-steps `size` times, each in a super-step of the parent; a lap is the run."""
    engine, size = bench.engine, bench.amount.size

    def step(state: Total) -> Total:
        return {"value": state["value"] + 1}

    inner = engine.StateGraph(Total)
    names = [f"inner_{number}" for number in range(INNER_STEPS)]
    for name in names:
        inner.add_node(name, step)
    for earlier, later in zip([engine.START, *names], [*names, engine.END], strict=True):
        inner.add_edge(earlier, later)
    builder = engine.StateGraph(Total)
    builder.add_node("inner", inner.compile())
    builder.add_edge(engine.START, "inner")
    wanted = size * INNER_STEPS
    builder.add_conditional_edges("inner", lambda state: "inner" if state["value"] < wanted else engine.END)
    for state in _runs(bench, bench.compiled(builder), {"value": 0}, size + 10):
        if state is not None:
            expect("the counter", state, {"value": wanted})
            continue
        yield


def stream_messages(bench: Bench) -> Iterator[None]:
    """A chat model streams an answer of `size` tokens, read in the mode `messages`; a lap is the run."""
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage

    engine, size = bench.engine, bench.amount.size
    text = " ".join(["word"] * (size // 2))  # the model gives out words and spaces one by one

    def answer(state: Any) -> dict[str, Any]:
        return {"messages": [GenericFakeChatModel(messages=iter([AIMessage(text)])).invoke(state["messages"])]}

    builder = engine.StateGraph(engine.MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(engine.START, "answer")
    yield from _streams(bench, bench.compiled(builder), {"messages": [("user", "go on")]}, "messages")


def stream_custom(bench: Bench) -> Iterator[None]:
    """A node emits `size` values, read in the mode `custom`; a lap is the run."""
    engine, size = bench.engine, bench.amount.size

    def emit(state: Total, writer) -> Total:
        for number in range(size):
            writer(number)
        return {"value": size}

    builder = engine.StateGraph(Total)
    builder.add_node("emit", emit)
    builder.add_edge(engine.START, "emit")
    yield from _streams(bench, bench.compiled(builder), {"value": 0}, "custom")


def async_threads(bench: Bench) -> Iterator[None]:
    """`size` threads at once on one event loop, each three nodes that sleep 10 ms; a lap is all of them."""
    engine, size = bench.engine, bench.amount.size

    async def nap(state: Total) -> Total:
        await asyncio.sleep(NAP_SECONDS)
        return {"value": state["value"] + 1}

    builder = engine.StateGraph(Total)
    names = [f"nap_{number}" for number in range(NAPS)]
    for name in names:
        builder.add_node(name, nap)
    for earlier, later in zip([engine.START, *names], [*names, engine.END], strict=True):
        builder.add_edge(earlier, later)
    numbers = count()
    with asyncio.Runner() as runner:
        opened = _async_saver(bench)
        graph = builder.compile(checkpointer=runner.run(anext(opened)))

        async def all_at_once() -> list[Any]:
            configs = [_config(f"nap-{next(numbers)}") for _ in range(size)]
            calls = (graph.ainvoke({"value": 0}, config, durability="sync") for config in configs)
            return await asyncio.gather(*calls)

        runner.run(all_at_once())
        try:
            yield
            while True:
                for _ in range(bench.amount.laps):
                    with bench.lap():
                        states = runner.run(all_at_once())
                    expect("the states", states, [{"value": NAPS}] * size)
                yield
        finally:
            runner.run(opened.aclose())


async def _async_saver(bench: Bench) -> AsyncIterator[Any]:
    """The saver for async callers, opened on their loop: the peer's SQLite saver has one of its own for them."""
    if bench.store != SQLITE:
        yield bench.saver
        return
    async with _opened(bench.engine.AsyncSqliteSaver, bench.location) as saver:
        yield saver


@asynccontextmanager
async def _opened(saver_class: Any, location: str) -> AsyncIterator[Any]:
    async with saver_class.from_conn_string(location) as saver:
        await saver.setup()
        yield saver


def _runs(bench: Bench, graph: Any, given: Any, recursion_limit: int = 100) -> Iterator[Any]:
    """Run fresh threads, each a lap: gives the state after each for inspection, None at the end of every round.

    The first run warms up and is no lap.
    """
    numbers = count()

    def config() -> dict[str, Any]:
        return {**_config(f"run-{next(numbers)}"), "recursion_limit": recursion_limit}

    yield graph.invoke(given, config(), durability="sync")
    yield None
    while True:
        for _ in range(bench.amount.laps):
            fresh = config()
            with bench.lap():
                state = graph.invoke(given, fresh, durability="sync")
            yield state
        yield None


def _streams(bench: Bench, graph: Any, given: Any, mode: str) -> Iterator[None]:
    """Stream fresh threads in one mode, each a lap; a stream must bring about as many chunks as the amount's size."""
    size, numbers = bench.amount.size, count()

    def chunks() -> int:
        stream = graph.stream(given, _config(f"stream-{next(numbers)}"), stream_mode=mode, durability="sync")
        return sum(1 for _ in stream)

    chunks()
    yield
    while True:
        for _ in range(bench.amount.laps):
            with bench.lap():
                counted = chunks()
            expect("whether the stream brought its chunks", size - 2 <= counted <= size + 2, True)
        yield


def _config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}
