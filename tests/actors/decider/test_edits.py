"""`update_state` as events: a super-step made by hand."""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

import pytest
from clew import START, StateGraph
from clew.actors.author.returns import interpret
from clew.actors.decider.commands import Edit
from clew.actors.decider.editing import inferred_node
from clew.errors import InvalidUpdateError, StaleVersionError
from clew.events.vocabulary import Update

from tests.support.thread_script import ThreadScript


class State(TypedDict):
    names: Annotated[list, operator.add]


def node(state: State) -> None:
    """Never called: the script says what nodes return."""


def chain(*names: str, **terms: object) -> ThreadScript:
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, node)
    for source, target in zip((START, *names), names, strict=False):
        builder.add_edge(source, target)
    return ThreadScript(builder, **terms)


def edit(thread: ThreadScript, as_node: str, values: dict | None, **options: object) -> list:
    update = interpret(thread.plan, thread.plan.nodes[as_node], values)
    return thread.when(Edit((Update(as_node, update.writes),), **options))


def test_an_update_stands_for_its_node_and_fires_its_edges() -> None:
    thread = chain("a", "b", "c")
    thread.start({"names": []})
    thread.done(0, returns={"names": ["a"]})
    events = edit(thread, "b", {"names": ["by hand"]})
    assert [type(event).__name__ for event in events] == ["StateUpdated", "StepPlanned"]
    assert thread.values["names"] == ["a", "by hand"]
    assert thread.next == ["c"]
    head = thread.state.root.head
    assert head is not None
    assert (head.source, head.step) == ("update", 2)


def test_an_update_keeps_the_finished_siblings_of_the_open_step() -> None:
    builder = StateGraph(State)
    for name in ("bad", "ok"):
        builder.add_node(name, node).add_edge(START, name)
    thread = ThreadScript(builder)
    thread.start({"names": []})
    thread.done(1, returns={"names": ["ok"]})
    edit(thread, "bad", {"names": ["mended"]})
    assert thread.values["names"] == ["ok", "mended"]


def test_clearing_drops_what_is_planned() -> None:
    thread = chain("a", "b")
    thread.start({"names": []})
    thread.when(Edit((), kind="clear"))
    assert thread.next == []


def test_an_update_of_an_earlier_checkpoint_branches_there() -> None:
    thread = chain("a", "b")
    thread.start({"names": []})
    thread.done(0, returns={"names": ["a"]})
    thread.done(0, returns={"names": ["b"]})
    origin = next(c for c in thread.state.root.checkpoints() if [task.node for task in c.tasks] == ["b"])
    edit(thread, "a", {"names": ["FORK"]}, checkpoint=origin.id)
    assert thread.values["names"] == ["a", "FORK"]
    assert thread.next == ["b"]
    head = thread.state.root.head
    assert head is not None
    assert head.parent == origin.address


def test_an_update_worked_out_on_an_older_state_is_refused_as_stale() -> None:
    thread = chain("a", "b")
    thread.start({"names": []})
    with pytest.raises(StaleVersionError):
        edit(thread, "a", {"names": ["x"]}, based_on=-1)
    assert len(thread.log) == 1


def test_the_node_is_inferred_from_who_wrote_last() -> None:
    thread = chain("a", "b")
    assert inferred_node(thread.state.root, "t") == START
    thread.start({"names": []})
    assert inferred_node(thread.state.root, "t") == START
    thread.done(0)
    assert inferred_node(thread.state.root, "t") == "a"
    edit(thread, "b", None)
    assert inferred_node(thread.state.root, "t") == "b"


def test_an_ambiguous_writer_is_refused() -> None:
    builder = StateGraph(State)
    for name in ("a", "b"):
        builder.add_node(name, node).add_edge(START, name)
    thread = ThreadScript(builder)
    thread.start({"names": []})
    thread.done(0, 1)
    with pytest.raises(InvalidUpdateError, match=r"\['a', 'b'\]"):
        inferred_node(thread.state.root, "t")
