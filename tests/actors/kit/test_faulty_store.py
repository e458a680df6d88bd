"""The store that fails at the n-th call."""

from __future__ import annotations

import pytest
from clew.actors.kit.store_contract import entry
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import CorruptCommitError, OutcomeUnknownError, StaleVersionError, StoreBusyError, StoreError
from clew.events.stores.memory import MemoryStore
from clew.events.stores.store import Position
from clew.testing import Crash, Fault, FaultyStore, VirtualClock, faulty_saver

from ...support.stories import on
from .desk import desk


def test_each_kind_fails_as_it_says_and_only_once() -> None:
    for kind, error, written in [
        ("fail", StoreBusyError, False),
        ("refuse", StaleVersionError, False),
        ("lose", OutcomeUnknownError, False),
        ("keep", OutcomeUnknownError, True),
        ("crash before", Crash, False),
        ("crash after", Crash, True),
    ]:
        store = FaultyStore(MemoryStore(), Fault(kind, 1))
        store.append(entry("t", 0))
        with pytest.raises(error):
            store.append(entry("t", 1))
        assert len(store.inner.read("t")) == 1 + written
        assert store.met == [(kind, 1)]
        assert [version for _, version, _ in store.acknowledged] == [0]
        if error is Crash:
            with pytest.raises(Crash, match="is dead"):
                store.read("t")
        else:
            store.append(entry("t", 1))


def test_a_fault_for_ever_comes_again_and_in_a_batch_one_by_one() -> None:
    store = FaultyStore(MemoryStore(), Fault("fail", 1, for_ever=True))
    verdicts = store.append_batch([entry(name, 0) for name in "abc"])
    assert [type(verdict) for verdict in verdicts] == [int, StoreBusyError, StoreBusyError]


def test_reads_fail_too_and_delays_pass_on_a_virtual_clock() -> None:
    clock = VirtualClock()
    store = FaultyStore(
        MemoryStore(),
        Fault("fail", 0, "read"),
        Fault("delay", 0, seconds=90),
        Fault("delay", 1, "follow", seconds=5),
        wait=clock.advance,
    )
    store.append(entry("t", 0))
    assert clock.seconds == 90
    with pytest.raises(StoreError, match="read"):
        store.read("t")
    assert len(store.read("t")) == len(store.follow(Position())) == len(store.follow(Position())) == 1
    assert clock.seconds == 95


def test_half_a_commit_is_found_when_it_is_read() -> None:
    inner = InMemorySaver()
    store, saver = faulty_saver(inner, Fault("half", 1))
    with pytest.raises((Crash, StoreError)):
        desk().copy({"checkpointer": saver}).invoke({"text": "Ann"}, on("t"))
    with pytest.raises(CorruptCommitError) as caught:
        desk().copy({"checkpointer": BaseCheckpointSaver(inner.store)}).get_state(on("t"))
    assert caught.value.version == 1
    assert store.dead


def test_a_fault_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no method 'write'"):
        Fault("fail", 0, "write")
    with pytest.raises(ValueError, match="'keep' is for appends"):
        Fault("keep", 0, "read")
