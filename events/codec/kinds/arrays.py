"""numpy arrays and scalars, where the process has numpy: never imported here, so reading imports nothing."""

from __future__ import annotations

import sys
from typing import Any

from msgspec import msgpack

from . import codes

_KINDS = "?biufcSUmM"
"""Kinds of dtype whose bytes are the values themselves: no objects, no records."""


def numpy() -> Any:
    """The numpy module if somebody imported it, else None."""
    return sys.modules.get("numpy")


def code_of(cls: type) -> int | None:
    """The extension code of a class of numpy's, None for any other class."""
    np = numpy()
    if np is None:
        return None
    if cls is np.ndarray:
        return codes.ARRAY
    return codes.SCALAR if issubclass(cls, np.generic) else None


def dump_array(value: Any) -> bytes:
    """An array or scalar as `[dtype, shape, bytes]`. Raises `ValueError` for dtypes that hold references."""
    if value.dtype.kind not in _KINDS:
        raise ValueError(f"a numpy dtype of kind {value.dtype.kind!r} ({value.dtype}); convert it with .tolist()")
    return msgpack.encode([value.dtype.str, list(value.shape), value.tobytes()])


def load_array(encoded: bytes) -> Any:
    """A writable array. Raises `LookupError` where numpy was not imported, `ValueError` for a dtype of references."""
    np = numpy()
    if np is None:
        raise LookupError("it is a numpy array; import numpy before reading it")
    dtype_name, shape, content = msgpack.decode(encoded)
    dtype = np.dtype(dtype_name) if isinstance(dtype_name, str) and len(dtype_name) < 32 else None
    if dtype is None or dtype.kind not in _KINDS:
        raise ValueError(f"numpy dtype {dtype_name!r}")
    return np.frombuffer(content, dtype=dtype).reshape(shape).copy()


def load_scalar(encoded: bytes) -> Any:
    """A numpy scalar, as `load_array` reads arrays."""
    return load_array(encoded)[()]
