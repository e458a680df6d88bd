"""Checks the threads of a store, or of a file, against their chains, their heads, and what was known of them.

Rows are read as they lie there: what the store's own reading would refuse is what is looked for here. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from msgspec import Struct

from ..codec.commits import decode_commit
from ..codec.values import Codec
from ..errors import CipherError, CorruptCommitError, StoreError, ThreadErasedError
from ..privacy.cipher import Cipher
from ..stores.recorder import CommitRecorder
from ..stores.rows import loose_row
from ..stores.store import Row, Store, ThreadHead
from ..stores.stream import stream_key
from .heads import KnownHead
from .verify import Anchor, Finding, verify

THREADS_MAX = 1_000_000
"""Threads of one tenant that are gone through; the newest ones."""


class Verified(Struct, frozen=True):
    """One thread that was checked."""

    thread: str
    tenant: str
    version: int
    """Of its last commit that is there; -1 where there is none."""
    commits: int
    events: int
    """Events in them; those of sealed commits count only where a cipher opens them."""
    findings: list[Finding]
    """What is wrong, by version; empty for a whole thread."""


def verify_threads(
    store: Store,
    threads: Iterable[str] | None = None,
    tenant: str = "",
    *,
    known: Mapping[str, KnownHead] | None = None,
    cipher: Cipher | None = None,
) -> Iterator[Verified]:
    """Check threads one by one: versions without gaps, every digest, every event readable, an end where the head says.

    Args:
        store: where the threads are.
        threads: which; all of the tenant, and all that were known, if None.
        tenant: whose.
        known: heads that were kept outside of the store, by thread: an end that was cut off since, or a history that
            was written anew, shows against them alone.
        cipher: opens sealed commits. Without it their chain is checked, and not whether their events can be read.

    Raises:
        StoreError: the store cannot be read at all.
    """
    known = {} if known is None else known
    codec = Codec()
    if threads is None:
        there = [head.thread for head in store.heads(limit=THREADS_MAX, tenant=tenant)]
        threads = dict.fromkeys([*there, *known])
    for thread in threads:
        yield _verified(store, thread, tenant, known.get(thread), cipher, codec)


def _verified(
    store: Store, thread: str, tenant: str, known: KnownHead | None, cipher: Cipher | None, codec: Codec
) -> Verified:
    try:
        head = store.head(thread, tenant)
    except ThreadErasedError:
        return Verified(thread, tenant, -1, 0, 0, [Finding(0, "erased", "the thread was erased: its log is gone")])
    try:
        rows = raw_rows(store, thread, tenant, -1 if head is None else head.version)
    except CorruptCommitError as error:
        return Verified(thread, tenant, -1, 0, 0, [Finding(error.version, "changed", str(error))])
    anchor, findings = None, [*_against_head(rows, head)]
    if known is not None:
        if head is not None and head.head.epoch > known.epoch:
            findings.append(Finding(0, "erased", "the thread was erased since it was known, and begun anew"))
        elif head is None and not rows:
            findings.append(Finding(0, "missing", f"the thread is not there; it was known at version {known.version}"))
        else:
            anchor = Anchor(known.version, known.digest)
    findings += verify(rows, thread, tenant, anchor=anchor)
    wrong = {finding.version for finding in findings}
    events = 0
    for row in rows:
        found = _events_of(row, cipher, codec)
        if isinstance(found, int):
            events += found
        elif row.version not in wrong:
            findings.append(Finding(row.version, "unreadable", found))
    findings = sorted({(one.version, one.kind): one for one in findings}.values(), key=lambda one: one.version)
    return Verified(thread, tenant, rows[-1].version if rows else -1, len(rows), events, findings)


def raw_rows(store: Store, thread: str, tenant: str = "", last: int = -1) -> list[Row]:
    """A thread's rows by version, as they lie in the store: with gaps, cut off, or no rows of clew's at all.

    `last`: its last version, for looking at them one by one where a row is such that the database gives none of them.
    That one is left out, as if it were missing.

    Raises:
        CorruptCommitError: of a store that is not clew's own, which gives no rows that it refuses.
        StoreError: the store cannot be read.
    """
    if not isinstance(store, CommitRecorder):
        return store.read(thread, tenant=tenant)
    stream = UUID(bytes=stream_key(tenant, thread))
    try:
        found = [(event.originator_version, event.state) for event in store.select_events(stream)]
    except StoreError:
        found = [*_one_by_one(store, stream, last)]
        if not found:
            raise
    return [loose_row((-1, version, state), thread, tenant) for version, state in found]


def _one_by_one(store: CommitRecorder, stream: UUID, last: int) -> Iterator[tuple[int, bytes]]:
    for version in range(last + 1):
        with suppress(StoreError):
            yield from ((version, event.state) for event in store.select_events(stream, gt=version - 1, lte=version))


def _against_head(rows: list[Row], head: ThreadHead | None) -> Iterator[Finding]:
    """Where the thread should end, as the store itself has it."""
    last = rows[-1].version if rows else -1
    if head is None or head.version == last:
        return
    if last < head.version:
        yield Finding(
            last + 1, "truncated", f"the thread ends at version {last}; its head is at version {head.version}"
        )
    else:
        yield Finding(head.version + 1, "foreign", f"version {head.version + 1} comes after the thread's head")


def _events_of(row: Row, cipher: Cipher | None, codec: Codec) -> int | str:
    """How many events a commit has; why they cannot be read."""
    body: Any = row.body
    try:
        if cipher is not None:
            body = cipher.open(body, row.thread, row.version, row.tenant)
        return len(decode_commit(body, codec, thread=row.thread, version=row.version).events)
    except CipherError:
        return 0
    except StoreError as error:
        return str(error)
