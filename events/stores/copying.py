"""Copying a thread: the same commits under another name, chained anew. Whatever store it is."""

from __future__ import annotations

from collections.abc import Sequence

from ..chain.digest import genesis, link
from ..codec.commits import decode_commit
from ..codec.values import Codec
from ..privacy.cipher import Cipher
from .store import RUNNING, Entry, Head, Store


def copy_commits(store: Store, source: str, target: str, tenant: str, cipher: Cipher | None = None) -> None:
    """Append the source's commits to the target, sealed anew if a cipher is given.

    Raises:
        KeyError: there is no source.
        ThreadErasedError: one of them was erased.
        ValueError: the target holds something else.
    """
    if source == target:
        raise ValueError(f"thread {source!r} cannot be copied onto itself: give another thread id")
    head = store.head(source, tenant)
    rows = [] if head is None else store.read(source, until=head.version, tenant=tenant)
    if head is None or not rows:
        raise KeyError(f"there is no thread {source!r} to copy")
    store.head(target, tenant)  # an erased one refuses here
    there = store.read(target, tenant=tenant)
    bodies = [row.body if cipher is None else cipher.open(row.body, source, row.version, tenant) for row in rows]
    found = [row.body if cipher is None else cipher.open(row.body, target, row.version, tenant) for row in there]
    _check_unfinished_copy(target, found, bodies)
    codec = Codec()
    previous = there[-1].digest if there else genesis(target, tenant)
    for row, body in zip(rows[len(there) :], bodies[len(there) :], strict=True):
        stored = body if cipher is None else cipher.seal(body, target, row.version, tenant)
        digest = link(previous, stored)
        # Until the last commit is there, nobody is to take the copy for a thread that waits or rests.
        shown = head.head if row is rows[-1] else Head(status=RUNNING, graph=head.head.graph, updated=head.head.updated)
        identity = decode_commit(body, codec, thread=source, version=row.version).id
        store.append(Entry(target, row.version - 1, identity, digest, stored, shown, tenant))
        previous = digest


def _check_unfinished_copy(target: str, there: Sequence[bytes], bodies: Sequence[bytes]) -> None:
    """Refuse a target that is not the beginning of the copy; a copy that was broken off is one."""
    if there != bodies[: len(there)] or len(there) == len(bodies):
        raise ValueError(f"thread {target!r} exists already: copy to another thread id")
