"""Which answers are taken where no question is open, what a refusal says, and which tasks an answer sets going."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from clew import START, StateGraph
from clew.actors.decider.commands import Answer, Edit, Outcome
from clew.errors import (
    AlreadyAnsweredError,
    AmbiguousAnswerError,
    NothingToResumeError,
    RefusedError,
    UnknownCheckpointError,
    UnknownInterruptError,
)
from clew.events.vocabulary import Payload, Resumed, Route, RunContinued, Update, Write

from tests.support.thread_script import ThreadScript

from .test_answers import State, asking, node, said


def one_asks() -> ThreadScript:
    thread = asking("a")
    thread.start({"x": 0})
    thread.asks(0, "q")
    return thread


def both_ask() -> ThreadScript:
    thread = asking("a", "b")
    thread.start({"x": 0})
    thread.report(thread.asked(0, "qa"), thread.asked(1, "qb"))
    return thread


def test_an_answer_goes_on_as_a_resumption_and_says_which_questions_it_answered() -> None:
    thread = one_asks()
    question = thread.question("q")
    events = thread.answer("yes")
    assert [event.reason for event in events if isinstance(event, RunContinued)] == ["resume"]
    assert thread.decision.answered == (question,)


def test_an_answer_to_a_later_task_does_not_stop_at_one_that_completed() -> None:
    thread = asking("a", "b")
    thread.start({"x": 0})
    thread.report(thread.completed(0, None), thread.asked(1, "q"))
    thread.answer("yes")
    assert thread.decision.start == (1,)


def test_an_answer_sets_a_task_going_again_that_failed_beside_the_one_that_asked() -> None:
    thread = asking("a", "b", "c")
    thread.start({"x": 0})
    thread.report(thread.asked(0, "qa"), thread.asked(1, "qb"))
    thread.fails(2, ValueError("c fails"))
    thread.answer(**{thread.question("qb"): "B"})
    assert thread.decision.start == (1, 2)


def test_a_value_tries_failed_tasks_again_where_none_asked_and_is_there_for_their_first_question() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.fails(0, ValueError("it fails"))
    thread.answer("early")
    assert thread.decision.start == (0,)
    assert thread.state.root.ahead is not None
    assert thread.state.root.ahead.value == "early"


def test_a_value_is_refused_where_the_failed_task_was_asked_and_the_refusal_says_how_to_go_on() -> None:
    thread = one_asks()
    question = thread.question("q")
    thread.answer("yes")
    answered_at = thread.tick
    with pytest.raises(AlreadyAnsweredError) as working:
        thread.answer("again")
    assert "raised with that answer" not in str(working.value)
    assert str(working.value).isascii()
    assert "None" not in str(working.value)
    thread.fails(0, ValueError("it fails"))
    with pytest.raises(AlreadyAnsweredError) as refused:
        thread.answer("again")
    text = str(refused.value)
    assert refused.value.question == question
    assert text.startswith(str(working.value))
    assert datetime.fromtimestamp(answered_at / 1_000_000, UTC).isoformat(timespec="milliseconds") in text
    assert text.endswith(
        "; node 'a' raised with that answer: mend its code and continue with None as input, ask again with "
        "invoke(None, config of an earlier checkpoint), or write its result with update_state"
    )


def test_the_advice_is_of_the_node_that_failed_with_this_answer_and_no_other() -> None:
    thread = both_ask()
    first = thread.question("qa")
    thread.answer(**{first: "A", thread.question("qb"): "B"})
    thread.report(thread.completed(0, None))
    thread.fails(1, ValueError("b fails"))
    with pytest.raises(AlreadyAnsweredError) as refused:
        thread.answer(**{first: "again"})
    assert "raised with that answer" not in str(refused.value)


def test_after_an_update_by_hand_a_value_goes_on_though_the_question_was_answered() -> None:
    thread = one_asks()
    thread.answer("yes")
    thread.fails(0, ValueError("it fails"))
    with pytest.raises(AlreadyAnsweredError):
        thread.answer("now")
    thread.when(Edit((Update(START, [Write("x", Payload(5))], [Route("a")]),)))
    assert thread.next == ["a"]
    thread.answer("now")
    assert thread.decision.start == (0,)


def test_a_thread_that_never_was_and_one_that_has_its_first_commit_are_told_apart() -> None:
    thread = asking("a")
    with pytest.raises(NothingToResumeError, match="'t' does not exist: an answer needs a thread"):
        thread.answer("yes")
    thread.start({"x": 0})
    assert thread.state.version == 0
    with pytest.raises(NothingToResumeError, match="no open question and unfinished work: continue it with None as in"):
        thread.answer("yes")
    thread.done(0)
    with pytest.raises(NothingToResumeError, match="no open question and nothing to continue; give it new input"):
        thread.answer("yes")
    with pytest.raises(NothingToResumeError, match="no open question and nothing to continue"):
        thread.when(Answer({}))


def test_a_strict_answer_that_names_no_question_is_refused_with_those_that_wait() -> None:
    thread = both_ask()
    waiting = [thread.question("qa"), thread.question("qb")]
    with pytest.raises(UnknownInterruptError) as empty:
        thread.when(Answer({}, strict=True))
    assert (empty.value.reason, list(empty.value.pending_ids)) == ("empty_map", waiting)
    assert str(empty.value) == f"the map of answers names no question; open questions: {waiting}"
    with pytest.raises(UnknownInterruptError) as one_value:
        thread.when(Answer({}, Payload("yes"), strict=True))
    assert (one_value.value.reason, list(one_value.value.pending_ids)) == ("ambiguous", waiting)
    assert str(one_value.value) == str(AmbiguousAnswerError(waiting))
    with pytest.raises(AmbiguousAnswerError):
        thread.when(Answer({}, Payload("yes")))


def test_a_strict_answer_to_an_open_question_is_taken() -> None:
    thread = one_asks()
    thread.when(Answer({thread.question("q"): Payload("yes")}, strict=True))
    assert thread.questions == {}


def test_a_strict_empty_map_says_that_nothing_waits() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    thread.fails(0, ValueError("it fails"))
    with pytest.raises(UnknownInterruptError, match=r"open questions: none$"):
        thread.when(Answer({}, strict=True))


def test_a_refused_map_names_every_question_of_it_that_is_not_open() -> None:
    thread = one_asks()
    question = thread.question("q")
    wrong = ["e" * 32, "f" * 32]
    with pytest.raises(UnknownInterruptError) as refused:
        thread.when(Answer({one: Payload("no") for one in (wrong[0], question, wrong[1])}))
    assert list(refused.value.interrupt_ids) == wrong
    assert str(refused.value) == f"question {wrong[0]!r} is not open; open questions: [{question!r}]"
    thread.answer("yes")
    with pytest.raises(UnknownInterruptError, match=r"open questions: none$"):
        thread.answer(**{wrong[0]: "no"})


def test_an_answer_to_an_earlier_checkpoint_that_asked_nothing_says_what_to_do() -> None:
    builder = StateGraph(State).add_node("a", node).add_node("b", node).add_edge(START, "a").add_edge("a", "b")
    thread = ThreadScript(builder)
    thread.start({"x": 0})
    earlier = thread.state.root.head
    assert earlier is not None
    thread.done(0)
    thread.asks(0, "q")
    with pytest.raises(NothingToResumeError) as refused:
        thread.when(Answer({}, Payload("yes"), checkpoint=earlier.id))
    assert str(refused.value) == (
        f"checkpoint {earlier.id!r} of thread 't' asks nothing; continue from it with None as input, or answer the "
        "thread without a checkpoint_id"
    )
    assert list(thread.questions.values()) == ["q"]


def test_a_breakpoint_passed_by_a_value_keeps_the_value_for_the_first_question() -> None:
    builder = StateGraph(State).add_node("a", node).add_edge(START, "a")
    thread = ThreadScript(builder, interrupt_before=frozenset({"a"}))
    thread.start({"x": 0})
    assert "NodeStarted" in said(thread.answer("go"))
    assert thread.state.root.ahead is not None
    assert thread.state.root.ahead.value == "go"


def test_an_answer_to_one_of_a_task_s_questions_sets_the_task_going_while_the_other_waits() -> None:
    thread = asking("a")
    thread.start({"x": 0})
    both = (thread.asked(0, "q1", scope="one").questions, thread.asked(0, "q2", scope="two").questions)
    thread.report(Outcome(0, "asked", questions=(*both[0], *both[1])))
    thread.answer(**{thread.question("q1"): "A"})
    assert thread.decision.start == (0,)
    assert list(thread.questions.values()) == ["q2"]


def test_an_answer_to_a_checkpoint_that_is_not_there_is_refused_by_its_name() -> None:
    thread = one_asks()
    with pytest.raises(UnknownCheckpointError, match="thread 't' has no checkpoint 'nowhere'"):
        thread.when(Answer({}, Payload("yes"), checkpoint="nowhere"))
    assert list(thread.questions.values()) == ["q"]


@pytest.mark.parametrize(("who", "says"), [("eve", "'eve' is none of them"), ("", "say who answers")])
@pytest.mark.parametrize("by_id", [False, True])
def test_an_answer_of_somebody_whom_the_question_is_not_for_is_refused_and_it_stays_open(
    who: str, says: str, by_id: bool
) -> None:
    thread = asking("a", who=who)
    thread.start({"x": 0})
    thread.asks(0, "q", who=["ann", "bob"])
    question, before = thread.question("q"), thread.state.version
    with pytest.raises(RefusedError, match=f"{question}.* may be answered by ann, bob; {says}"):
        thread.answer(**{question: "yes"}) if by_id else thread.answer("yes")
    assert thread.state.version == before
    assert list(thread.questions) == [question]


@pytest.mark.parametrize("by_id", [False, True])
def test_an_answer_of_somebody_whom_the_question_is_for_is_taken(by_id: bool) -> None:
    thread = asking("a", who="bob")
    thread.start({"x": 0})
    thread.asks(0, "q", who=["ann", "bob"])
    question = thread.question("q")
    events = thread.answer(**{question: "yes"}) if by_id else thread.answer("yes")
    assert [event.who for event in events if isinstance(event, Resumed)] == ["bob"]
