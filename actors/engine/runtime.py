"""What a service holds: the actors of its active threads, their journals, the pool that runs sync nodes.

A graph that is compiled without a runtime uses the process's default one.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from msgspec import Struct

from ...events.codec.values import Codec
from ...events.stores.saver import BaseCheckpointSaver
from .dispatcher import Dispatcher
from .journal import Journal
from .log import ThreadLog
from .run import Run
from .thread import ThreadActor

ACTIVE_MAX = 10_000
"""Actors kept per saver; beyond it the ones idle for longest are passivated."""
IDLE_SECONDS = 60.0
"""How long an idle actor keeps its thread's state in memory."""
POOL_MAX = 32
"""Threads for sync nodes that run beside their siblings."""
SWEEP_EVERY = 256
"""Look for idle actors once in so many uses."""


class Health(Struct, frozen=True):
    """How a runtime is."""

    active: int
    """Threads with an actor in memory."""
    running: int
    """Actors with a run under way."""
    waiting: int
    """Runs that wait for their thread."""
    draining: bool


class _Shelf:
    """What a runtime keeps for one saver: its journal and its threads' actors, oldest use first."""

    def __init__(self, saver: BaseCheckpointSaver) -> None:
        self.journal = Journal(saver.store)
        self.actors: dict[str, ThreadActor] = {}
        self.uses = 0


class Runtime:
    """Runs threads: one actor per active thread, none for a resting one. Safe to use from any thread.

    ```python
    with Runtime() as runtime:
        graph = builder.compile(checkpointer=saver, runtime=runtime)
        ...
    ```
    """

    actor_type: type[ThreadActor] = ThreadActor
    """What works on a thread; the test kit has actors of its own."""

    def __init__(
        self, *, active_max: int = ACTIVE_MAX, idle_seconds: float = IDLE_SECONDS, pool_max: int = POOL_MAX
    ) -> None:
        self.active_max = active_max
        self.idle_seconds = idle_seconds
        self.pool_max = pool_max
        self.dispatcher = Dispatcher()
        self._shelves: weakref.WeakKeyDictionary[BaseCheckpointSaver, _Shelf] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._draining = False

    def thread(self, saver: BaseCheckpointSaver, thread: str, codec: Codec) -> ThreadActor:
        """The thread's actor, made if there is none; its state is replayed when a run begins."""
        shelf = self._shelf(saver)
        with self._lock:
            actor = shelf.actors.pop(thread, None)
            if actor is None:
                log = ThreadLog(saver.store, thread, saver.tenant, saver.cipher)
                actor = self.actor_type(self.dispatcher, thread, log, shelf.journal, codec)
                actor.home = shelf.actors
            shelf.actors[thread] = actor
            shelf.uses += 1
            if shelf.uses % SWEEP_EVERY == 0 or len(shelf.actors) > self.active_max:
                self._sweep(shelf, self.idle_seconds, self.active_max)
        return actor

    def begin(self, run: Run) -> None:
        """Hand a run to its thread's actor, and take this thread's turn of it.

        While its call was looked at, the actor may have been passivated and another have taken its place.
        """
        actor = run.actor
        if actor.home is None or run.outer is not None:
            actor.offer(run)
            return
        with self._lock:
            run.actor = actor = actor.home.setdefault(actor.thread, actor)
            actor.actor_inbox.messages.append(run)
        actor.turn()

    def known(self, saver: BaseCheckpointSaver, thread: str) -> ThreadActor | None:
        """The thread's actor if it is active, else None: for reads, which start no actor."""
        shelf = self._shelves.get(saver)
        return None if shelf is None else shelf.actors.get(thread)

    def unkept(self, codec: Codec) -> ThreadActor:
        """An actor for one run without a checkpointer: nothing is encoded or stored."""
        return self.actor_type(self.dispatcher, "", None, None, codec)

    @property
    def pool(self) -> ThreadPoolExecutor:
        """Where sync nodes run that have siblings, or whose caller must not be blocked."""
        pool = self._pool
        if pool is None:
            with self._lock:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(self.pool_max, thread_name_prefix="clew-node")
                pool = self._pool
        return pool

    def submit(self, graph: Any, given: Any, config: Any = None, **options: Any) -> Future[Any]:
        """Run a graph without waiting for it, on the runtime's own threads.

        Returns:
            A future with what `graph.invoke` would return or raise.

        Raises:
            RuntimeError: the runtime is draining.
        """
        if self._draining:
            raise RuntimeError("the runtime is draining: it takes no new runs")
        return self.pool.submit(graph.invoke, given, config, **options)

    def passivate(self, idle_seconds: float = 0.0) -> int:
        """Drop actors that have been idle for so long; returns how many. Their threads are rows again, and no less."""
        with self._lock:
            return sum(self._sweep(shelf, idle_seconds, None) for shelf in list(self._shelves.values()))

    def health(self) -> Health:
        """How many threads are active, running and waiting now."""
        with self._lock:
            actors = [actor for shelf in self._shelves.values() for actor in shelf.actors.values()]
        return Health(
            active=len(actors),
            running=sum(1 for actor in actors if actor.run is not None),
            waiting=sum(len(actor.waiting) for actor in actors),
            draining=self._draining,
        )

    def drain(self, timeout_seconds: float | None = None) -> bool:
        """Take no new submissions and wait until no run is under way; False when the time was up first."""
        self._draining = True
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while self.health().running:
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def close(self) -> None:
        """End the runtime's threads. Runs under way are finished first."""
        self.drain()
        with self._lock:
            for shelf in self._shelves.values():
                shelf.journal.close()
        self.dispatcher.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _shelf(self, saver: BaseCheckpointSaver) -> _Shelf:
        shelf = self._shelves.get(saver)
        if shelf is None:
            with self._lock:
                shelf = self._shelves.get(saver)
                if shelf is None:
                    shelf = self._shelves[saver] = _Shelf(saver)
                    # The committer thread must not outlive the saver whose store it serves.
                    weakref.finalize(saver, shelf.journal.stop).atexit = False
        return shelf

    def _sweep(self, shelf: _Shelf, idle_seconds: float, active_max: int | None) -> int:
        """Drop idle actors, longest unused first. The lock is held, so no run begins between look and drop.

        Looks at those that go, those at work before them, and one more: the cost of a use must not grow with the
        actors that are kept.
        """
        now, gone = time.monotonic(), list[str]()
        excess = len(shelf.actors) - active_max if active_max is not None else 0
        for thread, actor in shelf.actors.items():  # in order of use: behind a young one nearly all are
            if len(gone) >= excess and now - actor.last_used < idle_seconds:
                break
            if actor.idle:
                gone.append(thread)
        for thread in gone:
            del shelf.actors[thread]
        return len(gone)


_default: Runtime | None = None
_default_lock = threading.Lock()


def default_runtime() -> Runtime:
    """The process's runtime, made at the first use; a forked child makes its own."""
    global _default
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = Runtime()
    return _default


def _forget_default() -> None:
    """After a fork the child has none of the parent's threads: it begins anew."""
    global _default, _default_lock
    _default = None
    _default_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_default)
