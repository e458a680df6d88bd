"""Reading a thread's commits as they come: from the store, woken by the thread's actor where it is in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ...projections.streams.commit import COMMITTED_MODES
from ...projections.streams.view import Chunk, RunView
from ..decider.commands import Terms
from ..doors.config import complete_config, steps_max, thread_of
from ..doors.request import Options, describe_view, output_keys
from ..doors.setup import Setup
from ..doors.state import saver_of
from ..engine.log import ThreadLog
from ..engine.thread import ThreadActor
from .replay import Replay

HERE_SECONDS = 1.0
"""How long to wait at most for a run of this process, which tells of each commit, before looking again all the same."""
POLL_MIN_SECONDS, POLL_MAX_SECONDS = 0.01, 1.0
"""How long to wait for another process's next commit: a tenth of the time since the last one, within these bounds."""
QUIET_SECONDS = 600.0
"""How long another process's run may commit nothing before it is taken for dead."""


class Follower:
    """One joined stream: `more` reads, `wait_seconds` says whether and how long to wait for more. Not thread-safe."""

    def __init__(
        self,
        graph: Setup,
        config: Any,
        modes: frozenset[str],
        *,
        after: int = -1,
        keys: str | Sequence[str] | None = None,
        version: str = "v1",
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        live = sorted(modes - COMMITTED_MODES)
        if live:
            raise ValueError(
                f"stream modes {live} cannot be joined: what nodes emit while they run is not stored; "
                f"there are {sorted(COMMITTED_MODES)}"
            )
        saver = saver_of(graph)
        completed = complete_config(graph.config, config)
        self.thread = thread_of(completed, config)
        self.wake: Callable[[], None] = _nobody
        """What the actor calls at each commit, from any thread; set before the first read."""
        self._graph = graph
        self._saver = saver
        self._log = ThreadLog(saver.store, self.thread, saver.tenant, saver.cipher)
        self._after = after
        self._quiet_seconds = quiet_seconds
        self._actor: ThreadActor | None = None
        self._quiet = False
        self._news_at = time.monotonic()
        options = Options(output_keys=output_keys(graph, keys), modes=modes, version=version)
        terms = Terms(run="", steps_max=steps_max(completed))

        def new_view(metadata: dict[str, Any]) -> RunView:
            view = RunView(graph.channels, graph.plan.state_view.keys, graph.plan.root, modes, options.output_keys)
            given = {**completed, "metadata": {**metadata, **completed["metadata"]}}
            describe_view(view, graph, given, terms, options)
            return view

        self._replay = Replay(graph.channels, after, new_view)

    def more(self) -> list[tuple[int, Chunk]]:
        """(version, chunk) of what was committed since the last look. Blocks for the store alone.

        Raises:
            ValueError: the thread has not reached the version that the stream is to go on after.
        """
        # First of all: what is committed after this look wakes us.
        self._quiet = not self._runs_here()
        first, replay = self._replay.state.version < 0, self._replay
        shown: list[tuple[int, Chunk]] = []
        for row in self._log.store.read(self.thread, after=replay.state.version, tenant=self._log.tenant):
            shown.extend(replay.add(self._log.recorded(row, replay.state, self._graph.codec)))
            self._news_at = time.monotonic()
        if first and replay.state.version < self._after:
            raise ValueError(
                f"thread {self.thread!r} is at version {replay.state.version} and cannot be joined after "
                f"{self._after}: is it another thread's, or was this one deleted? Join it from after=-1"
            )
        return shown

    def wait_seconds(self) -> float | None:
        """How long to wait for more at most; None when the thread rests and everything was read."""
        if not self._quiet:
            return HERE_SECONDS
        if not self._replay.state.running:
            return None
        idle = time.monotonic() - self._news_at
        if idle > self._quiet_seconds:
            return None
        return min(POLL_MAX_SECONDS, max(POLL_MIN_SECONDS, idle / 10))

    def close(self) -> None:
        """Listen no longer."""
        if self._actor is not None:
            self._actor.forget_follower(self.wake)
            self._actor = None

    def _runs_here(self) -> bool:
        actor = self._graph.runtime.known(self._saver, self.thread)
        if actor is not self._actor:
            self.close()
            if actor is not None:
                actor.add_follower(self.wake)
            self._actor = actor
        return actor is not None and (actor.run is not None or bool(actor.waiting))


def _nobody() -> None:
    """Nobody waits."""
