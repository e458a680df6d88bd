"""Stores whose values have a time to live: what takes away the expired, and their life for sync and async callers."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, Self

from .checks import unknown_names
from .core import Backend, KeptStore
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


class OpenBackend(Backend, Protocol):
    """A backend that has tables to make and connections to close."""

    def setup(self) -> None:
        """Create what is missing."""
        ...

    def close(self) -> None:
        """Close the connections that are the backend's own."""
        ...


class SweptStore(KeptStore):
    """A store whose values can expire, on a backend that it opened."""

    supports_ttl = True
    _backend: OpenBackend

    def __init__(self, backend: OpenBackend, index: IndexConfig | None, ttl: TTLConfig | None) -> None:
        unknown_names(ttl or (), TTLConfig.__annotations__, "ttl")
        self.ttl_config = ttl
        super().__init__(backend, index)
        self._sweeper = Sweeper(self._sweep)

    @classmethod
    def _on(cls, backend: OpenBackend, index: IndexConfig | None, ttl: TTLConfig | None) -> Self:
        """A store on a backend, whatever its class is made of."""
        store = cls.__new__(cls)
        SweptStore.__init__(store, backend, index, ttl)
        return store

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

    def _close(self) -> None:
        self._sweeper.stop(None)
        self._backend.close()


class SyncStore(SweptStore):
    """The methods of a store's life for sync callers."""

    def setup(self) -> None:
        """Create the tables if they are missing; safe when several processes do it at once."""
        self._backend.setup()

    def sweep_ttl(self) -> int:
        """Delete what has expired; how many items that were."""
        return self._sweep()

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> Future[None]:
        """Sweep at intervals, on a thread of its own, until `stop_ttl_sweeper`.

        Returns:
            A future that is done when the sweeper has ended; done already for a store without `ttl`.
        """
        return self._start(sweep_interval_minutes)

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """End the sweeper; False if it was still busy after `timeout` seconds."""
        return self._sweeper.stop(timeout)


class AsyncStore(SweptStore):
    """The same for async callers, each off the event loop."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    async def setup(self) -> None:
        """As `SyncStore.setup`."""
        await asyncio.to_thread(self._backend.setup)

    async def sweep_ttl(self) -> int:
        """As `SyncStore.sweep_ttl`."""
        return await asyncio.to_thread(self._sweep)

    async def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> asyncio.Future[None]:
        """As `SyncStore.start_ttl_sweeper`; the future belongs to the calling event loop."""
        return asyncio.wrap_future(self._start(sweep_interval_minutes))

    async def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """As `SyncStore.stop_ttl_sweeper`."""
        return await asyncio.to_thread(self._sweeper.stop, timeout)
