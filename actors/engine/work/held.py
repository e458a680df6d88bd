"""The commit of a run that is stored at its end (durability "exit"), as it grows: all that the run has said so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import force_setattr

from ....events.vocabulary import Commit
from ....projections.state.fold import Draft
from ....projections.state.merge import Channels
from ....projections.state.thread import ThreadState


class Held:
    """Decisions of one run and of the graphs that it calls, in order. What they say becomes one commit, or nothing."""

    __slots__ = ("_events", "_said_at", "began", "entropy", "stored")

    def __init__(self, stored: ThreadState, began: int, entropy: bytes) -> None:
        self.stored = stored
        """The thread as the store has it: what the commit will follow."""
        self.began = began
        """When the run began, microseconds since the epoch: its checkpoints' ids are made of it."""
        self.entropy = entropy
        """The commit's id."""
        self._events: list[Any] = []
        self._said_at: list[tuple[int, int]] = []
        """Of each decision: how many events there were after it, and when it was made."""

    @property
    def events(self) -> Sequence[Any]:
        """What was said so far."""
        return self._events

    def add(self, events: Sequence[Any], time: int) -> None:
        """Keep what one more decision says, at this time."""
        self._events.extend(events)
        self._said_at.append((len(self._events), time))

    def commit(self, command: str, who: str) -> Commit:
        """The commit of the whole run, made when its last decision was: each event says how long before it was said."""
        end = self._said_at[-1][1]
        first = 0
        for until, time in self._said_at:
            for event in self._events[first:until] if time < end else ():
                force_setattr(event, "lag", event.lag + end - time)
            first = until
        return Commit(self.entropy, end, self._events, command, who)

    def folded_anew(self, stored: ThreadState, channels: Channels, command: str) -> ThreadState:
        """The state that the run works on, on the stored one: both folded with what is known of the channels by now."""
        self.stored = stored
        draft = Draft(stored, channels, self.began, self.entropy)
        first = 0
        for until, time in self._said_at:
            draft.time = time
            for event in self._events[first:until]:
                draft.record(event)
            first = until
        state = draft.finish(b"", command)
        state.stored = stored
        return state
