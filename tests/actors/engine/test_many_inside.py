"""Many graphs inside one step: what is looked at for each answer is its own task's calls, not everybody's."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, InMemorySaver, Send, StateGraph, interrupt
from clew.projections.channels.shared_map import SharedMap
from clew.projections.state.thread import ThreadState

THREAD = {"configurable": {"thread_id": "1"}}


class State(TypedDict):
    many: int
    names: Annotated[list, operator.add]


class Inner(TypedDict):
    number: int
    names: Annotated[list, operator.add]


def asking_each() -> Any:
    """A graph whose step calls `many` graphs side by side, each of which asks once."""

    def ask(state: Inner) -> dict[str, Any]:
        return {"names": [interrupt(state["number"])]}

    inner = StateGraph(Inner).add_node("ask", ask).add_edge(START, "ask").compile()
    builder = StateGraph(State).add_node("inner", inner)
    builder.add_conditional_edges(
        START, lambda state: [Send("inner", {"number": number, "names": []}) for number in range(state["many"])]
    )
    return builder.compile(InMemorySaver())


class Looks:
    """Counts how often a graph inside is looked up or walked through, on all threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[None] = []
        for owner, name in ((SharedMap, "get"), (SharedMap, "__getitem__"), (ThreadState, "live_lines")):
            monkeypatch.setattr(owner, name, self.counting(getattr(owner, name)))

    def counting(self, method: Any) -> Any:
        def counted(*given: Any, **options: Any) -> Any:
            self.seen.append(None)  # an append of a list needs no lock
            return method(*given, **options)

        return counted

    def take(self) -> int:
        count = len(self.seen)
        self.seen.clear()
        return count


def test_looks_at_graphs_that_are_answered_side_by_side_grow_with_their_number_not_its_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, answering = Looks(monkeypatch), []
    for many in (30, 120):
        graph = asking_each()
        asked = graph.invoke({"many": many, "names": []}, THREAD)["__interrupt__"]
        looks.take()
        result = graph.invoke(Command(resume={question.id: question.value for question in asked}), THREAD)
        answering.append(looks.take())
        assert result["names"] == list(range(many))
    assert answering[1] < 6 * answering[0], answering  # the square would be 16 times as many


def test_looks_of_a_turn_do_not_depend_on_the_turns_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, looks, turns = asking_each(), Looks(monkeypatch), []
    for _ in range(30):
        asked = graph.invoke({"many": 3, "names": []}, THREAD)["__interrupt__"]
        graph.invoke(Command(resume={question.id: 1 for question in asked}), THREAD)
        turns.append(looks.take())
    assert min(turns[-10:]) <= min(turns[:10]) + 5, turns
