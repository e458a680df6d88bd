"""Error handlers: a node that failed for good goes on with its handler, in the same step, from the log."""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

import pytest
from clew import START, Command, StateGraph
from clew.actors.decider.commands import Outcome
from clew.errors import GraphChangedError, QuestionNotReproducibleError
from clew.events.vocabulary import NodeCompleted, NodeFailed, NodeStarted, RunFinished, StepCommitted
from clew.types import RetryPolicy

from tests.support.thread_script import ThreadScript

HANDLER = "__error_handler__bad"
BOOM = ValueError("boom")


class State(TypedDict, total=False):
    names: Annotated[list[str], operator.add]


def graph(handler: bool = True) -> StateGraph:
    """bad and ok side by side, then after; bad may have a handler."""
    builder = StateGraph(State).add_node("bad", lambda _: {}, error_handler=(lambda _: {}) if handler else None)
    builder.add_node("ok", lambda _: {}).add_node("after", lambda _: {})
    return builder.add_edge(START, "bad").add_edge(START, "ok").add_edge("bad", "after")


@pytest.fixture
def script() -> ThreadScript:
    script = ThreadScript(graph())
    script.start({"names": []})
    return script


def test_the_failure_is_recorded_before_the_handler_starts(script: ThreadScript) -> None:
    failed, started = script.fails(0, BOOM)
    assert isinstance(failed, NodeFailed)
    assert (failed.task, failed.error, failed.handled_by, failed.handler) == (0, repr(BOOM), HANDLER, "")
    assert isinstance(started, NodeStarted)
    assert script.decision.start == (0,)
    assert script.decision.causes == {0: BOOM}
    assert script.decision.ending is None
    assert script.next == ["bad", "ok"]


def test_the_siblings_go_on_meanwhile(script: ThreadScript) -> None:
    script.fails(0, BOOM)
    assert script.running == {0, 1}
    script.done(1, returns={"names": ["ok"]})
    assert script.next == ["bad"]


def test_what_the_handler_returns_is_the_tasks_and_the_nodes_edges_do_not_fire(script: ThreadScript) -> None:
    script.fails(0, BOOM)
    script.done(1, returns={"names": ["ok"]})
    events = script.done(0, returns={"names": ["handled"]})
    assert [type(event) for event in events] == [NodeCompleted, StepCommitted, RunFinished]
    assert script.values == {"names": ["handled", "ok"]}
    assert script.next == []


def test_the_handlers_command_leads_on(script: ThreadScript) -> None:
    script.fails(0, BOOM)
    script.done(1)
    script.done(0, returns=Command(goto="after"))
    assert script.next == ["after"]


def test_the_handlers_own_error_fails_the_run_and_leaves_the_nodes(script: ThreadScript) -> None:
    script.done(1, returns={"names": ["ok"]})
    script.fails(0, BOOM)
    failed, finished = script.fails(0, KeyError("worse"))
    assert (failed.error, failed.handled_by, failed.handler) == ("KeyError('worse')", "", HANDLER)
    assert finished.status == "failed"
    task = script.state.root.tasks[0]
    assert (task.runs, task.failed.error) == (HANDLER, repr(BOOM))


def test_a_run_that_goes_on_starts_the_handler_and_has_the_recorded_error(script: ThreadScript) -> None:
    script.done(1)
    script.fails(0, BOOM)
    script.fails(0, KeyError("worse"))
    script.proceed()
    assert script.decision.start == (0,)
    assert script.decision.causes == {}
    task = script.state.root.tasks[0]
    assert (task.runs, task.failed.error, task.attempt) == (HANDLER, repr(BOOM), 3)
    script.done(0, returns={"names": ["handled"]})
    assert script.values == {"names": ["handled"]}


def test_a_failure_without_a_handler_beside_it_ends_the_run_and_the_handler_waits() -> None:
    builder = graph()
    builder.add_node("worse", lambda _: {}).add_edge(START, "worse")
    script = ThreadScript(builder)
    script.start({"names": []})
    events = script.report(Outcome(0, "failed", error=BOOM), Outcome(2, "failed", error=KeyError("w")))
    assert [type(event) for event in events] == [NodeFailed, NodeFailed, RunFinished]
    assert script.decision.ending is not None
    assert script.decision.ending.status == "failed"
    assert [task.runs for task in script.state.root.tasks] == [HANDLER, "ok", "worse"]


def test_a_merge_conflict_runs_the_handler_again_not_the_node() -> None:
    class One(TypedDict, total=False):
        x: int

    builder = StateGraph(One).add_node("bad", lambda _: {}, error_handler=lambda _: {}).add_node("ok", lambda _: {})
    script = ThreadScript(builder.add_edge(START, "bad").add_edge(START, "ok"))
    script.start({})
    script.fails(0, BOOM)
    script.done(1, returns={"x": 1})
    script.done(0, returns={"x": 2})
    assert script.next == ["bad", "ok"]
    assert [task.runs for task in script.state.root.tasks] == [HANDLER, "ok"]


def test_new_input_forgets_the_handler(script: ThreadScript) -> None:
    script.fails(0, BOOM)
    script.start({"names": ["new"]})
    assert [task.runs for task in script.state.root.tasks] == ["bad", "ok"]


def test_a_branch_from_an_earlier_checkpoint_runs_the_node(script: ThreadScript) -> None:
    head = script.state.root.head
    assert head is not None
    script.fails(0, BOOM)
    script.done(1)
    script.fails(0, KeyError("worse"))
    script.proceed(head.id)
    assert [task.runs for task in script.state.root.tasks] == ["bad", "ok"]


def test_a_graph_without_the_handler_is_refused_by_name(script: ThreadScript) -> None:
    script.done(1)
    script.fails(0, BOOM)
    script.fails(0, KeyError("worse"))
    without = ThreadScript(graph(handler=False))
    without.state, without.log = script.state, script.log
    with pytest.raises(GraphChangedError, match=f"{HANDLER}.*'bad'"):
        without.proceed()


def test_another_handler_takes_the_place_of_one_that_is_gone(script: ThreadScript) -> None:
    script.done(1)
    script.fails(0, BOOM)
    script.fails(0, KeyError("worse"))
    other = ThreadScript(graph(handler=False).set_node_defaults(error_handler=lambda _: {}))
    other.state, other.log = script.state, script.log
    other.proceed()
    assert other.decision.start == (0,)
    runner = other.plan.runner("bad", HANDLER)
    assert runner is not None
    assert runner.name == "__default_error_handler__"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), QuestionNotReproducibleError("bad", "q", 1, 2)], ids=repr)
def test_what_no_handler_may_swallow_ends_the_run(script: ThreadScript, error: BaseException) -> None:
    failed, finished = script.fails(0, error)
    assert failed.handled_by == ""
    assert finished.status == "failed"


def test_handlers_get_the_default_retries_and_no_cache_and_no_handler() -> None:
    policy = RetryPolicy(max_attempts=2)
    builder = graph().set_node_defaults(retry_policy=policy, error_handler=lambda _: {})
    nodes = builder.plan().nodes
    assert (nodes[HANDLER].retry_policy, nodes[HANDLER].cache_policy, nodes[HANDLER].error_handler) == (
        (policy,),
        None,
        None,
    )
    assert nodes["ok"].error_handler == "__default_error_handler__"
    assert nodes["bad"].error_handler == HANDLER
