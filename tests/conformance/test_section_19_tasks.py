"""Section 19.1, mode `tasks`: when a task begins, and how it ended. The shapes were observed on LangGraph 1.2.22."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from clew.checkpoint.base import BaseCheckpointSaver
from clew.graph import START, StateGraph
from clew.types import Command, RetryPolicy
from pydantic import BaseModel

from tests.support.labels import Labels

from .streamed import (
    INPUT,
    THREAD,
    Failing,
    State,
    asking,
    chain,
    commanding,
    end,
    fan_in,
    named,
    question,
    sends,
    start,
    two_questions,
)

BOTH = ["updates", "tasks"]


def test_a_chain_shows_the_start_and_the_end_of_each_task(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    assert Labels()(list(graph.stream(INPUT, THREAD, stream_mode="tasks"))) == [
        start("<1>", "a", {"x": 1, "l": []}),
        end("<1>", "a", {"l": ["a"]}),
        start("<2>", "b", {"x": 1, "l": ["a"]}),
        end("<2>", "b", {"l": ["b"]}),
    ]


def test_without_a_checkpointer_tasks_are_shown_alike() -> None:
    chunks = Labels()(list(chain("a").compile().stream(INPUT, stream_mode="tasks")))
    assert chunks == [start("<1>", "a", {"x": 1, "l": []}), end("<1>", "a", {"l": ["a"]})]


def test_an_async_caller_sees_the_same(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)

    async def read() -> list[Any]:
        return [chunk async for chunk in graph.astream(INPUT, THREAD, stream_mode="tasks")]

    assert Labels()(asyncio.run(read())) == [start("<1>", "a", {"x": 1, "l": []}), end("<1>", "a", {"l": ["a"]})]


def test_a_start_comes_before_the_task_runs(saver: BaseCheckpointSaver) -> None:
    ran: list[str] = []
    graph = StateGraph(State).add_node("a", lambda state: ran.append("a")).add_edge(START, "a")
    chunks = graph.compile(checkpointer=saver).stream(INPUT, THREAD, stream_mode="tasks")
    assert next(chunks)["name"] == "a"
    assert ran == []
    assert next(chunks)["result"] == {}
    assert ran == ["a"]


def test_metadata_has_what_the_caller_and_the_node_gave_and_the_tags() -> None:
    builder = StateGraph(State).add_node("a", named("a"), metadata={"nm": "a"}).add_edge(START, "a")
    graph = builder.compile().with_config(tags=["bound"])
    given: Any = {"configurable": {"thread_id": "1", "foo": "bar"}, "metadata": {"m": 1}, "tags": ["t"]}
    first = next(graph.stream(INPUT, given, stream_mode="tasks"))
    assert first["metadata"] == {"m": 1, "nm": "a", "tags": ["bound", "t"]}


def test_a_join_names_its_triggers(saver: BaseCheckpointSaver) -> None:
    graph = fan_in().compile(checkpointer=saver)
    chunks = Labels()(list(graph.stream(INPUT, THREAD, stream_mode="tasks")))
    assert chunks[:2] == [start("<1>", "pa", {"x": 1, "l": []}), start("<2>", "pb", {"x": 1, "l": []})]
    assert sorted(chunks[2:4], key=lambda chunk: chunk["name"]) == [
        end("<1>", "pa", {"l": ["pa"]}),
        end("<2>", "pb", {"l": ["pb"]}),
    ]
    assert chunks[4:] == [
        start("<3>", "j", {"x": 1, "l": ["pa", "pb"]}, "branch:to:j", "join:pa+pb:j"),
        end("<3>", "j", {"l": ["j"]}),
    ]


def test_a_task_of_a_send_shows_its_argument(saver: BaseCheckpointSaver) -> None:
    graph = sends().compile(checkpointer=saver)
    chunks = Labels()(list(graph.stream(INPUT, THREAD, stream_mode="tasks")))
    assert chunks[:3] == [start(f"<{k + 1}>", "w", {"i": k}, "__pregel_push") for k in range(3)]
    ends = sorted(chunks[3:6], key=lambda chunk: chunk["id"])
    assert ends == [end(f"<{k + 1}>", "w", {"l": [k]}) for k in range(3)]
    assert chunks[6:] == [start("<4>", "z", {"x": 1, "l": [0, 1, 2]}), end("<4>", "z", {})]


def test_two_writes_of_a_key_are_folded_and_sends_come_before_nodes(saver: BaseCheckpointSaver) -> None:
    graph = commanding().compile(checkpointer=saver)
    chunks = Labels()(list(graph.stream(INPUT, THREAD, stream_mode=BOTH)))
    assert chunks[:5] == [
        ("tasks", start("<1>", "a", {"x": 1, "l": []})),
        ("updates", {"a": {"l": ["a"], "x": 7}}),
        ("tasks", end("<1>", "a", {"l": ["a"], "x": 7})),
        ("tasks", start("<2>", "w", {"k": 1}, "__pregel_push")),
        ("tasks", start("<3>", "b", {"x": 7, "l": ["a"]})),
    ]
    b = [
        ("updates", {"b": [{"l": ["m1"]}, {"l": ["m2"]}]}),
        ("tasks", end("<3>", "b", {"l": {"$writes": [["m1"], ["m2"]]}})),
    ]
    w = [("updates", {"w": None}), ("tasks", end("<2>", "w", {}))]
    assert chunks[5:] in (b + w, w + b)


def test_a_question_ends_its_task_and_each_answer_begins_it_anew(saver: BaseCheckpointSaver) -> None:
    graph, labels = asking().compile(checkpointer=saver), Labels()

    def shown(given: Any) -> Any:
        return labels(list(graph.stream(given, THREAD, stream_mode="tasks")))

    begins = start("<1>", "ask", {"x": 1, "l": []})
    assert shown(INPUT) == [begins, end("<1>", "ask", asks=[question("q1", "<2>")])]
    assert shown(None) == [begins, end("<1>", "ask", asks=[question("q1", "<2>")])]
    assert shown(Command(resume="A")) == [begins, end("<1>", "ask", asks=[question({"q": "q2"}, "<3>")])]
    assert shown(Command(resume="B")) == [
        begins,
        end("<1>", "ask", {"l": ["A", "B"]}),
        start("<4>", "after", {"x": 1, "l": ["A", "B"]}),
        end("<4>", "after", {"x": 2}),
    ]
    assert shown(None) == []


def test_a_run_that_goes_on_shows_every_task_of_the_open_step(saver: BaseCheckpointSaver) -> None:
    graph = two_questions().compile(checkpointer=saver)
    graph.invoke(INPUT, THREAD)
    asked = {one.value: one.id for one in graph.get_state(THREAD).interrupts}
    chunks = list(graph.stream(Command(resume={asked["qa"]: "A"}), THREAD, stream_mode=BOTH))
    ids = {payload["name"]: payload["id"] for mode, payload in chunks if mode == "tasks"}
    given = {"x": 1, "l": []}
    assert chunks[:4] == [
        ("tasks", start(ids["pa"], "pa", given)),
        ("tasks", start(ids["pb"], "pb", given)),
        ("tasks", start(ids["pc"], "pc", given)),
        ("updates", {"pc": {"l": ["pc"]}, "__metadata__": {"cached": True}}),
    ]
    ended = [payload for mode, payload in chunks[4:] if mode == "tasks"]
    assert sorted(ended, key=lambda payload: payload["name"]) == [
        end(ids["pa"], "pa", {"l": ["pa:A"]}),
        end(ids["pb"], "pb", asks=[question("qb", asked["qb"])]),
    ]


def test_a_failure_shows_the_exception_itself_before_it_is_raised(saver: BaseCheckpointSaver) -> None:
    failing = Failing()
    graph = failing.builder.compile(checkpointer=saver)
    chunks: list[Any] = []
    with pytest.raises(ValueError, match="boom") as raised:
        chunks.extend(graph.stream(INPUT, THREAD, stream_mode="tasks"))
    ids = {chunk["name"]: chunk["id"] for chunk in chunks}
    given = {"x": 1, "l": []}
    assert chunks == [
        start(ids["bad"], "bad", given),
        start(ids["ok"], "ok", given),
        end(ids["ok"], "ok", {"l": ["ok"]}),
        end(ids["bad"], "bad", error=raised.value),
    ]
    failing.mended = True
    again = list(graph.stream(None, THREAD, stream_mode="tasks"))
    assert [(chunk["name"], chunk.get("result")) for chunk in again] == [
        ("bad", None),
        ("ok", None),
        ("bad", {"l": ["bad-ok"]}),
        ("j", None),
        ("j", {"l": ["j"]}),
    ]


def test_a_task_that_is_tried_again_begins_once() -> None:
    tries: list[int] = []

    def flaky(state: State) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("again")
        return {"l": ["r"]}

    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    graph = StateGraph(State).add_node("r", flaky, retry_policy=policy).add_edge(START, "r").compile()
    chunks = Labels()(list(graph.stream(INPUT, stream_mode="tasks")))
    assert chunks == [start("<1>", "r", {"x": 1, "l": []}), end("<1>", "r", {"l": ["r"]})]


def test_a_node_with_a_class_as_its_schema_shows_an_instance_as_input() -> None:
    class Model(BaseModel):
        x: int

    graph = StateGraph(Model).add_node("a", lambda state: {"x": 2}).add_edge(START, "a").compile()
    first, last = graph.stream({"x": "1"}, stream_mode="tasks")
    assert first["input"] == Model(x=1)
    assert last["result"] == {"x": 2}
