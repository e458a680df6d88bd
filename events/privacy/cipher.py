"""The hook by which a saver encrypts: a cipher seals a commit's body before it is chained, and opens it when read."""

from __future__ import annotations

from typing import Final, Protocol

from ..codec.commits import SEALED
from ..errors import CipherError

SEALED_MARK: Final = bytes([SEALED])
"""First byte of every sealed body; no msgpack begins with it, so plain and sealed bodies cannot be mistaken."""


class Cipher(Protocol):
    """Seals and opens bodies. May be called from any thread; the place is bound in or ignored, as the cipher says."""

    def seal(self, body: bytes, thread: str, version: int, tenant: str = "") -> bytes:
        """The bytes to store for a commit's body: `SEALED_MARK`, then whatever `open` understands."""
        ...

    def open(self, stored: bytes, thread: str, version: int, tenant: str = "") -> bytes:
        """The body again.

        Raises:
            CipherError: it was stored in plain, or its key is not at hand.
            CorruptCommitError: the bytes are not what was sealed at this place.
            ThreadErasedError: its key was destroyed.
        """
        ...


def refuse_plain(stored: bytes, thread: str, version: int) -> None:
    """Refuse what a cipher did not seal: whoever can write rows could otherwise go round the encryption."""
    if stored[:1] != SEALED_MARK:
        raise CipherError(
            thread,
            version,
            "it is stored in plain, and this saver has a key; if the store was begun without one, copy its threads "
            "into an encrypted one",
        )
