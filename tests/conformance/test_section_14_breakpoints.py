"""Section 14: static breakpoints."""

from __future__ import annotations

from typing import Any

import pytest
from clew import END, START, Command, StateGraph
from clew.checkpoint import BaseCheckpointSaver

from .callers import Caller
from .programs import ONE, State, chain, side_by_side, signing

GIVEN: dict[str, Any] = {"x": 1}


def test_before_stops_ahead_of_the_step_and_after_once_it_is_committed(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["b"], interrupt_after=["b"])
    assert caller.invoke(graph, GIVEN, ONE) == {"x": 1, "l": ["a"]}
    state = caller.state(graph, ONE)
    assert (state.next, state.interrupts, state.tasks[0].interrupts) == (("b",), (), ())
    assert caller.invoke(graph, None, ONE) == {"x": 1, "l": ["a", "b"]}
    assert caller.state(graph, ONE).next == ("c",)
    assert caller.invoke(graph, None, ONE)["l"] == ["a", "b", "c"]


def test_breakpoints_of_a_call_hold_for_that_call(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    assert caller.invoke(graph, GIVEN, ONE, interrupt_before=["b"])["l"] == ["a"]
    assert caller.invoke(graph, None, ONE, interrupt_after=["b"])["l"] == ["a", "b"]
    assert caller.invoke(graph, None, ONE)["l"] == ["a", "b", "c"]


@pytest.mark.parametrize("side", ["interrupt_before", "interrupt_after"])
def test_an_unknown_name_in_a_call_is_refused(side: str, saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph does nothing (section 30.17)
    graph = chain("a").compile(checkpointer=saver)
    with pytest.raises(ValueError, match="nobody"):
        caller.invoke(graph, GIVEN, ONE, **{side: ["nobody"]})
    assert caller.history(graph, ONE) == []


def test_a_star_is_every_node_and_stops_after_the_last_one_too(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver, interrupt_after="*")
    assert caller.stream(graph, GIVEN, ONE) == [{"a": {"l": ["a"]}}, {"__interrupt__": ()}]
    assert caller.stream(graph, None, ONE) == [{"b": {"l": ["b"]}}, {"__interrupt__": ()}]
    assert caller.state(graph, ONE).next == ()
    before = chain("a", "b").compile(checkpointer=saver, interrupt_before="*")
    two = {"configurable": {"thread_id": "2"}}
    seen = [caller.invoke(before, GIVEN, two)["l"]]
    while caller.state(before, two).next:
        seen.append(caller.invoke(before, None, two)["l"])
    assert seen == [[], ["a"], ["a", "b"]]


def test_an_answer_passes_a_breakpoint_once(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["b", "c"])
    caller.invoke(graph, GIVEN, ONE)
    assert caller.invoke(graph, Command(resume="anything"), ONE)["l"] == ["a", "b"]
    assert caller.state(graph, ONE).next == ("c",)


def test_a_breakpoint_in_a_loop_stops_at_each_turn(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = StateGraph(State).add_node("a", lambda state: {"x": state["x"] + 1}).add_edge(START, "a")
    builder.add_conditional_edges("a", lambda state: "a" if state["x"] < 3 else END, ["a", END])
    graph = builder.compile(checkpointer=saver, interrupt_before=["a"])
    seen = [caller.invoke(graph, GIVEN, ONE)["x"]]
    while caller.state(graph, ONE).next:
        seen.append(caller.invoke(graph, None, ONE)["x"])
    assert seen == [1, 2, 3]


def test_without_a_checkpointer_it_returns_early(caller: Caller) -> None:
    assert caller.invoke(chain("a", "b").compile(interrupt_before=["b"]), GIVEN) == {"x": 1, "l": ["a"]}


def test_an_update_at_a_breakpoint_and_new_input_there(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver, interrupt_before=["b"])
    caller.invoke(graph, GIVEN, ONE)
    caller.update(graph, ONE, {"l": ["U"]})
    assert caller.invoke(graph, None, ONE)["l"] == ["a", "U", "b"]
    caller.invoke(graph, {"x": 2}, ONE)
    assert caller.invoke(graph, {"x": 3}, ONE)["x"] == 3
    assert caller.state(graph, ONE).next == ("b",)


def test_a_breakpoint_at_one_of_several_stops_them_all(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = side_by_side(p=signing("p"), q=signing("q")).compile(checkpointer=saver, interrupt_before=["p"])
    assert caller.invoke(graph, GIVEN, ONE) == {"x": 1, "l": []}
    assert caller.state(graph, ONE).next == ("p", "q")
    assert caller.invoke(graph, None, ONE)["l"] == ["p", "q"]
