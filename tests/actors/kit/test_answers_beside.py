"""Two processes answer different questions of one step, in many orders: each body runs once, or a process has died."""

from __future__ import annotations

import operator
from collections import Counter
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, StateGraph, interrupt
from clew.events.vocabulary import NodeStarted, Resumed, RunContinued, RunFinished
from clew.testing import Simulation

SEEDS = 10


class State(TypedDict):
    said: Annotated[list, operator.add]


def asking(ledger: list[str], *names: str, inside: bool = False) -> Any:
    """Nodes side by side that ask and then do something that shows; `inside`: each in a graph of its own."""

    def body(name: str) -> Any:
        def ask(state: State) -> dict[str, Any]:
            answer = interrupt(name)
            ledger.append(name)
            return {"said": [answer]}

        return ask

    builder = StateGraph(State)
    for name in names:
        node = body(name)
        if inside:
            node = calling(StateGraph(State).add_node("ask", node).add_edge(START, "ask").compile())
        builder.add_node(name, node).add_edge(START, name)
    builder.add_node("after", lambda state: {"said": ["after"]}).add_edge(list(names), "after")
    return builder.compile()


def calling(graph: Any) -> Any:
    """A node that calls a graph by itself."""
    return lambda state: {"said": graph.invoke({"said": []})["said"]}


def simulated(ledger: list[str], names: tuple[str, ...], *, inside: bool, crashes_max: int = 0) -> Simulation:
    """Everybody asks, and each question is answered by a client of its own, in a process of its own."""
    ledger.clear()
    simulation = Simulation(
        asking(ledger, *names, inside=inside), [{"said": []}], processes=len(names), crashes_max=crashes_max
    )
    simulation.crashes_max = 0
    simulation.run()
    simulation.crashes_max = crashes_max
    for number, asked in enumerate(simulation.state.interrupts):
        simulation.client(Command(resume={asked.id: asked.value.upper()}), process=number)
    return simulation


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c")])
def test_no_body_runs_twice_and_every_answer_counts(names: tuple[str, ...], inside: bool) -> None:
    ledger: list[str] = []
    for seed in range(SEEDS):
        simulation = simulated(ledger, names, inside=inside).run(seed)
        assert Counter(ledger) == Counter(names), simulation.schedule
        assert sorted(simulation.values["said"]) == sorted([*map(str.upper, names), "after"])
        # An outcome that says that nothing is left to do, or one that says that the work is done: nobody gets an error.
        assert all(ends[-1] in ("completed", "repeated", "interrupted") for ends in simulation.results)


@pytest.mark.parametrize("inside", [False, True])
def test_a_process_that_dies_leaves_its_work_to_those_that_wait_for_it(inside: bool) -> None:
    ledger: list[str] = []
    for seed in range(SEEDS):
        simulation = simulated(ledger, ("a", "b"), inside=inside, crashes_max=1).run(seed)
        assert sorted(simulation.values["said"]) == ["A", "B", "after"], simulation.schedule
        assert max(Counter(ledger).values()) <= 1 + simulation.crashes


def test_the_process_at_work_goes_on_with_the_answer_that_another_one_recorded() -> None:
    ledger: list[str] = []
    simulation = simulated(ledger, ("a", "b"), inside=False)
    first, second = (client.name for client in simulation.clients[1:])
    simulation.take(f"{first} makes call 1")
    before = len(simulation.events)
    simulation.take(f"{second} makes call 1")
    [recorded] = simulation.events[before:]
    assert isinstance(recorded, Resumed), "the answer is stored, and nothing is taken over"
    simulation.run()
    told = [
        event for event in simulation.events[before:] if isinstance(event, RunContinued | NodeStarted | RunFinished)
    ]
    assert [type(event) for event in told] == [NodeStarted, NodeStarted, RunFinished]
    assert ledger == ["a", "b"]
