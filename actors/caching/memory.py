"""A cache in this process's memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Generic

from ...events.errors import CodecError
from .base import BaseCache, FullKey, Namespace, Serializer, ValueT

ENTRIES_MAX = 100_000
"""Entries kept; beyond it the ones set longest ago go first."""


class InMemoryCache(BaseCache[ValueT], Generic[ValueT]):
    """Keeps entries, encoded, in this process. What a caller does to a value it got changes no entry."""

    def __init__(self, *, serde: Serializer | None = None) -> None:
        super().__init__(serde=serde)
        self._entries: dict[FullKey, tuple[str, bytes, float | None]] = {}
        """Place to (encoding, bytes, Unix time until which it is good), in the order of setting."""
        self._lock = threading.Lock()

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """The values of those keys that have one that is still good and can be read."""
        now = time.time()
        found: dict[FullKey, ValueT] = {}
        for place in keys:
            entry = self._entries.get(place)
            if entry is None:
                continue
            encoding, encoded, good_until = entry
            if good_until is not None and now >= good_until:
                with self._lock:
                    if self._entries.get(place) is entry:
                        del self._entries[place]
                continue
            try:
                found[place] = self.serde.loads_typed((encoding, encoded))
            except CodecError:
                continue
        return found

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """As `get`."""
        return self.get(keys)

    def set(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values: key to (value, seconds it stays good; None for ever)."""
        now = time.time()
        entries = {
            place: (*self.serde.dumps_typed(value), None if ttl is None else now + ttl)
            for place, (value, ttl) in pairs.items()
        }
        with self._lock:
            for place, entry in entries.items():
                self._entries.pop(place, None)
                self._entries[place] = entry
            while len(self._entries) > ENTRIES_MAX:
                del self._entries[next(iter(self._entries))]

    async def aset(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """As `set`."""
        self.set(pairs)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Drop everything in these namespaces, each taken exactly; None drops everything."""
        with self._lock:
            if namespaces is None:
                self._entries.clear()
                return
            gone = {tuple(namespace) for namespace in namespaces}
            for place in [place for place in self._entries if place[0] in gone]:
                del self._entries[place]

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """As `clear`."""
        self.clear(namespaces)
