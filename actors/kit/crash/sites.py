"""Where in an append a process can die, and what makes it die there: SIGKILL to itself, so nothing is cleaned up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NoReturn, final

from ....events.codec.values import Codec
from ....events.stores.saver import BaseCheckpointSaver
from ....events.stores.sqlite import SqliteStore
from ....events.stores.store import Entry, Store, Verdict
from ...engine.runtime import Runtime
from ...engine.thread import ThreadActor
from ...engine.work.messages import Part
from ..faulty_store import one_by_one
from ..simulation.processes import WatchedActor

Site = Literal["before append", "inside the transaction", "before acknowledgement", "before effect"]
"""Where the process dies.

- "before append": nodes have run, the commit is not written;
- "inside the transaction": the commit is written and not committed;
- "before acknowledgement": the commit is durable, and nobody was told;
- "before effect": the thread's actor was told, and nothing that follows has begun: no node, no reply.
"""
SITES: tuple[Site, ...] = ("before append", "inside the transaction", "before acknowledgement", "before effect")


def die() -> NoReturn:
    """Kill this process, at once."""
    os.kill(os.getpid(), signal.SIGKILL)
    while True:  # the signal may take an instant
        time.sleep(1)


@final
class Killer:
    """Kills its process at one site of one append of one thread."""

    def __init__(self, thread: str, site: Site | None = None, append: int = -1) -> None:
        self.thread = thread
        self.site = site
        self.append = append
        """Number of the append, from 0."""
        self.appends = 0
        """Appends of the thread so far, the present one included."""

    def at(self, site: Site, entry: Entry | None = None) -> None:
        """Die if this is the place."""
        if entry is not None and entry.thread != self.thread:
            return
        if self.site == site and self.appends - 1 == self.append:
            die()


@final
class DeadlyStore:
    """A `Store` around another one, in which a killer waits. It tells which appends were acknowledged."""

    def __init__(self, inner: Store, killer: Killer, tell: Callable[[str], None]) -> None:
        self.inner = inner
        self.durable = inner.durable
        self._killer = killer
        self._tell = tell

    def append(self, entry: Entry) -> int:
        """See `Store.append`."""
        killer = self._killer
        if entry.thread == killer.thread:
            killer.appends += 1
        killer.at("before append", entry)
        append = self._append_watched if killer.site == "inside the transaction" else self.inner.append
        position = append(entry)
        killer.at("before acknowledgement", entry)
        self._tell(f"{entry.version} {entry.digest.hex()}")
        return position

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """See `Store.append_batch`: one after the other, so that each has its sites."""
        return one_by_one(self.append, entries)

    def _append_watched(self, entry: Entry) -> int:
        inner = self.inner
        if isinstance(inner, SqliteStore):
            inner.trace(lambda statement: self._killer.at(self._site, entry) if statement == "COMMIT" else None)
            try:
                return inner.append(entry)
            finally:
                inner.trace(None)
        # Another store's transaction cannot be looked into: the kernel kills the process while it is at it.
        if self._killer.appends - 1 == self._killer.append and entry.thread == self._killer.thread:
            signal.setitimer(signal.ITIMER_REAL, INSIDE_SECONDS)
            try:
                return inner.append(entry)
            finally:
                self._killer.at(self._site, entry)
        return inner.append(entry)

    _site: Site = "inside the transaction"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


INSIDE_SECONDS = 0.0004
"""How long after its beginning an append is taken to be inside its transaction, where the store does not say."""


@final
class _Actor(WatchedActor):
    """The engine's actor, which may die when it is told that an append is durable."""

    killer: Killer

    def _stored(self, parts: Sequence[Part], verdict: Verdict) -> None:
        if isinstance(verdict, int) and self.log is not None:
            self.killer.at("before effect")
        super()._stored(parts, verdict)


@final
class DeadlyRuntime(Runtime):
    """The engine's runtime, whose actors a killer can reach."""

    actor_type = _Actor

    def __init__(self, killer: Killer) -> None:
        super().__init__()
        self._killer = killer
        self.repeated: list[str] = []
        """Effects that were done although they are on record."""

    def thread(self, saver: BaseCheckpointSaver, thread: str, codec: Codec) -> ThreadActor:
        """As the engine's."""
        return self._mine(super().thread(saver, thread, codec))

    def unkept(self, codec: Codec) -> ThreadActor:
        """As the engine's."""
        return self._mine(super().unkept(codec))

    def _mine(self, actor: ThreadActor) -> ThreadActor:
        if isinstance(actor, _Actor):
            actor.killer = self._killer
            actor.repeated = self.repeated
        return actor
