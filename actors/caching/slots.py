"""One place in a cache: what names it, and what a node's result looks like there.

The node runner opens a slot before a node with a cache policy runs: a key function is user code. Functions of the
functional API open theirs with `open_slot` too.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import Struct

from ...events.codec.digest import canonical_digest
from ...events.codec.kinds.opaque import Opaque
from ...events.codec.values import Codec
from ...events.errors import CodecError, EncodeError
from ...events.vocabulary import Limits, Payload, Route, Write
from ..author.policies import default_cache_key
from .base import BaseCache, FullKey, Namespace

RESULTS = "clew_results"
"""First part of the namespaces in which nodes and tasks keep what they came to."""


def namespace_of(name: str, fingerprint: bytes) -> Namespace:
    """The namespace of a node or task: another name or other code is another namespace."""
    return (RESULTS, name, fingerprint.hex())


class Slot:
    """A place in a cache for one result, given as bytes. Trouble with the cache costs the hit, not the run."""

    __slots__ = ("_cache", "_place", "_ttl")

    def __init__(self, cache: BaseCache[bytes], place: FullKey, ttl: int | None) -> None:
        self._cache = cache
        self._place = place
        self._ttl = ttl

    def find(self) -> bytes | None:
        """What is kept here, or None."""
        with self._passed_by("read"):
            return _bytes_in(self._cache.get([self._place]), self._place)
        return None

    async def afind(self) -> bytes | None:
        """As `find`."""
        with self._passed_by("read"):
            return _bytes_in(await self._cache.aget([self._place]), self._place)
        return None

    def keep(self, encoded: bytes) -> None:
        """Keep a result here."""
        with self._passed_by("written"):
            self._cache.set({self._place: (encoded, self._ttl)})

    async def akeep(self, encoded: bytes) -> None:
        """As `keep`."""
        with self._passed_by("written"):
            await self._cache.aset({self._place: (encoded, self._ttl)})

    @contextmanager
    def _passed_by(self, what: str) -> Iterator[None]:
        """Go on without the cache where it fails."""
        try:
            yield
        except Exception as error:
            warnings.warn(
                f"the cache of {self._place[0][1]!r} could not be {what} and is passed by: {error!r}",
                RuntimeWarning,
                stacklevel=4,
            )


def open_slot(
    cache: BaseCache[Any],
    policy: Any,
    namespace: Namespace,
    codec: Codec,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any] | None = None,
) -> Slot | None:
    """The slot for a call with these arguments; None, with a warning, for arguments that no key can be made of.

    Calls the policy's key function, if it has one.

    Raises:
        TypeError: the key function returned neither text nor bytes.
        Exception: what the key function raised.
    """
    if policy.key_func is not None and policy.key_func is not default_cache_key:
        key = _key(policy.key_func, arguments, keywords or {}, namespace[1])
    else:
        try:
            key = canonical_digest((list(arguments), dict(keywords or {})), codec).hex()
        except EncodeError as error:
            warnings.warn(
                f"{namespace[1]!r} runs uncached: no key can be made of its input ({error}); "
                "give its CachePolicy a key_func",
                RuntimeWarning,
                stacklevel=2,
            )
            return None
    return Slot(cache, (namespace, key), policy.ttl)


def _key(
    key_func: Callable[..., str | bytes], arguments: tuple[Any, ...], keywords: Mapping[str, Any], name: str
) -> str:
    key = key_func(*arguments, **keywords)
    if isinstance(key, str):
        return hashlib.blake2b(b"t" + key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    if isinstance(key, (bytes, bytearray, memoryview)):
        return hashlib.blake2b(b"b" + bytes(key), digest_size=16).hexdigest()
    raise TypeError(f"the key_func of {name!r} returned {key!r}: a cache key is text or bytes")


def _bytes_in(found: Mapping[FullKey, Any], place: FullKey) -> bytes | None:
    value = found.get(place)
    return value if isinstance(value, bytes) else None


class _Entry(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A node's result on the wire: (channel, value, overwrite) and (node, argument, is a Send, timeout)."""

    writes: list[tuple[str, bytes, bool]]
    routes: list[tuple[str, bytes | None, bool, float | Limits | None]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Entry).decode


def encode_result(writes: tuple[Write, ...], routes: tuple[Route, ...], codec: Codec) -> bytes | None:
    """A node's writes and routes as bytes; None for a result that cannot be stored."""
    try:
        return _encode(
            _Entry(
                [(write.channel, _encoded(write.payload, codec), write.overwrite) for write in writes],
                [
                    (
                        route.node,
                        None if route.payload is None else _encoded(route.payload, codec),
                        route.send,
                        route.timeout,
                    )
                    for route in routes
                ],
            )
        )
    except CodecError:
        return None


def _encoded(payload: Payload, codec: Codec) -> bytes:
    return payload.encoded if payload.encoded is not None else codec.encode_value(payload.value)


def decode_result(
    encoded: bytes, codec: Codec, channels: Mapping[str, Any], nodes: Mapping[str, Any]
) -> tuple[tuple[Write, ...], tuple[Route, ...]] | None:
    """The writes and routes of what `encode_result` gave, or None for anything that this graph could not have written.

    Args:
        encoded: what the cache had, from wherever it came.
        codec: of the graph.
        channels: the graph's channels, by name.
        nodes: the graph's nodes, by name.
    """
    try:
        entry = _decode(encoded)
        writes = tuple(Write(channel, _payload(value, codec), over) for channel, value, over in entry.writes)
        routes = tuple(
            Route(node, None if value is None else _payload(value, codec), send, timeout)
            for node, value, send, timeout in entry.routes
        )
    except (msgspec.MsgspecError, ValueError, CodecError, RecursionError):  # ValueError: text that is no UTF-8
        return None
    known = all(write.channel in channels for write in writes) and all(route.node in nodes for route in routes)
    return (writes, routes) if known else None


def _payload(encoded: bytes, codec: Codec) -> Payload:
    value = codec.decode_value(encoded)
    if _is_foreign(value):
        raise EncodeError("$", "a class that is not known here")
    payload = Payload(value)
    payload.encoded = encoded
    return payload


def decode_value(encoded: bytes, codec: Codec) -> Payload | None:
    """The one value that `Codec.encode_value` made bytes of; None for anything that cannot be read here."""
    try:
        return _payload(encoded, codec)
    except CodecError:
        return None


def _is_foreign(value: Any) -> bool:
    """True for a value that holds something of a class that this process does not know."""
    if isinstance(value, Opaque):
        return True
    if isinstance(value, Mapping):
        return any(_is_foreign(held) for held in value.values())
    return isinstance(value, (list, tuple, set, frozenset)) and any(map(_is_foreign, value))
