"""given / when / then: what it plays, what it compares, and what it says when something else happened."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from clew import START, Command, InMemorySaver, StateGraph
from clew.errors import AlreadyAnsweredError, NodeTimeoutError, NothingToResumeError
from clew.events.vocabulary import (
    InterruptRaised,
    NodeCompleted,
    NodeFailed,
    NodeStarted,
    Resumed,
    RunContinued,
    RunFinished,
    RunStarted,
    StepCommitted,
    StepPlanned,
)
from clew.testing import (
    answered,
    asked,
    crashed,
    given,
    passed,
    raised,
    returned,
    said,
    started,
    updated,
)
from clew.types import RetryPolicy

from .desk import Bag, Letter, desk, market

QUESTION = "Send 'Dear Ann'?"


def test_an_input_runs_to_the_question() -> None:
    scenario = given(desk()).when({"text": "Ann"})
    scenario.then_includes(
        said(RunStarted, writes={"text": "Ann"}),
        said(NodeCompleted, node="draft", writes={"text": "Dear Ann", "log": ["drafted"]}),
        said(InterruptRaised, node="review", value=QUESTION),
        said(RunFinished, status="interrupted"),
    )
    scenario.then_next("review").then_asks(QUESTION).then_values(text="Dear Ann", log=["drafted"])
    assert scenario.result == "interrupted"


def test_facts_bring_a_thread_where_it_is_wanted_and_run_no_node() -> None:
    def never(state: Letter) -> None:
        raise AssertionError("this node is not to run")

    graph = desk()
    scenario = given(
        graph,
        started({"text": "x"}),
        returned("draft", {"text": "Yo"}),
        asked("review", "Really?"),
        nodes={"send": never},
    )
    scenario.then_asks("Really?").then_values(text="Yo", log=[])
    given(graph, started({}), returned("draft", {"text": "a"}), returned("review", Command(goto="send"))).then_next(
        "send"
    )


def test_then_is_exact_about_the_events_of_the_last_when() -> None:
    given(desk(), started({"text": "Ann"}), returned("draft", {"text": "x"}), asked("review", "Send 'x'?")).when(
        Command(resume="yes")
    ).then(
        said(RunContinued, reason="resume"),
        said(Resumed, value="yes", asked="Send 'x'?"),
        said(NodeStarted, node="review", attempt=2),
        said(NodeCompleted, node="review", writes={"log": ["said yes"]}, routes=["send"]),
        StepCommitted,
        said(StepPlanned, tasks=["send"]),
        said(NodeStarted, node="send"),
        said(NodeCompleted, node="send"),
        StepCommitted,
        RunFinished(status="completed"),
    )


def test_a_difference_is_shown_as_a_diff_of_readable_lines() -> None:
    scenario = given(desk(), started({"text": "Ann"})).when(returned("draft", {"text": "x"}))
    with pytest.raises(AssertionError) as caught:
        scenario.then(
            said(NodeCompleted, node="draft", writes={"text": "y"}), StepCommitted, said(StepPlanned), Resumed
        )
    assert str(caught.value).splitlines() == [
        "other events followed (- wanted, + happened):",
        "- NodeCompleted(node='draft', writes={'text': 'y'})",
        "+ NodeCompleted(node='draft', writes={'text': 'x'})",
        "  StepCommitted()",
        "  StepPlanned(tasks=['review'])",
        "- Resumed()",
        "+ NodeStarted(node='review')",
    ]


def test_a_misspelt_fact_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="'nod'"):
        said(NodeCompleted, nod="draft")
    with pytest.raises(TypeError, match="takes events"):
        given(desk()).when({"text": "x"}).then("NodeCompleted")
    with pytest.raises(AssertionError, match="'send' is not due; due are \\['draft'\\]"):
        given(desk(), started({"text": "x"}), returned("send", {}))
    with pytest.raises(TypeError, match="takes facts"):
        given(desk(), {"text": "x"})


def test_a_refusal_that_nobody_expects_fails_the_test() -> None:
    scenario = given(desk()).when(Command(resume="yes"))
    with pytest.raises(AssertionError, match="NothingToResumeError"):
        scenario.then()
    given(desk()).when(Command(resume="yes")).then_raises(NothingToResumeError, "does not exist").then()


def test_a_second_answer_is_refused_with_the_winner() -> None:
    scenario = given(desk(), started({"text": "Ann"})).when(returned("draft", {"text": "x"}))
    scenario.when(asked("review", "ok?")).when(Command(resume="yes"), who="ann")
    scenario.when(Command(resume="no"), who="bob").then_raises(AlreadyAnsweredError, "'ann'").then()


def test_answers_of_parallel_questions_are_told_apart() -> None:
    graph = market()
    scenario = given(graph, started({"names": []}), asked("buys", "one?"), asked("asks", "two?"))
    scenario.when(answered("yes", question="two?")).then_includes(said(Resumed, asked="two?", value="yes"))
    with pytest.raises(AssertionError, match="nothing asks 'three\\?'"):
        scenario.when(answered("yes", question="three?"))


def test_failures_updates_and_crashes_are_facts() -> None:
    graph = desk()
    given(graph, started({"text": "x"}), raised("draft", ValueError("no"))).when(None).then_includes(
        said(NodeCompleted, node="draft")
    )
    given(graph, started({"text": "x"})).when(raised("draft", ValueError("no"))).then(
        NodeFailed, RunFinished
    ).then_raises(ValueError, "no")
    given(graph, started({"text": "x"}), crashed(), updated({"text": "by hand"}, "draft")).then_next(
        "review"
    ).then_values(text="by hand")
    with pytest.raises(AssertionError, match="is running"):
        given(graph, started({"text": "x"}), updated({"text": "by hand"}, "draft"))
    given(graph, started({"text": "Ann"}), crashed()).when(None).then_includes(
        said(NodeStarted, node="draft", attempt=2)
    ).then_asks(QUESTION)


def test_a_recorded_log_and_its_events_are_a_history(tmp_path: Any) -> None:
    log = given(desk()).when({"text": "Ann"}).log()
    for history in ([log], log.commits(), [commit.events for commit in log.commits()]):
        given(desk(), *history).when(Command(resume="no")).then_values(log=["drafted", "said no"]).then_next()


def test_the_graph_s_own_checkpointer_is_left_alone() -> None:
    saver = InMemorySaver()
    graph = desk().copy({"checkpointer": saver})
    given(graph).when({"text": "Ann"}).then_asks(QUESTION)
    assert saver.store.heads() == []


def test_waits_pass_at_once_on_the_virtual_clock() -> None:
    tried: list[int] = []

    def flaky(state: Bag) -> dict[str, Any]:
        tried.append(1)
        if len(tried) < 3:
            raise ConnectionError
        return {"names": ["done"]}

    async def sleepy(state: Bag) -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {"names": ["rested"]}

    async def too_slow(state: Bag) -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {}

    builder = StateGraph(Bag).add_node(
        "flaky", flaky, retry_policy=RetryPolicy(initial_interval=600, max_interval=9_000, jitter=False)
    )
    builder.add_node("sleepy", sleepy).add_edge(START, "flaky").add_edge("flaky", "sleepy")
    builder.add_node("too_slow", too_slow, timeout=60).add_edge("sleepy", "too_slow")
    began = time.monotonic()
    scenario = given(builder.compile()).when({"names": []}).then_raises(NodeTimeoutError)
    assert scenario.clock.seconds == pytest.approx(600 + 1200 + 3600 + 60, abs=1)
    assert time.monotonic() - began < 5
    scenario.clock.jump(timedelta(hours=-1))
    scenario.when(passed(10)).then()
