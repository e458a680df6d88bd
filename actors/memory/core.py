"""The one core of the long-term stores: a batch of operations over a backend, for sync and async callers.

A batch is looked at and refused as a whole, its texts are embedded (the only thing an async caller awaits), and then
it is done in one go: first all reads, then the puts, in one transaction.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar

from langchain_core.embeddings import Embeddings
from msgspec import Struct

from .base import BaseStore
from .checks import check_op
from .embedding import Index
from .filters import check_filter, fits, listed
from .items import GetOp, IndexConfig, Item, ListNamespacesOp, Op, PutOp, Result, SearchItem, SearchOp
from .paths import get_text_at_path

MINUTE = 60_000_000
"""Microseconds."""

Answer = TypeVar("Answer")
Vector = Sequence[float]
Address = tuple[tuple[str, ...], str]
"""Namespace and key."""


class Record(Struct, frozen=True, gc=False):
    """An item as a backend keeps it. Times are microseconds since the epoch."""

    id: int
    namespace: tuple[str, ...]
    key: str
    kept: Any
    """The value in the backend's form."""
    created: int
    updated: int
    ttl: float | None = None
    """Minutes."""


class Entry(Struct, frozen=True):
    """A put that is ready to be written."""

    namespace: tuple[str, ...]
    key: str
    kept: Any
    vectors: tuple[array[float], ...]
    now: int
    ttl: float | None

    @property
    def expires(self) -> int | None:
        """When it expires, microseconds since the epoch."""
        return None if self.ttl is None else self.now + round(self.ttl * MINUTE)


class Session(Protocol):
    """What a backend does inside one transaction. `alive`: leave out what expired before that time; None: nothing."""

    def get(self, namespace: tuple[str, ...], key: str, alive: int | None) -> Record | None:
        """The record under this address."""
        ...

    def scan(self, prefix: tuple[str, ...], alive: int | None, limit: int | None = None) -> Iterable[Record]:
        """The records below a namespace, in the backend's order; at most `limit`."""
        ...

    def scores(self, prefix: tuple[str, ...], query: Vector) -> Mapping[int, float]:
        """For each record below the namespace that has vectors, by id: the cosine of its nearest one."""
        ...

    def namespaces(self, alive: int | None) -> Iterable[tuple[str, ...]]:
        """Every namespace that holds something."""
        ...

    def hold(self, addresses: Iterable[Address]) -> None:
        """Keep others from writing to these addresses until the transaction ends; for several, in one fixed order.

        So two batches that write to the same ones crosswise wait one after the other, and never for each other.
        """
        ...

    def put(self, entry: Entry) -> None:
        """Write a record with its vectors, in the place of what is there; its first time stays."""
        ...

    def delete(self, namespace: tuple[str, ...], key: str) -> None:
        """Delete a record, if it is there."""
        ...

    def refresh(self, records: Iterable[int], now: int) -> None:
        """Begin the time to live of these records anew."""
        ...

    def sweep(self, now: int) -> int:
        """Delete what has expired; how many."""
        ...


class Backend(Protocol):
    """Where a store keeps its records. Safe for threads."""

    waits: bool
    """Whether it waits for a disk or a network, so that async callers must not be on the event loop meanwhile."""

    def keep(self, value: Mapping[str, Any]) -> Any:
        """The value in the form that is kept. Raises `EncodeError` for what cannot be."""
        ...

    def load(self, kept: Any) -> dict[str, Any]:
        """The value of a record, which is the caller's to change."""
        ...

    def reading(self, work: Callable[[Session], Answer]) -> Answer:
        """Do `work`, which only reads."""
        ...

    def writing(self, work: Callable[[Session], Answer]) -> Answer:
        """Do `work` in one transaction: all of it or nothing."""
        ...


class KeptStore(BaseStore):
    """A store over a backend. Safe for threads and event loops."""

    _index_extras: ClassVar[frozenset[str]] = frozenset()
    """Settings of an index that other stores have: taken, and without effect here."""

    def __init__(self, backend: Backend, index: IndexConfig | None = None) -> None:
        self.index_config = index
        self._backend = backend
        self._index = Index(index, self._index_extras) if index else None

    @property
    def embeddings(self) -> Embeddings | None:
        """What turns texts into vectors; None without an index."""
        return None if self._index is None else self._index.embeddings

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """See `BaseStore.batch`. One transaction: what is refused leaves nothing written."""
        batch = Batch(self, ops)
        if self._index is not None:
            embeddings = self._index.embeddings
            if batch.texts:
                batch.take_vectors(embeddings.embed_documents(list(batch.texts)))
            for query in batch.queries:
                batch.take_query(query, embeddings.embed_query(query))
        return batch.run()

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`; a store that waits for a disk or a network does so on another thread."""
        batch = Batch(self, ops)
        if self._index is not None:
            embeddings = self._index.embeddings
            if batch.texts:
                batch.take_vectors(await embeddings.aembed_documents(list(batch.texts)))
            for query in batch.queries:
                batch.take_query(query, await embeddings.aembed_query(query))
        return await asyncio.to_thread(batch.run) if self._backend.waits else batch.run()


class Batch:
    """Operations that are done together."""

    def __init__(self, store: KeptStore, ops: Iterable[Op]) -> None:
        """Look at them. Raises what `batch` raises for bad ones, before anything is embedded or written."""
        self._backend = store._backend
        self._index = store._index
        self._omit = bool((store.ttl_config or {}).get("omit_expired"))
        self.ops = [check_op(op) for op in ops]
        self._puts: dict[Address, tuple[PutOp, Any, list[str]]] = {}
        """Address to the last put, its value as kept, its texts."""
        self.texts: dict[str, Vector] = {}
        """Every text to embed, once; to its vector when that is known."""
        self.queries: dict[str, Vector] = {}
        for op in self.ops:
            if isinstance(op, PutOp):
                kept = None if op.value is None else self._backend.keep(op.value)
                self._puts[op.namespace, op.key] = op, kept, self._texts_of(op)
            elif isinstance(op, SearchOp):
                check_filter(op.filter or {})
                if op.query and self._index is not None:
                    self.queries[op.query] = ()
        self.texts = {text: () for _, _, texts in self._puts.values() for text in texts}

    def take_vectors(self, vectors: Sequence[Vector]) -> None:
        """The vectors of `texts`, in order."""
        if self._index is not None:
            self.texts = dict(zip(self.texts, self._index.checked(vectors, list(self.texts)), strict=True))

    def take_query(self, query: str, vector: Vector) -> None:
        """The vector of one of `queries`."""
        if self._index is not None:
            self.queries[query] = self._index.checked([vector], [query])[0]

    def run(self) -> list[Result]:
        """Do it. The clock is read once."""
        now = time.time_ns() // 1000
        refreshed: set[int] = set()

        def read(session: Session) -> list[Result]:
            refreshed.clear()
            return [self._read(session, op, now, refreshed) for op in self.ops]

        def all_of_it(session: Session) -> list[Result]:
            if len(self._puts) > 1:
                session.hold(self._puts)
            results = read(session)
            session.refresh(refreshed, now)
            for op, kept, texts in self._puts.values():
                self._put(session, op, kept, texts, now)
            return results

        if self._puts:
            return self._backend.writing(all_of_it)
        results = self._backend.reading(read)
        if refreshed:
            self._backend.writing(lambda session: session.refresh(refreshed, now))
        return results

    def _texts_of(self, op: PutOp) -> list[str]:
        if self._index is None or op.value is None or op.index is False:
            return []
        paths = self._index.fields if op.index is None else self._index.paths(op.index)
        return [text for _, steps in paths for text in get_text_at_path(op.value, steps)]

    def _put(self, session: Session, op: PutOp, kept: Any, texts: list[str], now: int) -> None:
        if op.value is None:
            session.delete(op.namespace, op.key)
            return
        vectors = tuple(self.texts[text] for text in texts)
        session.put(Entry(op.namespace, op.key, kept, vectors, now, op.ttl))  # type: ignore[arg-type]

    def _read(self, session: Session, op: Op, now: int, refreshed: set[int]) -> Result:
        alive = now if self._omit else None
        match op:
            case GetOp():
                record = session.get(op.namespace, op.key, alive)
                if record is None:
                    return None
                self._note(op.refresh_ttl, [record], refreshed)
                return Item(value=self._backend.load(record.kept), key=record.key, namespace=record.namespace,
                            created_at=_moment(record.created), updated_at=_moment(record.updated))  # fmt: skip
            case SearchOp():
                return self._search(session, op, alive, refreshed)
            case ListNamespacesOp():
                return listed(session.namespaces(alive), op)
        return None

    def _search(self, session: Session, op: SearchOp, alive: int | None, refreshed: set[int]) -> list[SearchItem]:
        vector = self.queries.get(op.query or "")
        scores = session.scores(op.namespace_prefix, vector) if vector else {}
        enough = None if scores or op.filter else op.offset + op.limit
        found = [
            record
            for record in session.scan(op.namespace_prefix, alive, enough)
            if not op.filter or fits(self._backend.load(record.kept), op.filter)
        ]
        # Sorted stably: those without a vector come last, in the backend's order.
        found.sort(key=lambda record: -scores.get(record.id, float("-inf")))
        part = found[op.offset : op.offset + op.limit]
        self._note(op.refresh_ttl, part, refreshed)
        return [
            SearchItem(
                record.namespace,
                record.key,
                self._backend.load(record.kept),
                _moment(record.created),
                _moment(record.updated),
                scores.get(record.id),
            )
            for record in part
        ]

    def _note(self, refresh: bool, records: Iterable[Record], refreshed: set[int]) -> None:
        if refresh:
            refreshed.update(record.id for record in records if record.ttl is not None)


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
