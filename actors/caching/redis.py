"""A cache in a Redis server, which several machines may share. The client is the program's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic
from urllib.parse import quote

from ...events.errors import CodecError, StoreError
from .base import BaseCache, FullKey, Namespace, Serializer, ValueT

PREFIX = "clew:cache:"


class RedisCache(BaseCache[ValueT], Generic[ValueT]):
    """Keeps entries in a Redis server, which drops them when their time is over. Others' entries there are misses.

    An entry's name is the prefix, the parts of its namespace and its key, percent-encoded and joined by colons.
    """

    def __init__(self, redis: Any, *, serde: Serializer | None = None, prefix: str = PREFIX) -> None:
        """Takes a client of the package `redis`, such as `redis.Redis(host=...)`; it stays the caller's to close."""
        super().__init__(serde=serde)
        self.redis = redis
        self.prefix = prefix

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """The values of those keys that have one that is still good and can be read. Raises `StoreError`."""
        if not keys:
            return {}
        with _trouble():
            entries = self.redis.mget([self._name(key) for key in keys])
        found: dict[FullKey, ValueT] = {}
        for place, entry in zip(keys, entries, strict=True):
            if isinstance(entry, bytes):
                encoding, _, encoded = entry.partition(b":")
                try:
                    found[place] = self.serde.loads_typed((encoding.decode(), encoded))
                except (CodecError, UnicodeDecodeError):
                    continue
        return found

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """As `get`, off the event loop."""
        return await asyncio.to_thread(self.get, keys)

    def set(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values: key to (value, seconds it stays good; None for ever). Raises `StoreError`."""
        entries: list[tuple[str, bytes, int | None]] = []
        for place, (value, ttl) in pairs.items():
            encoding, encoded = self.serde.dumps_typed(value)
            entries.append((self._name(place), encoding.encode() + b":" + encoded, ttl))
        if not entries:
            return
        with _trouble():
            pipeline = self.redis.pipeline()
            for name, entry, ttl in entries:
                if ttl is None:
                    pipeline.set(name, entry)
                else:
                    pipeline.setex(name, ttl, entry)
            pipeline.execute()

    async def aset(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """As `set`, off the event loop."""
        await asyncio.to_thread(self.set, pairs)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Drop everything in these namespaces, each taken exactly; None drops everything. Raises `StoreError`."""
        wanted = None if namespaces is None else {_encoded(namespace) for namespace in namespaces}
        starts = [""] if wanted is None else sorted(wanted)
        with _trouble():
            names = {name for start in starts for name in self.redis.scan_iter(match=f"{self.prefix}{start}*")}
            # A namespace's pattern finds those below it too.
            gone = [name for name in names if wanted is None or self._namespace(name) in wanted]
            if gone:
                self.redis.delete(*gone)

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """As `clear`, off the event loop."""
        await asyncio.to_thread(self.clear, namespaces)

    def _name(self, place: FullKey) -> str:
        namespace, key = place
        return f"{self.prefix}{_encoded(namespace)}{quote(key, safe='')}"

    def _namespace(self, name: bytes | str) -> str:
        text = name.decode() if isinstance(name, bytes) else name
        return text.removeprefix(self.prefix).rpartition(":")[0] + ":"


def _encoded(namespace: Namespace) -> str:
    """Its parts, with a colon after each; those in a part are encoded, as is all that a pattern would take for more."""
    return "".join(f"{quote(part, safe='')}:" for part in namespace) or ":"


@contextmanager
def _trouble() -> Iterator[None]:
    """Turn what the client raises into an error that says what was lost: nothing."""
    try:
        yield
    except Exception as error:  # the client's own errors, whose package is not known here
        raise StoreError(f"the Redis server could not be used ({error!r}): nothing was lost but the cache") from error
