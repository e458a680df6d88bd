"""From what a recorder stored to rows: split the state, and check that a thread's rows are what clew wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import CorruptCommitError
from .recorder import Version
from .store import Row
from .stream import DIGEST_BYTES


def checked_rows(found: Sequence[Version], thread: str, tenant: str, after: int) -> list[Row]:
    """The rows of a thread from version `after + 1`, without gaps.

    Raises:
        CorruptCommitError: a commit is missing, or a state is no digest and body.
    """
    rows: list[Row] = []
    for expected, (position, version, state) in enumerate(found, max(after + 1, 0)):
        if version != expected:
            raise CorruptCommitError(thread, expected, "the commit is missing")
        if not isinstance(state, bytes) or len(state) <= DIGEST_BYTES:
            raise CorruptCommitError(thread, expected, "the state is no digest and commit")
        rows.append(Row(thread, version, position, state[:DIGEST_BYTES], state[DIGEST_BYTES:], tenant))
    return rows


def rows_to_the_end(found: Sequence[tuple[Any, ...]], thread: str, tenant: str, after: int) -> list[Row]:
    """The rows of a thread from version `after + 1` on, of what the stores' `REST` gives.

    Raises:
        CorruptCommitError: as `checked_rows`; or the last commits are missing, by what the thread's head says.
    """
    rows = checked_rows([one[:3] for one in found if one[0] is not None], thread, tenant, after)
    if found:
        *_, end, erased = found[0]
        last = after + len(rows)
        if last != end and not erased and after <= end:
            missing = last < end
            reason = "the commit is missing" if missing else f"it comes after the thread's end, version {end}"
            raise CorruptCommitError(thread, last + 1 if missing else end + 1, reason)
    return rows


def loose_row(found: Version, thread: str, tenant: str) -> Row:
    """A row for a follower, unchecked: one foreign row must not stop the feed of all; decoding it names it."""
    position, version, state = found
    if not isinstance(state, bytes):
        state = b""
    return Row(thread, version, position, state[:DIGEST_BYTES], state[DIGEST_BYTES:], tenant)
