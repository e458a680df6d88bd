"""From a thread's commits to the lines of its story, in the order in which things happened.

Its own small fold: it needs to know which node a task number means and nothing of channels, so it tells the story of a
thread whose graph is not at hand. Called by the CLI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from ...events.vocabulary import (
    START,
    Forked,
    InterruptRaised,
    Recorded,
    RunStarted,
    StateUpdated,
    StepCommitted,
    StepPlanned,
    Unknown,
)
from .wording import words

CHARACTERS_MAX = 200
"""How long a line's words may be unless the caller says otherwise."""


class StoryLine(Struct, frozen=True, gc=False):
    """One event, told."""

    version: int
    """Version of its commit."""
    index: int
    """Its place in the commit, from 0."""
    time: int
    """When it happened: microseconds since the epoch."""
    event: str
    """The event's name."""
    node: str
    """The node it is about; "" for what is about the whole thread."""
    what: str
    """What it says, on one line."""
    who: str
    """Who sent the command that led to it; "" where nobody said."""
    ns: str
    """Namespace: the sub-graph path inside the thread; "" for the root graph."""


def story(commits: Iterable[Recorded], *, characters_max: int = CHARACTERS_MAX) -> Iterator[StoryLine]:
    """The lines of a thread's story, one for each event.

    Args:
        commits: the whole thread from version 0, in order.
        characters_max: length to which a line's words are cut.
    """
    places = _Places()
    for recorded in commits:
        commit = recorded.commit
        places.enter(recorded.version)
        for index, event in enumerate(commit.events):
            places.apply(event)
            name = "Unknown" if isinstance(event, Unknown) else type(event).__name__
            who = getattr(event, "who", "")
            yield StoryLine(
                recorded.version,
                index,
                commit.time - event.lag,
                name,
                places.node(event),
                words(event, characters_max),
                who if isinstance(who, str) and who else commit.actor,
                event.ns,
            )


class _Places:
    """Which node a task number or a question's id means, at the point that the story has reached."""

    def __init__(self) -> None:
        self._tasks: dict[str, list[str]] = {}
        """Nodes of the open step by namespace; the list is shared with `_made` until the next checkpoint."""
        self._made: dict[tuple[str, int, int], list[str]] = {}
        """Nodes of the step after each checkpoint, by namespace, version and ordinal: where a fork goes back to."""
        self._asked: dict[str, str] = {}
        """The node that asked, by question id."""
        self._version = -1
        self._checkpoints = 0

    def enter(self, version: int) -> None:
        """A commit begins."""
        self._version = version
        self._checkpoints = 0

    def apply(self, event: Any) -> None:
        """Take note of an event that plans, asks or makes a checkpoint."""
        change = _CHANGES.get(type(event))
        if change is not None:
            change(self, event)

    def node(self, event: Any) -> str:
        """The node that an event is about."""
        question = getattr(event, "question", None)
        if question is not None:
            return self._asked.get(question, "")
        task = getattr(event, "task", None)
        tasks = self._tasks.get(event.ns, ())
        return tasks[task] if isinstance(task, int) and 0 <= task < len(tasks) else ""

    def started(self, event: RunStarted) -> None:
        self._checkpoint(event.ns, [START])

    def committed(self, event: StepCommitted | StateUpdated) -> None:
        self._checkpoint(event.ns, [])

    def planned(self, event: StepPlanned) -> None:
        self._tasks.setdefault(event.ns, []).extend(task.node for task in event.tasks)

    def forked(self, event: Forked) -> None:
        tasks = list(self._made.get((event.ns, event.version, event.ordinal), ()))
        if event.rerun:
            self._checkpoint(event.ns, tasks)
        else:
            self._tasks[event.ns] = tasks

    def asked(self, event: InterruptRaised) -> None:
        tasks = self._tasks.get(event.ns, ())
        self._asked[event.question] = tasks[event.task] if event.task < len(tasks) else ""

    def _checkpoint(self, ns: str, tasks: list[str]) -> None:
        self._tasks[ns] = self._made[ns, self._version, self._checkpoints] = tasks
        self._checkpoints += 1


_CHANGES: dict[type, Callable[[_Places, Any], None]] = {
    RunStarted: _Places.started,
    StepCommitted: _Places.committed,
    StateUpdated: _Places.committed,
    StepPlanned: _Places.planned,
    Forked: _Places.forked,
    InterruptRaised: _Places.asked,
}
