"""Reading a thread's commits as they come: from the store, woken by the thread's actor where it is in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from ...projections.streams.commit import COMMITTED_MODES
from ...projections.streams.view import Chunk
from ..doors.config import complete_config, thread_of
from ..doors.output import Forms
from ..doors.request import Options, output_keys
from ..doors.setup import Setup
from ..doors.state import saver_of
from ..engine.log import ThreadLog
from ..engine.thread import ThreadActor
from ..engine.work.processes import look_after
from .replay import Replay
from .views import Views

HERE_SECONDS = 1.0
"""How long to wait at most for a run of this process, which tells of each commit, before looking again all the same."""


class Look:
    """What a reader is to do: call `look`."""


LOOK = Look()


class Pause(Struct, frozen=True):
    """What a reader is to do: wait until it is woken, or so long."""

    seconds: float


class Joining(Struct, frozen=True):
    """What a stream is joined for."""

    after: int
    """Only what was committed after this version."""
    output_keys: str | Sequence[str] | None
    positions: bool
    """Whether each chunk comes with the version that committed it."""
    quiet_seconds: float
    """How long another process's run may commit nothing before it is taken for dead."""


class Follower:
    """One joined stream: `needs` says what its reader is to do, and gives out what there is. Not thread-safe."""

    def __init__(
        self,
        graph: Setup,
        config: Any,
        forms: Forms,
        joining: Joining,
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called at each commit, from any thread."""
        modes = forms.modes
        live = sorted(modes - COMMITTED_MODES)
        if live:
            raise ValueError(
                f"stream modes {live} cannot be joined: what nodes emit while they run is not stored; "
                f"there are {sorted(COMMITTED_MODES)}"
            )
        saver = saver_of(graph)
        completed = complete_config(graph.config, config)
        self.thread = thread_of(completed)
        self._wake = wake
        self._graph = graph
        self._saver = saver
        self._log = ThreadLog(saver.store, self.thread, saver.tenant, saver.cipher)
        self._joining = joining
        self._actor: ThreadActor | None = None
        self._quiet = False
        self._news_at = time.monotonic()
        self._forms = forms
        self._found: list[tuple[int, Chunk]] = []
        """What the last look found: versions, and chunks that they committed."""
        options = Options(output_keys=output_keys(graph, joining.output_keys), modes=modes, version=forms.version)
        self._replay = Replay(Views(graph, completed, options), joining.after, subgraphs=forms.subgraphs)

    def needs(self) -> Iterator[Any]:
        """What the reader is to do next: look, pause, or give out a chunk in its form; ends when the thread rests."""
        while True:
            yield LOOK
            found = self._found
            for position, chunk in found:
                formed = self._forms.form(chunk)
                yield (position, formed) if self._joining.positions else formed
            if not found:
                seconds = self._wait_seconds()
                if seconds is None:
                    return
                yield Pause(seconds)

    def look(self) -> None:
        """Read what was committed since the last look, on whatever thread; blocks for the store alone.

        Raises:
            ValueError: the thread has not reached the version that the stream is to go on after.
        """
        # First of all: what is committed after this look wakes us.
        self._quiet = not self._runs_here()
        first, replay = self._replay.state.version < 0, self._replay
        self._found = found = []
        for row in self._log.store.read(self.thread, after=replay.state.version, tenant=self._log.tenant):
            found.extend(replay.add(self._log.recorded(row, replay.state, self._graph.codec)))
            self._news_at = time.monotonic()
        if first and replay.state.version < self._joining.after:
            raise ValueError(
                f"thread {self.thread!r} is at version {replay.state.version} and cannot be joined after "
                f"{self._joining.after}: is it another thread's, or was this one deleted? Join it from after=-1"
            )

    def _wait_seconds(self) -> float | None:
        """How long to wait for more at most; None when the thread rests and everything was read."""
        if not self._quiet:
            return HERE_SECONDS
        if not self._replay.state.running:
            return None
        idle = time.monotonic() - self._news_at
        if idle > self._joining.quiet_seconds:
            return None
        return look_after(idle)

    def close(self) -> None:
        """Listen no longer."""
        if self._actor is not None:
            self._actor.forget_follower(self._wake)
            self._actor = None

    def _runs_here(self) -> bool:
        actor = self._graph.runtime.known(self._saver, self.thread)
        if actor is not self._actor:
            self.close()
            if actor is not None:
                actor.add_follower(self._wake)
            self._actor = actor
        return actor is not None and (actor.run is not None or bool(actor.waiting))
