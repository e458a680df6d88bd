"""The sealed form of a body: mark, form, key id, nonce, AES-GCM's ciphertext and tag.

The thread, version and tenant are authenticated with it, so a sealed row that is moved elsewhere does not open. Nonces
are random, 96 bits: one key may seal 2**32 commits (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ..codec.commits import SEALED
from ..errors import CipherError, CorruptCommitError, MissingPackageError
from ..stores.stream import stream_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
ID_BYTES: Final = 16
NONCE_BYTES: Final = 12
FORM_SUBJECT_KEY: Final = 1
"""Sealed under a subject's key, which the vault has by its id."""
FORM_SERIALIZER: Final = 2
"""Sealed by an `EncryptedSerializer`."""
_HEAD: Final = bytes([SEALED, FORM_SUBJECT_KEY])
_BODY_AT: Final = 2 + ID_BYTES + NONCE_BYTES


def aes(key: bytes) -> AESGCM:
    """The cipher of a key of 16, 24 or 32 bytes.

    Raises:
        MissingPackageError: `cryptography` is not installed.
        ValueError: a key of another length.
    """
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise MissingPackageError(f'encryption needs cryptography ({error}): pip install "clew[crypto]"') from error
    return AESGCM(key)


def seal(key: AESGCM, key_id: bytes, body: bytes, thread: str, version: int, tenant: str) -> bytes:
    """The body sealed for its place."""
    nonce = os.urandom(NONCE_BYTES)
    head = _HEAD + key_id
    return b"".join((head, nonce, key.encrypt(nonce, body, _place(head, thread, version, tenant))))


def key_id_of(stored: bytes, thread: str, version: int) -> bytes:
    """The id of the key that a sealed body names.

    Raises:
        CipherError: an `EncryptedSerializer` sealed it.
        CorruptCommitError: it is no sealed body.
    """
    if stored[1:2] == bytes([FORM_SERIALIZER]):
        raise CipherError(thread, version, "an EncryptedSerializer sealed it: give the saver that one as serde")
    if stored[:2] != _HEAD or len(stored) < _BODY_AT:
        raise CorruptCommitError(thread, version, "it is no sealed commit")
    return stored[2 : 2 + ID_BYTES]


def unseal(key: AESGCM, stored: bytes, thread: str, version: int, tenant: str) -> bytes:
    """The body of a sealed one.

    Raises:
        CorruptCommitError: it was changed, cut, or sealed for another place.
    """
    from cryptography.exceptions import InvalidTag

    head, nonce = stored[: 2 + ID_BYTES], stored[2 + ID_BYTES : _BODY_AT]
    try:
        return key.decrypt(nonce, stored[_BODY_AT:], _place(head, thread, version, tenant))
    except (InvalidTag, ValueError):
        raise CorruptCommitError(thread, version, "what is sealed there was not sealed for this place") from None


def _place(head: bytes, thread: str, version: int, tenant: str) -> bytes:
    return b"".join((head, stream_key(tenant, thread), version.to_bytes(8, "big")))
