"""`JsonPlusSerializer`: the codec under the name and in the form that programs for LangGraph import."""

from __future__ import annotations

import warnings
from typing import Any

from ..errors import DecodeError
from .values import Codec


class JsonPlusSerializer:
    """Values to typed bytes and back: `("msgpack", b"...")`, or "null", "bytes", "bytearray" for what needs no form.

    The codec of clew's own stores: a closed registry, no pickle, no import by a stored name. What it does not know is
    refused with its path. Tuples, sets and large integers come back as they were.
    """

    def __init__(
        self,
        *,
        pickle_fallback: bool = False,
        allowed_json_modules: Any = None,
        allowed_msgpack_modules: Any = None,
        codec: Codec | None = None,
    ) -> None:
        """Make a serializer.

        Args:
            pickle_fallback: without effect, with a warning if set: clew reads and writes no pickle.
            allowed_json_modules: without effect: nothing is ever imported.
            allowed_msgpack_modules: without effect, likewise; `clew.register_type` tells which classes may be stored.
            codec: with the classes of its registry; the common ones by default.
        """
        if pickle_fallback:
            warnings.warn(
                "pickle_fallback does nothing: clew reads and writes no pickle; clew.register_type(...) makes a class "
                "storable",
                UserWarning,
                stacklevel=2,
            )
        self._codec = codec or Codec()

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The value's kind and bytes. Raises `EncodeError`, a `TypeError`, for what cannot be read back as it is."""
        if obj is None:
            return "null", b""
        if type(obj) is bytes:
            return "bytes", obj
        if type(obj) is bytearray:
            return "bytearray", bytes(obj)
        return "msgpack", self._codec.encode_value(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value of what `dumps_typed` gave. Raises `DecodeError`, a `ValueError`, for anything else."""
        kind, encoded = data
        if kind == "null":
            return None
        if kind == "bytes":
            return bytes(encoded)
        if kind == "bytearray":
            return bytearray(encoded)
        if kind == "msgpack":
            return self._codec.decode_value(bytes(encoded))
        raise DecodeError(f"a value of kind {kind!r}: clew reads 'null', 'bytes', 'bytearray' and 'msgpack'")


def check_serde(serde: Any) -> None:
    """Refuse another serializer than clew's: what it promises, such as encryption, would silently not be done.

    Raises:
        TypeError: it is none of clew's.
    """
    if serde is not None and not isinstance(serde, JsonPlusSerializer):
        raise TypeError(
            f"serde={serde!r}: clew's stores have one codec, which knows messages, models and registered classes; "
            "leave serde out, and use clew.register_type(...) for classes of your own"
        )
