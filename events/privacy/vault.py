"""The vault: where subjects' keys are kept, each wrapped by a master key that is never stored.

A vault may be in the store's own database or in another one. Another one is better: a backup of the store then holds
no keys, and destroying one takes no part of it back.
"""

from __future__ import annotations

from threading import Lock
from typing import Protocol, final

from msgspec import Struct
from msgspec.structs import replace


class WrappedKey(Struct, frozen=True):
    """A subject's key as a vault keeps it."""

    id: bytes
    """16 random bytes; every sealed commit names them."""
    tenant: str
    subject: str
    """Empty once the key is destroyed."""
    master: str
    """Name of the master key that wraps it."""
    wrapped: bytes
    """The key, encrypted; empty once it is destroyed."""
    made: int
    """Microseconds since the epoch."""

    @property
    def destroyed(self) -> bool:
        """Whether nothing that it sealed can be read any more."""
        return not self.wrapped


class Vault(Protocol):
    """Keeps wrapped keys. Safe for threads; every change is durable when its call returns."""

    def setup(self) -> None:
        """Create what is missing. Repeating it changes nothing."""
        ...

    def add(self, key: WrappedKey) -> None:
        """Keep a new key."""
        ...

    def get(self, key_id: bytes) -> WrappedKey | None:
        """The key of this id, also a destroyed one; None if there never was one."""
        ...

    def newest(self, tenant: str, subject: str) -> WrappedKey | None:
        """The subject's key that was added last and is not destroyed."""
        ...

    def others(self, master: str, limit: int) -> list[WrappedKey]:
        """Up to so many keys, not destroyed, that another master key wraps."""
        ...

    def rewrap(self, key: WrappedKey) -> None:
        """Replace master and wrapped of the key with this id, unless it was destroyed."""
        ...

    def destroy(self, tenant: str, subject: str) -> int:
        """Overwrite all keys of a subject; returns how many there were."""
        ...


@final
class MemoryVault:
    """Keys in this process's memory."""

    def __init__(self) -> None:
        self._keys: dict[bytes, WrappedKey] = {}
        self._lock = Lock()

    def setup(self) -> None:
        """Nothing to create."""

    def add(self, key: WrappedKey) -> None:
        """See `Vault.add`."""
        with self._lock:
            self._keys[key.id] = key

    def get(self, key_id: bytes) -> WrappedKey | None:
        """See `Vault.get`."""
        return self._keys.get(key_id)

    def newest(self, tenant: str, subject: str) -> WrappedKey | None:
        """See `Vault.newest`."""
        with self._lock:
            found = [key for key in self._keys.values() if (key.tenant, key.subject) == (tenant, subject)]
        return next((key for key in reversed(found) if not key.destroyed), None)

    def others(self, master: str, limit: int) -> list[WrappedKey]:
        """See `Vault.others`."""
        with self._lock:
            return [key for key in self._keys.values() if key.master != master and not key.destroyed][:limit]

    def rewrap(self, key: WrappedKey) -> None:
        """See `Vault.rewrap`."""
        with self._lock:
            if not self._keys[key.id].destroyed:
                self._keys[key.id] = key

    def destroy(self, tenant: str, subject: str) -> int:
        """See `Vault.destroy`."""
        with self._lock:
            found = [
                key
                for key in self._keys.values()
                if (key.tenant, key.subject) == (tenant, subject) and not key.destroyed
            ]
            for key in found:
                self._keys[key.id] = replace(key, subject="", wrapped=b"")
        return len(found)
