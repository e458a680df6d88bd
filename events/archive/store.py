"""An archive as a store: what reads a store reads a file as well. It takes nothing in."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import NoReturn, final

from ..errors import StoreError
from ..stores.store import Entry, Position, Row, Store, ThreadHead, Verdict
from .logfile import ArchivedThread, read_logs


@final
class ArchiveStore(Store):
    """A `Store` over an exported file, to be read: the file is read once, as a whole. May be used from any thread.

    Rows are given as they stand in the file, unchecked: `verify` says what is wrong with them.
    """

    durable = False

    def __init__(self, path: str | PathLike[str]) -> None:
        """Read the file.

        Raises:
            ArchiveError: it is damaged, or no archive.
            OSError: it cannot be read.
        """
        self.path = fspath(path)
        self._threads: dict[tuple[str, str], ArchivedThread] = {}
        self._journal: list[Row] = []
        for log in read_logs(path):
            self._threads[log.tenant, log.thread] = log
            for row in log.rows:
                position = len(self._journal) + 1
                self._journal.append(Row(row.thread, row.version, position, row.digest, row.body, row.tenant))

    def setup(self) -> None:
        """Nothing to create."""

    def read(self, thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> list[Row]:
        """See `Store.read`."""
        log = self._threads.get((tenant, thread))
        rows = log.rows if log is not None else ()
        return [row for row in rows if after < row.version and (until is None or row.version <= until)]

    def head(self, thread: str, tenant: str = "") -> ThreadHead | None:
        """See `Store.head`."""
        log = self._threads.get((tenant, thread))
        return None if log is None else _head(log)

    def heads(
        self, status: int | None = None, limit: int = 50, newest_first: bool = True, tenant: str = ""
    ) -> list[ThreadHead]:
        """See `Store.heads`."""
        found = [
            _head(log)
            for log in self._threads.values()
            if log.tenant == tenant and (status is None or log.head.status == status)
        ]
        return sorted(found, key=lambda head: head.head.updated, reverse=newest_first)[:limit]

    def follow(self, after: Position, limit: int = 500) -> list[tuple[Position, Row]]:
        """See `Store.follow`: the commits in the order of the file."""
        rows = self._journal[after.number : after.number + limit]
        return [(Position(0, row.position), row) for row in rows]

    def append(self, entry: Entry) -> NoReturn:
        """Refused."""
        self._refuse()

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Refused."""
        self._refuse()

    def erase(self, thread: str, tenant: str = "", expected: int | None = None) -> None:
        """Refused."""
        self._refuse()

    def retire(self, thread: str, tenant: str = "") -> None:
        """Refused."""
        self._refuse()

    def close(self) -> None:
        """Nothing is open."""

    def _refuse(self) -> NoReturn:
        raise StoreError(f"{self.path!r} is an exported file, which can only be read: import it into a store first")


def _head(log: ArchivedThread) -> ThreadHead:
    return ThreadHead(log.thread, log.rows[-1].version if log.rows else -1, log.head, log.tenant)
