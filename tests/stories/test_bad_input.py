"""Wrong use is refused with an error that says what, which one and what to do; a thread that waits comes out whole."""

import re
import threading
from typing import Any

import pytest
from clew import Command, interrupt
from clew.errors import (
    AlreadyAnsweredError,
    AmbiguousAnswerError,
    EncodeError,
    NothingToResumeError,
    UnknownCheckpointError,
    UnknownInterruptError,
)
from clew.events.stores.saver import BaseCheckpointSaver

from tests.support.stories import DOORS, asked, interview, on, one_node, rows

from .desk import LETTER, QUESTION, Desk, Door, Letter

NOBODY = "0" * 32
"""What a question's id looks like; no question has it."""
LOCK = threading.Lock()
"""What nobody can write down."""


def test_an_answer_to_a_thread_that_does_not_exist_is_refused(desk: Desk) -> None:
    with desk.unharmed(), pytest.raises(NothingToResumeError, match=r"'lettre' does not exist.*check the thread_id"):
        desk.graph.invoke(Command(resume="Bob"), on("lettre"))
    assert rows(desk.saver, "lettre") == [], "the refusal begins no thread of that name"


@pytest.mark.parametrize("checkpoint", ["yesterday", "1ef00000-0000-6000-8000-000000000000"])
def test_an_answer_to_a_checkpoint_that_does_not_exist_is_refused(desk: Desk, checkpoint: str) -> None:
    with desk.unharmed(), pytest.raises(UnknownCheckpointError, match=f"'letter' has no checkpoint '{checkpoint}'"):
        desk.graph.invoke(Command(resume="Bob"), on("letter", checkpoint_id=checkpoint))


def test_an_answer_to_a_thread_that_asks_nothing_is_refused(desk: Desk) -> None:
    done = one_node(file_away, Letter).compile(checkpointer=desk.saver)
    done.invoke({"text": "Dear Cid"}, on("filed"))
    with desk.unharmed(), pytest.raises(NothingToResumeError, match="'filed' has no open question"):
        done.invoke(Command(resume="Bob"), on("filed"))
    assert done.get_state(on("filed")).values["stamp"] == "filed"


def file_away(_: Letter) -> Letter:
    return {"stamp": "filed"}


def test_a_bare_answer_to_several_questions_is_refused_with_their_ids(desk: Desk) -> None:
    builder = one_node(ask_ann, Letter).add_node(ask_cid).add_edge("__start__", "ask_cid")
    both = builder.compile(checkpointer=desk.saver)
    questions = both.invoke({}, on("both"))["__interrupt__"]

    with desk.unharmed(), pytest.raises(AmbiguousAnswerError) as refused:
        both.invoke(Command(resume="yes"), on("both"))

    ids = [question.id for question in questions]
    assert refused.value.questions == ids
    assert all(repr(question) in str(refused.value) for question in ids)
    by_id = {question.id: f"yes to {question.value}" for question in questions}
    assert both.invoke(Command(resume=by_id), on("both")) == {"signed": "yes to Ann?", "stamp": "yes to Cid?"}


def ask_ann(_: Letter) -> Letter:
    return {"signed": interrupt("Ann?")}


def ask_cid(_: Letter) -> Letter:
    return {"stamp": interrupt("Cid?")}


def test_an_answer_to_a_question_nobody_asked_is_refused_with_the_open_ones(desk: Desk) -> None:
    with desk.unharmed(), pytest.raises(UnknownInterruptError, match=f"'{NOBODY}' is not open.*{desk.question}") as no:
        desk.answer({NOBODY: "Bob"})
    assert no.value.questions == [desk.question]


def test_a_second_answer_names_who_gave_the_first(desk: Desk) -> None:
    def sign_twice(_: Letter) -> Letter:
        return {"signed": interrupt("Once?"), "stamp": interrupt("Twice?")}

    graph = one_node(sign_twice, Letter).compile(checkpointer=desk.saver)
    [first] = graph.invoke({}, on("contract"))["__interrupt__"]
    graph.invoke(Command(resume="Ann"), on("contract", who="ann"))

    before = rows(desk.saver, "contract")
    with desk.unharmed(), pytest.raises(AlreadyAnsweredError, match=r"answered by 'ann' at .*one answer counts") as no:
        graph.invoke(Command(resume={first.id: "Bob"}), on("contract", who="bob"))

    assert (no.value.question, no.value.winner) == (first.id, "ann")
    assert rows(desk.saver, "contract") == before
    assert [question.value for question in graph.get_state(on("contract")).interrupts] == ["Twice?"]
    assert graph.invoke(Command(resume="Bob"), on("contract")) == {"signed": "Ann", "stamp": "Bob"}


@pytest.mark.parametrize("door", DOORS)
def test_every_way_to_run_a_graph_refuses_the_same(saver: BaseCheckpointSaver, door: Door) -> None:
    desk = Desk(saver, door)
    with desk.unharmed():
        with pytest.raises(NothingToResumeError):
            door(desk.graph, Command(resume="Bob"), on("lettre"))
        with pytest.raises(UnknownCheckpointError):
            door(desk.graph, Command(resume="Bob"), on("letter", checkpoint_id=NOBODY))
        with pytest.raises(UnknownInterruptError):
            desk.answer({NOBODY: "Bob"})
        with pytest.raises(EncodeError):
            desk.answer(LOCK)
        with pytest.raises(KeyError):
            door(desk.graph, Command(resume="Bob"), {"configurable": {"who": "bob"}})
    with pytest.raises(AlreadyAnsweredError):
        desk.answer()


@pytest.mark.parametrize("config", [None, {}, {"tags": ["post"]}])
def test_a_call_without_configurable_is_refused(desk: Desk, config: Any) -> None:
    with desk.unharmed(), pytest.raises(ValueError, match=r"pass config=.*'thread_id'"):
        desk.graph.invoke(Command(resume="Bob"), config)


def test_a_call_without_a_thread_id_is_refused(desk: Desk) -> None:
    with (
        desk.unharmed(),
        pytest.raises(KeyError, match=r"'thread_id' is missing in config\['configurable'\] \['who'\]"),
    ):
        desk.graph.invoke(Command(resume="Bob"), {"configurable": {"who": "bob"}})


# --- what cannot be stored


@pytest.mark.parametrize(
    ("given", "path"),
    [
        pytest.param({"stamp": LOCK}, "$.stamp", id="input"),
        pytest.param({"text": "x", "stamp": {"ink": [1, LOCK]}}, "$.stamp.ink[1]", id="nested input"),
        pytest.param(Command(resume=LOCK), "$.resume", id="answer"),
        pytest.param(Command(resume={"by": [LOCK]}), "$.resume.by[0]", id="nested answer"),
        pytest.param(Command(resume="Bob", update={"stamp": LOCK}), "$.stamp", id="update beside an answer"),
        pytest.param(Command(update={"stamp": LOCK}), "$.stamp", id="update"),
    ],
)
def test_what_cannot_be_stored_is_refused_to_its_sender_with_its_path(desk: Desk, given: Any, path: str) -> None:
    with desk.unharmed(), pytest.raises(EncodeError, match=re.escape(path)) as refused:
        desk.graph.invoke(given, LETTER)
    assert refused.value.path == path
    assert "lock" in str(refused.value)


def test_an_update_by_hand_that_cannot_be_stored_is_refused_with_its_path(desk: Desk) -> None:
    with desk.unharmed(), pytest.raises(EncodeError, match=re.escape("$.stamp.ink")):
        desk.graph.update_state(LETTER, {"stamp": {"ink": LOCK}}, as_node="sign")


def test_a_node_that_writes_what_cannot_be_stored_fails_with_the_path_and_loses_no_answer(desk: Desk) -> None:
    faulty = desk.with_seal(lambda _: {"stamp": {"ink": LOCK}})

    with pytest.raises(EncodeError, match=re.escape("$.stamp.ink")):
        faulty.invoke(Command(resume="Bob"), on("letter", who="bob"))

    state = faulty.get_state(LETTER)
    assert state.next == ("seal",)
    assert "$.stamp.ink" in state.tasks[0].error
    assert interview(desk.saver, "letter") == [(QUESTION, "Bob", "bob")], "the answer was taken and is in the log"
    assert desk.graph.invoke(None, LETTER)["stamp"] == "red wax", (
        "with the code mended it goes on; nobody is asked again"
    )


def test_a_question_that_cannot_be_stored_fails_with_the_path_and_is_asked_once_it_can(desk: Desk) -> None:
    shown: list[Any] = [{"see": LOCK}, "See the key?"]

    def show(_: Letter) -> Letter:
        return {"signed": interrupt(shown.pop(0))}

    graph = one_node(show, Letter).compile(checkpointer=desk.saver)
    with desk.unharmed(), pytest.raises(EncodeError, match=re.escape("$.interrupt.see")):
        graph.invoke({}, on("key"))

    assert graph.get_state(on("key")).next == ("show",)
    assert graph.get_state(on("key")).interrupts == ()
    shown = ["See the key?"] * 2
    assert asked(graph.invoke(None, on("key"))) == ["See the key?"]
    assert graph.invoke(Command(resume="Bob"), on("key")) == {"signed": "Bob"}
