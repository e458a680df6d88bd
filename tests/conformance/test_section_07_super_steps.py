"""Section 7: how a super-step is planned, run and committed."""

from __future__ import annotations

import asyncio
import itertools
import threading
import uuid
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from clew import START, Command, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.types import Send

from .callers import AsyncCaller, Caller
from .programs import ONE, State, chain, failing, rows, side_by_side, signing, single

GIVEN: dict[str, Any] = {"x": 1, "l": []}


# -- loading and input


def test_a_graph_of_one_node_makes_an_input_and_two_loop_checkpoints(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE)
    history = caller.history(graph, ONE)
    assert rows(history) == [
        ("loop", 1, (), ["a"]),
        ("loop", 0, ("a",), []),
        ("input", -1, ("__start__",), []),
    ]


def test_the_input_is_not_in_the_state_of_its_own_checkpoint(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1, "l": ["given"]}, ONE)
    states = [snapshot.values for snapshot in caller.history(graph, ONE)]
    assert states == [{"x": 1, "l": ["given", "a"]}, {"x": 1, "l": ["given"]}, {"l": []}]
    hidden = caller.history(graph, ONE)[-1].tasks[0]
    assert (hidden.name, hidden.result) == ("__start__", {"x": 1, "l": ["given"]})


def test_a_run_goes_on_from_the_latest_checkpoint_or_from_the_one_that_is_named(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE)
    before_b = caller.history(graph, ONE)[1]
    assert caller.invoke(graph, {"x": 2}, ONE) == {"x": 2, "l": ["a", "b", "a", "b"]}
    assert caller.invoke(graph, {"x": 3}, before_b.config) == {"x": 3, "l": ["a", "a", "b"]}
    assert caller.state(graph, ONE).values == {"x": 3, "l": ["a", "a", "b"]}  # the branch is the latest now


def test_a_second_turn_counts_its_steps_on(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE)
    caller.invoke(graph, {"x": 2}, ONE)
    assert [row[:3] for row in rows(caller.history(graph, ONE))] == [
        ("loop", 4, ()),
        ("loop", 3, ("a",)),
        ("input", 2, ("__start__",)),
        ("loop", 1, ()),
        ("loop", 0, ("a",)),
        ("input", -1, ("__start__",)),
    ]


# -- planning


def test_several_edges_into_a_node_in_one_step_trigger_it_once(caller: Caller) -> None:
    builder = side_by_side(a=signing("a"), b=signing("b")).add_node("d", signing("d"))
    graph = builder.add_edge("a", "d").add_edge("b", "d").compile()
    assert caller.invoke(graph, GIVEN)["l"] == ["a", "b", "d"]


def to_w() -> StateGraph:
    """`a` leads to `w` by an edge and by two Sends."""
    builder = single(signing("a"), "a").add_node("w", lambda state: {"l": [f"w{state.get('i', '')}"]})
    builder.add_edge("a", "w")
    return builder.add_conditional_edges("a", lambda state: [Send("w", {"i": 2}), Send("w", {"i": 1})], ["w"])


def test_a_send_to_a_node_is_a_run_besides_that_of_its_edge(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = to_w().compile(checkpointer=saver)
    assert caller.invoke(graph, GIVEN, ONE)["l"] == ["a", "w", "w2", "w1"]
    planned = caller.history(graph, ONE)[1]
    assert planned.next == ("w", "w", "w")
    assert [task.path[0] for task in planned.tasks] == ["__pregel_push", "__pregel_push", "__pregel_pull"]


def test_sends_are_begun_before_the_nodes_that_edges_lead_to(caller: Caller) -> None:
    chunks = caller.stream(to_w().compile(), GIVEN, {"max_concurrency": 1})
    assert chunks == [{"a": {"l": ["a"]}}, {"w": {"l": ["w2"]}}, {"w": {"l": ["w1"]}}, {"w": {"l": ["w"]}}]


def test_writes_are_merged_by_name_and_then_in_the_order_of_sends(caller: Caller) -> None:
    def start(state: State) -> Command[Any]:
        return Command(goto=[Send("m", {"i": 9}), "z", Send("m", {"i": 3}), "a"])

    builder = single(start, "s").add_node("z", signing("z")).add_node("a", signing("a"))
    builder.add_node("m", lambda state: {"l": [state["i"]]})
    assert caller.invoke(builder.compile(), GIVEN)["l"] == ["a", "z", 9, 3]


def test_a_node_runs_again_only_when_something_leads_to_it_again(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE)
    caller.update(graph, ONE, {"l": ["U"]}, as_node="a")
    assert caller.invoke(graph, None, ONE)["l"] == ["a", "b", "U", "b"]


def test_when_nothing_is_left_deferred_nodes_have_their_turn(caller: Caller) -> None:
    builder = chain("a", "b", "b2").add_node("d", signing("d"), defer=True).add_edge("b2", "d").add_edge("a", "d")
    assert caller.invoke(builder.compile(), GIVEN)["l"] == ["a", "b", "b2", "d"]


# -- running


def test_each_task_sees_the_state_as_of_the_start_of_the_step(caller: Caller) -> None:
    seen: dict[str, Any] = {}

    def looking(name: str) -> Callable[[State], dict[str, Any]]:
        def node(state: State) -> dict[str, Any]:
            seen[name] = dict(state)
            return {"l": [name], "x": 5} if name == "a" else {"l": [name]}

        return node

    builder = side_by_side(a=looking("a"), b=looking("b")).add_node("c", looking("c")).add_edge(["a", "b"], "c")
    caller.invoke(builder.compile(), GIVEN)
    assert seen == {"a": {"x": 1, "l": []}, "b": {"x": 1, "l": []}, "c": {"x": 5, "l": ["a", "b"]}}


def test_the_tasks_of_a_step_run_at_once_on_threads(caller: Caller) -> None:
    together = threading.Barrier(3)

    def node(state: State) -> dict[str, Any]:
        together.wait(20)
        return {"l": [1]}

    graph = side_by_side(a=node, b=node, c=node).compile()
    assert caller.invoke(graph, GIVEN)["l"] == [1, 1, 1]


def test_async_tasks_run_at_once_on_the_callers_loop_and_sync_ones_beside_them() -> None:
    threads: list[int] = []
    there = threading.Event()

    async def first(state: State) -> dict[str, Any]:
        while not there.is_set():
            await asyncio.sleep(0.001)
        threads.append(threading.get_ident())
        return {"l": ["first"]}

    async def second(state: State) -> dict[str, Any]:
        there.set()
        threads.append(threading.get_ident())
        return {"l": ["second"]}

    def third(state: State) -> dict[str, Any]:
        assert there.wait(20)
        assert threading.get_ident() != threading.main_thread().ident
        return {"l": ["third"]}

    graph = side_by_side(first=first, second=second, third=third).compile()
    assert AsyncCaller().invoke(graph, GIVEN)["l"] == ["first", "second", "third"]
    assert set(threads) == {threading.get_ident()}


def test_max_concurrency_bounds_the_tasks_at_work(caller: Caller) -> None:
    lock, turns = threading.Lock(), threading.Barrier(2)
    at_work, most = [0], [0]

    def node(state: State) -> dict[str, Any]:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        turns.wait(20)  # two at a time, so that more would be seen
        with lock:
            at_work[0] -= 1
        return {"l": [1]}

    graph = side_by_side(**{f"n{number}": node for number in range(6)}).compile()
    assert len(caller.invoke(graph, GIVEN, {"max_concurrency": 2})["l"]) == 6
    assert most == [2]


# -- committing


def test_a_step_makes_one_checkpoint_whatever_finished_when(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = side_by_side(a=signing("a"), b=signing("b"), c=signing("c")).compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE)
    assert [row[3] for row in rows(caller.history(graph, ONE))] == [["a", "b", "c"], [], []]


def test_checkpoint_ids_are_sortable_uuids_and_the_latest_is_the_greatest(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE)
    caller.invoke(graph, {"x": 2}, caller.history(graph, ONE)[2].config)
    ids = [snapshot.config["configurable"]["checkpoint_id"] for snapshot in caller.history(graph, ONE)]
    assert [uuid.UUID(id).version for id in ids] == [6] * len(ids)
    assert all(newer > older for newer, older in itertools.pairwise(ids))
    assert caller.state(graph, ONE).config["configurable"]["checkpoint_id"] == ids[0]


def test_a_task_has_the_same_id_whenever_its_checkpoint_is_run_and_another_on_a_fork(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    seen: list[str] = []

    def node(state: State, config: Any) -> dict[str, Any]:
        seen.append(config["configurable"]["checkpoint_ns"])
        if len(seen) == 1:
            return failing(state)
        return {"l": ["n"]}

    graph = single(node, "n").compile(checkpointer=saver)
    with pytest.raises(ValueError, match="boom"):
        caller.invoke(graph, GIVEN, ONE)
    failed = caller.state(graph, ONE)
    caller.invoke(graph, None, ONE)
    caller.invoke(graph, None, failed.config)
    assert seen[0] == seen[1] == f"n:{failed.tasks[0].id}"
    assert seen[2] != seen[0]
    planned = [snapshot for snapshot in caller.history(graph, ONE) if snapshot.next == ("n",)]
    assert [f"n:{snapshot.tasks[0].id}" for snapshot in planned] == [seen[2], seen[0]]


class Anything(TypedDict):
    """One value of any kind."""

    d: Any


def passing_on(*nodes: Callable[[Any], Any]) -> StateGraph:
    builder, before = StateGraph(Anything), START
    for number, node in enumerate(nodes):
        builder.add_node(f"n{number}", node).add_edge(before, f"n{number}")
        before = f"n{number}"
    return builder


def test_state_objects_are_shared_and_never_copied(caller: Caller) -> None:
    class Opaque:
        """Cannot be stored, nor copied."""

        __slots__ = ("lock",)

    kept, seen = Opaque(), list[Any]()
    graph = passing_on(lambda state: {"d": kept}, lambda state: seen.append(state["d"])).compile()
    assert caller.invoke(graph, {"d": None})["d"] is kept
    assert seen == [kept]


def test_a_change_in_place_is_seen_by_later_nodes_and_in_the_output(saver: BaseCheckpointSaver, caller: Caller) -> None:
    def change(state: Anything) -> dict[str, Any]:
        state["d"]["n"].append("in place")
        return {}

    given = {"d": {"n": []}}
    graph = passing_on(change, lambda state: {"d": {"n": [*state["d"]["n"], "seen"]}}).compile(checkpointer=saver)
    assert caller.invoke(graph, given, ONE) == {"d": {"n": ["in place", "seen"]}}
    assert given == {"d": {"n": ["in place"]}}


def test_what_was_written_is_what_is_stored_and_read(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph's tuples are lists after a reload
    seen: list[Any] = []
    given: Any = (1, (2,))
    graph = passing_on(lambda state: {"d": given}, lambda state: seen.append(state["d"])).compile(
        checkpointer=saver, interrupt_before=["n1"]
    )
    assert caller.invoke(graph, {"d": 0}, ONE) == {"d": given}
    anew = passing_on(lambda state: {"d": given}, lambda state: seen.append(state["d"])).compile(checkpointer=saver)
    assert caller.invoke(anew, None, ONE) == {"d": given}
    assert seen == [given]
