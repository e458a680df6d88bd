"""Digests of values: what binds an answer to its question and an effect to its arguments."""

from __future__ import annotations

import hashlib
from typing import Any

from .values import Codec

DIGEST_SIZE = 16
"""Bytes of a value's digest."""


def canonical_digest(value: Any, codec: Codec, path: str = "$") -> bytes:
    """16 bytes that are equal for equal values of equal types, in any process.

    The order of dicts and sets does not count, that of lists and OrderedDicts does; ids of messages count.
    Raises `EncodeError`, whose path begins with `path`, for a value that cannot be stored.
    """
    return hashlib.blake2b(codec.encode_canonical(value, path), digest_size=DIGEST_SIZE).digest()
