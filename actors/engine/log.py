"""A thread's log in a store: read and folded, chained and appended. For the thread actor, and for reads beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from ...events.chain.digest import genesis, link
from ...events.codec.commits import decode_commit, encode_commit
from ...events.codec.values import Codec
from ...events.errors import CorruptCommitError, ThreadErasedError
from ...events.privacy.cipher import Cipher
from ...events.stores.store import Entry, Head, Row, Store
from ...events.vocabulary import EVENT_TYPES, Commit, NodeCompleted, Recorded
from ...projections.inbox.summary import encode_questions
from ...projections.state.fold import fold
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState

_WITH_PAYLOADS = frozenset(
    kind for kind in EVENT_TYPES if not {"writes", "wrote", "routes", "value"}.isdisjoint(kind.__struct_fields__)
)
"""Types of the events whose payloads are encoded while their step is live."""


class ThreadLog(Struct, frozen=True):
    """One thread's place in a store. May be used from any thread."""

    store: Store
    thread: str
    tenant: str = ""
    cipher: Cipher | None = None

    def load(self, codec: Codec, channels: Channels, state: ThreadState | None = None) -> ThreadState:
        """The thread's state with everything that the store holds now, folded onto `state` (a new thread's if None).

        A state of a life that was erased since counts for nothing.

        Raises:
            CorruptCommitError: a row is not what clew wrote there; names thread and version.
        """
        state = ThreadState() if state is None else state
        rows = self.store.read(self.thread, after=state.version, tenant=self.tenant)
        if state.version >= 0 and not self._goes_on(state, rows):
            return self._in_its_life(self.load(codec, channels))
        for row in rows:
            state = fold(state, self.recorded(row, state, codec), channels)
        return state

    def _in_its_life(self, state: ThreadState) -> ThreadState:
        """The state in the life that the store knows: a thread that was brought back has the log of an earlier one."""
        try:
            head = self.store.head(self.thread, self.tenant)
        except ThreadErasedError:
            return state
        if head is not None and head.version == state.version and head.head.epoch > state.epoch:
            state = state.copy()
            state.epoch = head.head.epoch
        return state

    def commits(self, codec: Codec, after: Recorded | None = None) -> Iterator[Recorded]:
        """The thread's decoded commits, all or those after one that is known, each checked against the chain.

        Raises:
            CorruptCommitError: as `load`.
            CipherError: it is encrypted, and no cipher is at hand.
        """
        version, digest = (-1, b"") if after is None else (after.version, after.digest)
        for row in self.store.read(self.thread, after=version, tenant=self.tenant):
            recorded = self._checked(row, version + 1, digest or genesis(self.thread, self.tenant), codec)
            version, digest = recorded.version, recorded.digest
            yield recorded

    def _goes_on(self, state: ThreadState, rows: list[Row]) -> bool:
        """False where the thread was erased since, and perhaps begun anew: nothing there follows from the state."""
        if rows:
            return link(self.previous(state), rows[0].body) == rows[0].digest
        try:
            head = self.store.head(self.thread, self.tenant)
        except ThreadErasedError:
            return False
        return head is not None and (head.version, head.head.epoch) == (state.version, state.epoch)

    def recorded(self, row: Row, state: ThreadState, codec: Codec) -> Recorded:
        """The decoded commit of a row, checked to follow `state`: by its version and by its link in the chain."""
        return self._checked(row, state.version + 1, self.previous(state), codec)

    def _checked(self, row: Row, version: int, previous: bytes, codec: Codec) -> Recorded:
        if row.version != version:
            raise CorruptCommitError(self.thread, row.version, f"expected version {version} next")
        if link(previous, row.body) != row.digest:
            raise CorruptCommitError(self.thread, row.version, "its content does not match its digest")
        body = row.body
        if self.cipher is not None:
            body = self.cipher.open(body, self.thread, row.version, self.tenant)
        commit = decode_commit(body, codec, thread=self.thread, version=row.version)
        return Recorded(self.thread, row.version, row.position, row.digest, commit)

    def previous(self, state: ThreadState) -> bytes:
        """The digest that the next commit is chained to."""
        return state.digest or genesis(self.thread, self.tenant)

    def entry(self, commit: Commit, before: ThreadState, after: ThreadState, codec: Codec, graph: str) -> Entry:
        """The append of a commit that leads from one state to the next; sets the digest of `after`.

        Raises `EncodeError` for a value that cannot be stored.
        """
        body = encode_commit(commit, codec)
        if self.cipher is not None:
            body = self.cipher.seal(body, self.thread, before.version + 1, self.tenant)
        digest = link(before.digest or self.previous(before), body)
        after.digest = digest
        questions = encode_questions(after) if after.asking else b""
        head = Head(after.status, questions, graph, after.owner, after.epoch, commit.time)
        return Entry(self.thread, before.version, commit.id, digest, body, head, self.tenant)


def forget_encoded(events: Sequence[Any]) -> None:
    """Drop what only the live step needs of its payloads, once they are stored and shown: the state has the values."""
    for event in events:
        kind = type(event)
        if kind not in _WITH_PAYLOADS:
            continue
        for write in getattr(event, "writes", ()):
            write.payload.forget_encoded()
        for route in getattr(event, "routes", ()):
            if route.payload is not None:
                route.payload.forget_encoded()
        if kind is NodeCompleted:
            continue
        for write in getattr(event, "wrote", ()):
            write.payload.forget_encoded()
        value = getattr(event, "value", None)
        if value is not None:
            value.forget_encoded()
