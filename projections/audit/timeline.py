"""A thread's states one after the other: after each of its commits, and after each event in them. Nothing runs.

The fold is the live one (projections/state). Which rules it folds with, whoever makes a timeline says: they may change
where a graph with other code went on with the thread.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ...events.vocabulary import GraphSeen, Recorded, RunContinued, RunStarted
from ..state.fold import draft_of, fold, fold_all
from ..state.merge import Channels
from ..state.thread import ThreadState

Rules = Callable[[GraphSeen | None], Channels]
"""From what the log says of the graph that is at work to the channels to fold with."""


class Timeline:
    """A thread's commits with the states between them. Each is worked out once, when it is first asked for.

    Args:
        commits: the whole thread from version 0, in order.
        rules: given the graph at work; asked once for each.
    """

    def __init__(self, commits: Sequence[Recorded], rules: Rules) -> None:
        self.commits = commits
        self._eras = _eras(commits, rules)
        self._states: list[ThreadState] = []
        """The state after each version, as far as it was asked for."""
        self._inside: Inside | None = None

    def __len__(self) -> int:
        return len(self.commits)

    def rules_at(self, version: int) -> Channels:
        """The channels that the thread was folded with when it reached this version."""
        place = bisect_right(self._eras, version, key=lambda era: era[0]) - 1
        return self._eras[max(place, 0)][1]

    def after(self, version: int) -> ThreadState:
        """The state after a version; -1 for before the first."""
        states = self._states
        while len(states) <= version:
            states.append(self._next(len(states)))
        return states[version] if version >= 0 else ThreadState()

    def inside(self, version: int, index: int) -> ThreadState:
        """The state after one event of a commit."""
        if index == len(self.commits[version].commit.events) - 1:
            return self.after(version)
        known = self._inside
        if known is None or known.version != version or known.said > index + 1:
            before = self._based(version)
            known = self._inside = Inside(before, self.commits[version], self.rules_at(version))
        return known.after(index)

    def version_at(self, time: int) -> int:
        """The last version that was made by then, microseconds since the epoch; -1 for none."""
        return bisect_right(self.commits, time, key=lambda recorded: recorded.commit.time) - 1

    def _next(self, version: int) -> ThreadState:
        return fold(self._based(version), self.commits[version], self.rules_at(version))

    def _based(self, version: int) -> ThreadState:
        """The state before a version, folded with the rules of that version."""
        rules = self.rules_at(version)
        if version == 0 or self.rules_at(version - 1) is rules:
            return self.after(version - 1)
        # As a process that has the new code begins: the whole log anew, with its rules.
        return fold_all(ThreadState(), self.commits[:version], rules)


class Inside:
    """One commit, event by event: what comes later in it costs no more than the events between."""

    def __init__(self, before: ThreadState, recorded: Recorded, rules: Channels) -> None:
        commit = recorded.commit
        self.version = recorded.version
        self.said = 0
        """How many events are applied."""
        self._events = commit.events
        self._time = commit.time
        self._draft = draft_of(knowing_upcasts(before, recorded), recorded, rules)

    def after(self, index: int) -> ThreadState:
        """The state after the event at this index, which is not before one that was asked for."""
        while self.said <= index:
            self._draft.record(self._events[self.said])
            self.said += 1
        return self._draft.standing(self._time - self._events[index].lag)


def knowing_upcasts(state: ThreadState, recorded: Recorded) -> ThreadState:
    """The state before a commit, as the fold takes it where the commit is the first that names a later schema."""
    if state.upcasts or not any(isinstance(event, GraphSeen) and event.schema for event in recorded.commit.events):
        return state
    return replace(state, upcasts=True)


def _eras(commits: Sequence[Recorded], rules: Rules) -> list[tuple[int, Channels]]:
    """(first version, channels) for each stretch of the thread in which one graph is at work."""
    seen: dict[bytes, GraphSeen] = {}
    known: dict[bytes, Channels] = {}
    eras: list[tuple[int, Channels]] = []
    for recorded in commits:
        at_work: bytes | None = None
        for event in recorded.commit.events:
            if isinstance(event, GraphSeen):
                seen.setdefault(event.fingerprint, event)
            if not event.ns and isinstance(event, (GraphSeen, RunStarted, RunContinued)):
                at_work = event.fingerprint
        if at_work is None:
            continue
        if at_work not in known:
            known[at_work] = rules(seen.get(at_work))
        if not eras or eras[-1][1] is not known[at_work]:
            eras.append((recorded.version, known[at_work]))
    return eras or [(0, rules(None))]
