"""From a store to an archive, and back. Nothing is decoded, so no key and no user code is needed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from typing import IO, Final

from msgspec import Struct
from msgspec.structs import replace

from ..chain.verify import Finding, verify
from ..errors import ArchiveError, ThreadErasedError
from ..stores.store import RUNNING, Entry, Head, Store, ThreadHead
from .logfile import ArchivedThread, read_logs, text_into, write_log
from .partial import being_written

THREADS_MAX: Final = 1_000_000
"""Threads that one export of a whole tenant takes; the newest ones."""


class Exported(Struct, frozen=True):
    """A thread that is in an archive."""

    thread: str
    version: int
    """The last one in the file."""
    digest: bytes
    """Of that commit: where the chain ended."""


def export_threads(
    store: Store, path: str | PathLike[str], threads: Iterable[str] | None = None, tenant: str = ""
) -> list[Exported]:
    """Write threads to a new archive, which is there, on disk, as a whole or not at all.

    A thread's commits are those of one moment; different threads may be of different ones. What exports that died have
    left in the folder, files whose names end in ".clew-part", is removed.

    Args:
        store: whose threads.
        path: the file; packed if its name ends in ".gz".
        threads: which; all of the tenant if None. Unknown and erased ones are left out.
        tenant: whose.

    Raises:
        FileExistsError: the file is there already, or is being written; nothing is overwritten.
        CorruptCommitError: a thread is damaged in the store.
    """
    name = fspath(path)
    if os.path.exists(name):
        raise FileExistsError(f"{name!r} is there already; export to another file")
    if threads is None:
        threads = [head.thread for head in store.heads(limit=THREADS_MAX, tenant=tenant)]
    with being_written(name) as (partial, raw):
        with text_into(raw, packed=name.endswith(".gz")) as file:
            exported = [_write_one(file, log) for log in _logs(store, threads, tenant)]
        _make_durable(partial)
        os.link(partial, name)
        _make_durable(os.path.dirname(os.path.abspath(name)))
    return exported


def import_threads(store: Store, path: str | PathLike[str], *, restore_erased: bool = False) -> list[Exported]:
    """Append an archive's threads to a store, each proved by its chain before. May be repeated if it was broken off.

    Args:
        store: where to.
        path: the archive.
        restore_erased: True brings back threads whose ids were erased in this store, as they were: those that
            `archive_idle_threads` moved away, or a backup from before a `delete_thread`. False refuses them, since
            somebody wanted them gone.

    Raises:
        ArchiveError: the file is damaged, or a thread's chain in it is broken; threads before that one are there.
        StaleVersionError: a thread of this id is there and is another one, or has gone on.
        ThreadErasedError: a thread of this id was erased; with `restore_erased`, one whose proof was kept when its key
            was destroyed.
    """
    imported: list[Exported] = []
    for log in read_logs(path):
        if not log.rows:
            raise ArchiveError(fspath(path), 0, f"thread {log.thread!r} has no commits")
        findings = verify(log.rows, log.thread, log.tenant)
        if findings:
            raise ArchiveError(fspath(path), 0, f"thread {log.thread!r}: {findings[0].message}")
        _append(store, log, restore_erased)
        imported.append(_exported(log))
    return imported


def _append(store: Store, log: ArchivedThread, restore_erased: bool) -> None:
    known = _head(store, log.thread, log.tenant)
    # What an import that was broken off has begun is gone on with in the life that it began.
    epoch = log.head.epoch if known is None else max(log.head.epoch, known.head.epoch)
    try:
        _append_rows(store, log, epoch)
    except ThreadErasedError as error:
        if error.epoch is None:
            raise
        if not restore_erased:
            raise ThreadErasedError(
                log.thread, error.epoch, advice="import_threads(..., restore_erased=True) brings it back as it was"
            ) from None
        # A life of its own in the store, whose log is that of the archive: writers that know another one are stale.
        _append_rows(store, log, max(epoch, error.epoch + 1))


def _append_rows(store: Store, log: ArchivedThread, epoch: int) -> None:
    last = replace(log.head, epoch=epoch)
    # Until the last commit is there, nobody is to take it for a thread that waits or rests.
    before = Head(RUNNING, graph=log.head.graph, epoch=epoch, updated=log.head.updated)
    for row in log.rows:
        head = last if row is log.rows[-1] else before
        store.append(Entry(log.thread, row.version - 1, row.digest[:16], row.digest, row.body, head, log.tenant))


def verify_archive(path: str | PathLike[str]) -> dict[str, list[Finding]]:
    """What is wrong with the chain of each thread of an archive; threads without findings are not in it.

    Raises:
        ArchiveError: the file itself is damaged.
    """
    found = {log.thread: verify(log.rows, log.thread, log.tenant) for log in read_logs(path)}
    return {thread: findings for thread, findings in found.items() if findings}


def _logs(store: Store, threads: Iterable[str], tenant: str) -> Iterator[ArchivedThread]:
    for thread in threads:
        log = log_of(store, thread, tenant)
        if log is not None:
            yield log


def log_of(store: Store, thread: str, tenant: str) -> ArchivedThread | None:
    """A thread as it is in the store at one moment; None if it is not there."""
    while True:
        head = _head(store, thread, tenant)
        if head is None:
            return None
        rows = store.read(thread, tenant=tenant)
        if rows and rows[-1].version == head.version:
            return ArchivedThread(thread, tenant, head.head, rows)
        # It went on between the two looks.


def _head(store: Store, thread: str, tenant: str) -> ThreadHead | None:
    try:
        return store.head(thread, tenant)
    except ThreadErasedError:
        return None


def _write_one(file: IO[str], log: ArchivedThread) -> Exported:
    write_log(file, log)
    return _exported(log)


def _exported(log: ArchivedThread) -> Exported:
    return Exported(log.thread, log.rows[-1].version, log.rows[-1].digest)


def _make_durable(path: str) -> None:
    """Wait until the file, or the folder's list of files, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
