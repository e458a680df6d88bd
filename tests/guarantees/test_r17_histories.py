"""R17: the checker of histories finds what cannot be. The soak (R16) and the restarts (R3) give it what really was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from .histories import Diary, Operation, anomalies, operations


def told(word: str, began: int, ended: int, saw: Sequence[str] = (), **more: Any) -> Operation:
    fields = {"outcome": "done", "kind": "tell", "saw": saw or [word], **more}
    return Operation("ann", thread="t", word=word, began=began, ended=ended, **fields)


def answer(client: str, **more: Any) -> Operation:
    return Operation(client, "answer", "t", f"{client}: yes", 0, 9, **more)


SOUND = {
    "one after the other": ([told("a", 0, 1), told("b", 2, 3, ["a", "b"])], ["a", "b"]),
    "at once, the later one first": ([told("a", 0, 5, ["b", "a"]), told("b", 1, 4)], ["b", "a"]),
    "nobody knows, and it is there": ([Operation("bob", "tell", "t", "a", 0)], ["a"]),
    "nobody knows, and it is not": ([Operation("bob", "tell", "t", "a", 0)], []),
    "unknown, and taken long after": ([told("a", 2, 3), Operation("bob", "tell", "t", "b", 0)], ["a", "b"]),
    "refused": ([told("a", 0, 1), told("b", 2, 3, outcome="refused")], ["a"]),
    "one winner": (
        [answer("ann", outcome="done", saw=["ann: yes"]), answer("bob", outcome="refused", winner="ann")],
        ["ann: yes"],
    ),
}
ANOMALIES = {
    "an acknowledged word is lost": ([told("a", 0, 1)], [], "acknowledged and is lost"),
    "a word is there twice": ([told("a", 0, 1)], ["a", "a"], "there 2 times"),
    "a word comes from nowhere": ([told("a", 0, 1)], ["a", "b"], "nobody said it"),
    "a refused word is there": ([told("a", 0, 1, outcome="refused")], ["a"], "was refused and is there"),
    "a reply that was taken back": ([told("a", 0, 1, ["x", "a"])], ["a"], "no beginning of the log"),
    "a reply without the word": (
        [told("a", 0, 1), told("b", 2, 3, ["a"])],
        ["a", "b"],
        "acknowledged by a reply without it",
    ),
    "the order of time is not the log's": (
        [told("a", 0, 1, ["b", "a"]), told("b", 2, 3)],
        ["b", "a"],
        "'b' began after 'a' had ended",
    ),
    "two winners": (
        [answer("ann", outcome="done", saw=["ann: yes"]), answer("bob", outcome="unknown")],
        ["ann: yes", "bob: yes"],
        "2 answers were taken",
    ),
    "a winner that is none": (
        [answer("ann", outcome="done", saw=["ann: yes"]), answer("bob", outcome="refused", winner="eve")],
        ["ann: yes"],
        "told that eve had answered",
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_can_be_is_no_anomaly(name: str) -> None:
    done, words = SOUND[name]
    assert anomalies(done, {"t": words}) == []


@pytest.mark.parametrize("name", ANOMALIES)
def test_what_cannot_be_is_found(name: str) -> None:
    done, words, problem = ANOMALIES[name]
    found = anomalies(done, {"t": words})
    assert any(problem in one for one in found), found


def test_a_diary_outlives_its_client(tmp_path: Path) -> None:
    diary = Diary(tmp_path / "ann", "ann")
    diary.end(diary.begin("tell", "t", "a"), "done", ["a"])
    diary.begin("tell", "t", "b")
    diary.close()
    with (tmp_path / "ann").open("a") as file:
        file.write('{"word": "b", "outc')
    first, second = operations([tmp_path / "ann"])
    assert (first.outcome, first.saw, second.outcome) == ("done", ["a"], "unknown")
    assert first.ended is not None
    assert first.began < first.ended < second.began
