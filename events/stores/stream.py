"""How a thread and a commit look to a recorder: the stream's id, the topic, the state.

This is the portable contract with the `eventsourcing` ecosystem; every store of ours keeps it, and `RecorderStore`
asks nothing else of a foreign recorder.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha1
from typing import Final
from uuid import UUID

from ..errors import EncodeError, InternalError
from .store import Entry

TOPIC: Final = "clew.commit"
"""Topic of every stored event: a constant, never a Python path, never resolved."""
DIGEST_BYTES: Final = 32
"""A state is the chain's digest, then the encoded commit."""
COMMIT_BYTES_MAX: Final = 256 * 1024 * 1024
"""A larger commit is refused; SQLite's own limit is 1,000,000,000 bytes, Postgres' 1 GiB. Large files belong
elsewhere."""
_KEYS_CACHED_MAX: Final = 512
_NAMESPACE: Final = UUID("5d0b1c6e-0b43-5c1c-9c0e-6f2f7a3f8a11").bytes


@lru_cache(maxsize=_KEYS_CACHED_MAX)
def stream_key(tenant: str, thread: str) -> bytes:
    """The 16 bytes of the uuid5 of (tenant, thread): the key of the thread's stream in every store.

    The tenant's length goes in first, so no two pairs share a key: ("a", "bc") is not ("ab", "c").

    Raises:
        EncodeError: the name holds a NUL or a lone surrogate, which databases do not keep in a text.
    """
    name = f"{len(tenant)}:{tenant}{thread}"
    if "\0" in name:
        raise EncodeError(f"thread id {thread!r}", "it holds a NUL character, which a database cannot keep in a text")
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise EncodeError(f"thread id {thread!r}", "it holds half of a surrogate pair, which is no text") from None
    key = bytearray(sha1(_NAMESPACE + encoded, usedforsecurity=False).digest()[:16])
    key[6] = key[6] & 0x0F | 0x50  # version and variant of a uuid5, whose own class takes longer than an append
    key[8] = key[8] & 0x3F | 0x80
    return bytes(key)


def check_size(entry: Entry) -> None:
    """Refuse what a row cannot hold.

    Raises:
        EncodeError: the commit is larger than `COMMIT_BYTES_MAX`.
    """
    if len(entry.digest) != DIGEST_BYTES:
        raise InternalError(f"thread {entry.thread!r}: a digest of {len(entry.digest)} bytes, expected {DIGEST_BYTES}")
    if len(entry.body) > COMMIT_BYTES_MAX:
        raise EncodeError(
            f"thread {entry.thread!r}, version {entry.version}",
            f"a commit of {len(entry.body)} bytes, at most {COMMIT_BYTES_MAX} fit; keep large files outside the state",
        )


def state_of(entry: Entry) -> bytes:
    """What a recorder keeps of an entry. The commit's id is inside the body, so an equal digest is the same commit."""
    check_size(entry)
    return entry.digest + entry.body
