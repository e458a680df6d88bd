"""The codec: users' values to bytes and back, with a closed registry; no pickle, no import by name, no code in data.

Held by a compiled graph; the runner encodes with it, payloads decode themselves with it when somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from ..errors import DecodeError
from .commits import CommitForm
from .reader import Reader
from .registry import COMMON, Registry
from .writer import Writer


@final
class Codec:
    """Encodes and decodes values and commits. May be shared among threads; make one per compiled graph."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = COMMON.child() if registry is None else registry
        """Classes that may be stored and read. Classes met while writing are added to it."""
        self._writer = Writer(self.registry)
        self.encode_value: Callable[..., bytes] = self._writer.encode
        """From a value, and the path that stands for it in errors ("$"), to its msgpack.

        Raises `EncodeError`, whose path begins with the one given, for a value that could not be read back as it is.
        """
        self.encode_canonical: Callable[..., bytes] = Writer(self.registry, canonical=True).encode
        """As `encode_value`, and equal for equal values, whatever the order of their dicts. For digests."""
        self._decode = Reader(self.registry).decode
        self.commits = CommitForm(self)
        """The encoder and decoder of commits, made once; use `encode_commit` and `decode_commit`."""

    def decode_value(self, encoded: bytes) -> Any:
        """The value. A class that this process does not know gives `Opaque`. Raises `DecodeError` for foreign bytes."""
        try:
            return self._decode(encoded)
        except DecodeError:
            raise
        except RecursionError:
            raise DecodeError("the value is nested deeper than Python's recursion limit allows here") from None
        except Exception as error:  # bytes from outside may make any constructor of the tables complain
            raise DecodeError(f"not a value that clew wrote ({type(error).__name__}: {error})") from error
