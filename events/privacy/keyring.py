"""The keyring: one key for each subject, wrapped by a master key; rotation, renewal, destruction.

    master key (given by you, never stored)  wraps  a subject's key (in the vault)  seals  its threads' commits

Rotating the master key rewraps the keys and no commit. Destroying a subject's key makes every commit that it sealed
unreadable, wherever copies of it lie, and leaves the chain as provable as it was.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal, TypeVar, final

from ..codec.commits import SEALED
from ..errors import CipherError, EncodeError, StoreError, ThreadErasedError
from . import sealing
from .cipher import refuse_plain
from .vault import Vault, WrappedKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEYS_KEPT_MAX: Final = 10_000
"""Unwrapped keys in memory; beyond it the ones used longest ago are forgotten."""
KEY_SECONDS: Final = 60.0
"""How long an unwrapped key is used before the vault is asked again: so soon every process heeds a destruction."""
REWRAPPED_AT_ONCE: Final = 500
_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")


def whole_thread(thread: str) -> str:
    """Each thread is a subject of its own."""
    return thread


@final
class Keyring:
    """How a saver encrypts: `SqliteSaver("desk.sqlite", cipher=Keyring({"2026": key}))`. May be given to many savers.

    Commits are sealed with AES-256-GCM; what a store still shows in clear are ids of threads and questions, names of
    graphs and nodes, who may answer, and times. Do not put personal data there.
    """

    def __init__(
        self,
        masters: Mapping[str, bytes],
        *,
        active: str | None = None,
        vault: Vault | None = None,
        subject_of: Callable[[str], str] = whole_thread,
        plain: Literal["refuse", "read"] = "refuse",
    ) -> None:
        """Make a keyring.

        Args:
            masters: master keys of 32 bytes by a name of yours; the names are stored, the keys are not. Older ones stay
                here until `rotate` has rewrapped what they wrap.
            active: the one that wraps new keys; the last of `masters` by default.
            vault: where subjects' keys are kept; the store's own database by default.
            subject_of: whom a thread is about, of its id; must always give the same for the same id. By default each
                thread has a key of its own.
            plain: what to do with commits that were stored without a key: "refuse" them, or "read" them, for a store
                that was begun in plain.

        Raises:
            ValueError: no master key, one that is not of 32 bytes, or an unknown `active`.
            MissingPackageError: `cryptography` is not installed.
        """
        if not masters:
            raise ValueError("a keyring needs a master key: Keyring({'2026': os.urandom(32)}), kept outside the store")
        for name, key in masters.items():
            if len(key) != sealing.KEY_BYTES:
                raise ValueError(f"master key {name!r} has {len(key)} bytes, expected {sealing.KEY_BYTES}")
        self.active = next(reversed(list(masters))) if active is None else active
        if self.active not in masters:
            raise ValueError(f"active={self.active!r} is none of the master keys {sorted(masters)}")
        if plain not in ("refuse", "read"):
            raise ValueError(f"plain={plain!r}: 'refuse' or 'read'")
        self.subject_of = subject_of
        self.plain = plain
        self.masters = {name: sealing.aes(key) for name, key in masters.items()}
        self._vault = vault

    def on(self, store: object) -> SubjectCipher:
        """The cipher for threads of a store, whose vault is set up.

        Raises:
            StoreError: the store keeps no keys and no vault was given.
        """
        vault = self._vault
        if vault is None:
            offered = getattr(store, "vault", None)
            if offered is None:
                raise StoreError(
                    f"{type(store).__name__} keeps no keys: give Keyring(..., vault=SqliteVault.open(path)) or another"
                )
            vault = offered()
        return SubjectCipher(self, vault)


@final
class SubjectCipher:
    """A `Cipher` that seals each thread under its subject's key. Safe for threads."""

    def __init__(self, keyring: Keyring, vault: Vault) -> None:
        self.keyring = keyring
        self.vault = vault
        self._lock = Lock()
        self._by_id: OrderedDict[bytes, tuple[AESGCM, float]] = OrderedDict()
        self._by_subject: OrderedDict[tuple[str, str], tuple[bytes, AESGCM, float]] = OrderedDict()

    def seal(self, body: bytes, thread: str, version: int, tenant: str = "") -> bytes:
        """See `Cipher.seal`. A thread's first commit asks the vault, lest a destroyed key be used for a new thread.

        Raises:
            ThreadErasedError: the subject's key was destroyed.
        """
        key_id, key = self._sealing_key(tenant, self.keyring.subject_of(thread), thread, version)
        return sealing.seal(key, key_id, body, thread, version, tenant)

    def open(self, stored: bytes, thread: str, version: int, tenant: str = "") -> bytes:
        """See `Cipher.open`."""
        if stored[0] != SEALED:
            if self.keyring.plain == "refuse":
                refuse_plain(stored, thread, version)
            return stored
        key_id = sealing.key_id_of(stored, thread, version)
        return sealing.unseal(self._opening_key(key_id, thread, version), stored, thread, version, tenant)

    def rotate(self) -> int:
        """Wrap every key with the active master key; returns how many were rewrapped. May be repeated and broken off.

        Afterwards the older master keys may be destroyed, which makes old backups of the vault worthless.

        Raises:
            CipherError: a key's master key is not in the keyring.
        """
        active = self.keyring.active
        rewrapped = 0
        while found := self.vault.others(active, REWRAPPED_AT_ONCE):
            for key in found:
                self.vault.rewrap(self._wrapped(key, self._unwrapped(key, "", -1)))
            rewrapped += len(found)
        return rewrapped

    def renew(self, subject: str, tenant: str = "") -> None:
        """Give a subject another key for what is stored from now on; what there is stays readable."""
        _check_subject(subject)
        key_id, key = self._new_key(tenant, subject)
        with self._lock:
            self._by_subject[tenant, subject] = (key_id, key, time.monotonic())

    def destroy(self, subject: str, tenant: str = "") -> int:
        """Destroy a subject's keys; returns how many. Other processes heed it within `KEY_SECONDS`."""
        _check_subject(subject)
        destroyed = self.vault.destroy(tenant, subject)
        with self._lock:
            self._by_subject.pop((tenant, subject), None)
            self._by_id.clear()
        return destroyed

    def _sealing_key(self, tenant: str, subject: str, thread: str, version: int) -> tuple[bytes, AESGCM]:
        place = (tenant, subject)
        now = time.monotonic()
        with self._lock:
            kept = self._by_subject.get(place)
            if kept is not None and version > 0 and now - kept[2] < KEY_SECONDS:
                self._by_subject.move_to_end(place)
                return kept[0], kept[1]
        _check_subject(subject)
        found = self.vault.newest(tenant, subject)
        if found is not None:
            key_id, key = found.id, sealing.aes(self._unwrapped(found, thread, version))
        elif version == 0 or self.keyring.plain == "read":
            key_id, key = self._new_key(tenant, subject)
        else:
            raise ThreadErasedError(thread)  # the key that sealed what is there was destroyed
        with self._lock:
            _keep(self._by_subject, place, (key_id, key, now))
        return key_id, key

    def _opening_key(self, key_id: bytes, thread: str, version: int) -> AESGCM:
        now = time.monotonic()
        with self._lock:
            kept = self._by_id.get(key_id)
            if kept is not None and now - kept[1] < KEY_SECONDS:
                self._by_id.move_to_end(key_id)
                return kept[0]
        found = self.vault.get(key_id)
        if found is None:
            raise CipherError(thread, version, f"the vault has no key {key_id.hex()}: give the keyring the right vault")
        if found.destroyed:
            raise ThreadErasedError(thread)
        key = sealing.aes(self._unwrapped(found, thread, version))
        with self._lock:
            _keep(self._by_id, key_id, (key, now))
        return key

    def _new_key(self, tenant: str, subject: str) -> tuple[bytes, AESGCM]:
        secret = os.urandom(sealing.KEY_BYTES)
        key = WrappedKey(os.urandom(sealing.ID_BYTES), tenant, subject, "", b"", time.time_ns() // 1000)
        self.vault.add(self._wrapped(key, secret))
        return key.id, sealing.aes(secret)

    def _wrapped(self, key: WrappedKey, secret: bytes) -> WrappedKey:
        active = self.keyring.active
        nonce = os.urandom(sealing.NONCE_BYTES)
        wrapped = nonce + self.keyring.masters[active].encrypt(nonce, secret, _bound(key))
        return WrappedKey(key.id, key.tenant, key.subject, active, wrapped, key.made)

    def _unwrapped(self, key: WrappedKey, thread: str, version: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        master = self.keyring.masters.get(key.master)
        if master is None:
            raise CipherError(
                thread,
                version,
                f"master key {key.master!r} wraps its key, the keyring has {sorted(self.keyring.masters)}",
            )
        nonce, wrapped = key.wrapped[: sealing.NONCE_BYTES], key.wrapped[sealing.NONCE_BYTES :]
        try:
            return master.decrypt(nonce, wrapped, _bound(key))
        except (InvalidTag, ValueError):
            raise CipherError(
                thread,
                version,
                f"master key {key.master!r} is not the one that wrapped its key, or the key was changed",
            ) from None


def _bound(key: WrappedKey) -> bytes:
    """What a wrapped key is authenticated with: it cannot be given to another subject."""
    return b"".join((key.id, len(key.tenant).to_bytes(4, "big"), key.tenant.encode(), key.subject.encode()))


def _check_subject(subject: str) -> None:
    if "\0" in subject or any("\ud800" <= character <= "\udfff" for character in subject):
        raise EncodeError(
            f"subject {subject!r}", "it holds what a database cannot keep in a text: a NUL or a surrogate"
        )


def _keep(kept: OrderedDict[_Key, _Kept], key: _Key, value: _Kept) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > KEYS_KEPT_MAX:
        kept.popitem(last=False)
