"""The journal: appends of many threads, made durable together where waiting is dear (group commit).

Alone, a caller commits by itself and pays for no hand-off. While somebody commits, others queue, and one committer
thread drains the queue into one transaction. The thread actor is the only caller; it has at most one append open.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from ...events.errors import OutcomeUnknownError, StoreError
from ...events.stores.store import Entry, Store, Verdict
from .work import processes

BATCH_MAX = 256
"""How many commits one transaction takes at most."""

Done = Callable[[Verdict], None]


class Journal:
    """Appends to one store, from any thread."""

    def __init__(self, store: Store, batch_max: int = BATCH_MAX) -> None:
        self.store = store
        self.process = processes.new_name()
        """By what the log knows who works on a thread here, and others see whether that lives."""
        self._batch_max = batch_max
        self._busy = threading.Lock()
        """Held by whoever commits: a caller on its own behalf, or the committer."""
        self._queue: SimpleQueue[tuple[Entry, Done] | None] = SimpleQueue()
        self._committer: threading.Thread | None = None
        self._closed = False
        self._changing = threading.RLock()
        """Held to queue and to stop, so that nothing is queued behind the end. Reentrant: a finalizer may stop."""

    @property
    def waiting(self) -> int:
        """How many appends wait for the committer now."""
        return self._queue.qsize()

    def append(self, entry: Entry) -> int:
        """Store one commit and return its position; waits until it is durable.

        Raises what `Store.append` raises.
        """
        if not self.store.durable:
            return self.store.append(entry)
        if self._queue.empty() and self._busy.acquire(blocking=False):
            try:
                return self.store.append(entry)
            finally:
                self._busy.release()
        verdicts: list[Verdict] = []
        waiting = threading.Lock()
        waiting.acquire()

        def done(verdict: Verdict) -> None:
            verdicts.append(verdict)
            waiting.release()

        self.submit(entry, done)
        waiting.acquire()
        verdict = verdicts[0]
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    def submit(self, entry: Entry, done: Done) -> None:
        """Queue one commit for the committer thread; `done` is called there with its position or error. Never waits."""
        with self._changing:
            if self._closed:
                raise StoreError("the journal is closed: its runtime was closed; open another one")
            if self._committer is None:
                self._committer = threading.Thread(target=self._run, name="clew-committer", daemon=True)
                self._committer.start()
            self._queue.put((entry, done))

    def stop(self) -> None:
        """End the committer thread once it has committed what is queued; does not wait."""
        processes.forget(self.process)
        with self._changing:
            self._closed = True
            self._queue.put(None)

    def close(self) -> None:
        """Commit what is queued and end the committer thread."""
        self.stop()
        if self._committer is not None:
            self._committer.join(timeout=10)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            # The wait for whoever commits now is what makes batches: meanwhile others queue.
            self._busy.acquire()
            batch = [first]
            ended = False
            while len(batch) < self._batch_max and not ended:
                try:
                    more = self._queue.get_nowait()
                except Empty:
                    break
                if more is None:
                    ended = True
                else:
                    batch.append(more)
            self._commit(batch)
            if ended:
                return

    def _commit(self, batch: list[tuple[Entry, Done]]) -> None:
        verdicts: list[Verdict]
        try:
            if len(batch) == 1:
                verdicts = [self.store.append(batch[0][0])]
            else:
                verdicts = self.store.append_batch([entry for entry, _ in batch])
        except Exception as error:
            verdicts = [error] * len(batch)
        except BaseException as error:
            # Nobody else commits for those who wait, now or later: they are told, and the thread lives on.
            verdicts = [OutcomeUnknownError(entry.thread, entry.version, repr(error)) for entry, _ in batch]
        finally:
            self._busy.release()
        for (_, done), verdict in zip(batch, verdicts, strict=True):
            done(verdict)
