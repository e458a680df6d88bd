"""Takes away what has expired, from time to time, for stores whose values have a time to live."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from langchain_core.embeddings import Embeddings

from .checks import unknown_names
from .core import Backend, KeptStore
from .embedding import Index
from .items import IndexConfig, TTLConfig

SWEEP_MINUTES = 5.0
"""How often a sweeper looks, where nobody says."""
_LOG = logging.getLogger("clew.store")


class Sweeper:
    """A thread that sweeps at intervals until it is told to stop. One per store, begun and ended as often as wanted."""

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._lock = threading.Lock()
        self._running: tuple[threading.Thread, threading.Event, Future[None]] | None = None
        """None while no thread was begun, or the last one was stopped."""

    def start(self, minutes: float) -> Future[None]:
        """Begin, unless it is under way; the future is done when the thread has ended."""
        with self._lock:
            if self._running is not None and self._running[0].is_alive():
                return self._running[2]
            stop, done = threading.Event(), Future[None]()
            thread = threading.Thread(
                target=self._work, args=(minutes * 60, stop, done), name="clew-store-sweeper", daemon=True
            )
            self._running = thread, stop, done
            thread.start()
            return done

    def stop(self, timeout_seconds: float | None) -> bool:
        """End it, and wait for that; False if it had not ended when the time was up."""
        with self._lock:
            running = self._running
        if running is None:
            return True
        thread, stop, _ = running
        stop.set()
        thread.join(timeout_seconds)
        if thread.is_alive():
            return False
        with self._lock:
            if self._running is running:
                self._running = None
        return True

    def _work(self, seconds: float, stop: threading.Event, done: Future[None]) -> None:
        while not stop.wait(seconds):
            try:
                self._sweep()
            except Exception as error:  # the store may be back at the next look
                _LOG.warning("sweeping the store failed, the next try is in %.0f s: %s", seconds, error)
        done.set_result(None)


class SweptStore(KeptStore):
    """A store whose values can expire; what the SQL stores have in common, for sync and async callers."""

    supports_ttl = True

    def __init__(
        self, backend: Backend, index: IndexConfig | None, known: frozenset[str], ttl: TTLConfig | None
    ) -> None:
        unknown_names(ttl or (), TTLConfig.__annotations__, "ttl")
        self.index_config = index
        self.ttl_config = ttl
        super().__init__(backend, Index(index, known) if index else None)
        self._sweeper = Sweeper(self._sweep)

    @property
    def embeddings(self) -> Embeddings | None:
        """What turns texts into vectors; None without an index."""
        return None if self._index is None else self._index.embeddings

    def _sweep(self) -> int:
        now = time.time_ns() // 1000
        return self._backend.writing(lambda session: session.sweep(now))

    def _start(self, minutes: float | None) -> Future[None]:
        if self.ttl_config is None:
            done: Future[None] = Future()
            done.set_result(None)
            return done
        given = minutes if minutes is not None else self.ttl_config.get("sweep_interval_minutes")
        interval = SWEEP_MINUTES if given is None else given
        if not interval > 0 or not math.isfinite(interval):
            raise ValueError(f"a sweeper that looks every {interval!r} minutes: give a number above 0")
        return self._sweeper.start(interval)
