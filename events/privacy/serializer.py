"""`EncryptedSerializer`: one key for a whole store, in the form that programs for LangGraph know.

As a saver's `serde` it seals every commit, as a `Keyring` does; but a key for all cannot be destroyed for one.
"""

from __future__ import annotations

import os
from typing import Any, Final, Protocol, final

from ..codec.serializer import JsonPlusSerializer, check_serde
from ..errors import CipherError, CorruptCommitError, DecodeError
from . import sealing
from .cipher import SEALED_MARK, Cipher, refuse_plain
from .keyring import Keyring

KEY_VARIABLES: Final = ("CLEW_AES_KEY", "LANGGRAPH_AES_KEY")
"""Environment variables that hold the key, looked at in this order."""
_FORM: Final = SEALED_MARK + bytes([sealing.FORM_SERIALIZER])


class CipherProtocol(Protocol):
    """Encrypts and decrypts bytes; the name tells which method it was."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """The method's name and the ciphertext."""
        ...

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """The plaintext again; raises for another name or for what was changed."""
        ...


@final
class EncryptedSerializer:
    """Values to encrypted typed bytes and back: `("msgpack+aes", b"...")`."""

    def __init__(self, cipher: CipherProtocol, serde: JsonPlusSerializer | None = None) -> None:
        check_serde(serde)
        self.cipher = cipher
        self.serde = serde or JsonPlusSerializer()

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The value's kind with the cipher's name, and the ciphertext. Raises `EncodeError`."""
        kind, encoded = self.serde.dumps_typed(obj)
        name, ciphertext = self.cipher.encrypt(encoded)
        return f"{kind}+{name}", ciphertext

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value of what `dumps_typed` gave.

        Raises `DecodeError` for anything else, plain values too: whoever can write to the store could go round the
        encryption.
        """
        kind, ciphertext = data
        plain_kind, separator, name = kind.partition("+")
        if not separator:
            raise DecodeError(f"a value of kind {kind!r} is not encrypted, and this serializer has a key")
        return self.serde.loads_typed((plain_kind, self.cipher.decrypt(name, ciphertext)))

    @classmethod
    def from_pycryptodome_aes(
        cls, serde: JsonPlusSerializer | None = None, *, key: bytes | None = None
    ) -> EncryptedSerializer:
        """A serializer with AES-GCM.

        The name is LangGraph's; the work is done by `cryptography`.

        Args:
            serde: what makes bytes of values.
            key: 16, 24 or 32 bytes; by default the environment variable CLEW_AES_KEY, or else LANGGRAPH_AES_KEY.

        Raises:
            ValueError: no key, or one of another length.
            MissingPackageError: `cryptography` is not installed.
        """
        if key is None:
            found = next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), None)
            if found is None:
                raise ValueError(f"no key: pass key=, or set {KEY_VARIABLES[0]} to 16, 24 or 32 characters")
            key = found.encode()
        if len(key) not in (16, 24, 32):
            raise ValueError(f"a key of {len(key)} bytes, expected 16, 24 or 32")
        return cls(AesCipher(key), serde)


@final
class AesCipher:
    """AES-GCM with a fresh nonce before each ciphertext."""

    def __init__(self, key: bytes) -> None:
        self._key = sealing.aes(key)

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """See `CipherProtocol.encrypt`; the name is "aes"."""
        nonce = os.urandom(sealing.NONCE_BYTES)
        return "aes", nonce + self._key.encrypt(nonce, plaintext, None)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """See `CipherProtocol.decrypt`. Raises `DecodeError`."""
        from cryptography.exceptions import InvalidTag

        if ciphername != "aes":
            raise DecodeError(f"a value encrypted with {ciphername!r}, expected 'aes'")
        nonce, sealed = ciphertext[: sealing.NONCE_BYTES], ciphertext[sealing.NONCE_BYTES :]
        try:
            return self._key.decrypt(nonce, sealed, None)
        except (InvalidTag, ValueError):
            raise DecodeError("an encrypted value was changed, or this is not the key that encrypted it") from None


@final
class SerializerCipher:
    """A `Cipher` that seals every body as an `EncryptedSerializer` does, for all threads of a store alike."""

    def __init__(self, serializer: EncryptedSerializer) -> None:
        self._cipher = serializer.cipher

    def seal(self, body: bytes, thread: str, version: int, tenant: str = "") -> bytes:
        """See `Cipher.seal`. The chain, not the cipher, tells a moved row."""
        name, ciphertext = self._cipher.encrypt(body)
        label = name.encode()
        return b"".join((_FORM, bytes([len(label)]), label, ciphertext))

    def open(self, stored: bytes, thread: str, version: int, tenant: str = "") -> bytes:
        """See `Cipher.open`."""
        refuse_plain(stored, thread, version)
        if stored[:2] != _FORM or len(stored) < 3 + stored[2]:
            raise CipherError(thread, version, "another cipher sealed it: give the saver the keyring that did")
        name = stored[3 : 3 + stored[2]]
        try:
            return self._cipher.decrypt(name.decode(), stored[3 + stored[2] :])
        except Exception as error:  # a user's cipher may raise anything
            raise CorruptCommitError(thread, version, f"it cannot be decrypted ({error})") from error


def cipher_on(store: object, serde: Any, cipher: Keyring | Cipher | None) -> Cipher | None:
    """The cipher that a saver's `serde` and `cipher` ask for, on its store; None for neither.

    Raises:
        TypeError: both, or a serializer that is none of clew's.
    """
    if isinstance(serde, EncryptedSerializer):
        if cipher is not None:
            raise TypeError("an EncryptedSerializer and a cipher: give the saver one of them")
        return SerializerCipher(serde)
    check_serde(serde)
    return cipher.on(store) if isinstance(cipher, Keyring) else cipher
