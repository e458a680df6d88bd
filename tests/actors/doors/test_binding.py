"""An answer belongs to the question that was asked: what else the node asks in its place does not get it."""

from __future__ import annotations

import pytest
from clew import START, Command, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import AlreadyAnsweredError, QuestionNotReproducibleError, UnknownInterruptError
from clew.events.codec.commits import decode_commit

from .graphs import THREAD, State


def graph_of(node, **options):
    return StateGraph(State).add_node("pay", node).add_edge(START, "pay").compile(**options)


def log(saver: BaseCheckpointSaver, graph) -> list:
    rows = saver.store.read("1")
    return [
        event for row in rows for event in decode_commit(row.body, graph.codec, thread="1", version=row.version).events
    ]


def test_an_answer_to_a_prompt_that_was_changed_is_refused_and_the_new_one_is_asked(saver: BaseCheckpointSaver) -> None:
    def pay_ten(state: State) -> dict:
        return {"names": [interrupt("pay 10?")]}

    def pay_a_million(state: State) -> dict:
        return {"names": [interrupt("pay 1,000,000?")]}

    graph_of(pay_ten, checkpointer=saver).invoke({"x": 0, "names": []}, THREAD)
    new = graph_of(pay_a_million, checkpointer=saver)
    asked = new.invoke(Command(resume="yes"), {"configurable": {"thread_id": "1", "who": "ann"}})
    (question,) = asked["__interrupt__"]
    assert question.value == "pay 1,000,000?"
    assert new.get_state(THREAD).values["names"] == []
    refused = [event for event in log(saver, new) if type(event).__name__ == "AnswerRefused"]
    assert [(event.reason, event.who) for event in refused] == [("question_changed", "ann")]
    assert new.invoke(Command(resume="no"), THREAD)["names"] == ["no"]


def test_a_question_inserted_before_an_answered_one_does_not_get_its_answer(saver: BaseCheckpointSaver) -> None:
    def one(state: State) -> dict:
        return {"names": [interrupt("pay?"), interrupt("really?")]}

    def two(state: State) -> dict:
        return {"names": [interrupt("delete the account?"), interrupt("pay?")]}

    graph_of(one, checkpointer=saver).invoke({"x": 0, "names": []}, THREAD)
    graph_of(one, checkpointer=saver).invoke(Command(resume=True), THREAD)
    asked = graph_of(two, checkpointer=saver).invoke(Command(resume=True), THREAD)
    assert [question.value for question in asked["__interrupt__"]] == ["delete the account?"]


def test_a_question_made_anew_by_the_same_code_raises_and_keeps_the_answer(saver: BaseCheckpointSaver) -> None:
    drafts = iter(["draft 1", "draft 2", "draft 1"])

    def review(state: State) -> dict:
        return {"names": [interrupt(next(drafts))]}

    graph = graph_of(review, checkpointer=saver)
    graph.invoke({"x": 0, "names": []}, THREAD)
    with pytest.raises(QuestionNotReproducibleError, match=r"'draft 1'.*'draft 2'") as raised:
        graph.invoke(Command(resume="good"), THREAD)
    assert (raised.value.asked, raised.value.asks) == ("draft 1", "draft 2")
    assert graph.get_state(THREAD).next == ("pay",)
    assert graph.invoke(None, THREAD)["names"] == ["good"]


def test_answers_by_position_are_langgraphs_rule(saver: BaseCheckpointSaver) -> None:
    drafts = iter(["draft 1", "draft 2"])

    def review(state: State) -> dict:
        return {"names": [interrupt(next(drafts))]}

    graph = graph_of(review, checkpointer=saver, answers="position")
    graph.invoke({"x": 0, "names": []}, THREAD)
    assert graph.invoke(Command(resume="good"), THREAD)["names"] == ["good"]


def test_a_question_asked_anew_before_its_answer_makes_the_old_id_void(saver: BaseCheckpointSaver) -> None:
    drafts = iter(["draft 1", "draft 2", "draft 2"])

    def review(state: State) -> dict:
        return {"names": [interrupt(next(drafts))]}

    graph = graph_of(review, checkpointer=saver)
    old = graph.invoke({"x": 0, "names": []}, THREAD)["__interrupt__"][0]
    new = graph.invoke(None, THREAD)["__interrupt__"][0]
    assert new.value == "draft 2"
    with pytest.raises(UnknownInterruptError, match=new.id):
        graph.invoke(Command(resume={old.id: "good"}), THREAD)
    assert graph.invoke(Command(resume="good"), THREAD)["names"] == ["good"]


def test_a_swallowed_pause_is_a_pause_all_the_same(saver: BaseCheckpointSaver) -> None:
    def careless(state: State) -> dict:
        try:
            answer = interrupt("sure?")
        except Exception:
            answer = "swallowed by except Exception"
        except BaseException:
            answer = "swallowed by except BaseException"
        return {"names": [answer]}

    graph = graph_of(careless, checkpointer=saver)
    assert graph.invoke({"x": 0, "names": []}, THREAD)["__interrupt__"][0].value == "sure?"
    assert graph.invoke(Command(resume="yes"), THREAD)["names"] == ["yes"]


def test_a_late_answer_to_a_task_that_failed_says_how_to_go_on(saver: BaseCheckpointSaver) -> None:
    def strict(state: State) -> dict:
        return {"names": [interrupt("who?")["data"]]}

    graph = graph_of(strict, checkpointer=saver)
    graph.invoke({"x": 0, "names": []}, THREAD)
    with pytest.raises(TypeError):
        graph.invoke(Command(resume="plain text"), THREAD)
    with pytest.raises(AlreadyAnsweredError, match=r"'pay' raised with that answer.*update_state"):
        graph.invoke(Command(resume={"data": "Ada"}), THREAD)
    earlier = graph.get_state(THREAD).config
    graph.invoke(None, earlier)
    assert graph.invoke(Command(resume={"data": "Ada"}), THREAD)["names"] == ["Ada"]
