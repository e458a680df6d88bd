"""Checks a thread's rows against its chain. Pure: it reads nothing, decodes nothing, and changes nothing.

Called by the audit tools with rows as a store gave them. A plain chain shows what was changed by accident or without
recomputing it; a keyed one shows every change by somebody without the key. A cut-off end shows only against an anchor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from ..stores.store import Row
from .digest import genesis, link

SEARCHED_MAX = 64
"""Rows that do not fit for which is looked up where they belong. With more, the key is wrong or all was rewritten."""

Kind = Literal["changed", "missing", "swapped", "duplicated", "truncated", "foreign", "unreadable", "erased"]


class Anchor(Struct, frozen=True, gc=False):
    """What was known of a thread's chain at some time, kept outside its store: the digest at a version."""

    version: int
    digest: bytes


class Finding(Struct, frozen=True, gc=False):
    """One thing that is wrong with a thread's rows."""

    version: int
    """The version at which it shows."""
    kind: Kind
    message: str


def verify(
    rows: Iterable[Row],
    thread: str,
    tenant: str = "",
    key: bytes | None = None,
    anchor: Anchor | None = None,
) -> list[Finding]:
    """What is wrong with a thread's rows, by version; empty for a whole chain.

    Args:
        rows: The whole thread from version 0, in the order in which the store gave it.
        thread: The thread they should belong to.
        tenant: Its tenant.
        key: The chain's key; None for a plain chain.
        anchor: Where the chain is known to have been; without it a cut-off end cannot be seen.
    """
    kept = list(rows)
    findings = [*_numbering(kept, thread, tenant), *_links(kept, thread, tenant, key)]
    if anchor is not None:
        findings.extend(_anchored(kept, anchor))
    return sorted(findings, key=lambda finding: finding.version)


def _numbering(rows: Sequence[Row], thread: str, tenant: str) -> Iterable[Finding]:
    """Versions must be 0, 1, 2 … and of this thread."""
    expected = 0
    for row in rows:
        version = row.version
        if row.thread != thread or row.tenant != tenant:
            yield Finding(version, "foreign", f"version {version} is of thread {row.thread!r}, tenant {row.tenant!r}")
        if version < expected:
            yield Finding(version, "duplicated", f"version {version} is there more than once or out of order")
            continue
        for absent in range(expected, min(version, expected + SEARCHED_MAX)):
            yield Finding(absent, "missing", f"version {absent} is missing, before version {version}")
        expected = version + 1


def _links(rows: Sequence[Row], thread: str, tenant: str, key: bytes | None) -> Iterable[Finding]:
    """Each row's digest must follow from the one before and its own body."""
    start = genesis(thread, tenant, key)
    broken = _broken(rows, start, key)
    if len(broken) > SEARCHED_MAX:
        first = rows[broken[0]].version
        yield Finding(
            first, "changed", f"{len(broken)} commits from version {first} on do not fit: rewritten, or another key"
        )
        return
    places = _Places(rows, broken, start, key)
    for index in broken:
        yield from places.finding(index)


def _broken(rows: Sequence[Row], start: bytes, key: bytes | None) -> list[int]:
    """Indices of the rows that do not follow from the row before them."""
    broken: list[int] = []
    previous: tuple[bytes, ...] = (start,)
    expected = 0
    for index, row in enumerate(rows):
        if row.version != expected:
            previous = ()  # a gap or repetition, which is reported already; what came before is unknown
        computed = [link(digest, row.body, key) for digest in previous]
        if previous and row.digest not in computed:
            broken.append(index)
            # Either its digest or its body was changed: the row after it shows which of the two was right.
            previous = (row.digest, computed[0])
        else:
            previous = (row.digest,)
        expected = row.version + 1
    return broken


class _Places:
    """Where rows that do not fit belong: each authentic row follows from exactly one other."""

    def __init__(self, rows: Sequence[Row], broken: Sequence[int], start: bytes, key: bytes | None) -> None:
        self._rows = rows
        self._broken = frozenset(broken)
        self._before = {index: self._predecessor(index, start, key) for index in broken}

    def finding(self, index: int) -> Iterable[Finding]:
        """What became of a row that does not fit; nothing if it is the row before it that is out of place."""
        row = self._rows[index]
        version = row.version
        for other, candidate in enumerate(self._rows):
            if other != index and candidate.digest == row.digest and candidate.body == row.body:
                message = f"version {version} repeats the commit of version {candidate.version}"
                yield Finding(version, "duplicated", message)
                return
        place = self._place(index)
        if place is None:
            message = f"version {version} does not follow: it was changed, or what was before it is not there"
            yield Finding(version, "changed", message)
        elif place != version:
            yield Finding(version, "swapped", f"version {version} holds the commit of version {place}")

    def _predecessor(self, index: int, start: bytes, key: bytes | None) -> int | None:
        """Index of the row that this one was appended after; -1 for the thread's first, None for none of them."""
        row = self._rows[index]
        if link(start, row.body, key) == row.digest:
            return -1
        for other, candidate in enumerate(self._rows):
            if other != index and link(candidate.digest, row.body, key) == row.digest:
                return other
        return None

    def _place(self, index: int) -> int | None:
        """The version at which a row was appended; None if its own bytes were changed."""
        rows = self._rows
        for steps in range(len(rows) + 1):
            if index < 0:
                return steps - 1
            if index in self._broken:
                before = self._before[index]
            else:
                follows = rows[index].version == (rows[index - 1].version + 1 if index else 0)
                before = index - 1 if follows else None
            if before is None:  # nothing is known before this row: its own number counts, unless it was changed itself
                return rows[index].version + steps if steps or index not in self._broken else None
            index = before
        return None


def _anchored(rows: Sequence[Row], anchor: Anchor) -> Iterable[Finding]:
    last = rows[-1].version if rows else -1
    if last < anchor.version:
        yield Finding(
            last + 1, "truncated", f"the thread ends at version {last}; it was known at version {anchor.version}"
        )
    for row in rows:
        if row.version == anchor.version and row.digest != anchor.digest:
            yield Finding(row.version, "changed", f"version {row.version} has another digest than was known of it")
