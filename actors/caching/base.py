"""What every cache offers: values under a namespace and a key, each good for a number of seconds or for ever."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from ...events.codec.values import Codec
from ...events.errors import DecodeError

ValueT = TypeVar("ValueT")
Namespace = tuple[str, ...]
"""What an entry belongs to, from the general to the special."""
FullKey = tuple[Namespace, str]
"""(namespace, key): one entry's place."""

CLEW_ENCODING = "clew"
"""Name under which `CodecSerializer` marks what it wrote."""


class Serializer(Protocol):
    """How a cache turns values into bytes and back."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """(name of the encoding, bytes) of a value."""
        ...

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value of what `dumps_typed` gave."""
        ...


class CodecSerializer:
    """clew's codec as a serializer: no pickle, no import by name, no code in data."""

    def __init__(self, codec: Codec | None = None) -> None:
        self._codec = Codec() if codec is None else codec

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """("clew", bytes). Raises `EncodeError`, with its path, for a value that could not be read back as it is."""
        return CLEW_ENCODING, self._codec.encode_value(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value. Raises `DecodeError` for bytes that are not clew's."""
        encoding, encoded = data
        if encoding != CLEW_ENCODING or not isinstance(encoded, bytes):
            raise DecodeError(f"the entry is marked {encoding!r}, not {CLEW_ENCODING!r}: another program wrote it")
        return self._codec.decode_value(encoded)


class BaseCache(ABC, Generic[ValueT]):
    """Keeps values under (namespace, key). Safe to use from any thread; the `a…` twins never block an event loop."""

    serde: Serializer

    def __init__(self, *, serde: Serializer | None = None) -> None:
        """`serde` turns values into bytes; None takes clew's codec."""
        self.serde = CodecSerializer() if serde is None else serde

    @abstractmethod
    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """The values of those keys that have one that is still good and can be read."""

    @abstractmethod
    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """As `get`."""

    @abstractmethod
    def set(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values: key to (value, seconds it stays good; None for ever). What was there is replaced."""

    @abstractmethod
    async def aset(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """As `set`."""

    @abstractmethod
    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Drop everything in these namespaces, each taken exactly; None drops everything."""

    @abstractmethod
    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """As `clear`."""
