"""The state machine made from a graph: what it makes of schemas, the bugs it finds, the failures it keeps."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from clew import START, CompiledStateGraph, MessagesState, StateGraph, interrupt
from clew.func import entrypoint
from clew.testing import MachineFailed, Simulation, graph_machine, inputs_of, load_log, replay_failure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from langchain_core.messages import BaseMessage

from .desk import Bag, desk, market, remembering


def run(machine: Any) -> None:
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)


@pytest.mark.slow
@pytest.mark.parametrize("graph", [desk, market], ids=["desk", "market"])
def test_a_sound_graph_passes(graph: Callable[[], CompiledStateGraph]) -> None:
    ends: set[str] = set()

    def at_ends(simulation: Simulation) -> bool:
        ends.update(type(event).__name__ for commit in simulation.commits for event in commit.events)
        return True

    run(graph_machine(graph, answers=st.just("yes"), invariants=[at_ends], examples=12, steps=15))
    assert {"Resumed", "RunFinished"} <= ends, "it was asked, answered, and came to its end"


@pytest.mark.slow
def test_a_new_version_of_the_code_may_come_at_any_time() -> None:
    ran: list[int] = []

    def another(state: Any) -> dict[str, Any]:
        ran.append(1)
        return {"log": ["sent by the new one"]}

    run(graph_machine(desk, lambda: desk(send=another), answers=st.just("yes"), examples=20, steps=15))
    assert ran, "the new version had something to do"


def nothing_is_forgotten(simulation: Simulation) -> bool:
    return "after nothing" not in (simulation.values or {}).get("names", [])


@pytest.mark.slow
def test_state_in_a_process_s_memory_is_found_made_small_kept_and_replayed(tmp_path: Path) -> None:
    machine = graph_machine(
        remembering, inputs=st.just({"names": []}), invariants=[nothing_is_forgotten], save_to=tmp_path, examples=150
    )
    with pytest.raises(MachineFailed, match="nothing_is_forgotten does not hold") as caught:
        run(machine)
    failure = caught.value
    assert failure.saved is not None
    assert len(failure.log.steps) <= 8
    assert load_log(failure.saved).replay(remembering()).values["names"] == ["first", "after nothing"]
    with pytest.raises(MachineFailed, match="nothing_is_forgotten"):
        replay_failure(failure.saved, remembering, invariants=[nothing_is_forgotten])

    def mended() -> CompiledStateGraph:
        builder = StateGraph(Bag).add_node("first", lambda state: {"names": ["first"]})
        builder.add_node("second", lambda state: {"names": [f"after {state['names'][-1]}"]})
        return builder.add_edge(START, "first").add_edge("first", "second").compile()

    simulation = replay_failure(failure.saved, mended, invariants=[nothing_is_forgotten])
    assert simulation.values["names"] == ["first", "after first"]


@pytest.mark.slow
def test_an_input_that_a_node_cannot_take_is_found_and_made_simple(tmp_path: Path) -> None:
    class Order(TypedDict):
        items: list[str]
        total: Annotated[int, operator.add]

    def adds(state: Order) -> dict[str, Any]:
        return {"total": len(state["items"][0])}

    graph = StateGraph(Order).add_node("adds", adds).add_edge(START, "adds").compile()
    with pytest.raises(MachineFailed, match="a call raised IndexError") as caught:
        run(graph_machine(graph, save_to=tmp_path))
    first, *_ = caught.value.log.steps
    assert first["value"]["shown"] == "{'items': [], 'total': 0}"
    run(graph_machine(graph, errors=(IndexError,), examples=5))


@pytest.mark.slow
def test_a_question_that_comes_out_differently_is_found() -> None:
    def graph() -> CompiledStateGraph:
        asked: list[int] = []

        def asks(state: Bag) -> dict[str, Any]:
            asked.append(1)
            return {"names": [str(interrupt(f"for the {len(asked)}th time?"))]}

        return StateGraph(Bag).add_node("asks", asks).add_edge(START, "asks").compile()

    with pytest.raises(MachineFailed, match="QuestionNotReproducibleError"):
        run(graph_machine(graph, inputs=st.just({"names": []})))


def test_inputs_follow_the_schema() -> None:
    class Inner(TypedDict):
        deep: bool

    class State(MessagesState):
        kind: Literal["a", "b"]
        inner: NotRequired[Inner]
        rest: Any

    graph = StateGraph(State).add_node("n", lambda state: {}).add_edge(START, "n").compile()
    seen: list[dict[str, Any]] = []

    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(inputs_of(graph))
    def collect(value: dict[str, Any]) -> None:
        seen.append(value)
        graph.invoke(value)

    collect()
    assert {value["kind"] for value in seen} == {"a", "b"}
    assert {"inner" in value for value in seen} == {True, False}
    assert all(isinstance(message, BaseMessage) for value in seen for message in value["messages"])


def test_a_graph_without_keys_asks_for_a_strategy() -> None:
    @entrypoint()
    def flow(x: int) -> int:
        return x

    with pytest.raises(TypeError, match="give inputs="):
        graph_machine(flow)


def test_a_log_without_steps_is_no_failure(tmp_path: Path) -> None:
    path = Simulation(desk(), [{"text": "x"}]).run()
    from clew.testing import save_log

    save_log(path.store, "simulated", tmp_path / "x.jsonl")
    with pytest.raises(ValueError, match="no steps"):
        replay_failure(tmp_path / "x.jsonl", desk())
