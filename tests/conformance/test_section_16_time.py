"""Section 16: time travel, replay and forks."""

from __future__ import annotations

from typing import Any

import pytest
from clew import Command, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import UnknownCheckpointError

from .callers import Caller
from .programs import ONE, State, asked, asking, chain, rows, single

UNKNOWN = {"configurable": {"thread_id": "1", "checkpoint_id": "1ef00000-0000-6000-8000-000000000000"}}


def counting(ran: list[str], *names: str) -> StateGraph:
    """A chain whose nodes say that they ran."""
    builder = StateGraph(State)
    before = "__start__"
    for name in names:
        builder.add_node(name, lambda state, name=name: (ran.append(name), {"l": [name]})[1])
        builder.add_edge(before, name)
        before = name
    return builder


def at(caller: Caller, graph: Any, *due: str) -> Any:
    """The config of the checkpoint at which these nodes are due."""
    return next(row.config for row in reversed(caller.history(graph, ONE)) if row.next == due)


def test_none_at_a_checkpoint_runs_again_what_follows_on_a_fork(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []
    graph = counting(ran, "a", "b", "c").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    ran.clear()
    origin = at(caller, graph, "b")
    assert caller.invoke(graph, None, origin)["l"] == ["a", "b", "c"]
    assert ran == ["b", "c"]
    history = caller.history(graph, ONE)
    assert rows(history)[2] == ("fork", 2, ("b",), ["a"])
    assert history[2].parent_config == origin
    assert len(history) == 8


def test_a_fork_is_written_even_when_nothing_is_left_to_run(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    assert caller.invoke(graph, None, caller.state(graph, ONE).config) == {"x": 1, "l": ["a"]}
    assert rows(caller.history(graph, ONE))[0] == ("fork", 2, (), ["a"])


def test_new_input_at_a_checkpoint_begins_at_start_on_a_branch(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    assert caller.invoke(graph, {"x": 7, "l": ["new"]}, at(caller, graph, "b"))["l"] == ["a", "new", "a", "b"]
    assert caller.state(graph, ONE).values["x"] == 7


def test_a_question_fires_again_on_the_fork_and_takes_a_new_answer(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    origin = at(caller, graph, "f")
    caller.invoke(graph, Command(resume="A1"), ONE)
    assert asked(caller.invoke(graph, None, origin)) == ["q"]
    assert caller.invoke(graph, Command(resume="A2"), ONE)["l"] == ["A2"]
    assert [row.values["l"] for row in caller.history(graph, ONE)].count(["A1"]) == 1


def test_a_branch_can_be_replayed_and_stopped_like_any_other(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["c"])
    caller.invoke(graph, {"x": 1}, ONE)
    caller.invoke(graph, None, ONE)
    assert caller.invoke(graph, None, at(caller, graph, "b"))["l"] == ["a", "b"]
    assert caller.state(graph, ONE).next == ("c",)
    assert caller.invoke(graph, None, ONE)["l"] == ["a", "b", "c"]


@pytest.mark.parametrize("given", [None, {"x": 1}, Command(resume=1)], ids=["none", "input", "answer"])
def test_an_unknown_checkpoint_is_refused(given: Any, saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph starts an empty conversation that hides the one before (section 30.5)
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    with pytest.raises(UnknownCheckpointError):
        caller.invoke(graph, given, UNKNOWN)
    assert len(caller.history(graph, ONE)) == 3


def test_a_run_of_the_same_run_id_goes_on_instead_of_beginning_anew(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver, interrupt_before=["b"])
    once = {**ONE, "metadata": {"run_id": "run 1"}}
    caller.invoke(graph, {"x": 1}, once)
    assert caller.invoke(graph, {"x": 2}, once) == {"x": 1, "l": ["a", "b"]}
    assert caller.invoke(graph, {"x": 3}, {**ONE, "metadata": {"run_id": "run 2"}})["x"] == 3
