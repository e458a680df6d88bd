"""R6: commands that come once or five times, in any order, late, to any process: each counts once, or is refused.

The model is a list and a question. What the thread says, what each caller is told, and how many commits there are must
be the model's after every delivery; a command that was taken answers every repetition with the thread as it stands.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Runtime, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import AlreadyAnsweredError, RefusedError, UnknownInterruptError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from .sizes import sized

EXAMPLES = sized(100, 20_000)
STEPS = sized(30, 60)
TIMES_MAX = 5
"""How often a command is delivered, at most."""
ON: Any = {"configurable": {"thread_id": "deliveries"}}


class Said(TypedDict):
    said: Annotated[list[str], operator.add]


def ask(state: Said) -> dict[str, list[str]]:
    return {"said": [interrupt(f"what after {state['said'][-1]}?")]}


def graph(saver: BaseCheckpointSaver, runtime: Runtime) -> Any:
    builder = StateGraph(Said).add_node("hear", lambda state: {"said": [f"heard {state['said'][-1]}"]})
    builder.add_node("ask", ask).add_edge(START, "hear").add_edge("hear", "ask")
    return builder.compile(checkpointer=saver, runtime=runtime)


class Model:
    """What the thread must be: no more than a list, and who asked what."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.open: str | None = None
        self.answered: set[str] = set()
        self.taken: set[str] = set()

    def tell(self, command: str, word: str) -> None:
        if command not in self.taken:
            self.taken.add(command)
            self.said += [word, f"heard {word}"]
            self.open = None

    def answer(self, command: str, question: str, value: str) -> type[RefusedError] | None:
        if command in self.taken:
            return None
        if question != self.open:
            return AlreadyAnsweredError if question in self.answered else UnknownInterruptError
        self.taken.add(command)
        self.answered.add(question)
        self.said.append(value)
        self.open = None
        return None


class Deliveries(RuleBasedStateMachine):
    """The network: it holds commands, and delivers them as it likes."""

    counted: Counter[str] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.runtimes = [Runtime(), Runtime()]
        self.store = InMemorySaver()
        self.processes = [graph(BaseCheckpointSaver(self.store.store), runtime) for runtime in self.runtimes]
        self.model = Model()
        self.sent: list[tuple[str, Any]] = []
        """(id, what) of every command that somebody sent, delivered or not."""
        self.times: Counter[str] = Counter()
        self.questions: list[str] = []
        """Ids of all questions so far."""

    def send(self, what: Any) -> None:
        self.sent.append((f"command {len(self.sent)}", what))

    @rule(word=st.sampled_from("abc"))
    def somebody_tells(self, word: str) -> None:
        self.send(word)

    @precondition(lambda self: self.questions)
    @rule(which=st.integers(0, 3), value=st.sampled_from(["yes", "no"]))
    def somebody_answers(self, which: int, value: str) -> None:
        """One of the last questions: open, answered, or passed over."""
        self.send((self.questions[-1 - which % len(self.questions)], value))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 7), process=st.integers(0, 1), times=st.integers(1, 3))
    def a_command_comes(self, which: int, process: int, times: int) -> None:
        """One of the last ones sent: new, or again."""
        command, what = self.sent[-1 - which % len(self.sent)]
        for _ in range(min(times, TIMES_MAX - self.times[command])):
            self.deliver(command, what, process)

    def deliver(self, command: str, what: Any, process: int) -> None:
        self.times[command] += 1
        known = command in self.model.taken
        refusal = None
        if isinstance(what, str):
            self.model.tell(command, what)
            given: Any = {"said": [what]}
        else:
            refusal = self.model.answer(command, *what)
            given = Command(resume=dict([what]))
        before = len(self.store.store.read("deliveries"))
        config: Any = {"configurable": {"thread_id": "deliveries", "command_id": command}}
        if refusal is not None:
            with pytest.raises(refusal):
                self.processes[process].invoke(given, config)
            assert len(self.store.store.read("deliveries")) == before
            self.counted["refused"] += 1
            return
        reply = self.processes[process].invoke(given, config)
        assert reply["said"] == self.model.said
        commits = len(self.store.store.read("deliveries")) - before
        assert (commits == 0) == known, f"{commits} commits by {command}, known before: {known}"
        self.counted["repeated" if known else "taken"] += 1
        asked = [question.id for question in reply.get("__interrupt__", ())]
        if not known and isinstance(what, str):
            assert len(asked) == 1
            self.model.open = asked[0]
            self.questions += asked
        assert asked == ([] if self.model.open is None else [self.model.open])

    def teardown(self) -> None:
        for process in self.processes:
            found = process.get_state(ON)
            assert found.values.get("said", []) == self.model.said
        for runtime in self.runtimes:
            runtime.close()


@pytest.mark.slow
def test_every_command_counts_once_however_often_and_late_it_comes(report_figure: Callable[[str], None]) -> None:
    Deliveries.counted.clear()
    run_state_machine_as_test(
        Deliveries,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
    counted = Deliveries.counted
    assert min(counted["taken"], counted["repeated"], counted["refused"]) > EXAMPLES
    each = ", ".join(f"{counted[kind]} {kind}" for kind in ("taken", "repeated", "refused"))
    report_figure(f"R6: {EXAMPLES} examples, {counted.total()} deliveries: {each}; each as the model says")
