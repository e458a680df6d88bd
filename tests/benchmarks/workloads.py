"""The workloads, one small function each, written against the authoring names both engines have.

To add one: write a generator that takes a `Bench`, and list it in `WORKLOADS`. What it does before its first yield is
set-up and warm-up and is not counted; after that it yields at the end of every round, until nobody asks for more.
Every call asks for the same durability: each step is durable before the next begins.
"""

import random
from collections.abc import Iterator
from itertools import count
from statistics import median
from typing import Any, TypedDict

from .bench import Amount, Bench, Lap, Workload, expect
from .engines import CLEW, PEER, RAW
from .measuring import CONVERSATION, EARLY_TURN, GROWTH, WINDOW_TURNS
from .paused import paused_threads
from .shapes import (
    INNER_STEPS,
    SIDE_STEPS,
    WIDE_STEPS,
    async_threads,
    fan_out,
    fan_out_graphs,
    stream_custom,
    stream_messages,
    sub_graphs,
    tool_loop,
    wide_state,
)
from .stores import MEMORY, POSTGRES, SQLITE, STORES

BOTH = (CLEW, PEER)
TURN_BYTES = 500
"""UTF-8 text of one turn: half the user's, half the assistant's."""

_WORDS = (
    "thread",
    "event",
    "answer",
    "question",
    "island",
    "labyrinth",
    "ship",
    "harbour",
    "letter",
    "bronze",
    "garden",
)


class Review(TypedDict, total=False):
    request: str
    answer: str
    done: bool


class Counter(TypedDict):
    value: int


def interrupt_resume(bench: Bench) -> Iterator[None]:
    """A fresh thread runs to its question, is answered, and finishes; a lap is both calls."""
    graph = bench.compiled(_review_graph(bench))
    resume = bench.engine.Command(resume="approved")
    numbers = count()
    while True:
        for _ in range(bench.amount.laps):
            config = _config(f"cycle-{next(numbers)}")
            with bench.lap():
                asked = graph.invoke({"request": "deploy"}, config, durability="sync")
                answered = graph.invoke(resume, config, durability="sync")
            expect("the number of questions", len(asked["__interrupt__"]), 1)
            expect("the state", answered, {"request": "deploy", "answer": "approved", "done": True})
        yield


def long_conversation(bench: Bench) -> Iterator[None]:
    """One thread talks for `size` turns of 500 bytes; a lap is one turn, a round is the next `laps` turns."""
    turns = bench.amount.size
    said = [_text(f"user {turn}", TURN_BYTES // 2) for turn in range(turns)]
    replies = [_text(f"assistant {turn}", TURN_BYTES - TURN_BYTES // 2) for turn in range(turns)]
    bench.facts["text_bytes"] = sum(len(text.encode()) for text in (*said, *replies))
    bench.facts["super_steps"] = turns  # one node runs once a turn; input checkpoints are not counted
    graph = bench.compiled(_chat_graph(bench, replies))
    config = _config("conversation")
    yield
    for turn, text in enumerate(said, start=1):
        with bench.lap():
            state = graph.invoke({"messages": [("user", text)]}, config, durability="sync")
        expect("the number of messages", len(state["messages"]), 2 * turn)
        if turn % bench.amount.laps == 0 or turn == turns:
            expect("the last reply", state["messages"][-1].content, replies[turn - 1])
            yield


def turn_growth(bench: Bench) -> Iterator[None]:
    """A long thread's last turns, each timed beside one of a young thread around turn 100, so both meet the same noise.

    A lap is a turn of the long thread; the young thread's are handed over as a fact.
    """
    turns = bench.amount.size
    text = _text("turn", TURN_BYTES // 2)
    graph = bench.compiled(_chat_graph(bench, [text] * turns))
    asked = {"messages": [("user", text)]}
    old, young = _config("old"), _config("young")
    for config, until in ((old, turns), (young, EARLY_TURN + WINDOW_TURNS // 2)):
        for _ in range(until - WINDOW_TURNS):
            graph.invoke(asked, config, durability="sync")
    yield
    early_seconds: list[float] = []
    for _ in range(WINDOW_TURNS):
        with Lap(early_seconds):
            graph.invoke(asked, young, durability="sync")
        with bench.lap():
            state = graph.invoke(asked, old, durability="sync")
    expect("the number of messages", len(state["messages"]), 2 * turns)
    bench.facts["early_turn_seconds"] = median(early_seconds)
    yield


def sequential_nodes(bench: Bench) -> Iterator[None]:
    """A fresh thread runs a chain of `size` nodes, one super-step each; a lap is the whole run."""
    length = bench.amount.size
    graph = bench.compiled(_chain_graph(bench, length))
    numbers = count()
    while True:
        for _ in range(bench.amount.laps):
            config = {**_config(f"chain-{next(numbers)}"), "recursion_limit": length + 10}
            with bench.lap():
                state = graph.invoke({"value": 0}, config, durability="sync")
            expect("the counter", state, {"value": length})
        yield


def raw_commit(bench: Bench) -> Iterator[None]:
    """The floor: one row of 500 bytes inserted and committed through the store's driver, with no engine."""
    key, value = ("INTEGER", "BLOB") if bench.store == SQLITE else ("bigserial", "bytea")
    mark = "?" if bench.store == SQLITE else "%s"
    connection, row = bench.saver, random.Random(0).randbytes(TURN_BYTES)
    connection.execute(f"CREATE TABLE floor (id {key} PRIMARY KEY, body {value})")
    while True:
        for _ in range(bench.amount.laps):
            with bench.lap():
                connection.execute(f"INSERT INTO floor (body) VALUES ({mark})", (row,))
        yield


WORKLOADS = (
    Workload(
        name="interrupt-resume",
        unit="cycle",
        play=interrupt_resume,
        full=(Amount(size=1, rounds=21, laps=50),),
        quick=(Amount(size=1, rounds=5, laps=30),),
        engines=BOTH,
        stores=STORES,
    ),
    Workload(
        name=CONVERSATION,
        unit="turn",
        play=long_conversation,
        full=(
            Amount(size=100, rounds=4, laps=25),
            Amount(size=400, rounds=8, laps=50),
            Amount(size=1_600, rounds=32, laps=50),
        ),
        quick=(
            Amount(size=100, rounds=4, laps=25),
            Amount(size=400, rounds=8, laps=50, engines=(CLEW,)),
            Amount(size=1_600, rounds=32, laps=50, engines=(CLEW,)),
        ),
        engines=BOTH,
        stores=STORES,
    ),
    Workload(
        name=GROWTH,
        unit="last turn",
        play=turn_growth,
        full=(Amount(size=1_600, rounds=1, laps=WINDOW_TURNS),),
        quick=(Amount(size=1_600, rounds=1, laps=WINDOW_TURNS),),
        engines=(CLEW,),  # bringing the peer to turn 1,600 once more would take minutes
        stores=STORES,
    ),
    Workload(
        name="sequential-nodes",
        unit="super-step",
        play=sequential_nodes,
        full=(
            Amount(size=10, rounds=7, laps=50),
            Amount(size=100, rounds=7, laps=5),
            Amount(size=1_000, rounds=5, laps=1),
        ),
        quick=(
            Amount(size=10, rounds=5, laps=10),
            Amount(size=100, rounds=5, laps=2),
            Amount(size=1_000, rounds=3, laps=1),
        ),
        engines=BOTH,
        stores=STORES,
        units_per_lap=lambda amount: amount.size,
    ),
    Workload(
        name="fan-out",
        unit="task",
        play=fan_out,
        full=(
            Amount(size=10, rounds=7, laps=20),
            Amount(size=100, rounds=7, laps=5),
            Amount(size=1_000, rounds=7, laps=1),
        ),
        quick=(Amount(size=100, rounds=5, laps=2), Amount(size=1_000, rounds=3, laps=1)),
        engines=BOTH,
        stores=(MEMORY, SQLITE),
        units_per_lap=lambda amount: amount.size,
    ),
    Workload(
        name="fan-out-graphs",
        unit=f"sub-graph of {SIDE_STEPS} super-steps",
        play=fan_out_graphs,
        full=(Amount(size=100, rounds=7, laps=3), Amount(size=1_000, rounds=3, laps=1)),
        quick=(Amount(size=100, rounds=3, laps=1), Amount(size=1_000, rounds=1, laps=1)),
        engines=BOTH,
        stores=(MEMORY, SQLITE),
        units_per_lap=lambda amount: amount.size,
    ),
    Workload(
        name="wide-state",
        unit="super-step",
        play=wide_state,
        full=(Amount(size=300, rounds=7, laps=5),),
        quick=(Amount(size=300, rounds=5, laps=2),),
        engines=BOTH,
        stores=(MEMORY, SQLITE),
        units_per_lap=lambda amount: WIDE_STEPS,
    ),
    Workload(
        name="tool-loop",
        unit="round",
        play=tool_loop,
        full=(Amount(size=50, rounds=7, laps=3),),
        quick=(Amount(size=50, rounds=5, laps=1),),
        engines=BOTH,
        stores=(MEMORY, SQLITE),
        units_per_lap=lambda amount: amount.size,
    ),
    Workload(
        name="sub-graphs",
        unit=f"sub-graph of {INNER_STEPS} super-steps",
        play=sub_graphs,
        full=(Amount(size=100, rounds=5, laps=1),),
        quick=(Amount(size=100, rounds=3, laps=1),),
        engines=BOTH,
        stores=(MEMORY, SQLITE),
        units_per_lap=lambda amount: amount.size,
    ),
    Workload(
        name="stream-messages",
        unit="token",
        play=stream_messages,
        full=(Amount(size=1_000, rounds=7, laps=3),),
        quick=(Amount(size=1_000, rounds=5, laps=2),),
        engines=BOTH,
        stores=(MEMORY, SQLITE),
        units_per_lap=lambda amount: amount.size,
    ),
    Workload(
        name="stream-custom",
        unit="chunk",
        play=stream_custom,
        full=(Amount(size=1_000, rounds=7, laps=10),),
        quick=(Amount(size=1_000, rounds=5, laps=5),),
        engines=BOTH,
        stores=(MEMORY, SQLITE),
        units_per_lap=lambda amount: amount.size,
    ),
    Workload(
        name="async-threads",
        unit="thread",
        play=async_threads,
        full=(Amount(size=200, rounds=7, laps=3),),
        quick=(Amount(size=200, rounds=3, laps=1),),
        engines=BOTH,
        stores=(MEMORY, SQLITE),
        units_per_lap=lambda amount: amount.size,
    ),
    Workload(
        name="paused-threads",
        unit="thread paused",
        play=paused_threads,
        full=(Amount(size=10_000, rounds=1, laps=10_000),),
        quick=(Amount(size=10_000, rounds=1, laps=10_000),),
        engines=(CLEW,),
        stores=(SQLITE, POSTGRES),  # in memory the events themselves stay, so nothing could be said of the actors
    ),
    Workload(
        name="raw-commit",
        unit="commit",
        play=raw_commit,
        full=(Amount(size=TURN_BYTES, rounds=5, laps=400),),
        quick=(Amount(size=TURN_BYTES, rounds=3, laps=200),),
        engines=(RAW,),
        stores=(SQLITE, POSTGRES),
    ),
)

BY_NAME = {workload.name: workload for workload in WORKLOADS}


def _config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


def _review_graph(bench: Bench) -> Any:
    interrupt = bench.engine.interrupt

    def ask(state: Review) -> Review:
        return {"answer": interrupt({"question": "May it run?", "request": state["request"]})}

    def finish(state: Review) -> Review:
        return {"done": True}

    builder = bench.engine.StateGraph(Review)
    builder.add_node("ask", ask)
    builder.add_node("finish", finish)
    builder.add_edge(bench.engine.START, "ask")
    builder.add_edge("ask", "finish")
    builder.add_edge("finish", bench.engine.END)
    return builder


def _chat_graph(bench: Bench, replies: list[str]) -> Any:
    def assistant(state: Any) -> dict[str, Any]:
        return {"messages": [("assistant", replies[len(state["messages"]) // 2])]}

    builder = bench.engine.StateGraph(bench.engine.MessagesState)
    builder.add_node("assistant", assistant)
    builder.add_edge(bench.engine.START, "assistant")
    builder.add_edge("assistant", bench.engine.END)
    return builder


def _chain_graph(bench: Bench, length: int) -> Any:
    def step(state: Counter) -> Counter:
        return {"value": state["value"] + 1}

    builder = bench.engine.StateGraph(Counter)
    names = [f"node-{number}" for number in range(length)]
    for name in names:
        builder.add_node(name, step)
    for earlier, later in zip([bench.engine.START, *names], [*names, bench.engine.END], strict=True):
        builder.add_edge(earlier, later)
    return builder


def _text(seed: str, size: int) -> str:
    """Give `size` bytes of words, the same for the same seed; words, so that no store's compression is cheated."""
    chosen = random.Random(seed)
    words = " ".join(chosen.choice(_WORDS) for _ in range(size // 5 + 1))
    return words.ljust(size, ".")[:size]
