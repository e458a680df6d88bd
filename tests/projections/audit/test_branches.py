"""A thread's checkpoints as a tree: what follows what, and how it is drawn."""

from __future__ import annotations

from typing import TypedDict

from clew import START, InMemorySaver, StateGraph
from clew.actors.engine.log import ThreadLog
from clew.events.codec.values import Codec
from clew.projections.audit.branches import tree
from clew.projections.state.merge import Channels
from clew.projections.state.thread import Line


class State(TypedDict):
    n: int


CONFIG = {"configurable": {"thread_id": "t"}}


def graph():
    builder = StateGraph(State).add_node("one", lambda state: {"n": state["n"] + 1}).add_node("two", lambda _: {})
    return builder.add_edge(START, "one").add_edge("one", "two").compile(checkpointer=InMemorySaver())


def line_of(compiled) -> Line:
    return ThreadLog(compiled.checkpointer.store, "t").load(Codec(), Channels({})).root


def drawn(line: Line) -> list[str]:
    return [row for place in tree(line) for row in place.rows]


def test_a_thread_without_branches_is_one_column_and_stands_at_its_top() -> None:
    compiled = graph()
    compiled.invoke({"n": 0}, CONFIG)
    assert drawn(line_of(compiled)) == ["@", "*", "*", "*"]


def test_nothing_is_drawn_of_a_thread_that_is_not_there() -> None:
    assert [*tree(Line())] == []


def test_a_branch_has_a_column_until_it_parts() -> None:
    compiled = graph()
    compiled.invoke({"n": 0}, CONFIG)
    second = [*compiled.get_state_history(CONFIG)][2]
    compiled.invoke(None, second.config)
    assert drawn(line_of(compiled)) == ["@", "*", "*", "| *", "| *", "|-'", "*", "*"]


def test_three_branches_of_one_place_part_in_one_row() -> None:
    compiled = graph()
    compiled.invoke({"n": 0}, CONFIG)
    second = [*compiled.get_state_history(CONFIG)][2]
    for n in (7, 8):
        compiled.update_state(second.config, {"n": n})
    assert drawn(line_of(compiled)) == ["@", "| *", "| | *", "| | *", "|-'-'", "*", "*"]


def test_every_place_is_drawn_once_and_its_tips_are_the_ends_of_branches() -> None:
    compiled = graph()
    compiled.invoke({"n": 0}, CONFIG)
    for back in (1, 2, 2):
        compiled.invoke(None, [*compiled.get_state_history(CONFIG)][back].config)
    line = line_of(compiled)
    places = [*tree(line)]
    addresses = [place.checkpoint.address for place in places]
    assert sorted(addresses, reverse=True) == addresses
    assert len(set(addresses)) == len(addresses)
    parents = {place.checkpoint.parent for place in places}
    assert [place.checkpoint.address not in parents for place in places] == [place.tip for place in places]
    assert [place.current for place in places].count(True) == 1
    assert sum(row.count("*") + row.count("@") for place in places for row in place.rows) == len(places)
