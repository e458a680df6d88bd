"""What every event store must do, as test methods: sub-class `StoreContract` in a pytest module and give it a `store`
fixture.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self):
            store = MyStore(...)
            yield store
            store.close()

Each test gets a fresh, empty store. What a store cannot do it declares by a class flag, and the suite then checks
that it refuses; nothing is skipped. With clew's pytest plug-in its assertions also count under `python -O`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from threading import Event, Thread
from typing import Any

import msgspec

from ...events.errors import EncodeError, StaleVersionError, StoreError, ThreadErasedError
from ...events.stores.store import RESTING, RUNNING, WAITING, Entry, Head, Position, Row, Store, ThreadHead

HOSTILE_NAMES = (
    "'; DROP TABLE clew_journal; --",
    '" OR 1=1 --',
    "%s %(thread)s {thread} $1 ?1 :thread",
    "../../etc/passwd",
    "a\\'b\\\\",
    "line\nbreak\ttab\r",
    "\u202eright-to-left \u200bzero-width",
    "Grüße, 你好, 🧵",
    "e\u0301 is not \u00e9",
    "\u00e9 is not e\u0301",
    " leading and trailing ",
    "x" * 5_000,
    "",
)
"""Names that must be data, each a thread of its own."""

WRITERS = 32
APPENDS_EACH = 12


def entry(
    thread: str,
    version: int,
    body: bytes = b"",
    *,
    status: int = RUNNING,
    updated: int = 0,
    tenant: str = "",
    by: str = "",
    epoch: int = 0,
) -> Entry:
    """A commit for `version` of a thread; `by` tells two writers' commits apart."""
    identity = sha256(f"{tenant}/{thread}/{version}/{by}".encode("utf-8", "surrogatepass")).digest()[:16]
    content = identity + body
    questions = b"question" if status == WAITING else b""
    head = Head(status, questions, "agent", by or "here", epoch, updated or 1_700_000_000_000_000 + version)
    return Entry(thread, version - 1, identity, sha256(content).digest(), content, head, tenant)


def error_of(call: Callable[[], Any]) -> BaseException:
    """The error that `call` raises; an AssertionError if it raises none."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


class StoreContract:
    """The contract of `clew.events.stores.store.Store`."""

    erases = True
    """False: the store cannot delete; `erase` must raise `StoreError` and change nothing."""
    reads_positions = True
    """False: rows of `read` have position -1; `append` and `follow` give positions all the same."""

    # The fixture `store` is the sub-class's.

    def test_the_first_version_is_0_and_each_append_makes_the_next(self, store: Store) -> None:
        """Versions start at 0 and have no gaps."""
        for version in range(4):
            store.append(entry("t", version))
        assert [row.version for row in store.read("t")] == [0, 1, 2, 3]

    def test_positions_rise(self, store: Store) -> None:
        """A later append has a higher position, whichever its thread."""
        positions = [store.append(entry(thread, version)) for version in range(3) for thread in "ab"]
        assert positions == sorted(set(positions))
        assert positions[0] > Position().number

    def test_a_commit_is_read_back_as_it_was_written(self, store: Store) -> None:
        """Digest and body are bytes to a store, all of them."""
        written = entry("t", 0, bytes(range(256)) * 3)
        position = store.append(written)
        expected = position if self.reads_positions else -1
        assert store.read("t") == [Row("t", 0, expected, written.digest, written.body)]

    def test_read_gives_the_versions_asked_for(self, store: Store) -> None:
        """`after` is exclusive, `until` inclusive."""
        for version in range(6):
            store.append(entry("t", version))

        def versions(after: int = -1, until: int | None = None) -> list[int]:
            return [row.version for row in store.read("t", after, until)]

        assert versions(after=3) == [4, 5]
        assert versions(until=1) == [0, 1]
        assert versions(after=1, until=4) == [2, 3, 4]
        assert versions(after=5) == []
        assert versions(after=3, until=3) == []
        assert versions(until=-1) == []

    def test_an_unknown_thread_has_no_commits_and_no_head(self, store: Store) -> None:
        """Asking for it does not create it."""
        assert store.read("nobody") == []
        assert store.head("nobody") is None
        assert store.heads() == []

    def test_a_stale_append_is_refused_and_writes_nothing(self, store: Store) -> None:
        """The error says where the thread is."""
        for version in range(3):
            store.append(entry("t", version))
        before = store.read("t"), store.head("t")
        refusal = error_of(lambda: store.append(entry("t", 1, by="other")))
        assert isinstance(refusal, StaleVersionError)
        assert (refusal.thread, refusal.expected, refusal.actual) == ("t", 0, 2)
        assert (store.read("t"), store.head("t")) == before

    def test_a_second_first_commit_is_refused(self, store: Store) -> None:
        """Of two processes that start one thread, one wins."""
        store.append(entry("t", 0))
        refusal = error_of(lambda: store.append(entry("t", 0, by="other")))
        assert isinstance(refusal, StaleVersionError)
        assert refusal.actual == 0
        assert len(store.read("t")) == 1

    def test_a_gap_is_refused_on_a_known_thread(self, store: Store) -> None:
        """An expected version that is not there yet is stale too."""
        store.append(entry("t", 0))
        assert isinstance(error_of(lambda: store.append(entry("t", 2))), StaleVersionError)
        assert [row.version for row in store.read("t")] == [0]

    def test_a_gap_is_refused_on_an_unknown_thread(self, store: Store) -> None:
        """No thread begins in the middle."""
        refusal = error_of(lambda: store.append(entry("t", 1)))
        assert isinstance(refusal, StaleVersionError)
        assert refusal.actual == -1
        assert store.read("t") == []
        assert store.head("t") is None

    def test_our_own_lost_reply_is_a_success(self, store: Store) -> None:
        """The same commit again gets the position it has, also when others have gone on since."""
        first = store.append(entry("t", 0))
        second = store.append(entry("t", 1))
        assert store.append(entry("t", 1)) == second
        store.append(entry("t", 2))
        assert store.append(entry("t", 0)) == first
        assert store.append_batch([entry("t", 1)]) == [second]
        assert len(store.read("t")) == 3

    def test_each_commit_of_a_batch_has_its_own_verdict(self, store: Store) -> None:
        """Losers do not hold up winners, and the verdicts are in the batch's order."""
        store.append(entry("known", 0))
        repeated = store.append(entry("repeated", 0))
        verdicts = store.append_batch(
            [
                entry("new", 0),
                entry("known", 0, by="other"),
                entry("gap", 4),
                entry("repeated", 0),
                entry("known too", 0),
            ]
        )
        kinds = [type(verdict) for verdict in verdicts]
        assert kinds == [int, StaleVersionError, StaleVersionError, int, int]
        assert verdicts[3] == repeated
        assert [len(store.read(name)) for name in ("new", "known", "gap", "known too")] == [1, 1, 0, 1]

    def test_a_batch_moves_many_threads_on(self, store: Store) -> None:
        """A batch of a few hundred threads, twice."""
        names = [f"thread {number}" for number in range(200)]
        for version in range(2):
            verdicts = store.append_batch([entry(name, version) for name in names])
            assert all(isinstance(verdict, int) for verdict in verdicts)
            assert len(set(verdicts)) == len(names)
        assert all([row.version for row in store.read(name)] == [0, 1] for name in names)

    def test_an_empty_batch_does_nothing(self, store: Store) -> None:
        """No entries, no verdicts."""
        assert store.append_batch([]) == []

    def test_a_thread_comes_once_in_a_batch(self, store: Store) -> None:
        """Wrong use is refused before anything is written."""
        assert isinstance(error_of(lambda: store.append_batch([entry("t", 0), entry("t", 1)])), StoreError)
        assert store.read("t") == []

    def test_a_head_is_the_last_append_s(self, store: Store) -> None:
        """A head is replaced with every append; a refused one leaves it alone."""
        store.append(entry("t", 0, status=RUNNING, updated=10))
        store.append(entry("t", 1, status=WAITING, updated=20))
        error_of(lambda: store.append(entry("t", 1, status=RESTING, updated=30, by="other")))
        found = store.head("t")
        assert found is not None
        assert (found.thread, found.version) == ("t", 1)
        assert found.head == Head(WAITING, b"question", "agent", "here", 0, 20)

    def test_heads_come_by_time_of_the_last_commit(self, store: Store) -> None:
        """Newest first or oldest first, cut at `limit`."""
        for updated, thread in enumerate(("c", "a", "d", "b"), 1):
            store.append(entry(thread, 0, updated=updated))
        store.append(entry("a", 1, updated=9))
        assert [found.thread for found in store.heads()] == ["a", "b", "d", "c"]
        assert [found.thread for found in store.heads(newest_first=False)] == ["c", "d", "b", "a"]
        assert [found.thread for found in store.heads(limit=2)] == ["a", "b"]
        assert [found.version for found in store.heads(limit=2)] == [1, 0]

    def test_heads_of_a_status_have_no_lag(self, store: Store) -> None:
        """A thread is listed as waiting from the append that says so until the one that does not."""
        for updated in range(1, 7):
            status = WAITING if updated % 2 else RESTING
            store.append(entry(f"t{updated}", 0, status=status, updated=updated))
        assert [found.thread for found in store.heads(WAITING)] == ["t5", "t3", "t1"]
        assert [found.thread for found in store.heads(WAITING, limit=1, newest_first=False)] == ["t1"]
        assert [found.thread for found in store.heads(RESTING)] == ["t6", "t4", "t2"]
        assert [found.head.questions for found in store.heads(WAITING)] == [b"question"] * 3
        store.append(entry("t3", 1, status=RUNNING, updated=8))
        assert [found.thread for found in store.heads(WAITING)] == ["t5", "t1"]
        assert [found.thread for found in store.heads(RUNNING)] == ["t3"]

    def test_an_erased_thread_is_gone_everywhere(self, store: Store) -> None:
        """Its commits and its head; other threads stay."""
        if not self.erases:
            return self._check_erase_is_refused(store)
        for thread in ("keep", "drop"):
            for version in range(3):
                store.append(entry(thread, version, status=WAITING))
        store.erase("drop")
        assert store.read("drop") == []
        assert isinstance(error_of(lambda: store.head("drop")), ThreadErasedError)
        assert [found.thread for found in store.heads()] == ["keep"]
        assert [found.thread for found in store.heads(WAITING)] == ["keep"]
        assert {row.thread for _, row in store.follow(Position())} == {"keep"}
        assert len(store.read("keep")) == 3

    def test_an_erased_thread_takes_no_commit_again(self, store: Store) -> None:
        """Neither a late writer's next version nor a new beginning, alone or in a batch."""
        if not self.erases:
            return self._check_erase_is_refused(store)
        for version in range(2):
            store.append(entry("t", version))
        store.erase("t")
        store.erase("t")
        for version in (0, 1, 2):
            assert isinstance(error_of(lambda v=version: store.append(entry("t", v))), ThreadErasedError)
        verdicts = store.append_batch([entry("t", 2), entry("other", 0)])
        assert [type(verdict) for verdict in verdicts] == [ThreadErasedError, int]
        assert store.read("t") == []

    def test_an_erased_thread_begins_anew_with_a_higher_epoch(self, store: Store) -> None:
        """Alone or in a batch, once it is erased, and again after the next erasure."""
        if not self.erases:
            return
        for epoch, name in ((1, "again"), (2, "alone"), (3, "batch")):
            store.append(entry(name, 0, by="old"))
            store.append(entry(name, 1, by="old"))
            for life in range(1, epoch + 1):
                store.erase(name)
                refusal = error_of(lambda n=name: store.append(entry(n, 0, by="old")))
                assert isinstance(refusal, ThreadErasedError)
                assert (refusal.thread, refusal.epoch) == (name, life - 1)
                late = entry(name, 0, by="old", epoch=life - 1)
                assert isinstance(error_of(partial(store.append, late)), ThreadErasedError)
                for later in (1, 2):
                    ahead = entry(name, later, epoch=9)
                    assert isinstance(error_of(partial(store.append, ahead)), ThreadErasedError)
                first = entry(name, 0, status=WAITING, epoch=life)
                if name == "batch":
                    assert [type(verdict) for verdict in store.append_batch([first, entry(f"{life}", 0)])] == [int, int]
                else:
                    position = store.append(first)
                    assert store.append(first) == position  # its reply was lost
                store.append(entry(name, 1, epoch=life, status=WAITING))
            assert [row.version for row in store.read(name)] == [0, 1]
            assert store.head(name) == ThreadHead(name, 1, entry(name, 1, epoch=epoch, status=WAITING).head)
        assert {found.thread for found in store.heads(WAITING)} == {"again", "alone", "batch"}

    def test_a_writer_of_an_erased_life_cannot_write_into_the_next(self, store: Store) -> None:
        """Though it expects the very version at which the thread stands."""
        if not self.erases:
            return
        for version in range(2):
            store.append(entry("t", version))
        store.erase("t")
        for version in range(2):
            store.append(entry("t", version, by="new", epoch=1))
        late = entry("t", 2)
        assert isinstance(error_of(lambda: store.append(late)), StaleVersionError)
        assert [type(verdict) for verdict in store.append_batch([late, entry("o", 0)])] == [StaleVersionError, int]
        assert store.append(entry("t", 2, by="new", epoch=1)) > 0

    def test_a_position_is_never_given_twice(self, store: Store) -> None:
        """A follower that stands at an erased thread's last commit misses nothing that comes after."""
        if not self.erases:
            return self._check_erase_is_refused(store)
        store.append(entry("a", 0))
        store.append(entry("newest", 0))
        seen = store.follow(Position())[-1][0]
        store.erase("newest")
        store.append(entry("a", 1))
        assert [(row.thread, row.version) for _, row in store.follow(seen)] == [("a", 1)]

    def test_an_erase_amid_appends_leaves_nothing(self, store: Store) -> None:
        """Neither the commit that was in flight nor one after it."""
        if not self.erases:
            return self._check_erase_is_refused(store)
        begun = Event()

        def write(thread: str) -> None:
            for version in range(100_000):
                try:
                    store.append(entry(thread, version))
                except ThreadErasedError:
                    return
                if version == 3:
                    begun.set()

        def erase(thread: str) -> None:
            begun.wait(30)
            store.erase(thread)

        for thread in ("a", "b", "c"):
            begun.clear()
            _run([partial(write, thread), partial(erase, thread)])
            assert store.read(thread) == []
        assert store.follow(Position()) == []

    def test_a_thread_is_erased_only_where_it_is_expected_to_stand(self, store: Store) -> None:
        """Whoever erases what they read must not erase what came after it."""
        if not self.erases:
            return
        store.append(entry("t", 0))
        store.append(entry("t", 1))
        for stale in (0, 2):
            refusal = error_of(partial(store.erase, "t", expected=stale))
            assert isinstance(refusal, StaleVersionError)
            assert (refusal.thread, refusal.expected) == ("t", stale)
        assert isinstance(error_of(lambda: store.erase("unknown", expected=0)), StaleVersionError)
        assert [row.version for row in store.read("t")] == [0, 1]
        store.erase("t", expected=1)
        assert store.read("t") == []
        assert isinstance(error_of(lambda: store.erase("t", expected=1)), StaleVersionError)

    def test_a_retired_thread_keeps_its_commits_and_takes_no_more(self, store: Store) -> None:
        """It is known no more but by those commits: they prove what was there, and nothing else does."""
        if not self.erases:
            return
        written = entry("t", 0, status=WAITING)
        store.append(written)
        store.append(entry("keep", 0))
        store.retire("t")
        store.retire("unknown")
        for refused in (entry("t", 1), entry("t", 0, by="other", epoch=1)):
            refusal = error_of(partial(store.append, refused))
            assert isinstance(refusal, ThreadErasedError)
            assert refusal.epoch is None  # no life may begin there, of whatever epoch
        unknown = error_of(lambda: store.head("t"))
        assert isinstance(unknown, ThreadErasedError)
        assert unknown.thread == "t"
        assert [found.thread for found in store.heads()] == ["keep"]
        assert store.heads(WAITING) == []
        assert [row.body for row in store.read("t")] == [written.body]
        assert store.append(entry("unknown", 0)) > 0

    def test_erasing_an_unknown_thread_changes_nothing(self, store: Store) -> None:
        """The name stays free."""
        if not self.erases:
            return self._check_erase_is_refused(store)
        store.erase("t")
        store.append(entry("t", 0))
        assert len(store.read("t")) == 1

    def test_follow_gives_every_commit_once_in_order(self, store: Store) -> None:
        """From the beginning, in pages, and then only what is new."""
        for version in range(5):
            for thread in "ab":
                store.append(entry(thread, version, body=thread.encode()))
        pages = [store.follow(Position(), limit=4)]
        while pages[-1]:
            pages.append(store.follow(pages[-1][-1][0], limit=4))
        assert [len(page) for page in pages] == [4, 4, 2, 0]
        followed = [item for page in pages for item in page]
        assert [position for position, _ in followed] == sorted(position for position, _ in followed)
        for thread in "ab":
            rows = [row for _, row in followed if row.thread == thread]
            if not self.reads_positions:
                rows = [msgspec.structs.replace(row, position=-1) for row in rows]
            assert rows == store.read(thread)
        store.append(entry("a", 5))
        assert [(row.thread, row.version) for _, row in store.follow(followed[-1][0])] == [("a", 5)]

    def test_a_follower_misses_nothing_while_32_threads_write(self, store: Store) -> None:
        """It reads at the same time; what it saw at the end is exactly what was acknowledged."""
        acknowledged = _run_writers(store)
        assert len(acknowledged.seen) == WRITERS * APPENDS_EACH
        assert sorted(acknowledged.seen) == sorted(acknowledged.written)
        assert acknowledged.positions == sorted(set(acknowledged.positions))

    def test_concurrent_appends_to_one_thread_leave_no_gap_and_lose_no_win(self, store: Store) -> None:
        """Every acknowledged append is there, by the writer that was told so."""
        wins: list[tuple[int, str]] = []
        _run([partial(_compete, store, f"writer {number}", wins) for number in range(8)])
        rows = store.read("t")
        assert [row.version for row in rows] == list(range(len(wins)))
        assert [row.digest for row in rows] == [entry("t", version, by=name).digest for version, name in sorted(wins)]

    def test_a_big_commit_is_kept(self, store: Store) -> None:
        """A few megabytes in one commit."""
        written = entry("t", 0, bytes(range(256)) * 20_000)
        store.append(written)
        assert store.read("t")[0].body == written.body

    def test_names_are_data(self, store: Store) -> None:
        """Quotes, placeholders, paths, long and odd text: each names a thread of its own."""
        for name in HOSTILE_NAMES:
            store.append(entry(name, 0, body=name.encode()))
            store.append(entry(name, 1))
        for name in HOSTILE_NAMES:
            assert [row.thread for row in store.read(name)] == [name, name]
            assert store.read(name)[0].body.endswith(name.encode())
            found = store.head(name)
            assert found is not None
            assert found.thread == name
        assert {found.thread for found in store.heads(limit=100)} == set(HOSTILE_NAMES)

    def test_a_name_that_is_no_text_is_refused(self, store: Store) -> None:
        """A NUL or half a surrogate pair: some databases cannot keep it, so no store takes it."""
        for name in ("a\0b", "a\ud800b"):
            assert isinstance(error_of(lambda name=name: store.append(entry(name, 0))), EncodeError)
            verdicts = store.append_batch([entry(name, 0), entry(f"fine {name[0]}", 0, by=repr(name))])
            assert isinstance(verdicts[0], EncodeError)
        assert {found.thread for found in store.heads()} == {"fine a"}

    def test_tenants_do_not_see_each_other(self, store: Store) -> None:
        """One thread name, three tenants, three threads; and a name cannot reach into another tenant."""
        for tenant in ("", "red", "blue"):
            store.append(entry("t", 0, body=tenant.encode(), tenant=tenant, status=WAITING))
        store.append(entry("t", 1, tenant="red"))
        assert [len(store.read("t", tenant=tenant)) for tenant in ("", "red", "blue")] == [1, 2, 1]
        assert [found.tenant for found in store.heads(tenant="blue")] == ["blue"]
        assert [found.tenant for found in store.heads(WAITING)] == [""]
        assert store.head("t", tenant="green") is None
        assert store.head("edt", tenant="r") is None
        assert {row.tenant for _, row in store.follow(Position())} == {"", "red", "blue"}

    def test_setting_up_again_changes_nothing(self, store: Store) -> None:
        """Also with data in it."""
        store.append(entry("t", 0))
        store.setup()
        assert len(store.read("t")) == 1
        store.append(entry("t", 1))

    def test_a_closed_store_says_so(self, store: Store) -> None:
        """Every method, with an error that is clew's; closing twice is no error."""
        store.append(entry("t", 0))
        store.close()
        store.close()
        calls: list[Callable[[], object]] = [
            lambda: store.append(entry("t", 1)),
            lambda: store.append_batch([entry("t", 1)]),
            lambda: store.read("t"),
            lambda: store.head("t"),
            lambda: store.heads(),
            lambda: store.follow(Position()),
            lambda: store.erase("t"),
        ]
        for call in calls:
            refusal = error_of(call)
            assert isinstance(refusal, StoreError)
            assert "closed" in str(refusal)

    def _check_erase_is_refused(self, store: Store) -> None:
        store.append(entry("t", 0))
        assert isinstance(error_of(lambda: store.erase("t")), StoreError)
        assert len(store.read("t")) == 1


class _Acknowledged:
    """What writers were told and what a follower saw, as (thread, version)."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int]] = []
        self.seen: list[tuple[str, int]] = []
        self.positions: list[Position] = []


def _run_writers(store: Store) -> _Acknowledged:
    story = _Acknowledged()
    done: list[bool] = []

    def write(thread: str) -> None:
        for version in range(APPENDS_EACH):
            store.append(entry(thread, version))
            story.written.append((thread, version))

    def tail() -> None:
        after = Position()
        while True:
            last_look = bool(done)
            page = store.follow(after, limit=50)
            story.seen += [(row.thread, row.version) for _, row in page]
            story.positions += [position for position, _ in page]
            after = page[-1][0] if page else after
            if last_look and not page:
                return

    def write_all() -> None:
        try:
            _run([partial(write, f"thread {number}") for number in range(WRITERS)])
        finally:
            done.append(True)

    _run([tail, write_all])
    return story


def _compete(store: Store, name: str, wins: list[tuple[int, str]]) -> None:
    won = 0
    version = 0
    while won < APPENDS_EACH:
        try:
            store.append(entry("t", version, by=name))
            wins.append((version, name))
            won += 1
            version += 1
        except StaleVersionError as error:
            version = (version if error.actual is None else error.actual) + 1


def _run(calls: list[Callable[[], object]]) -> None:
    """Run the calls on a thread each; raise the first error of any."""
    errors: list[BaseException] = []

    def guarded(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
