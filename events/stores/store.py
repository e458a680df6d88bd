"""What an event store does: the contract that every store keeps and the contract suite checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

RESTING = 0
"""Status of a thread with nothing open: never run, completed, or cancelled before anything was planned."""
RUNNING = 1
"""Status of a thread whose open step was started and not yet finished (a crash leaves it so)."""
WAITING = 2
"""Status of a thread with at least one open question."""
STOPPED = 3
"""Status of a thread whose open step can be continued: a breakpoint, a failure, a cancelled run."""

Mode = Literal["rwc", "rw", "ro"]
"""What a store is opened for: to be made where it is missing, to be written where it is there, or only to be read."""


class Head(Struct, frozen=True, array_like=True, gc=False):
    """What a store knows of a thread without reading its commits; replaced with every append, in its transaction."""

    status: int = RESTING
    questions: bytes = b""
    """Open questions as the inbox shows them, encoded by projections/inbox; empty when none is open."""
    graph: str = ""
    """Name of the graph that last worked on the thread."""
    owner: str = ""
    """Process that last appended."""
    epoch: int = 0
    """Raised by each take-over, and by each life that follows an erasure; an entry with a lower one is stale."""
    updated: int = 0
    """Time of the last commit, microseconds since the epoch."""


class Entry(Struct, frozen=True, gc=False):
    """One append, ready to be written: the commit is encoded and chained, the store only has to give it its place."""

    thread: str
    expected: int
    """The thread's version before this append; -1 for a thread that does not exist yet."""
    id: bytes
    """The commit's own id (16 bytes), by which a lost reply is recognised."""
    digest: bytes
    """The chain's digest with this commit (32 bytes)."""
    body: bytes
    """The encoded commit. A store keeps digest and body as they are."""
    head: Head
    tenant: str = ""

    @property
    def version(self) -> int:
        """The version this append makes."""
        return self.expected + 1


class Row(Struct, frozen=True, gc=False):
    """One stored commit, undecoded."""

    thread: str
    version: int
    position: int
    digest: bytes
    body: bytes
    tenant: str = ""


class ThreadHead(Struct, frozen=True, gc=False):
    """A thread's head with its name and version."""

    thread: str
    version: int
    head: Head
    tenant: str = ""


class Position(Struct, frozen=True, order=True, gc=False):
    """Where a follower stands: opaque to it, rising. `Position()` is the beginning of the store."""

    transaction: int = 0
    """Postgres' transaction id; 0 elsewhere."""
    number: int = 0


Verdict = int | Exception
"""What became of one entry: its position, or the error that a lone `append` would have raised."""


class Store(Protocol):
    """An event store: threads of commits, appended with an expected version, read back in order.

    Every method may be called from any thread; none is a coroutine. Errors: `StaleVersionError` (nothing written),
    `OutcomeUnknownError` (may have been written), `StoreBusyError` (nothing written), `ThreadErasedError`.
    """

    durable: bool
    """True when an append costs a wait for a disk or a network: worth sharing among threads (group commit)."""

    def setup(self) -> None:
        """Create what is missing in the database. Repeating it changes nothing."""
        ...

    def append(self, entry: Entry) -> int:
        """Store one commit, all or nothing, if the thread stands at `entry.expected`; its position.

        A conflict is read back by commit id: a commit that is already there under this version is a success.
        Returns only when the commit is durable.
        """
        ...

    def append_batch(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Store commits of different threads in one transaction, each with its own verdict, in order.

        One stale entry does not hold up the others. A thread may appear only once in a batch.
        """
        ...

    def read(self, thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> list[Row]:
        """The thread's commits with `after < version <= until`, in order; empty for an unknown thread."""
        ...

    def head(self, thread: str, tenant: str = "") -> ThreadHead | None:
        """The thread's head, or None for an unknown thread. `ThreadErasedError` for an erased one."""
        ...

    def heads(
        self, status: int | None = None, limit: int = 50, newest_first: bool = True, tenant: str = ""
    ) -> list[ThreadHead]:
        """Heads of threads, by time of their last commit."""
        ...

    def follow(self, after: Position, limit: int = 500) -> list[tuple[Position, Row]]:
        """Commits of the whole store after a position, in an order that misses nothing however many write."""
        ...

    def erase(self, thread: str, tenant: str = "", expected: int | None = None) -> None:
        """Delete the thread's commits and leave a tombstone: later appends raise `ThreadErasedError` with its epoch.

        Only a first commit with a higher epoch begins the thread anew. From then on an entry with a lower epoch is
        stale, whatever version it expects: its writer knows the life that was erased.

        With `expected`, only a thread that stands at this version is erased; `StaleVersionError` otherwise.
        """
        ...

    def retire(self, thread: str, tenant: str = "") -> None:
        """As `erase`, but keep the commits: sealed ones whose key is destroyed, by which the chain can be proved."""
        ...

    def close(self) -> None:
        """Release connections. Further calls raise `StoreError`."""
        ...
