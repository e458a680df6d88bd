"""An archive that is being written: under a name of its own, locked, so that what a crash left is told and removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Final

try:
    import fcntl
except ImportError:  # where there are no such locks, two exports of one name are the caller's to keep apart
    fcntl = None  # type: ignore[assignment]

SUFFIX: Final = ".clew-part"
"""End of the name of a file that is being written."""


@contextmanager
def being_written(name: str) -> Iterator[tuple[str, IO[bytes]]]:
    """The path of the unfinished file and the file, locked; it is gone afterwards, however that came.

    What a crash left of earlier exports into the folder is removed first.

    Raises `FileExistsError` while another export of this name is at it.
    """
    remove_leftovers(os.path.dirname(os.path.abspath(name)))
    path = name + SUFFIX
    with _opened(path) as file:
        # Whoever removes leftovers at this moment may have had the file before we locked it: then it is gone.
        if not (_locked(file) and _same(path, file)):
            raise FileExistsError(f"{name!r} is being written by another export; export to another file")
        try:
            yield path, file
        finally:
            os.unlink(path)


def remove_leftovers(folder: str) -> list[str]:
    """Remove what exports that died have left in a folder; their names. One that is being written is left alone."""
    removed: list[str] = []
    for entry in list(os.scandir(folder)):
        if not entry.name.endswith(SUFFIX):
            continue
        with suppress(OSError), open(entry.path, "r+b") as file:
            if _locked(file) and _same(entry.path, file):
                os.unlink(entry.path)
                removed.append(entry.name)
    return removed


def _opened(path: str) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    return os.fdopen(descriptor, "r+b")


def _locked(file: IO[bytes]) -> bool:
    """True when the file is ours alone until it is closed."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _same(path: str, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
