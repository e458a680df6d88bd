"""Ending a thread's open work and beginning a branch, from outside and without the graph's code."""

from __future__ import annotations

import threading
from typing import Any, TypedDict

import pytest
from clew import START, Command, InMemorySaver, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import (
    EmptyInputError,
    RefusedError,
    StaleVersionError,
    UnknownCheckpointError,
    UnknownInterruptError,
    UnknownThreadError,
)
from clew.operator import answer_question, branch_thread, cancel_thread, inbox

from .conftest import CONFIG


def test_a_cancelled_question_is_withdrawn_and_nothing_is_due(
    saver: BaseCheckpointSaver, graph: Any, question: str
) -> None:
    stopped = cancel_thread(saver, "t", who="ops")
    assert (stopped.nodes, stopped.questions) == (("ask",), (question,))
    assert inbox(saver) == []
    state = graph.get_state(CONFIG)
    assert (state.next, state.interrupts, state.values) == ((), (), {"log": ["looked"]})
    with pytest.raises(UnknownInterruptError):
        answer_question(saver, "t", question, {"ok": True})


def test_new_input_begins_the_next_turn_of_a_cancelled_thread(
    saver: BaseCheckpointSaver, graph: Any, question: str
) -> None:
    cancel_thread(saver, "t")
    graph.invoke({"log": ["again"]}, CONFIG)
    assert graph.invoke(Command(resume={"ok": True}), CONFIG)["log"] == ["looked", "again", "looked", "asked", "bought"]


def test_there_is_nothing_to_cancel_where_nothing_is_open(saver: BaseCheckpointSaver, graph: Any) -> None:
    graph.invoke(Command(resume={"ok": True}), CONFIG)
    before = saver.store.head("t")
    with pytest.raises(EmptyInputError, match="nothing to cancel"):
        cancel_thread(saver, "t")
    assert saver.store.head("t") == before
    with pytest.raises(UnknownThreadError):
        cancel_thread(saver, "nobody")


def test_whoever_runs_a_cancelled_thread_is_told_that_it_was_overtaken() -> None:
    saver = InMemorySaver()
    began, go = threading.Event(), threading.Event()

    def slow(_: Any) -> dict[str, Any]:
        began.set()
        go.wait(10)
        return {"a": "late"}

    builder = StateGraph(TypedDict("Any", {"a": Any})).add_node(slow).add_node("after", lambda _: {"a": "after"})
    graph = builder.add_edge(START, "slow").add_edge("slow", "after").compile(checkpointer=saver)
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(graph.invoke({"a": 0}, CONFIG))
        except StaleVersionError as error:
            outcome.append(error)

    runner = threading.Thread(target=run)
    runner.start()
    assert began.wait(10)
    with pytest.raises(RefusedError, match="is being run"):
        branch_thread(saver, "t", graph.get_state(CONFIG).config["configurable"]["checkpoint_id"])
    assert cancel_thread(saver, "t", reason="too slow").nodes == ("slow",)
    go.set()
    runner.join()
    assert isinstance(outcome[0], StaleVersionError)
    assert graph.get_state(CONFIG).values == {"a": 0}
    assert graph.get_state(CONFIG).next == ()


def test_a_branch_stands_at_its_checkpoint_and_runs_when_somebody_goes_on(
    saver: BaseCheckpointSaver, graph: Any, question: str
) -> None:
    done = graph.invoke(Command(resume={"ok": True}), CONFIG)
    asked = next(one for one in graph.get_state_history(CONFIG) if one.next == ("ask",))
    branched = branch_thread(saver, "t", asked.config["configurable"]["checkpoint_id"], who="ops")
    assert branched.next == ("ask",)
    state = graph.get_state(CONFIG)
    assert (state.next, state.values) == (("ask",), {"log": ["looked"]})
    assert state.config["configurable"]["checkpoint_id"] == branched.checkpoint
    assert "__interrupt__" in graph.invoke(None, CONFIG)
    assert graph.invoke(Command(resume={"ok": False}), CONFIG)["answer"] == {"ok": False}
    past = [one.values for one in graph.get_state_history(CONFIG)]
    assert done in past


def test_a_checkpoint_that_is_not_there_is_said(saver: BaseCheckpointSaver, graph: Any) -> None:
    with pytest.raises(UnknownCheckpointError, match="no checkpoint 'none'"):
        branch_thread(saver, "t", "none")
