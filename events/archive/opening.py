"""A store by its address: what people write on a command line or in a setting, made into a `Store`."""

from __future__ import annotations

import os
from typing import Final

from ..errors import MissingStoreError, StoreError
from ..stores.sqlite import SqliteStore
from ..stores.store import Mode, Store
from .store import ArchiveStore

FORMS: Final = "sqlite:///threads.db, postgresql://user@host/database, or an exported file threads.jsonl"
"""What an address may look like, for messages."""
_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql://", "postgres://")
_SQLITE_MARK: Final = b"SQLite format 3\0"
_GZIP_MARK: Final = b"\x1f\x8b"


def open_store(address: str, mode: Mode = "ro") -> Store:
    """Open the store that an address names.

    Args:
        address: `sqlite:///threads.db` (four slashes for a path from the root), `postgresql://…`, or the path of an
            archive or of a SQLite file.
        mode: "ro" to read, "rw" to write to a store that is there, "rwc" to make one that is missing.

    Raises:
        MissingStoreError: there is no such store.
        StoreError: it is damaged, it is of a newer clew, or the address is none.
        StoreBusyError: the server cannot be reached, or the file is locked.
        ArchiveError: the file is a damaged archive.
        MissingPackageError: psycopg is not installed.
    """
    if address.startswith(_POSTGRES):
        from ..stores.postgres import PostgresStore

        store = PostgresStore(address, mode=mode)
        try:
            store.setup()
        except BaseException:
            store.close()
            raise
        return store
    scheme, separator, _ = address.partition("://")
    if separator and not address.startswith(_SQLITE):
        known = "sqlite has three slashes" if scheme == "sqlite" else f"{scheme!r} is no kind of store"
        raise StoreError(f"no store {address!r}: {known}; give {FORMS}")
    if separator:
        path = address.removeprefix(_SQLITE)
        if path in ("", ":memory:"):
            raise StoreError(f"no store {address!r}: a store in memory ends with its process; give {FORMS}")
        return _sqlite(path, mode)
    return _file(address, mode)


def _sqlite(path: str, mode: Mode) -> Store:
    if mode != "rwc":
        _check_there(path)
    return SqliteStore(path, mode=mode)


def _file(path: str, mode: Mode) -> Store:
    """A file by its path: its first bytes say what it is."""
    if mode == "rwc" and not os.path.exists(path):
        raise MissingStoreError(f"there is no file {path!r}: to make a store there, write sqlite:///{path}")
    _check_there(path)
    try:
        with open(path, "rb") as file:
            begins = file.read(len(_SQLITE_MARK))
    except OSError as error:
        raise StoreError(f"cannot read {path!r} ({error.strerror})") from error
    if begins == _SQLITE_MARK:
        return SqliteStore(path, mode=mode)
    if begins[:1] == b"{" or begins[:2] == _GZIP_MARK:
        return ArchiveStore(path)
    raise StoreError(f"{path!r} is neither a SQLite file nor an exported file of threads: give {FORMS}")


def _check_there(path: str) -> None:
    if os.path.isdir(path):
        raise StoreError(f"{path!r} is a folder: give {FORMS}")
    if not os.path.exists(path):
        raise MissingStoreError(f"there is no file {path!r}: check the path, or give {FORMS}")
