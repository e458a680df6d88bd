"""The scheduler: any order, the same order again, and the bugs that only some orders show."""

from __future__ import annotations

from typing import Any

import pytest
from clew import START, Command, StateGraph, interrupt
from clew.errors import AlreadyAnsweredError
from clew.events.stores.memory import MemoryStore
from clew.testing import Fault, FaultyStore, RecordedLog, ScheduleMismatch, Simulation, SimulationFailed, explore

from .desk import CONVERSATION, Bag, desk, market, pay, remembering

TEA = [{"names": ["x"]}, Command(resume="green")]


def test_the_calm_order_is_what_invoke_does() -> None:
    simulation = Simulation(desk(), CONVERSATION).run()
    assert simulation.results == [["interrupted", "completed", "interrupted", "completed"]]
    assert simulation.values == {"text": "Dear Bob", "log": ["drafted", "said yes", "sent", "drafted", "said no"]}
    assert simulation.schedule[:3] == ["client makes call 1", "run draft", "report draft"]


def test_a_seed_is_an_order_and_a_schedule_takes_it_again_byte_for_byte() -> None:
    first = Simulation(market(), TEA, crashes_max=2).run(11)
    other = Simulation(market(), TEA, crashes_max=2).run(12)
    again = Simulation(market(), TEA, crashes_max=2).run(first.schedule)
    assert other.schedule != first.schedule == again.schedule
    assert [row.digest for row in first.store.read("simulated")] == [
        row.digest for row in again.store.read("simulated")
    ]


def test_a_schedule_that_does_not_fit_says_what_would() -> None:
    with pytest.raises(ScheduleMismatch, match=r"step 1 of the schedule is 'run nobody'.*'run buys'"):
        Simulation(market(), TEA).run(["client makes call 1", "run nobody"])
    with pytest.raises(
        ScheduleMismatch, match=r"'run nobody' is not possible here; possible: \['client makes call 1'\]"
    ):
        Simulation(market(), TEA).take("run nobody")


def test_every_order_of_a_sound_graph_comes_to_the_same_end() -> None:
    found = explore(market(), TEA, schedules_max=60)
    assert found.schedules == 60
    assert found.crashes > 10
    chain = explore(desk(), CONVERSATION[:2], crashes_max=1)
    assert chain.complete
    assert chain.schedules > 5


def test_two_processes_that_answer_at_once_have_one_winner() -> None:
    asked = Simulation(desk(), CONVERSATION[:1]).run()
    [question] = asked.state.interrupts

    def one_wins(simulation: Simulation) -> None:
        *_, (ann,), (bob,) = simulation.results
        refused = [result for result in (ann, bob) if isinstance(result, AlreadyAnsweredError)]
        assert len(refused) == 1
        assert [ann, bob].count("completed") == 1

    answers = [[Command(resume={question.id: said})] for said in ("yes", "no")]
    store = [RecordedLog.of(asked.store, "simulated")]
    found = explore(
        desk(), *answers, processes=2, crashes_max=0, check=one_wins, store=lambda: stored(store[0]), schedules_max=100
    )
    assert found.complete
    assert found.schedules > 5


def stored(log: RecordedLog) -> MemoryStore:
    store = MemoryStore()
    log.put_into(store, desk())
    return store


def test_state_in_a_process_s_memory_is_found() -> None:
    with pytest.raises(SimulationFailed, match=r"this order ends in .*after nothing") as caught:
        explore(remembering, [{"names": []}])
    assert "crash" in caught.value.schedule
    # What a failure printed shows it again.
    again = Simulation(remembering, [{"names": []}], crashes_max=1).run(caught.value.schedule)
    assert again.values["names"] == ["first", "after nothing"]


def test_an_effect_that_is_not_recorded_is_found_by_a_ledger() -> None:
    """The planted bug: a charge before the question, outside a task, is made again at every run of the node."""
    charged: list[str] = []

    def careless(state: Bag) -> dict[str, Any]:
        charged.append("10 EUR")
        return {"names": [interrupt("ok?")]}

    graph = StateGraph(Bag).add_node("careless", careless).add_edge(START, "careless").compile()

    def once(simulation: Simulation) -> None:
        assert charged == ["10 EUR"], f"charged {len(charged)} times"

    with pytest.raises(SimulationFailed, match="charged 2 times"):
        explore(graph, [{"names": []}, Command(resume="yes")], begin=charged.clear, check=once)


def test_a_lost_report_of_a_failing_effect_is_not_a_broken_law() -> None:
    def node(state: Bag) -> dict[str, Any]:
        paid = pay("tea").result()
        return {"names": [paid, interrupt("more?")]}

    graph = StateGraph(Bag).add_node("node", node).add_edge(START, "node").compile()
    assert explore(graph, [{"names": []}, Command(resume="yes")], crashes_max=2, schedules_max=80).crashes


def test_a_store_that_takes_stale_appends_is_found() -> None:
    """The planted bug: an append without a version check."""

    class Careless(FaultyStore):
        def append(self, entry: Any) -> int:
            rows = self.inner.read(entry.thread)
            if entry.expected < len(rows) - 1:
                return rows[-1].position  # what another process wrote first is simply not looked at
            return super().append(entry)

    clients = [[{"text": "Ann"}], [{"text": "Bob"}]]
    with pytest.raises(SimulationFailed, match="was acknowledged and is not in the log"):
        explore(desk(), *clients, processes=2, crashes_max=0, schedules_max=80, store=lambda: Careless(MemoryStore()))


def test_a_store_that_tears_a_commit_is_found() -> None:
    store = FaultyStore(MemoryStore(), Fault("half", 2))
    with pytest.raises(BaseException, match=r"dies|digest"):
        Simulation(desk(), CONVERSATION, store=store).run()
