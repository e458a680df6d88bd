"""The digest that ties each commit to the one before it. Pure; whoever appends calls it, and `verify` calls it again.

SHA-256 over parts with their lengths in front, so that no two different inputs join to the same bytes. The domain names
this format and its version. With a key it is HMAC-SHA-256: whoever writes rows without the key cannot make a chain.
"""

from __future__ import annotations

import hashlib
import hmac
from struct import Struct

DIGEST_SIZE = 32
"""Bytes of a chain digest."""

_LINK = b"clew chain 1 link\0"
_GENESIS = b"clew chain 1 genesis\0"
_LENGTHS = Struct(">QQ").pack


def genesis(thread: str, tenant: str = "", key: bytes | None = None) -> bytes:
    """What the first commit of a thread is tied to: the thread's own name, so that rows cannot move between threads."""
    names = thread.encode("utf-8", "surrogatepass"), tenant.encode("utf-8", "surrogatepass")
    return _digest(b"".join((_GENESIS, _LENGTHS(len(names[1]), len(names[0])), names[1], names[0])), key)


def link(previous: bytes, body: bytes, key: bytes | None = None) -> bytes:
    """The digest (32 bytes) of a thread with one more commit.

    Args:
        previous: The digest up to the commit before; `genesis` for the first.
        body: The commit's encoded bytes, as they are stored.
        key: Makes it an HMAC. None for a plain digest, which shows accidents, not a careful forger.
    """
    return _digest(b"".join((_LINK, _LENGTHS(len(previous), len(body)), previous, body)), key)


def _digest(message: bytes, key: bytes | None) -> bytes:
    return hashlib.sha256(message).digest() if key is None else hmac.digest(key, message, "sha256")
