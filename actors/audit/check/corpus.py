"""Which recorded threads are looked at, one at a time: of a store by its heads, of files by what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from os import PathLike, fspath
from pathlib import Path
from typing import Final, final

from ....events.archive.logfile import read_logs
from ....events.archive.transfer import THREADS_MAX
from ....events.errors import EmptyCorpusError, ThreadErasedError, UnknownThreadError
from ....events.privacy.cipher import Cipher
from ....events.stores.saver import BaseCheckpointSaver
from ....events.stores.store import RESTING, ThreadHead
from ...doors.setup import Setup
from ...doors.state import saver_of
from ..source import Recording, Source, recording

PAUSED: Final = "paused"
"""Threads with something open: a question, a breakpoint, a failure, a run that was cut off."""
ALL: Final = "all"
EXPORTS: Final = (".jsonl", ".jsonl.gz")
"""How names of files end that are taken from a folder."""


@final
class Corpus:
    """The threads to be looked at.

    Args:
        source: a graph with a saver, a saver, a store, a file, or a folder of files.
        threads: "paused", "all", or ids.
        graphs: names of the graphs that last worked on the threads; every one if None.
        sample: so many of them, always the same ones of the same threads; all if None.
        tenant: whose threads; the saver's own by default.
        cipher: what opens sealed commits; the saver's own by default.
    """

    def __init__(
        self,
        source: Source,
        threads: str | Iterable[str] = PAUSED,
        *,
        graphs: Iterable[str] | None = None,
        sample: int | None = None,
        tenant: str | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        if sample is not None and sample < 1:
            raise ValueError(f"sample is {sample!r}: take at least one thread")
        if isinstance(threads, str) and threads not in (PAUSED, ALL):
            raise ValueError(f"threads is {threads!r}: use {PAUSED!r}, {ALL!r}, or a list of ids")
        self._source = saver_of(source) if isinstance(source, Setup) else source
        self._kind = threads if isinstance(threads, str) else ALL
        self._ids = None if isinstance(threads, str) else [str(thread) for thread in threads]
        self._graphs = None if graphs is None else frozenset(graphs)
        self._sample = sample
        self._tenant = tenant
        self._cipher = cipher
        self._others: Counter[str] = Counter()
        """Threads that were left out, by the name of their graph."""

    def __iter__(self) -> Iterator[Recording]:
        """The threads, each read when it is its turn.

        Raises:
            EmptyCorpusError: there is none.
            UnknownThreadError: one that was asked for by its id is not there.
        """
        any_at_all = False
        for found in self._recordings():
            any_at_all = True
            yield found
        if not any_at_all:
            raise EmptyCorpusError(self._why_none())

    def count(self) -> int | None:
        """How many there are, where that is known without reading them; None for files."""
        return None if isinstance(self._source, (str, PathLike)) else len(self._chosen())

    def _recordings(self) -> Iterator[Recording]:
        if isinstance(self._source, (str, PathLike)):
            yield from self._of_files(Path(fspath(self._source)))
            return
        for thread in self._chosen():
            try:
                yield recording(thread, self._source, tenant=self._tenant, cipher=self._cipher)
            except (UnknownThreadError, ThreadErasedError):
                if self._ids is not None:
                    raise
                # It was deleted since.

    # -- stores

    def _chosen(self) -> list[str]:
        """Ids of the threads, by the heads of the store."""
        if self._ids is not None:
            return self._sampled(self._ids)
        self._others.clear()
        source = self._source
        saved = isinstance(source, BaseCheckpointSaver)
        tenant = self._tenant if self._tenant is not None else source.tenant if saved else ""
        store = source.store if isinstance(source, BaseCheckpointSaver) else source
        heads = store.heads(limit=THREADS_MAX, newest_first=False, tenant=tenant)  # type: ignore[union-attr]
        return self._sampled([head.thread for head in heads if self._wanted(head)])

    def _wanted(self, head: ThreadHead) -> bool:
        if self._kind == PAUSED and head.head.status == RESTING:
            return False
        if self._graphs is None or head.head.graph in self._graphs:
            return True
        self._others[head.head.graph] += 1
        return False

    def _sampled(self, threads: list[str]) -> list[str]:
        if self._sample is None or self._sample >= len(threads):
            return threads
        return sorted(threads, key=_lot)[: self._sample]

    # -- files

    def _of_files(self, path: Path) -> Iterator[Recording]:
        self._others.clear()
        missing = set(self._ids or ())
        if self._sample is None:
            chosen = None
        else:
            names = [found.thread for found in self._fitting(path)]
            chosen = set(self._sampled(names))
        for found in self._fitting(path):
            missing.discard(found.thread)
            if chosen is None or found.thread in chosen:
                yield found
        if missing:
            raise UnknownThreadError(sorted(missing)[0], f"{str(path)!r}")

    def _fitting(self, path: Path) -> Iterator[Recording]:
        for found, status, graph in recordings_of(path, self._cipher):
            if self._ids is not None and found.thread not in self._ids:
                continue
            if self._tenant not in (None, found.tenant):
                continue
            if self._kind == PAUSED and status == RESTING:
                continue
            if self._graphs is not None and graph and graph not in self._graphs:
                self._others[graph] += 1
                continue
            yield found

    def _why_none(self) -> str:
        what = "thread" if self._kind == ALL else "paused thread"
        if self._others:
            there = ", ".join(f"{name!r} ({count})" for name, count in self._others.most_common())
            asked = ", ".join(sorted(map(repr, self._graphs or ())))
            return f"there is no {what} of graph {asked}; those that are there belong to {there}: name that graph"
        more = "" if self._kind == ALL else ": look at all of them, or at another store"
        return f"there is no {what} to check{more}"


def recordings_of(path: Path, cipher: Cipher | None = None) -> Iterator[tuple[Recording, int, str]]:
    """(thread, status, graph's name) of each thread of a file, or of the files of a folder, in the order of names."""
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.name.endswith(EXPORTS):
                yield from recordings_of(file, cipher)
        return
    for archived in read_logs(path):
        found = Recording(archived.thread, archived.tenant, archived.rows, cipher)
        yield found, archived.head.status, archived.head.graph


def _lot(thread: str) -> bytes:
    """What a sample is drawn by: the same threads each time, whatever their age."""
    return blake2b(thread.encode("utf-8", "surrogatepass"), digest_size=8).digest()
