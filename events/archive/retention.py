"""Retention: threads that are over and that nobody touched for long move out of the store into an archive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from os import PathLike
from typing import Final

from ..chain.verify import Anchor, verify
from ..errors import ArchiveError, StaleVersionError, ThreadErasedError
from ..stores.store import RESTING, Store
from .logfile import read_logs
from .transfer import Exported, export_threads

THREADS_AT_ONCE: Final = 10_000
"""Threads that go into one archive at most."""


def keep_none(thread: str) -> bool:
    """No thread is held back."""
    return False


def archive_idle_threads(
    store: Store,
    path: str | PathLike[str],
    *,
    idle_for: timedelta,
    now: datetime | None = None,
    keep: Callable[[str], bool] = keep_none,
    tenant: str = "",
    limit: int = THREADS_AT_ONCE,
) -> list[Exported]:
    """Move finished threads to an archive: written, read back and proved there, and only then erased in the store.

    Only a thread that is at rest is moved: one with an open question, one that a failure or a breakpoint stopped, and
    one that runs stay, however old. A thread that went on meanwhile stays too, and a copy of what it was is in the
    file. `import_threads` brings threads back, into a store where their ids are free.

    Args:
        store: whose threads.
        path: the archive, a new file; none is written if no thread is due.
        idle_for: how long nobody has added to a thread.
        now: the present, with a time zone; the clock's by default.
        keep: True for ids of threads that stay, such as those under a legal hold.
        tenant: whose.
        limit: how many at most, oldest first; call again, with another file, for more.

    Returns:
        The threads that were moved.

    Raises:
        ArchiveError: the archive does not read back as it was written; nothing was erased.
        FileExistsError: the file is there already.
    """
    before = (now or datetime.now(UTC)) - idle_for
    latest = int(before.timestamp() * 1_000_000)
    heads = store.heads(RESTING, limit=limit, newest_first=False, tenant=tenant)
    due = [head.thread for head in heads if head.head.updated <= latest and not keep(head.thread)]
    if not due:
        return []
    exported = export_threads(store, path, due, tenant)
    _check_written(path, exported)
    return [one for one in exported if _erase_unchanged(store, one, tenant)]


def _check_written(path: str | PathLike[str], exported: list[Exported]) -> None:
    written = {log.thread: log for log in read_logs(path)}
    for one in exported:
        log = written.get(one.thread)
        anchor = Anchor(one.version, one.digest)
        if log is None or verify(log.rows, log.thread, log.tenant, anchor=anchor):
            raise ArchiveError(str(path), 0, f"thread {one.thread!r} does not read back as it was written")


def _erase_unchanged(store: Store, one: Exported, tenant: str) -> bool:
    try:
        store.erase(one.thread, tenant, expected=one.version)
    except (StaleVersionError, ThreadErasedError):
        return False
    return True
