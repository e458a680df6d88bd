"""From what a recorder stored to rows: split the state, and check that a thread's rows are what clew wrote."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import CorruptCommitError
from .recorder import Stored
from .store import Row
from .stream import DIGEST_BYTES


def checked_rows(found: Sequence[Stored], thread: str, tenant: str, after: int) -> list[Row]:
    """The rows of a thread from version `after + 1`, without gaps.

    Raises:
        CorruptCommitError: a commit is missing, or a state is no digest and body.
    """
    rows: list[Row] = []
    for expected, stored in enumerate(found, max(after + 1, 0)):
        if stored.version != expected:
            raise CorruptCommitError(thread, expected, "the commit is missing")
        if not isinstance(stored.state, bytes) or len(stored.state) <= DIGEST_BYTES:
            raise CorruptCommitError(thread, expected, "the state is no digest and commit")
        rows.append(_row(stored, thread, tenant))
    return rows


def loose_row(stored: Stored, thread: str, tenant: str) -> Row:
    """A row for a follower, unchecked: one foreign row must not stop the feed of all; decoding it names it."""
    if not isinstance(stored.state, bytes):
        return Row(thread, stored.version, stored.position, b"", b"", tenant)
    return _row(stored, thread, tenant)


def _row(stored: Stored, thread: str, tenant: str) -> Row:
    state = stored.state
    return Row(thread, stored.version, stored.position, state[:DIGEST_BYTES], state[DIGEST_BYTES:], tenant)
