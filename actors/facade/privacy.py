"""Encryption of what is stored: a key for each subject, and its destruction."""

from typing import TYPE_CHECKING

from clew.events.later import later as _later
from clew.events.privacy.cipher import Cipher
from clew.events.privacy.keyring import Keyring
from clew.events.privacy.sqlite_vault import SqliteVault
from clew.events.privacy.vault import MemoryVault, Vault, WrappedKey

if TYPE_CHECKING:
    from clew.events.privacy.postgres_vault import PostgresVault

__all__ = ["Cipher", "Keyring", "MemoryVault", "PostgresVault", "SqliteVault", "Vault", "WrappedKey"]

_LATER = {"PostgresVault": "clew.events.privacy.postgres_vault"}

__getattr__, __dir__ = _later(__name__, _LATER)
