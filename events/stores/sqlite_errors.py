"""What SQLite's errors mean for an append or a read, as clew's errors."""

from __future__ import annotations

import sqlite3
from typing import Final

from ..errors import OutcomeUnknownError, StoreBusyError, StoreError
from .store import Entry

LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""Another connection holds what we need: worth another try."""
_NOT_WRITTEN: Final = LOCKED | {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for errors of Python's module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def store_error(error: sqlite3.Error | UnicodeDecodeError, path: str) -> StoreError:
    """The error of clew for one of SQLite's that left nothing written, or for one whose words Python could not read."""
    file = f"the SQLite file {path!r}"
    if isinstance(error, UnicodeDecodeError):
        return StoreError(f"{file} is damaged (SQLite's own words for it are no text): restore it from a backup")
    code = primary_code(error)
    if code in LOCKED:
        return StoreBusyError(
            f"{file} is locked by another process ({error}); nothing was written. Let that process end its "
            "transaction (a backup, a database browser) and try again"
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreBusyError(f"no room for {file} ({error}); nothing was written. Free disk space and try again")
    if code == sqlite3.SQLITE_READONLY:
        return StoreBusyError(
            f"{file} is read-only ({error}); nothing was written. Give this process the right to write "
            "the file and its directory"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreError(f"cannot open {file} ({error}): the directory must exist and be readable and writable")
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(f"{file} is no SQLite database ({error}): give another path")
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreError(f"{file} is damaged ({error}): restore it from a backup")
    return StoreError(f"{file}: {error}")


def commit_error(error: sqlite3.Error, entry: Entry, path: str) -> StoreError:
    """The error for one entry whose transaction's COMMIT failed.

    A full or read-only disk refuses before the commit's last page is written. An I/O error, an fsync's above all, can
    leave a whole commit in the log that a later recovery finds.
    """
    if primary_code(error) in _NOT_WRITTEN:
        return store_error(error, path)
    return OutcomeUnknownError(entry.thread, entry.version, f"SQLite, {path!r}: {error}")
