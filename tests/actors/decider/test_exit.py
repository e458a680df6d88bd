"""A run that is stored at its end: its decisions become one commit, of whose checkpoints the last one stays.

`ThreadScript` holds them, and checks when the run ends that replaying the one commit gives the state it worked on.
"""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

from clew import START, StateGraph
from clew.actors.author.returns import interpret
from clew.actors.decider.commands import Edit
from clew.actors.kit.laws import portrait
from clew.events.vocabulary import StepCommitted, Update
from clew.projections.state.decisions import decisions
from clew.projections.state.thread import ThreadState
from msgspec.structs import replace

from tests.support.thread_script import ThreadScript


class State(TypedDict):
    names: Annotated[list, operator.add]


def node(state: State) -> None:
    """Never called: the script says what nodes return."""


def chain(*names: str, **terms: object) -> ThreadScript:
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, node)
    for source, target in zip((START, *names), names, strict=False):
        builder.add_edge(source, target)
    return ThreadScript(builder, durability="exit", **terms)


def pair() -> ThreadScript:
    builder = StateGraph(State).add_node("p", node).add_node("q", node).add_node("z", node)
    builder.add_edge(START, "p").add_edge(START, "q").add_edge(["p", "q"], "z")
    return ThreadScript(builder, durability="exit")


def steps(thread: ThreadScript) -> list[tuple[str, int, int | None]]:
    """(source, step, step of the parent) of the thread's checkpoints, newest first."""
    line = thread.state.root
    parents = [line.before(checkpoint) for checkpoint in line.checkpoints()]
    return [
        (checkpoint.source, checkpoint.step, None if parent is None else parent.step)
        for checkpoint, parent in zip(line.checkpoints(), parents, strict=True)
    ]


def turn(thread: ThreadScript, *nodes: str) -> None:
    thread.start({"names": ["in"]})
    for name in nodes:
        thread.done(0, returns={"names": [name]})


def test_nothing_is_said_to_the_log_before_the_run_ends() -> None:
    thread = chain("a", "b")
    thread.start({"names": ["in"]})
    thread.done(0, returns={"names": ["a"]})
    assert (thread.log, thread.state.stored.version) == ([], -1)
    thread.done(0, returns={"names": ["b"]})
    assert [type(event).__name__ for event in thread.log[0].commit.events].count("StepCommitted") == 3
    assert (len(thread.log), thread.state.stored, thread.values) == (1, None, {"names": ["in", "a", "b"]})


def test_one_checkpoint_stays_whose_parent_is_the_last_one_before_the_run() -> None:
    thread = chain("a", "b")
    turn(thread, "a", "b")
    assert steps(thread) == [("loop", 2, None)]
    turn(thread, "a", "b")
    assert steps(thread) == [("loop", 6, 2), ("loop", 2, None)]


def test_a_checkpoint_keeps_the_id_it_had_while_the_run_went_on() -> None:
    thread = chain("a", "b")
    turn(thread, "a", "b")
    last = thread.state.root.head.id
    assert thread.replayed().root.head.id == last
    assert thread.state.root.find(last).id == last


def test_ids_of_later_commits_are_greater_though_a_run_made_many_checkpoints() -> None:
    thread = chain("a")
    turn(thread, "a")
    first = thread.state.root.head.id
    turn(thread, "a")
    assert thread.state.root.head.id > first


def test_events_say_when_they_were_said_though_the_commit_is_made_at_the_end() -> None:
    thread = chain("a", "b")
    turn(thread, "a", "b")
    commit = thread.log[0].commit
    times = [commit.time - event.lag for event in commit.events if isinstance(event, StepCommitted)]
    assert times == [1_001_000, 1_002_000, 1_003_000]
    assert (thread.state.turn_started, thread.state.time) == (1_001_000, 1_003_000)
    assert thread.state.root.head.made == 1_003_000


def test_a_failure_keeps_what_finished_siblings_wrote() -> None:
    thread = pair()
    thread.start({"names": ["in"]})
    thread.done(0, returns={"names": ["p"]})
    thread.fails(1, ValueError("no"))
    assert (len(thread.log), steps(thread)) == (1, [("loop", 0, None)])
    assert [task.completed is not None for task in thread.state.root.tasks] == [True, False]
    thread.proceed()
    thread.done(1, returns={"names": ["q"]})
    thread.done(0, returns={"names": ["z"]})
    assert steps(thread) == [("loop", 2, 0), ("loop", 0, None)]
    assert thread.values == {"names": ["in", "p", "q", "z"]}


def test_a_question_and_its_answer_are_a_commit_each() -> None:
    thread = chain("a", "b")
    thread.start({"names": ["in"]})
    thread.asks(0, "sure?")
    assert (len(thread.log), thread.questions) == (1, {thread.question("sure?"): "sure?"})
    assert [asked.asked_at for asked in thread.state.root.open_questions] == [1_002_000]
    thread.answer("yes")
    assert len(thread.log) == 1
    thread.done(0, returns={"names": ["a"]})
    thread.done(0, returns={"names": ["b"]})
    assert (len(thread.log), steps(thread)) == (2, [("loop", 2, 0), ("loop", 0, None)])
    assert [one.answer.value.value for one in thread.state.answered] == ["yes"]


def test_a_branch_hangs_below_the_checkpoint_it_began_at() -> None:
    thread = chain("a", "b")
    turn(thread, "a", "b")
    origin = thread.state.root.head.id
    turn(thread, "a", "b")
    thread.proceed(origin)
    assert steps(thread) == [("fork", 3, 2), ("loop", 6, 2), ("loop", 2, None)]
    thread.start({"names": ["again"]}, checkpoint=origin)
    thread.done(0, returns={"names": ["a"]})
    thread.done(0, returns={"names": ["b"]})
    assert steps(thread)[0] == ("loop", 6, 2)
    assert thread.values == {"names": ["in", "a", "b", "again", "a", "b"]}


def test_a_branch_that_runs_on_leaves_no_checkpoint_of_its_beginning() -> None:
    thread = chain("a", "b", interrupt_before=frozenset({"b"}))
    turn(thread, "a")
    origin = thread.state.root.head.id
    thread.proceed()
    thread.done(0, returns={"names": ["b"]})
    thread.proceed(origin)
    thread.done(0, returns={"names": ["b again"]})
    assert steps(thread) == [("loop", 3, 1), ("loop", 2, 1), ("loop", 1, None)]


def test_updates_by_hand_after_such_a_run_keep_all_their_checkpoints() -> None:
    thread = chain("a", "b")
    turn(thread, "a", "b")
    plan = thread.plan
    writes = interpret(plan, plan.node("a"), {"names": ["by hand"]}).writes
    once = Edit((Update("a", writes),))
    thread.when(replace(once, rest=(once,)))
    assert steps(thread) == [("update", 4, 3), ("update", 3, 2), ("loop", 2, None)]


def test_the_commit_can_be_taken_apart_into_its_decisions() -> None:
    thread = pair()
    thread.start({"names": ["in"]})
    thread.done(0, returns={"names": ["p"]})
    thread.done(1, returns={"names": ["q"]})
    thread.done(0, returns={"names": ["z"]})
    parts = list(decisions(ThreadState(), thread.log[0], thread.channels))
    kinds = [[type(event).__name__ for event in part.events] for part in parts]
    assert kinds == [
        ["GraphSeen", "RunStarted", "StepCommitted", "StepPlanned", "NodeStarted", "NodeStarted"],
        ["NodeCompleted", "NodeCompleted", "StepCommitted", "StepPlanned", "NodeStarted"],
        ["NodeCompleted", "StepCommitted", "RunFinished"],
    ]
    assert [part.after.root.head.step for part in parts] == [0, 1, 2]
    assert [part.before.root.head and part.before.root.head.step for part in parts] == [None, 0, 1]
    assert portrait(parts[-1].after, thread.channels) == portrait(thread.state, thread.channels)


def test_any_other_commit_is_one_decision() -> None:
    thread = ThreadScript(StateGraph(State).add_node("a", node).add_edge(START, "a"))
    turn(thread, "a")
    state = ThreadState()
    for recorded in thread.log:
        (only,) = decisions(state, recorded, thread.channels)
        assert list(only.events) == recorded.commit.events
        state = only.after
    assert type(thread.log[1].commit.events[0]).__name__ == "NodeCompleted"
