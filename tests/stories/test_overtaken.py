"""A process is overtaken by another one on the same store: it answers, edits and goes on from what is there now.

Two savers on one store know as little of each other as two processes do.
"""

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, InMemorySaver, StateGraph, interrupt
from clew.errors import AlreadyAnsweredError, StaleVersionError
from clew.events.stores.saver import BaseCheckpointSaver
from clew.events.vocabulary import Resumed, RunStarted
from clew.func import entrypoint
from langchain_core.runnables import RunnableConfig

from tests.support.stories import asked, at_once, chain, events, on, one_node

from .desk import Desk, Letter

SECONDS_MAX = 30.0


class Held:
    """A node that has begun and goes on when it is told to."""

    def __init__(self) -> None:
        self.began = Event()
        self._go_on = Event()

    def wait(self) -> None:
        """Called in the node."""
        self.began.set()
        assert self._go_on.wait(SECONDS_MAX)

    @contextmanager
    def during(self, call: Any) -> Iterator[list[Any]]:
        """Make a call on another thread and enter the block while its node is held; the list has what came of it."""
        results: list[Any] = []
        caller = Thread(target=lambda: results.append(call()), daemon=True)
        caller.start()
        try:
            assert self.began.wait(SECONDS_MAX)
            yield results
        finally:
            self._go_on.set()
            caller.join(SECONDS_MAX)


def test_an_answer_that_comes_while_another_process_works_on_the_first_is_refused(
    durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver
) -> None:
    held = Held()
    here = Desk(durable)

    def seal_slowly(letter: Letter) -> Letter:
        held.wait()
        return here.seal(letter)

    here.graph = here.with_seal(seal_slowly)
    there = here.seen_by(elsewhere)
    with held.during(lambda: here.answer("Ann", who="ann")) as results:
        for value in ("Bob", {here.question: "Bob"}):
            with pytest.raises(AlreadyAnsweredError, match="answered by 'ann'"):
                there.answer(value, who="bob")

    assert results == [{"text": "Dear Ann", "signed": "Ann", "stamp": "red wax"}]
    assert here.sealed == ["Ann"], "the other process did not begin the step a second time"
    assert [event.who for event in events(durable, "letter", Resumed)] == ["ann"]


class Form(TypedDict, total=False):
    fields: list[str]


def fill_in(_: Form) -> Form:
    return {"fields": [interrupt("Name?"), interrupt("Town?")]}


def test_an_answer_goes_to_the_question_that_is_open_now_whichever_process_asked_it(
    durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver
) -> None:
    here = one_node(fill_in, Form).compile(checkpointer=durable)
    there = one_node(fill_in, Form).compile(checkpointer=elsewhere)
    assert asked(here.invoke({}, on("form"))) == ["Name?"]
    assert asked(there.invoke(Command(resume="Ann"), on("form"))) == ["Town?"]

    [shown] = here.get_state(on("form")).interrupts
    assert shown.value == "Town?"
    assert here.invoke(Command(resume="Oslo"), on("form")) == {"fields": ["Ann", "Oslo"]}


class Notes(TypedDict, total=False):
    lines: Annotated[list[str], operator.add]


def take_down(state: Notes) -> Notes:
    return {"lines": [state["lines"][-1].upper()]}


def test_each_process_goes_on_from_what_the_other_one_wrote(
    durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver
) -> None:
    here = one_node(take_down, Notes).compile(checkpointer=durable)
    there = one_node(take_down, Notes).compile(checkpointer=elsewhere)
    here.invoke({"lines": ["a"]}, on("notes"))
    there.invoke({"lines": ["b"]}, on("notes"))
    here.invoke({"lines": ["c"]}, on("notes"))
    there.update_state(on("notes"), {"lines": ["by hand"]}, as_node="take_down")

    assert here.invoke({"lines": ["d"]}, on("notes"))["lines"] == ["a", "A", "b", "B", "c", "C", "by hand", "d", "D"]


def test_an_update_by_hand_lands_on_what_another_process_wrote(
    durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver
) -> None:
    here = one_node(take_down, Notes).compile(checkpointer=durable)
    there = one_node(take_down, Notes).compile(checkpointer=elsewhere)
    here.invoke({"lines": ["a"]}, on("notes"))
    there.invoke({"lines": ["b"]}, on("notes"))

    here.update_state(on("notes"), {"lines": ["by hand"]}, as_node="take_down")

    assert there.get_state(on("notes")).values["lines"] == ["a", "A", "b", "B", "by hand"]


# --- one command, sent twice


def test_two_clicks_that_carry_one_command_id_are_one_answer(saver: BaseCheckpointSaver) -> None:
    held = Held()
    desk = Desk(saver)

    def seal_slowly(letter: Letter) -> Letter:
        held.wait()
        return desk.seal(letter)

    desk.graph = desk.with_seal(seal_slowly)
    done = {"text": "Dear Ann", "signed": "Bob", "stamp": "red wax"}
    second: list[Any] = []
    with held.during(lambda: desk.answer(command_id="click")) as first:
        click_again = Thread(target=lambda: second.append(desk.answer(command_id="click")), daemon=True)
        click_again.start()
    click_again.join(SECONDS_MAX)

    assert (first, second) == ([done], [done])
    assert desk.sealed == ["Bob"]
    assert len(events(saver, "letter", Resumed)) == 1


def test_one_input_sent_at_once_by_many_under_one_command_id_is_one_turn(saver: BaseCheckpointSaver) -> None:
    graph = one_node(take_down, Notes).compile(checkpointer=saver)
    turn = on("notes", command_id="turn-1")
    turns = at_once({f"{number}": lambda: graph.invoke({"lines": ["a"]}, turn) for number in range(8)})
    assert list(turns.values()) == [{"lines": ["a", "A"]}] * 8
    assert len(events(saver, "notes", RunStarted)) == 1


def test_an_entrypoints_input_that_another_process_withdrew_is_taken_when_its_command_is_sent_again(
    durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver
) -> None:
    held, taken = Held(), []

    def note_down(checkpointer: BaseCheckpointSaver) -> Any:
        @entrypoint(checkpointer=checkpointer)
        def note(line: str) -> str:
            taken.append(line)
            if taken == ["first"]:
                held.wait()
            return line

        return note

    here, there = note_down(durable), note_down(elsewhere)

    def first() -> Any:
        try:
            return here.invoke("first", on("note", command_id="click"))
        except StaleVersionError as error:
            return error

    with held.during(first) as results:
        assert there.invoke("second", on("note")) == "second"
    assert isinstance(results[0], StaleVersionError)
    assert here.invoke("first", on("note", command_id="click")) == "first"
    assert here.invoke("first", on("note", command_id="click")) == "first"
    assert taken == ["first", "second", "first"]


def test_a_command_id_belongs_to_the_call_it_was_given_to_not_to_calls_inside_its_nodes() -> None:
    diary = one_node(take_down, Notes).compile(checkpointer=InMemorySaver())

    def write_diary(_: Notes, config: RunnableConfig) -> Notes:
        own = {**config, "configurable": {**config["configurable"], "thread_id": "diary"}}
        diary.invoke({"lines": ["up at six"]}, own)  # type: ignore[arg-type]
        return {"lines": diary.invoke({"lines": ["to bed at ten"]}, own)["lines"]}  # type: ignore[arg-type]

    day = chain(Notes, write_diary).compile(checkpointer=InMemorySaver())
    lines = day.invoke({}, on("day", command_id="monday"))["lines"]
    assert lines == ["up at six", "UP AT SIX", "to bed at ten", "TO BED AT TEN"]


def test_an_input_that_another_process_withdrew_is_taken_when_its_command_is_sent_again(
    durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver
) -> None:
    """Its path from START was being chosen, so no step had it yet: to say that it is done would lose it."""
    held = Held()

    def graph(saver: BaseCheckpointSaver, wait: Any) -> Any:
        def route(notes: Notes) -> str:
            wait()
            return "take_down"

        builder = StateGraph(Notes).add_node(take_down)
        return builder.add_conditional_edges(START, route, ["take_down"]).compile(checkpointer=saver)

    def first() -> Any:
        with pytest.raises(StaleVersionError):
            here.invoke({"lines": ["a"]}, on("notes", command_id="turn a"))

    here, there = graph(durable, held.wait), graph(elsewhere, lambda: None)
    with held.during(first):
        there.invoke({"lines": ["b"]}, on("notes", command_id="turn b"))
    for _ in range(2):
        assert here.invoke({"lines": ["a"]}, on("notes", command_id="turn a")) == {"lines": ["b", "B", "a", "A"]}
    assert there.invoke({"lines": ["b"]}, on("notes", command_id="turn b")) == {"lines": ["b", "B", "a", "A"]}
