"""Each question takes one answer; every other answer is told why not, and nothing is written for it."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from clew import START, StateGraph
from clew.actors.decider.commands import Answer, Apply, Outcome
from clew.errors import (
    AlreadyAnsweredError,
    AmbiguousAnswerError,
    GraphChangedError,
    NothingToResumeError,
    UnknownInterruptError,
)
from clew.events.vocabulary import EffectRecorded, Payload, QuestionWithdrawn, Route, Write

from tests.support.thread_script import ThreadScript


class State(TypedDict):
    x: int


def node(state: State) -> None:
    """Never called: the script says what nodes return."""


def asking(*names: str, **terms: Any) -> ThreadScript:
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, node).add_edge(START, name)
    return ThreadScript(builder, **terms)


def said(events: list) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_question_ends_the_run_and_leaves_the_step_open() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    assert said(thread.asks(0, "q")) == ["InterruptRaised", "RunFinished"]
    assert thread.decision.ending is not None
    assert thread.decision.ending.status == "interrupted"
    assert thread.next == ["a"]
    assert list(thread.questions.values()) == ["q"]


def test_an_answer_is_recorded_before_the_node_runs_again() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    assert said(thread.answer("yes")) == ["RunContinued", "Resumed", "NodeStarted"]
    assert thread.decision.start == (0,)
    task = thread.state.root.tasks[0]
    assert task.questions[0].answer is not None
    assert task.questions[0].answer.value.value == "yes"
    assert task.attempt == 2


@pytest.mark.parametrize("value", [None, "", 0, False, {}])
def test_every_value_is_an_answer(value: object) -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    thread.answer(value)
    answer = thread.state.root.tasks[0].questions[0].answer
    assert answer is not None
    assert answer.value.value == value


def test_one_value_for_several_questions_is_refused_with_their_ids() -> None:
    thread = asking("a", "b")
    thread.start({"x": 0})
    thread.report(thread.asked(0, "qa"), thread.asked(1, "qb"))
    before = len(thread.log)
    with pytest.raises(AmbiguousAnswerError) as refused:
        thread.answer("yes")
    assert refused.value.questions == [thread.question("qa"), thread.question("qb")]
    assert len(thread.log) == before


def test_answers_by_id_may_come_in_parts_and_in_any_order() -> None:
    thread = asking("a", "b")
    thread.start({"x": 0})
    thread.report(thread.asked(0, "qa"), thread.asked(1, "qb"))
    thread.answer(**{thread.question("qb"): "B"})
    assert thread.decision.start == (1,)
    thread.done(1)
    assert thread.decision.ending is not None
    assert thread.decision.ending.status == "interrupted"
    assert list(thread.questions.values()) == ["qa"]
    thread.answer(**{thread.question("qa"): "A"})
    assert thread.decision.start == (0,)
    thread.done(0, returns={"x": 1})
    assert thread.values == {"x": 1}


def test_a_second_answer_is_refused_with_the_winners_name() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    question = thread.question("q")
    thread.terms = type(thread.terms)(run="r", who="ann")
    thread.answer(**{question: "yes"})
    before = len(thread.log)
    with pytest.raises(AlreadyAnsweredError, match="'ann'") as refused:
        thread.answer(**{question: "no"})
    assert refused.value.winner == "ann"
    assert len(thread.log) == before
    thread.done(0, returns={"x": 1})
    with pytest.raises(AlreadyAnsweredError, match="'ann'"):
        thread.answer(**{question: "no"})
    with pytest.raises(AlreadyAnsweredError, match="'ann'"):
        thread.answer("no")


def test_an_answer_of_an_earlier_turn_does_not_name_a_winner_in_this_one() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    thread.answer("yes")
    thread.done(0)
    thread.start({"x": 1})
    thread.done(0)
    with pytest.raises(NothingToResumeError, match="no open question"):
        thread.answer("no")


def test_an_answer_to_a_thread_that_never_was_is_refused() -> None:
    with pytest.raises(NothingToResumeError, match="does not exist"):
        asking("a").answer("yes")


def test_an_answer_to_a_question_nobody_asked_is_refused() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    with pytest.raises(UnknownInterruptError) as refused:
        thread.answer(**{"f" * 32: "yes"})
    assert refused.value.questions == [thread.question("q")]


def test_one_wrong_id_in_a_map_refuses_the_whole_map() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    with pytest.raises(UnknownInterruptError):
        thread.answer(**{thread.question("q"): "yes", "f" * 32: "no"})
    assert len(thread.questions) == 1


def test_an_empty_map_asks_again() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    assert said(thread.when(Answer({}))) == ["RunContinued", "NodeStarted"]
    assert len(thread.questions) == 1


def test_continuing_asks_the_same_question_again_under_the_same_id() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    question = thread.question("q")
    thread.proceed()
    thread.report(Outcome(0, "asked"))
    assert thread.questions == {question: "q"}


def test_the_second_question_of_a_body_has_an_id_of_its_own_and_the_first_stays_in_the_record() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q1")
    first = thread.question("q1")
    thread.answer("A")
    thread.asks(0, "q2", ordinal=1)
    assert thread.question("q2") != first
    thread.answer("B")
    record = [(asked.raised.value.value, asked.answer and asked.answer.value.value) for asked in _record(thread)]
    assert record == [("q1", "A"), ("q2", "B")]


def _record(thread: ThreadScript):
    return thread.state.root.tasks[0].questions


def test_a_value_passes_a_breakpoint_where_no_question_is_open() -> None:
    builder = StateGraph(State).add_node("a", node).add_edge(START, "a")
    thread = ThreadScript(builder, interrupt_before=frozenset({"a"}))
    thread.start({"x": 0})
    thread.answer("go")
    assert thread.decision.start == (0,)


def test_an_answer_sent_to_an_answered_checkpoint_is_refused() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    asked_at = thread.state.root.head
    thread.answer("yes")
    thread.done(0)
    with pytest.raises(AlreadyAnsweredError):
        thread.when(Answer({}, Payload("A3"), checkpoint=asked_at.id))


def test_an_answer_sent_to_the_head_is_taken_while_a_question_is_open_there() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q1")
    head = thread.state.root.head
    thread.answer("A")
    thread.asks(0, "q2", ordinal=1)
    thread.when(Answer({}, Payload("B"), checkpoint=head.id))
    assert thread.questions == {}


def test_a_node_that_is_gone_refuses_the_answer_and_keeps_the_question() -> None:
    thread = asking("old")
    thread.start({"x": 0})
    thread.asks(0, "q")
    thread.plan = StateGraph(State).add_node("new", node).add_edge(START, "new").plan()
    with pytest.raises(GraphChangedError, match=r"'old'.*aliases"):
        thread.answer("yes")
    assert list(thread.questions.values()) == ["q"]
    renamed = StateGraph(State).add_node("new", node).add_edge(START, "new").plan(aliases={"old": "new"})
    thread.plan = renamed
    thread.answer("yes")
    assert thread.decision.start == (0,)


def test_a_changed_question_is_withdrawn_and_asked_anew() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "pay 10?")
    old = thread.question("pay 10?")
    thread.proceed()
    asked = thread.asked(0, "pay 1,000,000?")
    withdrawn = (QuestionWithdrawn(question=old, reason="question_changed"),)
    thread.report(Outcome(0, "asked", questions=asked.questions, withdrawn=withdrawn))
    assert list(thread.questions.values()) == ["pay 1,000,000?"]
    with pytest.raises(UnknownInterruptError):
        thread.answer(**{old: "yes"})


def test_an_effect_recorded_before_a_question_is_there_to_be_played_back() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    effect = EffectRecorded(task=0, scope="call", name="pay", digest=bytes(16), ordinal=0, value=Payload("paid"))
    asked = thread.asked(0, "q")
    thread.report(Outcome(0, "asked", questions=asked.questions, effects=(effect,)))
    assert [kept.value.value for kept in thread.state.root.tasks[0].effects] == ["paid"]


def test_an_effect_of_a_task_that_completed_keeps_no_second_copy_of_its_value() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    effect = EffectRecorded(task=0, scope="call", name="pay", digest=bytes(16), ordinal=0, value=Payload("paid"))
    events = thread.report(Outcome(0, "completed", effects=(effect,)))
    assert [event.value for event in events if isinstance(event, EffectRecorded)] == [None]


def test_a_commands_update_is_seen_by_the_open_step_and_kept() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    thread.when(Answer({thread.question("q"): Payload("A")}, writes=(Write("x", Payload(7)),)))
    assert thread.values == {"x": 7}
    thread.done(0)
    assert thread.values == {"x": 7}


def test_a_commands_goto_joins_the_open_step() -> None:
    builder = StateGraph(State).add_node("a", node).add_node("b", node).add_edge(START, "a")
    thread = ThreadScript(builder)
    thread.start({"x": 0})
    thread.asks(0, "q")
    thread.when(Apply((), (Route("b"),)))
    assert [task.node for task in thread.state.root.tasks] == ["a", "b"]
    assert thread.decision.start == (0, 1)
