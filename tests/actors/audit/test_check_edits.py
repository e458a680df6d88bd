"""The deploy gate over the edits of one graph: each recorded thread is classified as a person would who read the diff.

The program and its edits are those of the reference page of code changes (tests/guarantees/changes), which says what
becomes of the threads once the code is deployed. Here nothing is deployed.
"""

from __future__ import annotations

import logging
from typing import Final

import pytest
from clew.audit import Verdict, check_graph
from clew.events.stores.memory import MemoryStore

from tests.guarantees.changes.case import Deployed, paused
from tests.guarantees.changes.edits import EDITS, NODES, TEXT, edited

FINISHED: Final = "finished"
"""The seventh thread: it is over. The others wait where `NODES` says, in this order."""

LETTERS: Final = {
    "=": Verdict.SAME,
    "?": Verdict.QUESTION_CHANGED,
    "D": Verdict.DIVERGES,
    "G": Verdict.NODE_GONE,
    "C": Verdict.CANNOT_DECODE,
    "N": Verdict.NOT_CHECKED,
}

# One letter for each of the places. The node that is edited is the one in which the thread waits; in the thread that
# waits at a breakpoint it has not run, and in the one that is over it is `ask`, whose work is done.
WITH_BODIES: Final = {
    # Nothing that matters.
    "nothing": "=======",
    "a comment and empty lines": "=======",
    "the node's function is renamed": "=======",
    "an earlier node's body": "=======",
    "the join becomes two edges": "=======",
    "the state class is renamed": "=======",
    "a key is added": "=======",
    "a key's type": "=======",
    "a value's class gains a field": "=======",
    "a breakpoint is set on the node": "=======",
    "breakpoints are taken away": "=======",
    "the graph's name": "=======",
    "answers are bound by position": "=======",
    # What a node does after its questions, or asks once these are answered, is yet to come.
    "the node's body, not its questions": "=======",
    "a question is added last": "=======",
    # A renamed node with an alias is the same node.
    "the node is renamed, with an alias": "=======",
    # Where the thread waits is gone; of the thread that is over, only its history went through there.
    "the node is renamed": "GGGGGGD",
    "the node is removed": "GGGGGGD",
    "the sub-graph's node is renamed": "===GDDD",
    "the sub-graph is removed": "===GDDD",
    "the sibling is renamed": "==GDDDD",
    "the sibling is removed": "==GDDDD",
    # Another way, from the event on where the ways part.
    "the node's defer is set": "==D====",
    "an earlier node is renamed": "DDDDDDD",
    "a node is added before": "DDDDDDD",
    "a node is added after": "======D",
    "a sibling is added": "DDDDDDD",
    "the sibling starts elsewhere": "DDDDDDD",
    "the route": "===DDDD",
    "the route's map": "===DDDD",
    "the sub-graph's other node is renamed": "===DDDD",
    # Another schema, with upcasters that lead there, or do not.
    "a key is renamed, with an upcaster": "=======",
    "a key's type, with an upcaster": "=======",
    "a key's reducer, with an upcaster": "=======",
    "a key is added that is read, with an upcaster": "=======",
    "a value's class gains a needed field, with an upcaster": "=======",
    "a key that siblings write, with an upcaster": "==C====",
    "a key that siblings write, with an upcaster of updates": "=======",
    "an upcaster that raises": "CCCCCCC",
    "upcasters without the first": "CCCCCCC",
    # Another state.
    "a key's reducer": "==DDDDD",
    "a key is removed": "DDDDDDD",
    "a key is removed that is still read": "DDDDDDD",
    "a value's class is renamed": "CCCCCCC",
    "a value's class gains a needed field": "CCCCCCC",
    "a value's class loses its field": "CCCCCCC",
    # The first question is open in `asks` and answered in `asks again`; after the failure it is answered too.
    "the first question's text": "????=?=",
    "the first question's text, read from elsewhere": "????=?=",
    "the first question gets a schema": "????=?=",
    "the questions' order": "????=?=",
    "a question is inserted first": "????=?=",
    "the first question is removed": "????=?=",
    "both questions are removed": "????=?=",
    "the first question gets a condition": "????=?=",
    "both questions have one text": "????=?=",
    # The second one was asked in `asks again` only.
    "the second question's text": "=?=====",
    "the second question's text, read from elsewhere": "=?=====",
    "the second question's schema": "=?=====",
    "a question is inserted between": "=?=====",
    "the second question is removed": "=?=====",
    # The body fails before it asks.
    "the node's body raises": "DDDD=D=",
    # Before it asks it needs an effect that is not on record; one that is on record and not needed is no matter.
    "a task is renamed": "NNNN=N=",
    "a task's arguments": "NNNN=N=",
    "a task is added": "NNNN=N=",
    "the tasks' order": "=======",
    "a task is removed": "=======",
}

CHANGES_CODE: Final = {
    *(name for name, row in WITH_BODIES.items() if "?" in row and "elsewhere" not in name),
    *("the node's body, not its questions", "a question is added last", "the node's body raises"),
    *(name for name in WITH_BODIES if name.startswith(("a task ", "a task's", "the tasks'"))),
}
"""Edits of the waiting node's own code: without running it, nobody can say what it asks now."""
ELSEWHERE: Final = {name for name in WITH_BODIES if "read from elsewhere" in name}
"""Edits that no node's code shows: without running it, they are not seen."""


def without_bodies(name: str) -> str:
    if name in CHANGES_CODE:
        return "NNNN=N="
    return "=======" if name in ELSEWHERE else WITH_BODIES[name]


@pytest.fixture(scope="module")
def stores() -> dict[str, MemoryStore]:
    found = {place: paused(place).store for place in NODES}
    over = Deployed(TEXT, MemoryStore())
    over.finish(over.graph())
    over.runtime.close()
    return {**found, FINISHED: over.store}


def test_every_edit_has_its_row() -> None:
    assert sorted(WITH_BODIES) == sorted(EDITS)
    assert len(EDITS) >= 40
    assert {letter for row in WITH_BODIES.values() for letter in row} == set(LETTERS)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_classified_as_a_person_would(
    name: str, stores: dict[str, MemoryStore], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    found = {True: "", False: ""}
    told = []
    for place, store in stores.items():
        rows = store.read("t")
        deployed = Deployed(edited(name, "asks" if place == FINISHED else place), MemoryStore())
        try:
            graph = deployed.graph()
            for bodies in found:
                (verdict,) = check_graph(graph, store, threads=["t"], bodies=bodies).threads
                found[bodies] += next(letter for letter, one in LETTERS.items() if one is verdict.verdict)
                told.append(f"{place}, bodies={bodies}: {verdict}")
            assert deployed.ledger == [], "a task was run"
            assert store.read("t") == rows
        finally:
            deployed.runtime.close()
    assert found == {True: WITH_BODIES[name], False: without_bodies(name)}, "\n".join(told)
