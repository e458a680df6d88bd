"""A foreign recorder keeps the contract through `RecorderStore`, here eventsourcing's own two."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from clew.actors.kit.store_contract import StoreContract, entry
from clew.events.errors import CorruptCommitError, OutcomeUnknownError, StaleVersionError, StoreError
from clew.events.stores.memory import MemoryStore
from clew.events.stores.recorder_store import TOPIC_WITH_HEAD, RecorderStore, open_store
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import WAITING, Position, Store
from eventsourcing.persistence import InterfaceError, OperationalError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder


def sqlite_settings(path: Path) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)}


class TestOverPopo(StoreContract):
    erases = False
    reads_positions = False

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        with closing(open_store({"PERSISTENCE_MODULE": "eventsourcing.popo"})) as store:
            yield store


class TestOverStockSqlite(StoreContract):
    erases = False
    reads_positions = False

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with closing(open_store(sqlite_settings(tmp_path / "stock.db"))) as store:
            yield store


def test_heads_are_there_after_a_restart(tmp_path: Path) -> None:
    for version in range(2):
        with closing(open_store(sqlite_settings(tmp_path / "stock.db"))) as store:
            store.append(entry("t", version, status=WAITING, updated=version + 1, tenant="red"))
            [found] = store.heads(WAITING, tenant="red")
            assert (found.thread, found.version, found.head.questions) == ("t", version, b"question")
            assert store.head("t", tenant="red") == found


def test_our_own_modules_give_their_own_store(tmp_path: Path) -> None:
    own = {"PERSISTENCE_MODULE": "clew.events.stores.sqlite", "SQLITE_DBNAME": str(tmp_path / "own.db")}
    for settings, kind in ((own, SqliteStore), ({"PERSISTENCE_MODULE": "clew.events.stores.memory"}, MemoryStore)):
        with closing(open_store(settings)) as store:
            assert type(store) is kind


def test_another_application_s_events_in_the_same_recorder_are_not_ours() -> None:
    recorder = POPOApplicationRecorder()
    store = RecorderStore(recorder)
    store.append(entry("t", 0))
    recorder.insert_events([StoredEvent(uuid4(), 1, "shop.orders:Placed", b"{}")])
    store.append(entry("u", 0))
    assert [row.thread for _, row in store.follow(Position())] == ["t", "u"]
    assert {found.thread for found in store.heads()} == {"t", "u"}


class Failing(POPOApplicationRecorder):
    """Loses replies: before it writes, or after."""

    fails_before = fails_after = reads_fail = False

    def insert_events(self, stored_events, **kwargs):  # type: ignore[no-untyped-def]
        if self.fails_before:
            raise OperationalError("connection refused")
        positions = super().insert_events(stored_events, **kwargs)
        if self.fails_after:
            raise InterfaceError("connection lost")
        return positions

    def select_events(self, *arguments, **limits):  # type: ignore[no-untyped-def]
        if self.reads_fail:
            raise OperationalError("connection refused")
        return super().select_events(*arguments, **limits)


def test_a_reply_lost_after_the_write_is_a_success() -> None:
    recorder = Failing()
    store = RecorderStore(recorder)
    recorder.fails_after = True
    assert store.append(entry("t", 0)) == 1
    recorder.fails_after = False
    assert store.append(entry("t", 1)) == 2


def test_an_insert_that_left_nothing_is_unknown_and_may_be_repeated() -> None:
    recorder = Failing()
    store = RecorderStore(recorder)
    recorder.fails_before = True
    with pytest.raises(OutcomeUnknownError, match="connection refused"):
        store.append(entry("t", 0))
    recorder.reads_fail = True
    with pytest.raises(OutcomeUnknownError):
        store.append(entry("t", 0))
    with pytest.raises(StoreError, match=r"Failing.*connection refused"):
        store.read("t")
    recorder.reads_fail = recorder.fails_before = False
    store.append(entry("t", 0))
    assert len(store.read("t")) == 1


def test_a_recorder_that_returns_no_positions_is_asked_for_them() -> None:
    class Silent(POPOApplicationRecorder):
        def insert_events(self, stored_events, **kwargs):  # type: ignore[no-untyped-def]
            super().insert_events(stored_events, **kwargs)

    store = RecorderStore(Silent())
    assert [store.append(entry("t", 0)), store.append(entry("u", 0)), store.append(entry("t", 1))] == [1, 2, 3]


def test_a_version_known_of_old_is_no_excuse_for_a_stale_append() -> None:
    recorder = POPOApplicationRecorder()
    mine, theirs = RecorderStore(recorder), RecorderStore(recorder)
    mine.append(entry("t", 0))
    theirs.append(entry("t", 1, by="theirs"))
    with pytest.raises(StaleVersionError) as caught:
        mine.append(entry("t", 1, by="mine"))
    assert caught.value.actual == 1


def test_a_state_that_is_not_clew_s_is_named() -> None:
    recorder = POPOApplicationRecorder()
    store = RecorderStore(recorder)
    store.append(entry("t", 0))
    [first] = recorder.select_notifications(None, 1)
    recorder.insert_events([StoredEvent(first.originator_id, 1, TOPIC_WITH_HEAD, bytes(32) + b"\xff\xff\xff\xff")])
    with pytest.raises(CorruptCommitError, match="'t'"):
        store.read("t")
    with pytest.raises(CorruptCommitError):
        store.head("t")
