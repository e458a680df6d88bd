"""R17: what clients did and were told, held against the log: every thread must be one list, to which each added once.

A client writes down when it began an operation and what came of it, as lines that outlive its process. An operation
adds one word to a thread (`tell`), or answers its question (`answer`). In the log the words have one order. It must be
an order in which all of it can have happened at once, operation by operation, each between its begin and its end.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["done", "refused", "unknown"]
"""What the client was told; "unknown": nothing, because it or its store died."""


@dataclass(frozen=True)
class Operation:
    """One thing that a client did."""

    client: str
    kind: Literal["tell", "answer"]
    thread: str
    word: str
    """No two operations have one word; an answer's begins with the client's name."""
    began: int
    """Nanoseconds of the machine's monotonic clock, which all its processes share."""
    ended: int | None = None
    outcome: Outcome = "unknown"
    saw: Sequence[str] = ()
    """All words of the thread, as the reply had them."""
    winner: str = ""
    """Who answered, as a refusal says."""


class Diary:
    """A client's operations, written to a file as they begin and end."""

    def __init__(self, path: Path, client: str) -> None:
        self.client = client
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def begin(self, kind: str, thread: str, word: str) -> str:
        """Write down that it begins; the operation's word."""
        self._write(client=self.client, kind=kind, thread=thread, word=word, began=time.monotonic_ns())
        return word

    def end(self, word: str, outcome: Outcome, saw: Sequence[str] = (), winner: str = "") -> None:
        """Write down what the client was told."""
        self._write(word=word, outcome=outcome, saw=list(saw), winner=winner, ended=time.monotonic_ns())

    def close(self) -> None:
        os.close(self._file)

    def _write(self, **line: Any) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def operations(paths: Iterable[Path]) -> list[Operation]:
    """What the diaries tell; half a line of a client that died is passed over."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        for text in path.read_text().splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            found.setdefault(line["word"], {}).update(line)
    return [Operation(**line) for line in found.values() if "began" in line]


def anomalies(done: Sequence[Operation], logs: dict[str, Sequence[str]]) -> list[str]:
    """What cannot be, given what clients were told and the words that each thread has in the end."""
    found: list[str] = []
    by_thread: dict[str, list[Operation]] = {thread: [] for thread in logs}
    for one in done:
        by_thread.setdefault(one.thread, []).append(one)
    for thread, some in by_thread.items():
        found += [f"thread {thread}: {problem}" for problem in _of_thread(some, list(logs.get(thread, ())))]
    return found


def _of_thread(done: Sequence[Operation], words: list[str]) -> Iterable[str]:
    place = {word: number for number, word in enumerate(words)}
    known = {one.word for one in done}
    yield from (f"{word!r} is there {count} times" for word, count in Counter(words).items() if count > 1)
    yield from (f"{word!r} is there and nobody said it" for word in words if word not in known)
    for one in done:
        if one.outcome == "done":
            if one.word not in place:
                yield f"{one.word!r} was acknowledged and is lost"
                continue
            seen = list(one.saw)
            if seen != words[: len(seen)]:
                yield f"{one.word!r} saw {seen[-3:]}, which is no beginning of the log"
            elif one.word not in seen:
                yield f"{one.word!r} was acknowledged by a reply without it"
        elif one.outcome == "refused" and one.word in place:
            yield f"{one.word!r} was refused and is there"
    yield from _out_of_order(done, place)
    yield from _winners(done, place)


def _out_of_order(done: Sequence[Operation], place: dict[str, int]) -> Iterable[str]:
    """Whoever began after another one was told of its end comes after it, and sees it."""
    ended = sorted((one for one in done if one.outcome == "done" and one.word in place), key=lambda one: one.ended or 0)
    begun = sorted((one for one in done if one.word in place), key=lambda one: one.began)
    latest: Operation | None = None
    """Of all that had ended: the one that is last in the log."""
    next_ended = 0
    for one in begun:
        while next_ended < len(ended) and (ended[next_ended].ended or 0) < one.began:
            candidate = ended[next_ended]
            if latest is None or place[candidate.word] > place[latest.word]:
                latest = candidate
            next_ended += 1
        if latest is not None and place[one.word] < place[latest.word]:
            yield f"{one.word!r} began after {latest.word!r} had ended, and comes before it"


def _winners(done: Sequence[Operation], place: dict[str, int]) -> Iterable[str]:
    answers = [one for one in done if one.kind == "answer"]
    winners = [one for one in answers if one.word in place]
    if len(winners) > 1:
        yield f"{len(winners)} answers were taken: {[one.word for one in winners]}"
    for one in answers:
        if one.winner and one.winner not in [winner.client for winner in winners]:
            yield f"{one.client} was told that {one.winner} had answered, and the log has {[w.client for w in winners]}"
