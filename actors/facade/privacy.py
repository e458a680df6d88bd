"""Encryption of what is stored: a key for each subject, and its destruction."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clew.events.privacy.cipher import Cipher
from clew.events.privacy.keyring import Keyring
from clew.events.privacy.sqlite_vault import SqliteVault
from clew.events.privacy.vault import MemoryVault, Vault, WrappedKey

if TYPE_CHECKING:
    from clew.events.privacy.postgres_vault import PostgresVault

__all__ = ["Cipher", "Keyring", "MemoryVault", "PostgresVault", "SqliteVault", "Vault", "WrappedKey"]

_LATER = {"PostgresVault": "clew.events.privacy.postgres_vault"}


def __getattr__(name: str) -> Any:
    """Load what needs psycopg at its first use. The table is closed: no name from outside is ever imported."""
    if name not in _LATER:
        raise AttributeError(f"module 'clew.privacy' has no attribute {name!r}")
    value = getattr(import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
