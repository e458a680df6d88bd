"""Effects that are recorded while their task goes on: each stands in the log once."""

from typing import TypedDict

import pytest
from clew import END, START, StateGraph
from clew.actors.decider.commands import Outcome, Report
from clew.events.vocabulary import EffectRecorded, Payload

from tests.support.thread_script import ThreadScript


class State(TypedDict, total=False):
    paid: str


@pytest.fixture
def script() -> ThreadScript:
    graph = StateGraph(State).add_node("pay", lambda _: {}).add_edge(START, "pay").add_edge("pay", END)
    script = ThreadScript(graph)
    script.start({})
    return script


def payment() -> EffectRecorded:
    return EffectRecorded(task=0, scope="call", name="pay", digest=bytes(16), ordinal=0, value=Payload("paid"))


def test_an_effect_kept_early_and_reported_again_is_recorded_once(script: ThreadScript) -> None:
    assert [type(event) for event in script.when(Report((), frozenset({0}), (payment(),)))] == [EffectRecorded]
    events = script.report(Outcome(0, "asked", effects=(payment(),)))
    assert not [event for event in events if isinstance(event, EffectRecorded)]


def test_an_effect_reported_and_kept_late_is_recorded_once(script: ThreadScript) -> None:
    """The look at early effects may come when the task has reported and runs again already."""
    script.report(Outcome(0, "asked", effects=(payment(),)))
    script.proceed()
    assert script.when(Report((), frozenset({0}), (payment(),))) == []
