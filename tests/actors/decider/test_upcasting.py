"""A state of an earlier schema: what is said when somebody goes on with it, and that replay says the same."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, StateGraph
from clew.actors.author.plan import Plan
from clew.actors.decider.commands import Continue, MergeWanted, UpcastWanted
from clew.errors import UpcastError
from clew.events.vocabulary import (
    Forked,
    GraphSeen,
    NodeStarted,
    Resumed,
    RunContinued,
    RunStarted,
    StateUpcast,
    StepAbandoned,
    StepCommitted,
    StepPlanned,
)
from clew.types import Upcaster

from tests.support.thread_script import ThreadScript


def joined(kept: str, written: str) -> str:
    return f"{kept}{written}"


class Named(TypedDict):
    name: str
    said: Annotated[str, joined]


class Split(TypedDict):
    first: str
    said: Annotated[str, joined]
    extra: Annotated[list[str], operator.add]


def split(old: Named) -> dict[str, Any]:
    return {"first": old["name"].split()[0], "extra": ["brought up"]}


def node(state: Any) -> None:
    return None


def plan(schema: Any, upcasters: Any = None) -> Plan:
    built = StateGraph(schema).add_node("a", node).add_node("b", node)
    return built.add_edge(START, "a").add_edge(START, "b").plan(upcasters=upcasters)


def kinds(events: list[Any]) -> list[type]:
    return [type(event) for event in events]


@pytest.fixture
def thread() -> ThreadScript:
    """A thread that waits for an answer in one task, beside another that is done."""
    script = ThreadScript(plan(Named))
    script.start({"name": "Ada Lovelace", "said": "x"})
    script.done(1, returns={"said": "y"})
    script.asks(0, "ok?")
    return script


def test_the_state_is_brought_up_before_the_run_goes_on_in_one_commit(thread: ThreadScript) -> None:
    thread.deploy(plan(Split, {0: split}))
    events = thread.answer("yes")
    assert kinds(events) == [GraphSeen, StateUpcast, RunContinued, Resumed, NodeStarted]
    assert [(write.channel, write.payload.value, write.overwrite) for write in events[1].writes] == [
        ("first", "Ada", True),
        ("extra", ["brought up"], True),
    ]
    assert events[1].fingerprint == events[0].fingerprint == thread.plan.fingerprint
    thread.done(0, returns={"said": "z", "extra": ["later"]})
    assert thread.values == {"first": "Ada", "said": "xzy", "extra": ["brought up", "later"]}


def test_user_code_is_asked_for_first_and_nothing_is_said_meanwhile(thread: ThreadScript) -> None:
    thread.deploy(plan(Split, {0: split}))
    decision = thread._decide(Continue(), None)
    assert isinstance(decision.merge, UpcastWanted)
    assert (decision.draft, decision.merge.schema, set(decision.merge.rules)) == (None, 0, {"name", "said"})


def test_a_merge_that_follows_keeps_what_was_brought_up() -> None:
    script = ThreadScript(plan(Named))
    script.start({"name": "Ada Lovelace", "said": "x"})
    script.deploy(plan(Split, {0: split}))
    events = script.start({"said": "new", "first": "Augusta"})
    assert kinds(events)[:4] == [GraphSeen, StepAbandoned, StateUpcast, RunStarted]
    assert StepCommitted in kinds(events)
    assert events[2].recasts == []
    assert script.values["said"] == "xnew"
    first = script._merged
    wanted: list[type] = []
    script._merged = lambda merge: wanted.append(type(merge)) or first(merge)  # type: ignore[func-returns-value,method-assign]
    script.deploy(plan(Split, {0: split, 1: lambda old: {"first": "Ada"}}))
    script.start({"said": "!"})
    assert wanted == [UpcastWanted, MergeWanted]
    assert script.values == {"first": "Ada", "said": "xnew!", "extra": ["brought up"]}


def test_a_branch_from_an_earlier_checkpoint_is_brought_up_behind_its_fork(thread: ThreadScript) -> None:
    checkpoint = thread.state.root.head.id  # type: ignore[union-attr]
    thread.answer("yes")
    thread.done(0, returns={"said": "z"})
    thread.deploy(plan(Split, {0: split}))
    events = thread.proceed(checkpoint)
    assert kinds(events) == [GraphSeen, Forked, StateUpcast, RunContinued, NodeStarted, NodeStarted]
    assert thread.values["first"] == "Ada"
    origin = thread.state.root.find(checkpoint)
    assert origin is not None
    assert thread.channels.then(thread.state.graph(origin.run.fingerprint)).keys() == {"name", "said"}  # type: ignore[union-attr]


def test_what_a_finished_task_wrote_is_said_in_its_new_form(thread: ThreadScript) -> None:
    def loud(old: dict[str, str]) -> dict[str, str]:
        return {"said": old["said"].upper()}

    thread.deploy(plan(Named, {0: Upcaster(loud, updates=loud)}))
    _, upcast, *_ = thread.answer("yes")
    assert [(recast.task, [write.payload.value for write in recast.writes]) for recast in upcast.recasts] == [
        (1, ["Y"])
    ]
    thread.done(0, returns={"said": "z"})
    assert thread.values["said"] == "XzY"


def test_a_refusal_says_nothing_and_the_thread_is_as_it_was(thread: ThreadScript) -> None:
    thread.deploy(plan(Split, {1: split}))
    before = len(thread.log)
    with pytest.raises(UpcastError, match="no upcaster leads from version 0"):
        thread.answer("yes")
    later = ThreadScript(plan(Split, {0: split}))
    later.start({"first": "Ada"})
    later.deploy(plan(Named))
    with pytest.raises(UpcastError, match="later code wrote it"):
        later.proceed()
    assert len(thread.log) == before
    thread.deploy(plan(Named))
    assert kinds(thread.answer("yes")) == [RunContinued, Resumed, NodeStarted]


def test_later_code_replays_each_part_by_its_own_rules(thread: ThreadScript) -> None:
    thread.deploy(plan(Split, {0: split}))
    thread.answer("yes")
    thread.done(0, returns={"said": "z"})

    class Third(TypedDict):
        first: list[str]
        said: Annotated[str, joined]

    thread.deploy(plan(Third, {0: split, 1: lambda old: {"first": [old["first"]]}}))
    assert kinds(thread.start({"said": "!"}))[:2] == [GraphSeen, StateUpcast]
    assert thread.values == {"first": ["Ada"], "said": "xzy!"}
    assert kinds(thread.log[-1].commit.events).count(StepPlanned) == 1
