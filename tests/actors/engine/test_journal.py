"""Group commit: alone an append is the caller's own, under load many share a transaction, each with its own verdict."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from clew.actors.engine.journal import Journal
from clew.errors import OutcomeUnknownError, StaleVersionError, StoreBusyError, StoreError
from clew.events.stores.memory import MemoryStore
from clew.events.stores.store import Entry, Head, Verdict


class SlowStore(MemoryStore):
    """A store whose appends can be held up, and which counts transactions."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Semaphore(0)
        self.transactions: list[int] = []
        self.threads: list[str] = []

    def append(self, entry: Entry) -> int:
        self._begin(1)
        return super().append(entry)

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        self._begin(len(entries))
        return super().append_batch(entries)

    def _begin(self, size: int) -> None:
        self.transactions.append(size)
        self.threads.append(threading.current_thread().name)
        self.entered.release()
        self.free.wait(10)


def entry(thread: str, expected: int = -1) -> Entry:
    return Entry(thread, expected, bytes(15) + bytes([expected + 1]), bytes(32), b"body", Head())


def test_alone_the_caller_commits_by_itself() -> None:
    store = SlowStore()
    journal = Journal(store)
    journal.append(entry("a"))
    assert store.threads == [threading.current_thread().name]


def test_while_one_commits_the_others_gather_for_one_transaction() -> None:
    store = SlowStore()
    journal = Journal(store)
    store.free.clear()
    threads = [threading.Thread(target=journal.append, args=(entry(f"t{number}"),)) for number in range(20)]
    threads[0].start()
    store.entered.acquire()
    for thread in threads[1:]:
        thread.start()
    while journal.waiting < 18:  # one is with the committer already
        pass
    store.free.set()
    for thread in threads:
        thread.join(10)
    assert sum(store.transactions) == 20
    assert len(store.transactions) <= 3
    assert all(store.head(f"t{number}") is not None for number in range(20))
    journal.close()


def test_each_entry_of_a_batch_has_its_own_verdict() -> None:
    store = SlowStore()
    journal = Journal(store)
    journal.append(entry("known"))
    verdicts: dict[str, Verdict] = {}
    done = threading.Semaphore(0)
    store.free.clear()
    blocked = threading.Thread(target=journal.append, args=(entry("other"),))
    store.entered.acquire()
    blocked.start()
    store.entered.acquire()

    def keep(name: str, verdict: Verdict) -> None:
        verdicts[name] = verdict
        done.release()

    journal.submit(entry("fresh"), lambda verdict: keep("fresh", verdict))
    journal.submit(entry("known", 7), lambda verdict: keep("known", verdict))
    store.free.set()
    for _ in range(2):
        assert done.acquire(timeout=10)
    blocked.join(10)
    assert isinstance(verdicts["fresh"], int)
    assert isinstance(verdicts["known"], StaleVersionError)
    journal.close()


def test_a_store_that_fails_fails_every_waiting_append_and_the_next_may_succeed() -> None:
    class Failing(SlowStore):
        broken = True

        def append(self, entry: Entry) -> int:
            if self.broken:
                raise StoreBusyError("locked")
            return super().append(entry)

    store = Failing()
    journal = Journal(store)
    with pytest.raises(StoreBusyError):
        journal.append(entry("a"))
    verdicts: list[Verdict] = []
    told = threading.Event()
    journal.submit(entry("a"), lambda verdict: (verdicts.append(verdict), told.set()))
    assert told.wait(10)
    assert isinstance(verdicts[0], StoreBusyError)
    store.broken = False
    assert isinstance(journal.append(entry("a")), int)
    journal.close()


def test_a_closed_journal_commits_what_was_queued_and_refuses_more() -> None:
    store = SlowStore()
    journal = Journal(store)
    told = threading.Event()
    journal.submit(entry("a"), lambda _: told.set())
    journal.close()
    assert told.is_set()
    with pytest.raises(StoreError, match="closed"):
        journal.submit(entry("b"), lambda _: None)


def test_whatever_a_store_raises_the_committer_lives_on() -> None:
    class Dying(SlowStore):
        dying = True

        def append(self, entry: Entry) -> int:
            if self.dying:
                raise SystemExit("the driver gave up")
            return super().append(entry)

    store = Dying()
    journal = Journal(store)
    verdicts: list[Verdict] = []
    for dying in (True, False):
        store.dying = dying
        told = threading.Event()
        journal.submit(entry("a"), lambda verdict, told=told: (verdicts.append(verdict), told.set()))
        assert told.wait(10)
    assert isinstance(verdicts[0], OutcomeUnknownError)
    assert isinstance(verdicts[1], int)
    journal.close()


@pytest.mark.usefixtures("eager_switching")
def test_an_append_that_comes_while_the_journal_closes_is_stored_or_refused() -> None:
    for _ in range(30):
        store = SlowStore()
        journal = Journal(store)
        told: list[Verdict] = []

        def submit(name: str, journal: Journal = journal, told: list[Verdict] = told) -> None:
            try:
                journal.submit(entry(name), told.append)
            except StoreError as error:
                told.append(error)

        threads = [threading.Thread(target=submit, args=(str(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        journal.close()
        for thread in threads:
            thread.join(10)
        assert len(told) == 4
        assert sum(isinstance(verdict, int) for verdict in told) == len(store.heads())
