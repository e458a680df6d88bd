"""What starting, continuing and finishing super-steps says, event by event."""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

import pytest
from clew import START, StateGraph
from clew.actors.decider.commands import Outcome
from clew.errors import EmptyInputError, GraphRecursionError, InvalidUpdateError, UnknownCheckpointError
from clew.events.vocabulary import Payload, Route

from tests.support.thread_script import ThreadScript


class State(TypedDict):
    x: int
    names: Annotated[list, operator.add]


def node(state: State) -> None:
    """Never called: the script says what nodes return."""


def chain(*names: str) -> StateGraph:
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, node)
    for source, target in zip((START, *names), names, strict=False):
        builder.add_edge(source, target)
    return builder


def fan(*names: str, join: str | None = None) -> StateGraph:
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, node).add_edge(START, name)
    if join is not None:
        builder.add_node(join, node).add_edge(list(names), join)
    return builder


def said(events: list) -> list[str]:
    return [type(event).__name__ for event in events]


def test_new_input_is_one_commit_that_ends_with_the_first_node_started() -> None:
    thread = ThreadScript(chain("a", "b"))
    events = thread.start({"x": 1, "names": ["i"]})
    assert said(events) == ["GraphSeen", "RunStarted", "StepCommitted", "StepPlanned", "NodeStarted"]
    assert thread.decision.start == (0,)
    assert thread.values == {"x": 1, "names": ["i"]}
    assert thread.next == ["a"]


def test_a_super_step_is_one_commit_with_the_next_steps_start_in_it() -> None:
    thread = ThreadScript(chain("a", "b"))
    thread.start({"x": 1})
    assert said(thread.done(0, returns={"names": ["a"]})) == [
        "NodeCompleted",
        "StepCommitted",
        "StepPlanned",
        "NodeStarted",
    ]
    assert said(thread.done(0, returns={"names": ["b"]})) == ["NodeCompleted", "StepCommitted", "RunFinished"]
    assert thread.decision.ending is not None
    assert thread.decision.ending.status == "completed"
    assert thread.values["names"] == ["a", "b"]
    assert thread.next == []


def test_a_chains_history_has_the_steps_and_sources_of_the_golden_trace() -> None:
    thread = ThreadScript(chain("a", "b", "c"))
    thread.start({"x": 1, "names": []})
    for name in "abc":
        thread.done(0, returns={"names": [name]})
    rows = [(c.source, c.step, [task.node for task in c.tasks]) for c in thread.state.root.checkpoints()]
    assert rows == [
        ("loop", 3, []),
        ("loop", 2, ["c"]),
        ("loop", 1, ["b"]),
        ("loop", 0, ["a"]),
        ("input", -1, ["__start__"]),
    ]
    thread.start({"x": 2, "names": ["t2"]})
    newest = next(iter(thread.state.root.checkpoints()))
    assert (newest.source, newest.step) == ("loop", 5)


def test_checkpoint_ids_sort_by_time_and_are_found_again() -> None:
    thread = ThreadScript(chain("a"))
    thread.start({"x": 1})
    thread.done(0, returns={"x": 2})
    found = [checkpoint.id for checkpoint in thread.state.root.checkpoints()]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 3
    for checkpoint in thread.state.root.checkpoints():
        assert thread.state.root.find(checkpoint.id) == checkpoint
    assert thread.state.root.find("1f000000-0000-6000-8000-000000000000") is None
    assert thread.state.root.find("nonsense") is None


def test_parallel_writes_are_merged_by_node_name_whatever_finishes_first() -> None:
    thread = ThreadScript(fan("pb", "pa", join="z"))
    thread.start({"x": 0})
    assert [task.node for task in thread.state.root.tasks] == ["pa", "pb"]
    assert said(thread.done(1, returns={"names": ["pb"]})) == ["NodeCompleted"]
    assert thread.values["names"] == []
    thread.done(0, returns={"names": ["pa"]})
    assert thread.values["names"] == ["pa", "pb"]
    assert thread.next == ["z"]


def test_a_join_fires_once_all_its_sources_completed_in_whatever_steps() -> None:
    builder = StateGraph(State)
    for name in ("a", "b", "b2", "c", "d"):
        builder.add_node(name, node)
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("a", "c").add_edge("b", "b2").add_edge(["b2", "c"], "d")
    thread = ThreadScript(builder)
    thread.start({"x": 0})
    thread.done(0)
    thread.done(0, 1)
    assert thread.next == ["b2"]
    assert thread.state.root.arrivals == {"b2+c:d": ("c",)}
    thread.done(0)
    assert thread.next == ["d"]
    thread.done(0)
    assert thread.next == []


def test_a_join_that_some_branches_never_reached_is_named_when_the_run_completes() -> None:
    builder = StateGraph(State)
    for name in ("b", "c", "d"):
        builder.add_node(name, node)
    builder.add_conditional_edges(START, lambda state: "b", ["b", "c"]).add_edge(["b", "c"], "d")
    thread = ThreadScript(builder)
    thread.start({"x": 0})
    thread.report(thread.routed(0, Route("b")))
    finished = thread.done(0)[-1]
    assert finished.joins_waiting == ["d"]
    thread.start({"x": 1})
    assert not thread.state.root.arrivals


def test_a_deferred_node_waits_until_nothing_else_is_left() -> None:
    builder = StateGraph(State)
    for name in ("a", "b", "b2", "c"):
        builder.add_node(name, node)
    builder.add_node("d", node, defer=True)
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("a", "c").add_edge("b", "b2")
    builder.add_edge("b2", "d").add_edge("c", "d")
    thread = ThreadScript(builder)
    thread.start({"x": 0})
    thread.done(0)
    thread.done(0, 1)
    assert thread.next == ["b2"]
    thread.done(0)
    assert thread.next == ["d"]


def test_sends_run_beside_the_edges_targets_in_the_order_they_were_sent() -> None:
    thread = ThreadScript(chain("a", "w"))
    thread.start({"x": 0})
    sends = [Route("w", payload, True) for payload in map(_payload, range(3))]
    thread.report(thread.routed(0, *sends))
    tasks = [(task.node, task.send, task.payload and task.payload.value) for task in thread.state.root.tasks]
    assert tasks == [("w", -1, None), ("w", 0, {"i": 0}), ("w", 1, {"i": 1}), ("w", 2, {"i": 2})]


def _payload(number: int) -> Payload:
    return Payload({"i": number})


def test_a_step_limit_stops_only_a_run_with_work_left() -> None:
    exact = ThreadScript(chain("a", "b"), steps_max=2)
    exact.start({"x": 0})
    exact.done(0)
    exact.done(0)
    assert exact.decision.ending is not None
    assert exact.decision.ending.status == "completed"

    short = ThreadScript(chain("a", "b"), steps_max=1)
    short.start({"x": 0})
    short.done(0)
    assert short.decision.ending is not None
    assert isinstance(short.decision.ending.error, GraphRecursionError)
    assert short.next == ["b"]
    assert said(short.proceed())[0] == "RunContinued"
    assert short.decision.start == (0,)


def test_breakpoints_stop_before_and_after_and_are_passed_once() -> None:
    thread = ThreadScript(chain("a", "b"), interrupt_before=frozenset({"b"}))
    thread.start({"x": 0})
    assert said(thread.done(0))[-2:] == ["RunPaused", "RunFinished"]
    assert thread.next == ["b"]
    thread.proceed()
    assert thread.decision.start == (0,)

    after = ThreadScript(chain("a", "b"), interrupt_after=frozenset({"a"}))
    after.start({"x": 0})
    paused = after.done(0)
    assert [event.where for event in paused if type(event).__name__ == "RunPaused"] == ["after"]


def test_continuing_a_finished_thread_changes_nothing() -> None:
    thread = ThreadScript(chain("a"))
    thread.start({"x": 0})
    thread.done(0)
    before = len(thread.log)
    assert thread.proceed() == []
    assert len(thread.log) == before


def test_continuing_a_thread_that_never_was_is_refused() -> None:
    with pytest.raises(EmptyInputError, match="'t' has nothing to continue"):
        ThreadScript(chain("a")).proceed()


def test_new_input_withdraws_what_is_open_and_says_so() -> None:
    thread = ThreadScript(fan("a", "b"))
    thread.start({"x": 0})
    thread.report(thread.asked(0, "q"), thread.completed(1, {"names": ["b"]}))
    question = thread.question("q")
    events = thread.start({"x": 1})
    abandoned = next(event for event in events if type(event).__name__ == "StepAbandoned")
    assert abandoned.questions == [question]
    assert thread.questions == {}
    assert thread.values == {"x": 1, "names": []}


def test_a_failed_task_ends_the_run_and_keeps_its_siblings_work() -> None:
    thread = ThreadScript(fan("bad", "ok", join="z"))
    thread.start({"x": 0})
    error = ValueError("boom")
    thread.report(thread.completed(1, {"names": ["ok"]}), _failed(0, error))
    assert thread.decision.ending is not None
    assert thread.decision.ending.error is error
    assert thread.next == ["bad"]
    thread.running = set()
    thread.proceed()
    assert thread.decision.start == (0,)
    thread.done(0, returns={"names": ["bad-ok"]})
    assert thread.values["names"] == ["bad-ok", "ok"]
    assert thread.next == ["z"]


def _failed(task: int, error: Exception) -> Outcome:
    return Outcome(task, "failed", error=error, traceback="...")


def test_a_conflict_fails_the_step_and_never_poisons_the_thread() -> None:
    thread = ThreadScript(fan("u", "v", "w"))
    thread.start({"x": 0})
    thread.report(thread.completed(0, {"x": 1}), thread.completed(1, {"x": 2}), thread.completed(2, {"names": ["w"]}))
    assert thread.decision.ending is not None
    assert isinstance(thread.decision.ending.error, InvalidUpdateError)
    assert thread.values == {"x": 0, "names": []}
    assert thread.next == ["u", "v"]
    thread.running = set()
    thread.proceed()
    assert thread.decision.start == (0, 1)
    thread.report(thread.completed(0, {"x": 1}), thread.completed(1, {}))
    assert thread.values == {"x": 1, "names": ["w"]}


def test_a_conflict_with_a_task_recorded_earlier_opens_that_task_again() -> None:
    thread = ThreadScript(fan("u", "v"))
    thread.start({"x": 0})
    thread.done(0, returns={"x": 1})
    failed = next(event for event in thread.done(1, returns={"x": 2}) if type(event).__name__ == "StepFailed")
    assert failed.tasks == [0]
    assert thread.next == ["u", "v"]


def test_a_users_reducer_is_left_to_the_node_runner() -> None:
    def mine(old: list, new: list) -> list:
        return old + new

    class Mine(TypedDict):
        names: Annotated[list, mine]

    def silent(state: Mine) -> None:
        """Never called."""

    builder = StateGraph(Mine).add_node("a", silent).add_edge(START, "a")
    thread = ThreadScript(builder)
    thread.start({"names": [1]})
    thread.done(0, returns={"names": [2]})
    assert thread.values == {"names": [1, 2]}


def test_rerunning_a_checkpoint_is_a_branch_with_tasks_of_its_own() -> None:
    thread = ThreadScript(chain("a", "b"))
    thread.start({"x": 0, "names": []})
    thread.done(0, returns={"names": ["a"]})
    thread.done(0, returns={"names": ["b"]})
    origin = next(c for c in thread.state.root.checkpoints() if [task.node for task in c.tasks] == ["b"])
    events = thread.proceed(origin.id)
    assert said(events) == ["Forked", "RunContinued", "NodeStarted"]
    head = thread.state.root.head
    assert head is not None
    assert (head.source, head.step, head.parent) == ("fork", origin.step + 1, origin.address)
    thread.done(0, returns={"names": ["B"]})
    assert thread.values["names"] == ["a", "B"]
    assert [c.source for c in thread.state.root.checkpoints()] == ["loop", "fork", "loop", "loop", "loop", "input"]


def test_new_input_at_a_checkpoint_branches_there_without_a_fork_row() -> None:
    thread = ThreadScript(chain("a"))
    thread.start({"x": 0, "names": []})
    thread.done(0, returns={"names": ["a"]})
    thread.start({"names": ["second"]})
    thread.done(0, returns={"names": ["a2"]})
    first_end = [c for c in thread.state.root.checkpoints() if not c.tasks][-1]
    thread.start({"names": ["other"]}, checkpoint=first_end.id)
    assert thread.values["names"] == ["a", "other"]
    sources = [checkpoint.source for checkpoint in thread.state.root.checkpoints()]
    assert sources == ["loop", "input", "loop", "loop", "input", "loop", "loop", "input"]


def test_an_unknown_checkpoint_is_refused() -> None:
    thread = ThreadScript(chain("a"))
    thread.start({"x": 0})
    with pytest.raises(UnknownCheckpointError, match="no checkpoint 'nope'"):
        thread.proceed("nope")
    with pytest.raises(UnknownCheckpointError):
        thread.start({"x": 1}, checkpoint="1f000000-0000-6000-8000-000000000000")
