"""Section 19.1, modes `checkpoints` and `debug`. The shapes were observed on LangGraph 1.2.22."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from clew.checkpoint.base import BaseCheckpointSaver
from clew.types import Command

from tests.support.labels import Labels

from .streamed import (
    INPUT,
    THREAD,
    Failing,
    asking,
    chain,
    checkpoint,
    end,
    fan_in,
    planned,
    question,
    sends,
    start,
    two_questions,
)


def test_each_checkpoint_of_a_chain_is_shown(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    assert Labels()(list(graph.stream(INPUT, THREAD, stream_mode="checkpoints"))) == [
        checkpoint("<1>", None, "input", -1, {"l": []}, planned("<2>", "__start__")),
        checkpoint("<3>", "<1>", "loop", 0, {"x": 1, "l": []}, planned("<4>", "a")),
        checkpoint("<5>", "<3>", "loop", 1, {"x": 1, "l": ["a"]}, planned("<6>", "b")),
        checkpoint("<7>", "<5>", "loop", 2, {"x": 1, "l": ["a", "b"]}),
    ]


def test_they_are_the_checkpoints_of_the_history(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    chunks = list(graph.stream(INPUT, THREAD, stream_mode="checkpoints"))
    history = list(graph.get_state_history(THREAD))[::-1]
    assert [chunk["config"] for chunk in chunks] == [snapshot.config for snapshot in history]
    assert [chunk["parent_config"] for chunk in chunks] == [snapshot.parent_config for snapshot in history]
    assert [chunk["values"] for chunk in chunks] == [snapshot.values for snapshot in history]
    assert [tuple(chunk["next"]) for chunk in chunks] == [snapshot.next for snapshot in history]
    tasks = [[task["id"] for task in chunk["tasks"]] for chunk in chunks]
    assert tasks == [[task.id for task in snapshot.tasks] for snapshot in history]


def test_a_second_turn_goes_on_counting(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke(INPUT, THREAD)
    chunks = Labels()(list(graph.stream({"x": 2, "l": ["t2"]}, THREAD, stream_mode="checkpoints")))
    assert chunks == [
        checkpoint("<1>", "<2>", "input", 2, {"x": 1, "l": ["a"]}, planned("<3>", "__start__")),
        checkpoint("<4>", "<1>", "loop", 3, {"x": 2, "l": ["a", "t2"]}, planned("<5>", "a")),
        checkpoint("<6>", "<4>", "loop", 4, {"x": 2, "l": ["a", "t2", "a"]}),
    ]


def test_siblings_and_sends_are_listed(saver: BaseCheckpointSaver) -> None:
    chunks = list(fan_in().compile(checkpointer=saver).stream(INPUT, THREAD, stream_mode="checkpoints"))
    assert [chunk["next"] for chunk in chunks] == [["__start__"], ["pa", "pb"], ["j"], []]
    other: Any = {"configurable": {"thread_id": "2"}}
    chunks = list(sends().compile(checkpointer=saver).stream(INPUT, other, stream_mode="checkpoints"))
    assert [chunk["next"] for chunk in chunks] == [["__start__"], ["w", "w", "w"], ["z"], []]
    assert len({task["id"] for task in chunks[1]["tasks"]}) == 3


def test_a_run_that_goes_on_shows_where_it_stands_with_what_was_asked(saver: BaseCheckpointSaver) -> None:
    graph, labels = asking().compile(checkpointer=saver), Labels()

    def shown(given: Any) -> Any:
        return labels(list(graph.stream(given, THREAD, stream_mode="checkpoints")))

    assert shown(INPUT) == [
        checkpoint("<1>", None, "input", -1, {"l": []}, planned("<2>", "__start__")),
        checkpoint("<3>", "<1>", "loop", 0, {"x": 1, "l": []}, planned("<4>", "ask")),
    ]
    asks = planned("<4>", "ask", interrupts=(question("q1", "<5>"),))
    assert shown(None) == [checkpoint("<3>", "<1>", "loop", 0, {"x": 1, "l": []}, asks)]
    assert shown(Command(resume="A")) == [checkpoint("<3>", "<1>", "loop", 0, {"x": 1, "l": []}, asks)]
    asks = planned("<4>", "ask", interrupts=(question({"q": "q2"}, "<6>"),))
    assert shown(Command(resume="B")) == [
        checkpoint("<3>", "<1>", "loop", 0, {"x": 1, "l": []}, asks),
        checkpoint("<7>", "<3>", "loop", 1, {"x": 1, "l": ["A", "B"]}, planned("<8>", "after")),
        checkpoint("<9>", "<7>", "loop", 2, {"x": 2, "l": ["A", "B"]}),
    ]
    assert shown(None) == [checkpoint("<9>", "<7>", "loop", 2, {"x": 2, "l": ["A", "B"]})]


def test_finished_siblings_show_their_results(saver: BaseCheckpointSaver) -> None:
    graph = two_questions().compile(checkpointer=saver)
    graph.invoke(INPUT, THREAD)
    asked = {one.value: one.id for one in graph.get_state(THREAD).interrupts}
    graph.invoke(Command(resume={asked["qa"]: "A"}), THREAD)
    first = next(graph.stream(Command(resume="V"), THREAD, stream_mode="checkpoints"))
    tasks = {task["name"]: {key: task[key] for key in task if key != "id"} for task in first["tasks"]}
    assert first["next"] == ["pa", "pb", "pc"]
    assert first["values"] == {"x": 1, "l": []}
    assert tasks == {
        "pa": {
            "name": "pa",
            "result": {"l": ["pa:A"]},
            "interrupts": (question("qa", asked["qa"]),),
            "state": None,
        },
        "pb": {"name": "pb", "interrupts": (question("qb", asked["qb"]),), "state": None},
        "pc": {"name": "pc", "result": {"l": ["pc"]}, "interrupts": (), "state": None},
    }


def test_a_failed_task_shows_its_error_as_text(saver: BaseCheckpointSaver) -> None:
    failing = Failing()
    graph = failing.builder.compile(checkpointer=saver)
    with pytest.raises(ValueError, match="boom"):
        graph.invoke(INPUT, THREAD)
    failing.mended = True
    first = next(graph.stream(None, THREAD, stream_mode="checkpoints"))
    bad, ok = ({key: task[key] for key in task if key != "id"} for task in first["tasks"])
    assert bad == {"name": "bad", "error": "ValueError('boom')", "state": None}
    assert ok == {"name": "ok", "result": {"l": ["ok"]}, "interrupts": (), "state": None}


def test_a_branch_begins_with_its_fork(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke(INPUT, THREAD)
    (origin,) = [snapshot for snapshot in graph.get_state_history(THREAD) if snapshot.next == ("b",)]
    chunks = list(graph.stream(None, origin.config, stream_mode=["values", "checkpoints"]))
    assert [mode for mode, _ in chunks] == ["values", "checkpoints", "values", "checkpoints"]
    fork = chunks[1][1]
    assert fork["metadata"] == {"source": "fork", "step": 2, "parents": {}}
    assert fork["parent_config"] == origin.config
    assert fork["next"] == ["b"]


def test_the_config_has_the_callers_keys_and_a_loaded_one_the_recorded_metadata(saver: BaseCheckpointSaver) -> None:
    graph = asking().compile(checkpointer=saver)
    given: Any = {"configurable": {"thread_id": "1", "foo": "bar"}, "metadata": {"m": 1}}
    made = list(graph.stream(INPUT, given, stream_mode="checkpoints"))
    assert made[1]["config"]["configurable"]["foo"] == "bar"
    assert made[1]["parent_config"]["configurable"]["foo"] == "bar"
    assert made[1]["metadata"] == {"source": "loop", "step": 0, "parents": {}}
    (loaded,) = graph.stream(Command(resume="A"), given, stream_mode="checkpoints")
    assert loaded["config"] == made[1]["config"]
    assert list(loaded["parent_config"]["configurable"]) == ["thread_id", "checkpoint_ns", "checkpoint_id"]
    assert loaded["metadata"] == {"source": "loop", "step": 0, "parents": {}, "m": 1, "foo": "bar"}
    assert list(graph.get_state(given).metadata) == ["source", "step", "parents", "m", "foo"]


def test_output_keys_do_not_restrict_them(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    chunks = list(graph.stream(INPUT, THREAD, stream_mode="checkpoints", output_keys="x"))
    assert chunks[-1]["values"] == {"x": 1, "l": ["a"]}


def test_without_a_checkpointer_there_are_none() -> None:
    assert list(chain("a").compile().stream(INPUT, stream_mode="checkpoints")) == []


def test_debug_wraps_checkpoints_and_tasks_with_step_and_time(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    chunks = list(graph.stream(INPUT, THREAD, stream_mode="debug"))
    assert all(datetime.fromisoformat(chunk["timestamp"]).tzinfo for chunk in chunks)

    def wrapped(step: int, kind: str, payload: Any) -> dict[str, Any]:
        return {"step": step, "timestamp": "<time>", "type": kind, "payload": payload}

    assert Labels()(chunks) == [
        wrapped(-1, "checkpoint", checkpoint("<1>", None, "input", -1, {"l": []}, planned("<2>", "__start__"))),
        wrapped(0, "checkpoint", checkpoint("<3>", "<1>", "loop", 0, {"x": 1, "l": []}, planned("<4>", "a"))),
        wrapped(1, "task", start("<4>", "a", {"x": 1, "l": []})),
        wrapped(1, "task_result", end("<4>", "a", {"l": ["a"]})),
        wrapped(1, "checkpoint", checkpoint("<5>", "<3>", "loop", 1, {"x": 1, "l": ["a"]})),
    ]


def test_debug_without_a_checkpointer_shows_tasks_alone() -> None:
    chunks = list(chain("a").compile().stream(INPUT, stream_mode="debug"))
    assert [chunk["type"] for chunk in chunks] == ["task", "task_result"]


def test_the_order_of_all_modes_in_a_step(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    modes = ["values", "updates", "tasks", "checkpoints", "debug"]
    assert [mode for mode, _ in graph.stream(INPUT, THREAD, stream_mode=modes)] == [
        *("checkpoints", "debug", "values", "checkpoints", "debug"),
        *("tasks", "debug", "updates", "tasks", "debug", "values", "checkpoints", "debug"),
        *("tasks", "debug", "updates", "tasks", "debug", "values", "checkpoints", "debug"),
    ]
    asks: Any = {"configurable": {"thread_id": "2"}}
    shown = [mode for mode, _ in asking().compile(checkpointer=saver).stream(INPUT, asks, stream_mode=modes[:4])]
    assert shown == ["checkpoints", "values", "checkpoints", "tasks", "updates", "values", "tasks"]
