"""An answer recorded without the graph: durable, checked, taken once, and gone on with by whoever has the code."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, TypedDict

import pytest
from clew import START, Command, InMemorySaver, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import (
    AlreadyAnsweredError,
    EncodeError,
    InvalidAnswer,
    ThreadErasedError,
    UnknownInterruptError,
    UnknownThreadError,
)
from clew.operator import answer_question, inbox, open_questions
from pydantic import BaseModel, ValidationError

from .conftest import CONFIG, SCHEMA, make


def test_a_recorded_answer_is_taken_up_by_whoever_goes_on(
    saver: BaseCheckpointSaver, graph: Any, question: str
) -> None:
    recorded = answer_question(saver, "t", question, {"ok": True}, who="ann", comment="by phone")
    assert (recorded.thread, recorded.question, recorded.node, recorded.open) == ("t", question, "ask", 0)
    paused = graph.get_state(CONFIG)
    assert (paused.next, paused.interrupts) == (("ask",), ())
    done = graph.invoke(None, CONFIG)
    assert done == {"log": ["looked", "asked", "bought"], "answer": {"ok": True}}


def test_an_async_caller_goes_on_as_well(saver: BaseCheckpointSaver, graph: Any, question: str) -> None:
    answer_question(saver, "t", question, {"ok": True})
    assert asyncio.run(graph.ainvoke(None, CONFIG))["answer"] == {"ok": True}


def test_another_process_goes_on_from_the_store(saver: BaseCheckpointSaver, graph: Any, question: str) -> None:
    answer_question(saver, "t", question, {"ok": False})
    assert make(saver).invoke(None, CONFIG)["log"] == ["looked", "asked", "bought"]


def test_the_log_says_who_answered_and_what_they_said(saver: BaseCheckpointSaver, graph: Any, question: str) -> None:
    from clew.audit import Replay

    recorded = answer_question(saver, "t", question, {"ok": True}, who="ann", comment="by phone")
    moment = Replay("t", saver).at(-1)
    assert moment.version == recorded.version
    assert (moment.name, moment.event.who, moment.event.comment) == ("Resumed", "ann", "by phone")
    assert moment.line.who == "ann"


def test_a_question_is_known_by_its_beginning(saver: BaseCheckpointSaver, graph: Any, question: str) -> None:
    assert answer_question(saver, "t", question[:6], {"ok": True}).question == question


def test_a_second_answer_is_refused_with_the_winner(saver: BaseCheckpointSaver, graph: Any, question: str) -> None:
    answer_question(saver, "t", question, {"ok": True}, who="ann")
    with pytest.raises(AlreadyAnsweredError, match="was answered by 'ann'") as refused:
        answer_question(saver, "t", question[:8], {"ok": False}, who="bob")
    assert refused.value.winner == "ann"
    with pytest.raises(AlreadyAnsweredError, match="was answered by 'ann'"):
        graph.invoke(Command(resume={"ok": False}), CONFIG)
    assert graph.invoke(None, CONFIG)["answer"] == {"ok": True}
    with pytest.raises(AlreadyAnsweredError, match="was answered by 'ann'"):
        answer_question(saver, "t", question, {"ok": False})


def test_of_many_who_answer_at_once_one_is_taken(saver: BaseCheckpointSaver, graph: Any, question: str) -> None:
    verdicts: list[Any] = []
    start = threading.Barrier(8)

    def answer(who: str) -> None:
        start.wait()
        try:
            verdicts.append(answer_question(saver, "t", question, {"ok": True}, who=who))
        except AlreadyAnsweredError as error:
            verdicts.append(error)

    threads = [threading.Thread(target=answer, args=(f"person {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [one for one in verdicts if isinstance(one, AlreadyAnsweredError)]
    assert len(refused) == 7
    assert len({one.winner for one in refused}) == 1
    assert graph.invoke(None, CONFIG)["log"].count("bought") == 1


@pytest.mark.parametrize(
    ("answer", "says"), [({"ok": 1}, r"\$\.ok: 1 is no boolean"), ({}, "'ok' is missing"), (True, "no object")]
)
def test_an_answer_of_the_wrong_shape_is_refused_and_nothing_is_written(
    saver: BaseCheckpointSaver, graph: Any, question: str, answer: Any, says: str
) -> None:
    before = saver.store.head("t")
    with pytest.raises(InvalidAnswer, match=says):
        answer_question(saver, "t", question, answer)
    assert saver.store.head("t") == before
    assert [item.id for item in inbox(saver)] == [question]


def test_an_answer_that_cannot_be_stored_is_refused_with_its_path(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(TypedDict("Any", {"a": Any})).add_node("ask", lambda _: {"a": interrupt("?")})
    graph = builder.add_edge(START, "ask").compile(checkpointer=saver)
    graph.invoke({"a": 1}, CONFIG)
    (asked,) = open_questions(saver, "t")
    with pytest.raises(EncodeError, match=r"\$\.Resumed\.value\.lock"):
        answer_question(saver, "t", asked, {"lock": threading.Lock()})
    assert [*open_questions(saver, "t")] == [asked]


def test_what_is_not_there_is_said(saver: BaseCheckpointSaver, graph: Any, question: str) -> None:
    with pytest.raises(UnknownThreadError, match="'nobody'"):
        answer_question(saver, "nobody", question, {"ok": True})
    with pytest.raises(UnknownInterruptError, match="'0000' is not open"):
        answer_question(saver, "t", "0000", {"ok": True})
    saver.delete_thread("t")
    with pytest.raises(ThreadErasedError):
        answer_question(saver, "t", question, {"ok": True})


def test_one_of_two_questions_can_be_answered_and_the_rest_later() -> None:
    saver = InMemorySaver()
    builder = StateGraph(TypedDict("Two", {"a": Any, "b": Any}))
    builder.add_node("one", lambda _: {"a": interrupt("one?")}).add_node("two", lambda _: {"b": interrupt("two?")})
    graph = builder.add_edge(START, "one").add_edge(START, "two").compile(checkpointer=saver)
    graph.invoke({}, CONFIG)
    first, second = (item.id for item in inbox(saver))
    assert answer_question(saver, "t", first, 1).open == 1
    assert [item.id for item in inbox(saver)] == [second]
    graph.invoke(None, CONFIG)
    assert graph.get_state(CONFIG).next == ("two",)
    assert answer_question(saver, "t", second, 2).open == 0
    assert graph.invoke(None, CONFIG) == {"a": 1, "b": 2}


def test_a_question_of_a_graph_inside_is_answered_in_its_place(saver: BaseCheckpointSaver) -> None:
    inner = make(None)  # type: ignore[arg-type]
    outer = StateGraph(inner.builder.state_schema).add_node("inner", inner).add_edge(START, "inner")
    graph = outer.compile(checkpointer=saver)
    graph.invoke({"log": []}, CONFIG)
    (item,) = inbox(saver)
    assert answer_question(saver, "t", item.id, {"ok": True}).node == "ask"
    assert graph.invoke(None, CONFIG)["answer"] == {"ok": True}


def test_a_type_that_only_the_code_knows_is_asked_for_again_when_it_does_not_fit() -> None:
    class Price(BaseModel):
        euros: int

    def ask(_: Any) -> Any:
        return {"a": interrupt("How much?", response_schema=Price)}

    saver = InMemorySaver()
    graph = StateGraph(TypedDict("Any", {"a": Any})).add_node(ask).add_edge(START, "ask").compile(checkpointer=saver)
    graph.invoke({"a": 0}, CONFIG)
    (asked,) = open_questions(saver, "t")
    with pytest.raises(InvalidAnswer, match="'euros' is missing"):
        answer_question(saver, "t", asked, {})
    answer_question(saver, "t", asked, {"euros": 1.0})
    assert graph.invoke(None, CONFIG)["a"] == Price(euros=1)
    assert ValidationError


def test_a_process_at_work_meets_the_answer_and_goes_on_with_it(saver: BaseCheckpointSaver) -> None:
    began, go = threading.Event(), threading.Event()
    asked = 0

    def slow(_: Any) -> dict[str, Any]:
        began.set()
        go.wait(10)
        return {"b": "slow"}

    def ask(_: Any) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"a": interrupt("?")}

    builder = StateGraph(TypedDict("Both", {"a": Any, "b": Any})).add_node(ask).add_node(slow)
    graph = builder.add_edge(START, "ask").add_edge(START, "slow").compile(checkpointer=saver)
    outcome: list[Any] = []
    runner = threading.Thread(target=lambda: outcome.append(graph.invoke({"a": 0}, CONFIG)))
    runner.start()
    try:
        assert began.wait(10)
        while not (found := open_questions(saver, "t")):
            pass
        assert answer_question(saver, "t", next(iter(found)), "here").open == 0
    finally:
        go.set()
        runner.join()
    rested = graph.get_state(CONFIG)
    done = graph.invoke(None, CONFIG) if rested.next else rested.values
    assert done == {"a": "here", "b": "slow"}
    assert asked == 2
    assert len(outcome) == 1


def test_the_inbox_lists_what_waits_longest_first(saver: BaseCheckpointSaver) -> None:
    graph = make(saver)
    for name in ("b", "a", "c"):
        graph.invoke({"log": []}, {"configurable": {"thread_id": name}})
    items = inbox(saver)
    assert [item.thread for item in items] == ["b", "a", "c"]
    assert all(item.may_answer("anybody") and not item.overdue(2**62) for item in items)
    (asked,) = open_questions(saver, "a").values()
    assert (asked.raised.value.value, asked.raised.schema and asked.raised.schema.value) == ("Buy it?", SCHEMA)
