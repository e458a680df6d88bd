"""One case: a thread pauses under one text of the program, and goes on under another."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from clew import Command, Runtime
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import ClewError, QuestionNotReproducibleError
from clew.events.codec import Codec, decode_commit
from clew.events.stores.memory import MemoryStore
from clew.events.vocabulary import AnswerRefused, InterruptRaised, QuestionWithdrawn, Resumed

from .edits import NODES, TEXT

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "t"}}
STEPS_MAX = 30


@dataclass
class Deployed:
    """A text of the program at work on a store, in a process of its own as far as it can tell."""

    text: str
    store: MemoryStore
    runtime: Runtime = field(default_factory=Runtime)
    heard: list[tuple[str, Any]] = field(default_factory=list)
    """Each question that code asked and got an answer to, with the answer, in order; again at each run of a node."""

    asked: list[str] = field(default_factory=list)
    """Ids of the questions that were open before the last step."""

    def __post_init__(self) -> None:
        module = ModuleType("deployed")
        self.names = module.__dict__
        sys.modules[module.__name__] = module  # where hints and dataclasses look for their names
        exec(compile(self.text, "deployed.py", "exec", dont_inherit=True), self.names)
        self.ask = self.names["interrupt"]
        self.names["interrupt"] = self.interrupt

    @property
    def ledger(self) -> list[str]:
        """What tasks did here."""
        return self.names["ledger"]

    def interrupt(self, question: str, **options: Any) -> Any:
        answer = self.ask(question, **options)
        self.heard.append((question, answer))
        return answer

    def graph(self, stop: tuple[str, ...] = ()) -> Any:
        return self.names["graph"](BaseCheckpointSaver(self.store), self.runtime, stop)

    def step(self, graph: Any) -> bool:
        """Do what the thread needs next, as people and a service would; False once it is over."""
        state = graph.get_state(CONFIG)
        self.asked = sorted(asked.id for asked in state.interrupts)
        if state.interrupts:
            graph.invoke(Command(resume={asked.id: f"yes to {asked.value}" for asked in state.interrupts}), CONFIG)
        elif state.next:
            graph.invoke(None, CONFIG)
        elif not state.values.get("said"):
            graph.invoke({"said": []}, CONFIG)
        else:
            return False
        return True

    def finish(self, graph: Any) -> list[str]:
        """Go on until the thread is over; what its state says then."""
        for _ in range(STEPS_MAX):
            if not self.step(graph):
                return graph.get_state(CONFIG).values["said"]
        raise AssertionError(f"the thread does not end: {graph.get_state(CONFIG)}")


def asks(text: str) -> Callable[[Any], bool]:
    return lambda state: any(asked.value == text for asked in state.interrupts)


REACHED: dict[str, Callable[[Any], bool]] = {
    "asks": asks("ask: what size?"),
    "asks again": asks("ask: which street?"),
    "beside a finished sibling": asks("left: what size?"),
    "in a sub-graph": asks("check: what size?"),
    "at a breakpoint": lambda state: state.next == ("pay",),
    "after a failure": lambda state: any(task.error for task in state.tasks),
}


def paused(place: str) -> Deployed:
    """The program, closed down, whose thread waits at this place."""
    deployed = Deployed(TEXT, MemoryStore())
    graph = deployed.graph(("pay",) if place == "at a breakpoint" else ())
    deployed.names["bank"]["open"] = place != "after a failure"
    for _ in range(STEPS_MAX):
        if graph.get_state(CONFIG).values and REACHED[place](graph.get_state(CONFIG)):
            deployed.runtime.close()
            return deployed
        try:
            deployed.step(graph)
        except OSError:
            continue
    raise AssertionError(f"never at {place!r}: {graph.get_state(CONFIG)}")


def events(store: MemoryStore) -> list[Any]:
    rows = store.read("t")
    return [event for row in rows for event in decode_commit(row.body, Codec(), thread="t", version=row.version).events]


def became(edit: str, place: str, text: str) -> str:
    """What becomes of a thread that waits at this place once the text is deployed; raises where a promise breaks."""
    earlier = paused(place)
    store = earlier.store
    before = len(events(store))
    deployed = Deployed(text, store)
    try:
        graph = deployed.graph()
        waits = graph.get_state(CONFIG)
        try:
            said = deployed.finish(graph)
        except Exception as error:  # whatever it is, it was said
            return refused(error, deployed, graph, store)
        check_answers(place, earlier, deployed)
        lost = Counter(waits.values["said"]) - Counter(said)
        assert not lost, f"{lost} was there when the thread waited, and is gone"
        again = {*earlier.ledger} & {*deployed.ledger}
        assert not again or edit == "a task is renamed", f"{again} was on record and was done again"
        return outcome(place, said, events(store)[before:], text)
    finally:
        deployed.runtime.close()


def events_open(store: MemoryStore) -> list[str]:
    """Ids of the questions that the log leaves open."""
    told = events(store)
    over = {event.question for event in told if isinstance(event, (Resumed, AnswerRefused, QuestionWithdrawn))}
    return [event.question for event in told if isinstance(event, InterruptRaised) and event.question not in over]


def refused(error: Exception, deployed: Deployed, graph: Any, store: MemoryStore) -> str:
    """A refusal loses nothing: the thread is read and listed, and the code that it fits goes on with it."""
    state = graph.get_state(CONFIG)
    assert state.next, f"the thread is over after {error!r}"
    assert list(graph.get_state_history(CONFIG))
    assert [head.thread for head in store.heads()] == ["t"]
    kind = "refused" if isinstance(error, ClewError) else "fails"
    if kind == "refused":
        answered = {event.question for event in events(store) if isinstance(event, Resumed)}
        still = [] if isinstance(error, QuestionNotReproducibleError) else deployed.asked
        assert {*deployed.asked} <= {*events_open(store), *answered}, f"{error!r} lost a question"
        assert sorted(one.id for one in state.interrupts) == still, f"{state.interrupts} of {deployed.asked}"
    earlier = Deployed(TEXT, store)
    try:
        assert earlier.finish(earlier.graph()), "the earlier code does not go on"
    finally:
        earlier.runtime.close()
    return f"{kind}: {type(error).__name__}"


def check_answers(place: str, before: Deployed, deployed: Deployed) -> None:
    """Every answer reached the question that it was given to, or its refusal is on record."""
    for question, answer in deployed.heard:
        assert answer == f"yes to {question}", f"{question!r} got {answer!r}"
    told = events(deployed.store)
    asked = {event.question: event.value.value for event in told if isinstance(event, InterruptRaised)}
    gone = {event.question for event in told if isinstance(event, AnswerRefused)}
    now = {question for question, _ in deployed.heard}
    ever = now | {question for question, _ in before.heard}
    for question in {event.question for event in told if isinstance(event, Resumed)} - gone:
        text = asked[question]
        heard = now if text.startswith(NODES[place]) else ever
        assert text in heard, f"the answer to {text!r} was dropped in silence"


def outcome(place: str, said: list[str], since: list[Any], text: str) -> str:
    """The word for how the thread went on: see the page."""
    if any(isinstance(event, (AnswerRefused, QuestionWithdrawn)) for event in since):
        asked = [str(event.value.value) for event in since if isinstance(event, InterruptRaised)]
        return "asked again" if any(text.startswith(NODES[place]) for text in asked) else "answer set aside"
    if said == fresh(TEXT):
        return "same"
    return "as the new code" if said == fresh(text) else "goes on"


def fresh(text: str) -> list[str]:
    """What the program says at the end of a thread that no edit met."""
    if text not in _FRESH:
        deployed = Deployed(text, MemoryStore())
        try:
            _FRESH[text] = deployed.finish(deployed.graph())
        except Exception:
            _FRESH[text] = []
        deployed.runtime.close()
    return _FRESH[text]


_FRESH: dict[str, list[str]] = {}
