"""Two processes answer different questions of one step at the same moment: nothing is lost and nothing is done twice.

Two runtimes, each with a saver of its own on one store, know as little of each other as two processes do.
"""

from __future__ import annotations

import asyncio
import operator
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Runtime, StateGraph, interrupt
from clew.actors.engine.work import beside, processes
from clew.errors import StaleVersionError, StillRunningError
from clew.events.stores.saver import BaseCheckpointSaver
from clew.events.vocabulary import NodeStarted, Resumed, RunContinued

from tests.support.stories import background, events, on, until

SECONDS_MAX = 30.0
CLAIM = on("claim")


class Claim(TypedDict):
    said: Annotated[list, operator.add]


class Office:
    """Two desks that ask side by side, as two processes see them; the first one's work is held once it has begun."""

    def __init__(self, here: BaseCheckpointSaver, there: BaseCheckpointSaver) -> None:
        self.done: list[str] = []
        self.began, self._go_on, self.fails = Event(), Event(), False
        self.runtimes = (Runtime(), Runtime())
        self.here, self.there = (
            self.builder().compile(saver, runtime=runtime)
            for saver, runtime in zip((here, there), self.runtimes, strict=True)
        )
        asked = self.here.invoke({"said": []}, CLAIM)["__interrupt__"]
        self.questions = {question.value: question.id for question in asked}

    def builder(self) -> StateGraph:
        return (
            StateGraph(Claim)
            .add_node("legal", self.legal)
            .add_node("tax", self.tax)
            .add_node("pay", lambda claim: {"said": ["paid"]})
            .add_edge(START, "legal")
            .add_edge(START, "tax")
            .add_edge(["legal", "tax"], "pay")
        )

    def legal(self, claim: Claim) -> dict[str, Any]:
        answer = interrupt("legal?")
        self.done.append("legal")
        first = not self.began.is_set()
        self.began.set()
        if first:
            assert self._go_on.wait(SECONDS_MAX)
        if first and self.fails:
            raise ValueError("no stamp")
        return {"said": [answer]}

    def tax(self, claim: Claim) -> dict[str, Any]:
        answer = interrupt("tax?")
        self.done.append("tax")
        return {"said": [answer]}

    def answer(self, question: str, **configurable: Any) -> tuple[Any, Any]:
        """What a client sends for this question."""
        return Command(resume={self.questions[question]: question.upper()}), on("claim", **configurable)

    def go_on(self) -> None:
        self._go_on.set()

    def waits_there(self, waiting: Thread, results: list[Any]) -> None:
        """The second process has the call, and does not answer it while the first works."""
        until(lambda: self.runtimes[1].health().running == 1)
        waiting.join(0.05)
        assert results == []

    @contextmanager
    def legal_at_work(self, call: Callable[..., Any] | None = None) -> Iterator[list[Any]]:
        """The first process has its answer and works; the list has what becomes of its call."""
        results: list[Any] = []
        caller = background(lambda: (call or self.here.invoke)(*self.answer("legal?")), results)
        try:
            assert self.began.wait(SECONDS_MAX)
            yield results
        finally:
            self.go_on()
            caller.join(SECONDS_MAX)


@pytest.fixture
def office(durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver) -> Iterator[Office]:
    made = Office(durable, elsewhere)
    yield made
    for runtime in made.runtimes:
        runtime.close()


def recorded(saver: BaseCheckpointSaver, count: int) -> list[Resumed]:
    """The answers on record once there are so many."""
    until(lambda: len(events(saver, "claim", Resumed)) >= count)
    return events(saver, "claim", Resumed)


BOTH = ["LEGAL?", "TAX?", "paid"]


def test_the_second_answer_is_recorded_at_once_and_the_process_at_work_goes_on_with_it(
    office: Office, durable: BaseCheckpointSaver
) -> None:
    second: list[Any] = []
    with office.legal_at_work() as first:
        waiting = background(lambda: office.there.invoke(*office.answer("tax?")), second)
        assert len(recorded(durable, 2)) == 2, "durable while the first process works on its own"
        assert office.done == ["legal"]
    waiting.join(SECONDS_MAX)
    assert [result["said"] for result in (*first, *second)] == [BOTH, BOTH]
    assert office.done == ["legal", "tax"], "no body ran twice"
    assert len(events(durable, "claim", RunContinued)) == 1, "the thread was not taken over"


def test_a_run_that_is_stored_at_its_end_begins_when_the_process_at_work_is_done(
    office: Office, durable: BaseCheckpointSaver
) -> None:
    second: list[Any] = []
    with office.legal_at_work() as first:
        waiting = background(lambda: office.there.invoke(*office.answer("tax?"), durability="exit"), second)
        waiting.join(0.05)
        assert len(recorded(durable, 1)) == 1, "nothing is stored before the run's end"
        assert office.done == ["legal"]
    waiting.join(SECONDS_MAX)
    assert [question.value for question in first[0]["__interrupt__"]] == ["tax?"]
    assert second[0]["said"] == BOTH
    assert office.done == ["legal", "tax"], "no body ran twice"


def test_an_answer_that_waits_keeps_nobody_from_taking_over(office: Office, durable: BaseCheckpointSaver) -> None:
    second: list[Any] = []
    with office.legal_at_work() as first:
        waiting = background(lambda: office.there.invoke(*office.answer("tax?")), second)
        recorded(durable, 2)
        assert office.there.invoke(None, CLAIM)["said"] == BOTH
        waiting.join(SECONDS_MAX)
        assert second[0]["said"] == BOTH
    assert isinstance(first[0], StaleVersionError)


def test_a_new_input_does_not_pass_an_answer_that_waits(office: Office, durable: BaseCheckpointSaver) -> None:
    second: list[Any] = []
    third: list[Any] = []
    with office.legal_at_work() as first:
        waiting = background(lambda: office.there.invoke(*office.answer("tax?")), second)
        recorded(durable, 2)
        later = background(lambda: office.there.invoke({"said": ["more"]}, CLAIM), third)
        later.join(0.1)
    waiting.join(SECONDS_MAX)
    later.join(SECONDS_MAX)
    assert [result["said"] for result in (*first, *second)] == [BOTH, BOTH]
    assert third[0]["said"] == [*BOTH, "more"]


@pytest.mark.parametrize("cancelled", [0, 1])
def test_of_two_calls_that_wait_one_may_be_cancelled(
    office: Office, durable: BaseCheckpointSaver, cancelled: int
) -> None:
    async def answered() -> Any:
        tax = office.answer("tax?", command_id="click")
        calls = [asyncio.ensure_future(office.there.ainvoke(*tax)) for _ in range(2)]
        await asyncio.to_thread(recorded, durable, 2)
        await asyncio.sleep(0.05)  # they look by turns now
        calls[cancelled].cancel()
        with pytest.raises(asyncio.CancelledError):
            await calls[cancelled]
        office.go_on()
        return await asyncio.wait_for(calls[1 - cancelled], SECONDS_MAX)

    with office.legal_at_work() as first:
        assert asyncio.run(answered())["said"] == BOTH
    assert first[0]["said"] == BOTH
    assert office.done == ["legal", "tax"]


def test_a_stream_that_waited_ends_with_the_question_that_is_still_open(
    office: Office, durable: BaseCheckpointSaver
) -> None:
    again: list[Any] = []

    def call(given: Any, config: Any) -> Any:
        return office.here.invoke(given, on("claim", command_id="click"))

    def streamed() -> list[Any]:
        given, config = office.answer("legal?")[0], on("claim", command_id="click")
        return list(office.there.stream(given, config, stream_mode="updates"))

    with office.legal_at_work(call):
        waiting = background(streamed, again)
        office.waits_there(waiting, again)
    waiting.join(SECONDS_MAX)
    *_, last = again[0]
    assert [question.value for question in last["__interrupt__"]] == ["tax?"]


def test_async_callers_and_streams_wait_as_well(office: Office, durable: BaseCheckpointSaver) -> None:
    async def streamed() -> list[Any]:
        given, config = office.answer("tax?")
        return [chunk async for chunk in office.there.astream(given, config, stream_mode="values")]

    second: list[Any] = []
    with office.legal_at_work(lambda *call: asyncio.run(office.here.ainvoke(*call))) as first:
        waiting = background(lambda: asyncio.run(streamed()), second)
        recorded(durable, 2)
    waiting.join(SECONDS_MAX)
    assert first[0]["said"] == BOTH
    assert second[0][-1]["said"] == BOTH
    assert office.done == ["legal", "tax"]


def test_what_the_process_at_work_fails_at_is_tried_again_by_the_one_that_waits(
    office: Office, durable: BaseCheckpointSaver
) -> None:
    office.fails = True
    second: list[Any] = []
    with office.legal_at_work() as first:
        waiting = background(lambda: office.there.invoke(*office.answer("tax?")), second)
        recorded(durable, 2)
    waiting.join(SECONDS_MAX)
    assert repr(first[0]) == "ValueError('no stamp')"
    assert second[0]["said"] == BOTH
    assert sorted(office.done) == ["legal", "legal", "tax"], "as when both calls are made in one process"


def test_a_repeated_command_waits_for_the_process_that_works_on_it(
    office: Office, durable: BaseCheckpointSaver
) -> None:
    again: list[Any] = []

    def call(given: Any, config: Any) -> Any:
        return office.here.invoke(given, on("claim", command_id="click"))

    with office.legal_at_work(call) as first:
        waiting = background(
            lambda: office.there.invoke(office.answer("legal?")[0], on("claim", command_id="click")), again
        )
        office.waits_there(waiting, again)
    waiting.join(SECONDS_MAX)
    for result in (first[0], again[0]):
        assert [question.value for question in result["__interrupt__"]] == ["tax?"]
    assert office.done == ["legal"]


def test_the_error_of_a_process_that_was_overtaken_says_that_its_answer_is_on_record(
    office: Office, durable: BaseCheckpointSaver
) -> None:
    with office.legal_at_work() as first:
        taken = office.there.invoke(None, CLAIM)
        assert [question.value for question in taken["__interrupt__"]] == ["tax?"]
    [error] = first
    assert isinstance(error, StaleVersionError)
    assert error.answered == (office.questions["legal?"],)
    assert f"the answer to question {office.questions['legal?']!r} is on record: do not send it again" in str(error)
    assert office.there.invoke(*office.answer("tax?"))["said"] == BOTH


def test_nobody_waits_for_ever_for_a_process_that_says_nothing(
    office: Office, durable: BaseCheckpointSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "QUIET_SECONDS", 0.0)
    with office.legal_at_work() as first:
        with pytest.raises(StillRunningError, match="is on record: do not send it again") as raised:
            office.there.invoke(*office.answer("tax?"))
        assert raised.value.answered == (office.questions["tax?"],)
    assert first[0]["said"] == BOTH, "the answer counts all the same"


def test_a_process_of_another_machine_is_given_up_when_it_says_nothing(
    office: Office, durable: BaseCheckpointSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(processes, "lives", lambda name: None)
    with office.legal_at_work() as first:
        assert office.there.invoke(*office.answer("tax?"))["said"] == BOTH
    assert isinstance(first[0], StaleVersionError)


def test_a_process_whose_runtime_was_closed_is_not_waited_for(office: Office, durable: BaseCheckpointSaver) -> None:
    with office.legal_at_work():
        processes.forget(next(iter(office.runtimes[0]._shelves.values())).journal.process)
        assert office.there.invoke(*office.answer("tax?"))["said"] == BOTH


def test_a_run_that_nobody_contends_with_is_never_asked_whether_it_lives(
    durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lives(name: str) -> bool:
        raise AssertionError("nobody works beside it")

    monkeypatch.setattr(processes, "lives", lives)
    office = Office(durable, elsewhere)
    office.go_on()
    office.here.invoke(*office.answer("legal?"))
    assert office.there.invoke(*office.answer("tax?"))["said"] == BOTH
    assert [event.attempt for event in events(durable, "claim", NodeStarted)] == [1, 1, 2, 2, 1]


def test_a_name_tells_a_process_that_lives_from_one_that_is_gone() -> None:
    mine = processes.new_name()
    assert processes.lives(mine) is True
    processes.forget(mine)
    assert processes.lives(mine) is False
    told = "from clew.actors.engine.work.processes import new_name; print(new_name(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        assert processes.lives(name) is True
        other.kill()
        other.wait(SECONDS_MAX)
    assert processes.lives(name) is False
    assert processes.lives(f"elsewhere/{name.partition('/')[2]}") is None
    machine, pid, _, number = mine.split("/")
    assert processes.lives(f"{machine}/{pid}/1/{number}") is False, "its number belongs to another one now"
