"""R4: many answer one question at once: one answer counts, the others are told who gave it, the gate is passed once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypedDict

import pytest
from clew import START, Command, Runtime, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import AlreadyAnsweredError

from tests.support.savers import KINDS, opened_saver

from .sizes import sized

ANSWERERS = sized(8, 64)
QUESTIONS = sized(50, 1_000)


class Gate(TypedDict):
    answer: str
    passed: int


class Town:
    """A gate that counts who passes it, seen by workers that share nothing but the store."""

    def __init__(self, saver: BaseCheckpointSaver, workers: int) -> None:
        self.passed: Counter[str] = Counter()
        self.runtimes = [Runtime() for _ in range(workers)]
        builder = StateGraph(Gate).add_node("ask", self.ask).add_node("pass", self.go_through)
        builder.add_edge(START, "ask").add_edge("ask", "pass")
        self.gates = [
            builder.compile(checkpointer=BaseCheckpointSaver(saver.store), runtime=runtime) for runtime in self.runtimes
        ]

    def ask(self, state: Gate) -> dict[str, str]:
        return {"answer": interrupt("Who are you?")}

    def go_through(self, state: Gate) -> dict[str, int]:
        self.passed[state["answer"].partition(":")[0]] += 1
        return {"passed": 1}


@pytest.fixture(params=KINDS)
def saver(request: pytest.FixtureRequest) -> Iterator[BaseCheckpointSaver]:
    with opened_saver(request.param, request, **({} if request.param == "memory" else {"durability": "os"})) as opened:
        yield opened


@pytest.mark.slow
def test_one_answer_counts_however_many_are_given_at_once(
    saver: BaseCheckpointSaver, report_figure: Callable[[str], None]
) -> None:
    """Half of the answerers share a runtime, as threads of one process do; the others have their own, as processes."""
    town = Town(saver, 1 + ANSWERERS // 2)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        with ThreadPoolExecutor(ANSWERERS) as people:
            for number in range(QUESTIONS):
                check_question(town, people, f"q{number}")
    finally:
        sys.setswitchinterval(before)
        for runtime in town.runtimes:
            runtime.close()
    assert town.passed == Counter({f"q{number}": 1 for number in range(QUESTIONS)})
    kind = type(saver.store).__name__
    report_figure(f"R4: {kind}: {QUESTIONS} questions, {ANSWERERS} answerers each: 1 accepted, {ANSWERERS - 1} refused")


def check_question(town: Town, people: ThreadPoolExecutor, thread: str) -> None:
    town.gates[0].invoke({"passed": 0}, {"configurable": {"thread_id": thread}})
    at_once = Barrier(ANSWERERS)

    def answer(number: int) -> Any:
        at_once.wait(30)
        gate = town.gates[number % len(town.gates)]
        config = {"configurable": {"thread_id": thread, "who": f"person {number}"}}
        try:
            return number, gate.invoke(Command(resume=f"{thread}:{number}"), config)
        except AlreadyAnsweredError as refused:
            return refused.winner

    answers = list(people.map(answer, range(ANSWERERS)))
    winners = [found for found in answers if isinstance(found, tuple)]
    assert len(winners) == 1
    number, state = winners[0]
    assert state == {"answer": f"{thread}:{number}", "passed": 1}
    assert [found for found in answers if not isinstance(found, tuple)] == [f"person {number}"] * (ANSWERERS - 1)
