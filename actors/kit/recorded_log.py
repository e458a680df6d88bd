"""A thread's log as a file: saved where something went wrong, read and replayed by a later test.

The file is an archive of one thread (`events/archive/logfile.py`), with the events of each commit in words for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any, final

from msgspec.structs import replace

from ...events.archive.logfile import ArchivedThread, read_logs, text_into, write_log
from ...events.chain.digest import genesis, link
from ...events.codec.commits import decode_commit, encode_commit
from ...events.codec.values import Codec
from ...events.errors import ArchiveError, StoreError, ThreadErasedError
from ...events.privacy.cipher import Cipher
from ...events.stores.memory import MemoryStore
from ...events.stores.saver import BaseCheckpointSaver
from ...events.stores.store import RUNNING, Head, Row, Store
from ...events.vocabulary import Commit
from ...projections.state.fold import fold
from ...projections.state.thread import ThreadState
from ...projections.state.views import StateSnapshot
from ..doors.compiled import CompiledStateGraph
from ..engine.log import ThreadLog
from .laws import broken_laws, portrait
from .readable import Names, event_lines, log_lines

NEVER_STORED = Head(RUNNING)
"""How a thread stands whose commits were in no store: it runs."""


@final
@dataclass(frozen=True)
class RecordedLog:
    """A thread's commits outside of a store, with what is to be said of them."""

    thread: str
    rows: Sequence[Row]
    """The commits, undecoded, from version 0."""
    note: str = ""
    """What went wrong, for whoever reads the file."""
    steps: Sequence[Any] = field(default=())
    """JSON values: the steps that led there, where a tool of the kit took them."""
    tenant: str = ""
    head: Head = NEVER_STORED
    """How the thread stood in its store."""

    @classmethod
    def of(
        cls, saver: BaseCheckpointSaver | Store, thread: str, *, note: str = "", steps: Any = (), plain: bool = False
    ) -> RecordedLog:
        """The log of a thread as a saver or store has it now; empty for an unknown thread.

        Raises:
            StoreError: the saver encrypts, and `plain` does not say that its commits may be kept in plain.
        """
        if not isinstance(saver, BaseCheckpointSaver):
            return cls(thread, saver.read(thread), note, steps, head=_head(saver, thread, ""))
        rows = saver.store.read(thread, tenant=saver.tenant)
        if saver.cipher is not None:
            if not plain:
                raise StoreError(f"the saver of thread {thread!r} encrypts: say plain=True to keep its log unencrypted")
            rows = opened(rows, saver.cipher, saver.tenant)
        return cls(thread, rows, note, steps, saver.tenant, _head(saver.store, thread, saver.tenant))

    @classmethod
    def of_commits(cls, commits: Sequence[Commit], thread: str = "given", codec: Codec | None = None) -> RecordedLog:
        """The log that these commits make, chained as if they had been appended one after the other."""
        codec, digest, rows = codec or Codec(), genesis(thread, ""), []
        for version, commit in enumerate(commits):
            body = encode_commit(commit, codec)
            digest = link(digest, body)
            rows.append(Row(thread, version, version + 1, digest, body))
        return cls(thread, rows)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> RecordedLog:
        """Read a file that `save` wrote, or an archive of one thread.

        Raises:
            ArchiveError: it is no such file; the message gives the line.
        """
        logs = [*islice(read_logs(path), 2)]
        if len(logs) != 1:
            found = "several threads: export one by itself" if logs else "no thread"
            raise ArchiveError(fspath(path), 0, f"it holds {found}")
        log = logs[0]
        return cls(log.thread, log.rows, log.more.get("note", ""), log.more.get("steps", ()), log.tenant, log.head)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the file, with its folder if need be; the same log makes the same file."""
        more = {"note": self.note} | ({"steps": list(self.steps)} if self.steps else {})
        names = Names()
        words = [
            {
                "time": datetime.fromtimestamp(commit.time / 1_000_000, UTC).isoformat(),
                "events": event_lines(commit.events, names),
            }
            for commit in self.commits()
        ]
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as raw, text_into(raw, packed=str(target).endswith(".gz")) as file:
            write_log(file, ArchivedThread(self.thread, self.tenant, self.head, list(self.rows), more), words)
        return target

    def commits(self, codec: Codec | None = None) -> list[Commit]:
        """The commits, decoded. Values of the user's classes need the graph's codec."""
        codec = codec or Codec()
        return [decode_commit(row.body, codec, thread=self.thread, version=row.version) for row in self.rows]

    def lines(self) -> list[str]:
        """The log for people: one line for each event."""
        return log_lines(self.commits())

    def put_into(self, store: Store, graph: CompiledStateGraph) -> None:
        """Append the commits to a store, as the thread's actor would have.

        Raises:
            StoreError: the log is not whole, or the store has such a thread.
        """
        log, state = ThreadLog(store, self.thread, self.tenant), ThreadState()
        for row in self.rows:
            recorded = log.recorded(row, state, graph.codec)
            after = fold(state, recorded, graph.channels)
            entry = log.entry(recorded.commit, state, after, graph.codec, graph.plan.name)
            # The bytes as they are: those of an earlier release are not what is written today.
            store.append(replace(entry, digest=row.digest, body=row.body))
            after.digest = row.digest
            state = after

    def replay(self, graph: CompiledStateGraph) -> StateSnapshot:
        """Fold the log with a graph's channels; nothing runs. The thread's state, as `graph.get_state` would show it.

        Raises:
            AssertionError: the log breaks a law of threads, or folding it twice gives two states.
        """
        graph.know_inside()
        broken = broken_laws(self.rows, self.commits(graph.codec), self.thread, self.tenant)
        if broken:
            raise AssertionError("; ".join(broken))
        store = MemoryStore()
        try:
            self.put_into(store, graph)
        except StoreError as error:
            raise AssertionError(f"the log cannot be read: {error}") from error
        copy = graph.copy({"checkpointer": BaseCheckpointSaver(store, tenant=self.tenant)})
        log = ThreadLog(store, self.thread, self.tenant)
        first, second = (portrait(log.load(graph.codec, graph.channels), graph.channels) for _ in range(2))
        if first != second:
            raise AssertionError("folding the log twice gives two states: a reducer is not a function of its arguments")
        return copy.get_state({"configurable": {"thread_id": self.thread}})


def _head(store: Store, thread: str, tenant: str) -> Head:
    """How the thread stands in the store."""
    try:
        found = store.head(thread, tenant)
    except ThreadErasedError:
        found = None
    return Head() if found is None else found.head


def opened(rows: Sequence[Row], cipher: Cipher, tenant: str) -> list[Row]:
    """Sealed commits in plain, chained anew."""
    opened, digest = [], b""
    for row in rows:
        body = cipher.open(row.body, row.thread, row.version, tenant)
        digest = link(digest or genesis(row.thread, tenant), body)
        opened.append(replace(row, digest=digest, body=body))
    return opened


def save_log(
    saver: BaseCheckpointSaver | Store,
    thread: str,
    path: str | PathLike[str],
    *,
    note: str = "",
    plain: bool = False,
) -> RecordedLog:
    """Save a thread's log to a file, for a test to replay; see `RecordedLog`.

    The file is not encrypted: of a saver that encrypts, `plain` has to say that this is meant.
    """
    log = RecordedLog.of(saver, thread, note=note, plain=plain)
    log.save(path)
    return log


def load_log(path: str | PathLike[str]) -> RecordedLog:
    """Read a log from a file that `save_log` wrote, or a tool of the kit where it found a failure, or `export_threads`.

    Raises:
        ArchiveError: it is no such file, is damaged, or holds several threads.
    """
    return RecordedLog.load(path)
