"""Sealing and opening bodies: what opens, what does not, and what each error says."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from clew.errors import CipherError, CorruptCommitError, StoreError, ThreadErasedError
from clew.events.privacy import keyring as keyrings
from clew.events.privacy import sealing
from clew.events.privacy.keyring import Keyring, SubjectCipher
from clew.events.privacy.sqlite_vault import SqliteVault
from clew.events.privacy.vault import MemoryVault, WrappedKey
from clew.events.stores.memory import MemoryStore
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW = b"o" * 32, b"n" * 32


def cipher(vault: MemoryVault | None = None, **masters: bytes) -> SubjectCipher:
    return Keyring(masters or {"old": OLD}, vault=vault or MemoryVault()).on(object())


@given(st.binary(min_size=1), st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.integers(0, 2**40))
def test_what_is_sealed_opens_at_its_place_and_shows_nothing(body: bytes, thread: str, version: int) -> None:
    ours = cipher()
    ours.seal(b"first", thread, 0, "acme")
    sealed = ours.seal(body, thread, version, "acme")
    assert sealed[0] == 0xC1
    assert len(body) < 16 or body not in sealed
    assert ours.open(sealed, thread, version, "acme") == body


@pytest.mark.parametrize(
    ("thread", "version", "tenant"), [("other", 3, "acme"), ("t", 4, "acme"), ("t", 3, ""), ("t", 3, "acme2")]
)
def test_a_sealed_body_does_not_open_anywhere_else(thread: str, version: int, tenant: str) -> None:
    ours = cipher()
    ours.seal(b"first", "t", 0, "acme")
    sealed = ours.seal(b"body", "t", 3, "acme")
    with pytest.raises(CorruptCommitError, match="was not sealed for this place"):
        ours.open(sealed, thread, version, tenant)


def test_every_changed_byte_is_noticed() -> None:
    ours = cipher()
    sealed = ours.seal(b"the body", "t", 0)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises((CorruptCommitError, CipherError)):
            ours.open(bytes(changed), "t", 0)
    for length in range(1, len(sealed)):
        with pytest.raises(CorruptCommitError):
            ours.open(sealed[:length], "t", 0)


def test_a_plain_body_is_refused_unless_the_keyring_was_told_to_read_them() -> None:
    plain = b"\x97plain"
    with pytest.raises(CipherError, match=r"thread 't', version 2: it is stored in plain, and this saver has a key"):
        cipher().open(plain, "t", 2)
    lenient = Keyring({"old": OLD}, vault=MemoryVault(), plain="read").on(object())
    assert lenient.open(plain, "t", 2) == plain


def test_threads_of_one_subject_share_a_key_and_others_do_not() -> None:
    vault = MemoryVault()
    ours = Keyring({"old": OLD}, vault=vault, subject_of=lambda thread: thread.partition("/")[0]).on(object())
    sealed = {thread: ours.seal(b"body", thread, 0) for thread in ("ann/1", "ann/2", "ben/1")}
    ours.destroy("ann")
    for thread in ("ann/1", "ann/2"):
        with pytest.raises(ThreadErasedError):
            ours.open(sealed[thread], thread, 0)
    assert ours.open(sealed["ben/1"], "ben/1", 0) == b"body"


def test_a_thread_whose_key_is_destroyed_takes_no_commit_and_a_new_one_gets_a_new_key() -> None:
    ours = cipher()
    ours.seal(b"body", "t", 0)
    ours.destroy("t")
    with pytest.raises(ThreadErasedError):
        ours.seal(b"body", "t", 1)
    assert ours.open(ours.seal(b"anew", "t", 0), "t", 0) == b"anew"


def test_another_process_s_destruction_is_heeded_when_a_key_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(keyrings.time, "monotonic", lambda: now)
    vault = MemoryVault()
    ours, theirs = cipher(vault), cipher(vault)
    sealed = ours.seal(b"body", "t", 0)
    assert ours.open(sealed, "t", 0) == b"body"
    theirs.destroy("t")
    now += keyrings.KEY_SECONDS
    with pytest.raises(ThreadErasedError):
        ours.open(sealed, "t", 0)
    with pytest.raises(ThreadErasedError):
        ours.seal(b"body", "t", 1)


def test_rotating_rewraps_the_keys_and_no_commit() -> None:
    vault = MemoryVault()
    sealed = {thread: cipher(vault, old=OLD).seal(b"body", thread, 0) for thread in ("a", "b", "c")}
    both = cipher(vault, old=OLD, new=NEW)
    assert both.rotate() == 3
    assert both.rotate() == 0
    only_new = cipher(vault, new=NEW)
    for thread, stored in sealed.items():
        assert only_new.open(stored, thread, 0) == b"body"
    with pytest.raises(CipherError, match=r"master key 'new' wraps its key, the keyring has \['old'\]"):
        cipher(vault, old=OLD).open(sealed["a"], "a", 0)


def test_rotating_without_a_master_key_says_which() -> None:
    vault = MemoryVault()
    cipher(vault, old=OLD).seal(b"body", "t", 0)
    with pytest.raises(CipherError, match="master key 'old' wraps its key"):
        cipher(vault, new=NEW).rotate()


def test_a_renewed_subject_keeps_what_it_had_readable() -> None:
    vault = MemoryVault()
    ours = cipher(vault)
    before = ours.seal(b"before", "t", 0)
    ours.renew("t")
    after = ours.seal(b"after", "t", 1)
    assert before[2:18] != after[2:18]
    another = cipher(vault)
    assert (another.open(before, "t", 0), another.open(after, "t", 1)) == (b"before", b"after")
    assert another.seal(b"again", "t", 2)[2:18] == after[2:18]


def test_a_master_key_of_the_same_name_that_is_another_is_noticed() -> None:
    vault = MemoryVault()
    sealed = cipher(vault, old=OLD).seal(b"body", "t", 0)
    with pytest.raises(CipherError, match="is not the one that wrapped its key"):
        cipher(vault, old=NEW).open(sealed, "t", 0)


def test_a_wrapped_key_that_is_put_under_another_subject_does_not_unwrap() -> None:
    vault = MemoryVault()
    cipher(vault).seal(b"body", "t", 0)
    stolen = vault.newest("", "t")
    assert stolen is not None
    vault.add(WrappedKey(stolen.id, "", "mine", stolen.master, stolen.wrapped, stolen.made))
    with pytest.raises(CipherError, match="or the key was changed"):
        cipher(vault).seal(b"body", "mine", 1)


def test_a_key_that_the_vault_does_not_have_is_named() -> None:
    sealed = cipher(MemoryVault()).seal(b"body", "t", 0)
    with pytest.raises(CipherError, match=f"the vault has no key {sealed[2:18].hex()}"):
        cipher(MemoryVault()).open(sealed, "t", 0)


def test_keys_in_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyrings, "KEYS_KEPT_MAX", 3)
    ours = cipher()
    sealed = [ours.seal(b"body", str(number), 0) for number in range(9)]
    assert [ours.open(body, str(number), 0) for number, body in enumerate(sealed)] == [b"body"] * 9
    assert len(ours._by_id) == len(ours._by_subject) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masters": {}}, "needs a master key"),
        ({"masters": {"old": b"short"}}, r"master key 'old' has 5 bytes, expected 32"),
        ({"masters": {"old": OLD}, "active": "new"}, r"active='new' is none of the master keys \['old'\]"),
        ({"masters": {"old": OLD}, "plain": "yes"}, r"plain='yes': 'refuse' or 'read'"),
    ],
)
def test_a_keyring_that_cannot_work_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Keyring(**arguments)


def test_the_last_master_key_is_the_active_one() -> None:
    assert Keyring({"2025": OLD, "2026": NEW}).active == "2026"
    assert Keyring({"2025": OLD, "2026": NEW}, active="2025").active == "2025"


def test_a_store_without_keys_of_its_own_needs_a_vault() -> None:
    with pytest.raises(StoreError, match=r"object keeps no keys: give Keyring\(\.\.\., vault="):
        Keyring({"old": OLD}).on(object())
    assert Keyring({"old": OLD}).on(MemoryStore()).vault is not None


def test_keys_outlive_the_process_in_a_file_of_their_own(tmp_path: Path) -> None:
    path, master = tmp_path / "keys.sqlite", os.urandom(32)
    with closing(SqliteVault.open(path)) as vault:
        sealed = Keyring({"m": master}, vault=vault).on(object()).seal(b"body", "t", 0)
    with closing(SqliteVault.open(path)) as vault:
        assert Keyring({"m": master}, vault=vault).on(object()).open(sealed, "t", 0) == b"body"
    assert master not in path.read_bytes()


def test_a_commit_is_sealed_and_opened_in_less_than_fifteen_microseconds_of_processor_time(
    report_figure: Callable[[str], None],
) -> None:
    """Of this process's own time, the best of some rounds, so that a busy machine does not decide."""
    ours = cipher()
    body = os.urandom(800)
    ours.seal(body, "t", 0)

    def microseconds() -> float:
        begun = time.process_time()
        for version in range(1, 1_001):
            ours.open(ours.seal(body, "t", version), "t", version)
        return (time.process_time() - begun) * 1_000

    best = min(microseconds() for _ in range(5))
    report_figure(f"sealing and opening a commit of 800 bytes: {best:.1f} µs (limit 15 µs each)")
    assert best < 30


def test_what_does_not_open_is_named_by_its_thread_and_version() -> None:
    vault = MemoryVault()
    sealed = cipher(vault).seal(b"body", "t", 0)
    refused: list[tuple[SubjectCipher, bytes, str]] = [
        (cipher(MemoryVault()), sealed, f"the vault has no key {sealed[2:18].hex()}: give the keyring the right vault"),
        (cipher(vault, new=NEW), sealed, "master key 'old' wraps its key"),
        (cipher(vault, old=NEW), sealed, "master key 'old' is not the one that wrapped its key"),
        (cipher(vault), b"\xc1\x02" + sealed[2:], "an EncryptedSerializer sealed it: give the saver that one as serde"),
        (cipher(vault), b"\xc1\x01\x02", "it is no sealed commit"),
        (cipher(vault), sealed, "what is sealed there was not sealed for this place"),
    ]
    for ours, stored, why in refused:
        with pytest.raises((CipherError, CorruptCommitError), match=re.escape(why)) as error:
            ours.open(stored, "t", 7)
        assert (error.value.thread, error.value.version) == ("t", 7), why
        assert "XX" not in str(error.value)


def test_a_key_is_asked_of_the_vault_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 1_000.0, []
    monkeypatch.setattr(keyrings.time, "monotonic", lambda: now)
    vault = MemoryVault()
    get, newest = vault.get, vault.newest
    monkeypatch.setattr(vault, "get", lambda key_id: (asked.append("get"), get(key_id))[1])
    monkeypatch.setattr(vault, "newest", lambda tenant, subject: (asked.append("newest"), newest(tenant, subject))[1])
    ours = cipher(vault)
    sealed = ours.seal(b"body", "t", 0)
    ours.renew("t")
    asked.clear()
    for version in (1, 2):
        ours.seal(b"body", "t", version)
        ours.open(sealed, "t", 0)
    assert asked == ["get"]
    now += keyrings.KEY_SECONDS
    ours.seal(b"body", "t", 3)
    ours.open(sealed, "t", 0)
    assert asked == ["get", "newest", "get"]


def test_rotating_takes_so_many_keys_at_once_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vault, limits = MemoryVault(), []
    others = vault.others
    monkeypatch.setattr(vault, "others", lambda active, limit: (limits.append(limit), others(active, limit))[1])
    monkeypatch.setattr(keyrings, "REWRAPPED_AT_ONCE", 2)
    for thread in ("a", "b", "c"):
        cipher(vault, old=OLD).seal(b"body", thread, 0)
    assert cipher(vault, old=OLD, new=NEW).rotate() == 3
    assert limits == [2, 2, 2]
    with pytest.raises(CipherError) as error:
        cipher(vault, old=OLD).rotate()
    assert (error.value.thread, error.value.version) == ("", -1)


def test_a_wrapped_key_of_an_earlier_clew_opens() -> None:
    """The form of what a vault keeps: nonce and ciphertext, bound to the key's id, its tenant and its subject."""
    secret, key_id, nonce = b"s" * 32, b"i" * 16, b"n" * 12
    bound = key_id + b"\x00\x00\x00\x04" + b"acme" + b"t"
    vault = MemoryVault()
    vault.add(WrappedKey(key_id, "acme", "t", "old", nonce + sealing.aes(OLD).encrypt(nonce, secret, bound), 1))
    sealed = sealing.seal(sealing.aes(secret), key_id, b"body", "t", 3, "acme")
    assert cipher(vault).open(sealed, "t", 3, "acme") == b"body"
