"""Demonstrations of answers that go astray in the peer.

Each docstring says what LangGraph 1.2.22 does with the same program, each test what clew does.
"""

import operator
from typing import Annotated, TypedDict

import pytest
from clew import Command, InMemorySaver, interrupt
from clew.errors import AlreadyAnsweredError, QuestionNotReproducibleError
from clew.events.vocabulary import InterruptRaised, NodeStarted, Resumed, RunContinued

from tests.support.stories import asked, at_once, chain, events, interview, on, one_node


class Guest(TypedDict, total=False):
    facts: list[str]


def register(_: Guest) -> Guest:
    return {"facts": [interrupt("What is your name?"), interrupt("Where do you live?")]}


def test_an_answer_is_used_once_and_a_plain_continue_answers_nothing():
    """Resume "A", then continue with None.

    LangGraph: the continue hands "A" to the second question too and the run ends with ["A", "A"].
    """
    saver = InMemorySaver()
    graph = one_node(register, Guest).compile(checkpointer=saver)

    assert asked(graph.invoke({}, on("guest"))) == ["What is your name?"]
    paused = graph.invoke(Command(resume="A"), on("guest"))
    assert asked(paused) == ["Where do you live?"]

    continued = graph.invoke(None, on("guest"))
    assert continued["__interrupt__"] == paused["__interrupt__"], "the same question, under the same id"
    assert len(events(saver, "guest", Resumed)) == 1
    assert [event.reason for event in events(saver, "guest", RunContinued)] == ["resume", "continue"]

    assert graph.invoke(Command(resume="B"), on("guest")) == {"facts": ["A", "B"]}


class Invoice(TypedDict, total=False):
    amount: int
    approved_by: str
    receipts: Annotated[list[str], operator.add]


def approve(state: Invoice) -> Invoice:
    return {"approved_by": interrupt(f"Pay {state['amount']} EUR?")}


def pay(state: Invoice) -> Invoice:
    return {"receipts": [f"paid {state['amount']} EUR, approved by {state['approved_by']}"]}


def test_two_clicks_on_one_question_pay_once():
    """Two people answer the same question at the same moment.

    LangGraph: both calls succeed and the payment is made twice, ("PAID", "yes0") and ("PAID", "yes1").
    """
    saver = InMemorySaver()
    graph = chain(Invoice, approve, pay).compile(checkpointer=saver)
    [question] = graph.invoke({"amount": 10}, on("invoice"))["__interrupt__"]

    def click(who: str) -> Invoice:
        return graph.invoke(Command(resume=who), on("invoice", who=who))

    clicks = at_once({who: lambda who=who: click(who) for who in ("ann", "bob")})

    [winner] = [who for who, outcome in clicks.items() if isinstance(outcome, dict)]
    [refused] = [outcome for outcome in clicks.values() if isinstance(outcome, AlreadyAnsweredError)]
    assert (refused.question, refused.winner) == (question.id, winner)
    assert f"was answered by '{winner}'" in str(refused)
    receipts = [f"paid 10 EUR, approved by {winner}"]
    assert clicks[winner]["receipts"] == receipts
    assert graph.get_state(on("invoice")).values["receipts"] == receipts
    assert [event.who for event in events(saver, "invoice", Resumed)] == [winner]
    assert len(events(saver, "invoice", NodeStarted)) == 3, "approve asked, approve again with its answer, pay"


def test_a_late_click_is_refused_long_after_the_run_has_ended():
    graph = chain(Invoice, approve, pay).compile(checkpointer=InMemorySaver())
    graph.invoke({"amount": 10}, on("invoice"))
    graph.invoke(Command(resume="ann"), on("invoice", who="ann"))

    with pytest.raises(AlreadyAnsweredError, match=r"was answered by 'ann' at 20.*one answer counts"):
        graph.invoke(Command(resume="bob"), on("invoice", who="bob"))

    assert graph.get_state(on("invoice")).values["receipts"] == ["paid 10 EUR, approved by ann"]


def test_a_new_answer_to_an_answered_question_is_refused_and_a_fork_takes_it():
    """Aim a new answer at the checkpoint where an earlier question had been asked.

    LangGraph: the new answer is dropped, the old one is delivered again, and a new branch is written.
    """
    saver = InMemorySaver()
    graph = chain(Invoice, approve, pay).compile(checkpointer=saver)
    graph.invoke({"amount": 10}, on("invoice"))
    then = graph.get_state(on("invoice")).config
    graph.invoke(Command(resume="ann"), on("invoice", who="ann"))
    before = len(saver.store.read("invoice"))

    with pytest.raises(AlreadyAnsweredError, match="was answered by 'ann'"):
        graph.invoke(Command(resume="bob"), then)
    assert len(saver.store.read("invoice")) == before, "a refusal writes nothing"

    assert asked(graph.invoke(None, then)) == ["Pay 10 EUR?"]
    forked = graph.invoke(Command(resume="bob"), on("invoice", who="bob"))
    assert forked["receipts"] == ["paid 10 EUR, approved by bob"]


def test_the_log_tells_every_question_with_its_answer_and_who_gave_it_when():
    """Two questions in one node, both answered; then read the history.

    LangGraph: the history shows the second question only, and no answer anywhere.
    """
    saver = InMemorySaver()
    graph = one_node(register, Guest).compile(checkpointer=saver)
    graph.invoke({}, on("guest"))
    graph.invoke(Command(resume="Ann"), on("guest", who="ann"))
    graph.invoke(Command(resume="Oslo"), on("guest", who="ann's phone"))

    assert interview(saver, "guest") == [
        ("What is your name?", "Ann", "ann"),
        ("Where do you live?", "Oslo", "ann's phone"),
    ]
    [asking] = [state for state in graph.get_state_history(on("guest")) if state.next == ("register",)]
    assert [question.value for question in asking.interrupts] == ["What is your name?", "Where do you live?"]
    assert [event.question for event in events(saver, "guest", InterruptRaised)] == [
        question.id for question in asking.interrupts
    ]


def test_an_answer_never_reaches_a_question_it_was_not_given_to():
    """The node takes another path when it runs again and asks something else first.

    LangGraph matches by position: the answer goes to whatever question now stands in the place.
    """
    drafts = iter(["Pay 10 EUR?", "Delete the account?", "Pay 10 EUR?"])

    def confirm(_: Guest) -> Guest:
        return {"facts": [interrupt(next(drafts))]}

    graph = one_node(confirm, Guest).compile(checkpointer=InMemorySaver())
    graph.invoke({}, on("guest"))

    with pytest.raises(QuestionNotReproducibleError, match="Make the question repeatable") as refused:
        graph.invoke(Command(resume="yes"), on("guest"))
    assert (refused.value.asked, refused.value.asks) == ("Pay 10 EUR?", "Delete the account?")

    assert graph.invoke(None, on("guest")) == {"facts": ["yes"]}, "asked again as it was, it has its answer"
