"""Encryption of what is stored: a key for each subject, and its destruction."""

from clew.events.privacy.cipher import Cipher
from clew.events.privacy.keyring import Keyring
from clew.events.privacy.sqlite_vault import SqliteVault
from clew.events.privacy.vault import MemoryVault, Vault, WrappedKey

__all__ = ["Cipher", "Keyring", "MemoryVault", "SqliteVault", "Vault", "WrappedKey"]
