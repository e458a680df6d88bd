"""Entering a graph inside: given events in several namespaces, when a task calls, then events, the same at replay."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, StateGraph
from clew.actors.author.returns import input_writes, interpret
from clew.actors.decider.commands import (
    Answer,
    Command,
    Continue,
    Decision,
    Enter,
    Moment,
    Outcome,
    Report,
    Start,
    Terms,
)
from clew.actors.decider.decide import decide
from clew.actors.decider.request import Request
from clew.events.errors import ParentCommand
from clew.events.vocabulary import Commit, InterruptRaised, Payload, Recorded
from clew.projections.channels.reducers import channel_of_name
from clew.projections.state.fold import fold_all
from clew.projections.state.ids import task_id
from clew.projections.state.merge import Channels, read_values
from clew.projections.state.namespaces import call_namespace, task_namespace, without_ids
from clew.projections.state.thread import ThreadState


class State(TypedDict):
    names: Annotated[list, operator.add]


def nothing(state: State) -> None:
    """A body that is never run here."""


INNER = StateGraph(State).add_node("a", nothing).add_node("b", nothing).add_edge(START, "a").add_edge("a", "b")


class Levels:
    """A thread whose root has one node, which calls a graph of two."""

    def __init__(self, checkpointer: Any = None) -> None:
        self.inner = INNER.compile(checkpointer=checkpointer)
        self.root = StateGraph(State).add_node("sub", self.inner).add_edge(START, "sub").compile()
        self.state = ThreadState()
        self.log: list[Recorded] = []
        self.continuing = checkpointer is True
        self.last = Decision()

    def when(self, command: Command, ns: str = "") -> list[tuple[str, str]]:
        """Decide a command in a namespace; (namespace, event) of what was said. Replay must give the same state."""
        graph = self.inner if ns else self.root
        moment = Moment(1_000_000 + 1000 * len(self.log), bytes([len(self.log) + 1]) * 16)
        caller = self.caller if self.continuing and ns else ""
        terms = Terms("run", caller=caller)
        request = Request(graph.plan, graph.channels, terms, self.state, moment, "t", graph.graph_seen, ns=ns)
        decision = self.last = decide(request, command)
        if decision.draft is None:
            return []
        self.state = decision.draft.finish()
        commit = Commit(moment.entropy, moment.time, list(decision.draft.events))
        self.log.append(Recorded("t", len(self.log), len(self.log), b"", commit))
        again = fold_all(ThreadState(), self.log, self.root.channels)
        assert {at: self.shown(again, at) for at in again.lines} == {
            at: self.shown(self.state, at) for at in self.state.lines
        }
        assert [line.ns for line in again.closed] == [line.ns for line in self.state.closed]
        assert again.status == self.state.status
        return [(event.ns, type(event).__name__) for event in commit.events]

    def shown(self, state: ThreadState, ns: str) -> Any:
        """What can be seen of a line."""
        line = state.lines[ns]
        values = read_values(self.inner.channels, line.cells, ("names",))
        run = None if line.run is None else (line.run.caller, line.run.status, [at for at, _ in line.run.above])
        steps = [(one.step, one.source) for one in line.checkpoints()]
        return (values, line.tasks, steps, run, line.below, line.task, line.place, line.paused)

    def call(self, names: list[str]) -> list[tuple[str, str]]:
        """The root's node calls the graph with this input."""
        return self.when(Enter(self.caller, Start(tuple(input_writes(self.inner.plan, {"names": names})))), self.ns)

    def begin(self) -> None:
        """New input for the root, whose node starts."""
        self.when(Start(tuple(input_writes(self.root.plan, {"names": []}))))

    def done(self, node: str, ns: str) -> list[tuple[str, str]]:
        """The one running task of a namespace completed."""
        plan = self.inner.plan if ns else self.root.plan
        found = plan.node(node)
        assert found is not None
        understood = interpret(plan, found, {"names": [node]})
        return self.when(Report((Outcome(0, "completed", writes=tuple(understood.writes)),)), ns)

    def asks(self) -> None:
        """The inner node asks, and so both levels pause."""
        raised = InterruptRaised(task=0, question="q" * 32, scope="", ordinal=0, digest=bytes(16), value=Payload("?"))
        self.when(Report((Outcome(0, "asked", questions=(raised,)),)), self.ns)
        self.when(Report((Outcome(0, "asked"),)))

    @property
    def caller(self) -> str:
        """Namespace of the root's task."""
        head = self.state.root.head
        assert head is not None
        return task_namespace("", "sub", task_id(head.id, "", "sub", -1))

    @property
    def ns(self) -> str:
        """Namespace of the called graph."""
        return call_namespace(self.caller, 0, continuing=self.continuing)


def test_a_first_call_starts_the_graph_in_its_namespace() -> None:
    levels = Levels()
    levels.begin()
    said = levels.call(["i"])
    assert [name for _, name in said] == ["GraphSeen", "RunStarted", "StepCommitted", "StepPlanned", "NodeStarted"]
    assert {ns for ns, name in said if name != "GraphSeen"} == {levels.ns}
    assert (list(levels.state.root.below), levels.state.line(levels.ns).run.above[0][0]) == ([levels.ns], "")  # type: ignore[union-attr]


def test_the_same_task_calling_again_goes_on_where_it_was() -> None:
    levels = Levels()
    levels.begin()
    levels.call(["i"])
    levels.done("a", levels.ns)
    assert levels.call(["other"]) == [(levels.ns, "RunContinued"), (levels.ns, "NodeStarted")]
    assert [task.node for task in levels.state.line(levels.ns).unfinished] == ["b"]


def test_a_finished_call_says_nothing_and_is_over() -> None:
    levels = Levels()
    levels.begin()
    levels.call(["i"])
    levels.done("a", levels.ns)
    levels.done("b", levels.ns)
    assert levels.call(["other"]) == []
    assert levels.last.ending is not None
    assert levels.last.ending.status == "completed"


def test_an_answer_is_said_in_the_namespace_of_its_question_and_starts_the_task_above() -> None:
    levels = Levels()
    levels.begin()
    levels.call(["i"])
    levels.asks()
    ns = levels.ns
    assert [question.raised.question for question in levels.state.open_questions()] == ["q" * 32]
    said = levels.when(Answer({}, Payload("yes")))
    assert said == [("", "RunContinued"), (ns, "Resumed"), ("", "NodeStarted")]
    assert levels.call(["i"]) == [(ns, "RunContinued"), (ns, "NodeStarted")]


def test_new_input_withdraws_the_questions_below() -> None:
    levels = Levels()
    levels.begin()
    levels.call(["i"])
    levels.asks()
    ns = levels.ns
    levels.begin()
    assert levels.state.open_questions() == ()
    assert (list(levels.state.lines), [line.ns for line in levels.state.closed]) == ([""], [ns])
    assert levels.state.last_line(ns).tasks[0].questions[0].withdrawn == "abandoned"


def test_a_step_that_ends_closes_the_lines_of_its_calls() -> None:
    levels = Levels()
    levels.begin()
    ns = levels.ns
    levels.call(["i"])
    levels.done("a", ns)
    levels.done("b", ns)
    levels.done("sub", "")
    assert (list(levels.state.lines), [line.ns for line in levels.state.closed]) == ([""], [ns])


def test_a_history_that_goes_on_takes_the_next_call_as_new_input() -> None:
    levels = Levels(True)
    for count in (1, 2):
        levels.begin()
        levels.call(["i"])
        levels.done("a", "sub")
        levels.done("b", "sub")
        levels.done("sub", "")
        values = read_values(levels.inner.channels, levels.state.line("sub").cells, ("names",))
        assert values == {"names": ["i", "a", "b"] * count}
    assert list(levels.state.lines) == ["", "sub"]
    assert len(levels.state.closed) == 0


def test_a_history_that_goes_on_can_be_taken_up_from_before_a_checkpoint() -> None:
    levels = Levels(True)
    levels.begin()
    levels.call(["i"])
    first = levels.state.root.head
    assert first is not None
    levels.begin()
    begun = Start(tuple(input_writes(levels.inner.plan, {"names": ["again"]})))
    levels.when(Enter(levels.caller, begun, first.address, 10**6), "sub")
    assert read_values(levels.inner.channels, levels.state.line("sub").cells, ("names",)) == {"names": ["again"]}


def test_a_command_for_the_parent_leaves_no_failure() -> None:
    levels = Levels()
    levels.begin()
    levels.call(["i"])
    said = levels.when(Report((Outcome(0, "failed", error=ParentCommand("up")),)), levels.ns)
    assert said == [(levels.ns, "RunFinished")]
    assert isinstance(levels.last.ending.error, ParentCommand)  # type: ignore[union-attr]


def test_continuing_the_root_starts_the_calling_task_alone() -> None:
    levels = Levels()
    levels.begin()
    levels.call(["i"])
    assert levels.when(Continue()) == [("", "RunContinued"), ("", "NodeStarted")]


def test_a_thread_is_read_without_the_code_of_its_graphs_inside() -> None:
    levels = Levels()
    levels.begin()
    ns = levels.ns
    levels.call(["i"])
    levels.done("a", ns)
    state = fold_all(ThreadState(), levels.log, Channels(levels.root.plan.channels))
    assert read_values(state.line(ns).rules, state.line(ns).cells, ("names",)) == {"names": ["i", "a"]}


@pytest.mark.parametrize(
    "rule", ["operator.add:list", "messages", "topic:accumulate", "last_value", "any_value", "max:int"]
)
def test_a_recorded_rule_is_the_channel_of_that_name(rule: str) -> None:
    assert channel_of_name(rule).name == rule


def test_a_users_own_rule_keeps_what_was_written_last() -> None:
    assert channel_of_name("user:best_of").name == "user:best_of"


def test_namespaces_lose_ids_and_numbers() -> None:
    assert without_ids("a:1-2|b:3|1|c:4") == "a|b|c"
    assert call_namespace("a:1|b:2", 2) == "a:1|b:2|2"
    assert call_namespace("a:1|b:2", 2, continuing=True) == "a|b|2"
