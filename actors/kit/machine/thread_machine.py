"""`ThreadMachine`: what is done to a thread, chosen by Hypothesis. `Play` does it and checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .inputs import answers_to
from .play import PROCESSES, MachineFailed, Play, Rules
from .smallest import Smallest

Answers = st.SearchStrategy[Any] | Callable[[Any], st.SearchStrategy[Any]]
"""A strategy for answers to any question, or a function from a question to one."""


@final
@dataclass(frozen=True)
class Strategies:
    """What people say to a thread."""

    inputs: st.SearchStrategy[Any]
    answers: Answers | None
    """None: as the question's schema allows."""

    def answers_to(self, question: Any) -> st.SearchStrategy[Any]:
        """A strategy for answers to this question."""
        if self.answers is None:
            return answers_to(question.response_schema)
        return self.answers(question) if callable(self.answers) else self.answers


_PROCESSES = st.integers(0, PROCESSES - 1)
_ANY = st.integers(0, 9)
_INPUTS: st.SearchStrategy[Any] = st.runner().flatmap(lambda machine: machine.strategies.inputs)
_VERSIONS = st.runner().flatmap(lambda machine: st.integers(0, len(machine.made_for.graphs) - 1))


class ThreadMachine(RuleBasedStateMachine):
    """What is done to a thread, and by which process. A sub-class says to a thread of which graph."""

    made_for: ClassVar[Rules]
    strategies: ClassVar[Strategies]
    smallest: ClassVar[Smallest]

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(self.made_for)
        self.over = False
        """True when the conversation has failed."""

    def _take(self, **step: Any) -> None:
        try:
            self.play.take(step)
        except MachineFailed as error:
            self.over = True
            raise self.smallest.of(error) from error

    @initialize(value=_INPUTS, process=_PROCESSES)
    def first_input(self, value: Any, process: int) -> None:
        """The thread begins."""
        self._take(do="input", process=process, value=self.play.value(value))

    @rule(kind=st.sampled_from(["input", "continue", "answer nobody"]), value=_INPUTS, process=_PROCESSES)
    def somebody_calls(self, kind: str, value: Any, process: int) -> None:
        """New input, None, or an answer to a question that nobody asked."""
        step = {} if kind == "continue" else {"value": self.play.value(value if kind == "input" else "wrong")}
        self._take(do=kind, process=process, **step)

    @precondition(lambda self: self.play.possible)
    @rule(choices=st.lists(_ANY, min_size=1, max_size=4))
    def goes_on_a_little(self, choices: list[int]) -> None:
        """Up to four steps of the engine, as it chooses."""
        for which in choices:
            possible = self.play.possible
            if possible:
                self._take(do="step", name=possible[which % len(possible)])

    @precondition(lambda self: self.play.possible)
    @rule()
    def everything_rests(self) -> None:
        """Steps of the engine until there are none."""
        self._take(do="rest")

    @precondition(lambda self: self.play.open_questions)
    @rule(data=st.data(), which=_ANY, process=_PROCESSES)
    def answer(self, data: st.DataObject, which: int, process: int) -> None:
        """An answer to an open question."""
        questions = self.play.open_questions
        value = data.draw(self.strategies.answers_to(questions[which % len(questions)]))
        self._take(do="answer", process=process, question=which, value=self.play.value(value))

    @precondition(lambda self: self.play.answered_questions)
    @rule(which=_ANY, process=_PROCESSES)
    def late_answer(self, which: int, process: int) -> None:
        """An answer to a question that has one."""
        self._take(do="answer late", process=process, question=which, value=self.play.value("late"))

    @precondition(lambda self: any(not call.client.waits for call in self.play.calls))
    @rule(which=_ANY)
    def same_call_again(self, which: int) -> None:
        """A call that came back is sent again."""
        if any(not call.client.waits and not call.client.lost for call in self.play.calls):
            self._take(do="repeat", call=which)

    @rule(which=_ANY, process=_PROCESSES)
    def goes_back(self, which: int, process: int) -> None:
        """A branch from an earlier checkpoint."""
        self._take(do="go back", process=process, checkpoint=which)

    @precondition(lambda self: self.play.busy)
    @rule(which=_ANY)
    def crash(self, which: int) -> None:
        """A process dies in the middle of a call."""
        busy = self.play.busy
        self._take(do="crash", process=busy[which % len(busy)])

    @rule(seconds=st.sampled_from([-3600, -1, 60, 86_400, 31_536_000]))
    def clock_jumps(self, seconds: int) -> None:
        """The clock is set."""
        self._take(do="clock", seconds=seconds)

    @precondition(lambda self: len(self.made_for.graphs) > 1)
    @rule(process=_PROCESSES, version=_VERSIONS)
    def deploy(self, process: int, version: int) -> None:
        """A process serves another version of the graph from now on."""
        self._take(do="deploy", process=process, version=version)

    def teardown(self) -> None:
        """See that the thread comes to rest."""
        if not self.over and self.play.steps:
            self._take(do="rest")
