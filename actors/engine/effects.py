"""Recorded effects: tool calls and functional tasks, whose results are played back when their node runs again.

An effect is known by its place: scope, name, digest of the arguments, and ordinal. It lives on whatever thread or
coroutine the node runs on; the thread actor sees what was kept, as an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ...events.errors import error_repr
from ...events.vocabulary import EffectRecorded, Payload

if TYPE_CHECKING:
    from .call import Scope
    from .work.jobs import Job

Place = tuple[str, str, bytes, int]
"""(scope, name, digest of the arguments, ordinal): what tells one effect of a task from another."""


only_recorded: ContextVar[Callable[[str], None] | None] = ContextVar("clew_only_recorded", default=None)
"""Set where recorded effects are played back and no new one may be made (actors/audit): raises, given its name."""


def refuse_new(scope: Scope, name: str, *, asked_inside: bool = True) -> None:
    """Refuse what is about to be done for the first time, where only what is on record may be played back.

    `asked_inside`: `scope` is the effect's own place, and what waits for an answer there may run up to its question.
    """
    refuse = only_recorded.get()
    if refuse is None:
        return
    places = [asked.raised.scope for asked in scope.call.job.task.questions] if asked_inside else []
    if not any(place == scope.name or place.startswith(f"{scope.name}/") for place in places):
        refuse(name)


class EffectKept(Struct, frozen=True):
    """A message from inside a node to its thread's actor: an effect is done while the node goes on."""

    job: Job
    effect: EffectRecorded


class Records:
    """The effects that are on record for a task, as its running attempt asks for them. May be used by many threads."""

    __slots__ = ("_by_turn", "_done", "_tried", "_used")

    def __init__(self, effects: Iterable[EffectRecorded]) -> None:
        self._done: dict[Place, EffectRecorded] = {}
        self._by_turn: dict[tuple[str, str, int, bytes], EffectRecorded] = {}
        self._tried: set[Place] = set()
        self._used: set[Place] = set()
        for effect in effects:
            self.add(effect)

    def add(self, effect: EffectRecorded) -> None:
        """Take up one more."""
        # Without a value it failed, or went with the completion of a task that has to run again after all.
        if effect.value is None:
            self._tried.add(effect.place)
            return
        self._done[effect.place] = effect
        if effect.call >= 0:
            self._by_turn[effect.scope, effect.name, effect.call, effect.code] = effect

    def take(self, place: Place) -> EffectRecorded | None:
        """The record of a finished effect, which is played back, or None."""
        found = self._done.get(place)
        if found is not None:
            self._used.add(place)
        return found

    def was_tried(self, place: Place) -> bool:
        """True when an earlier attempt did it and it raised."""
        return place in self._tried

    def passed_over(self, effect: Effect) -> EffectRecorded | None:
        """The record that this effect's turn had when the same code ran before, if nothing has played it back."""
        found = self._by_turn.get((effect.scope.name, effect.name, effect.call, effect.code))
        return None if found is None or found.place in self._used else found


class Effect:
    """One recorded effect: ask `recorded` first, `keep` the result afterwards."""

    __slots__ = ("call", "code", "digest", "name", "ordinal", "scope")

    def __init__(self, scope: Scope, name: str, digest: bytes, ordinal: int) -> None:
        self.scope = scope
        self.name = name
        self.digest = digest
        self.ordinal = ordinal
        self.call = -1
        """As `EffectRecorded.call`."""
        self.code = b""
        """As `EffectRecorded.code`."""

    @property
    def place(self) -> Place:
        """What tells it from the task's other effects."""
        return (self.scope.name, self.name, self.digest, self.ordinal)

    @property
    def recorded(self) -> EffectRecorded | None:
        """The record of an earlier attempt, or None when the effect is still to be done."""
        return self.scope.call.records.take(self.place)

    def keep(self, value: Any, *, early: bool = False) -> None:
        """Record the effect's result; it becomes durable with the task's report.

        Args:
            value: what the effect came to.
            early: True while something slower may go on beside it: then it is recorded within milliseconds, so that a
                crash in between does not cost it.
        """
        call = self.scope.call
        call.keep(self._record(call.job.run.payload(value, self.name)), early=early)

    def fail(self, error: BaseException) -> None:
        """Record that it raised: it is done again when the task is."""
        self.scope.call.keep(self._record(None, error_repr(error)), early=False)

    def _record(self, value: Payload | None, error: str | None = None) -> EffectRecorded:
        return EffectRecorded(
            task=self.scope.call.job.ordinal,
            scope=self.scope.name,
            name=self.name,
            digest=self.digest,
            ordinal=self.ordinal,
            value=value,
            error=error,
            call=self.call,
            code=self.code,
        )
