"""`EncryptedSerializer` as LangGraph's users know it, and as a saver's `serde`."""

from __future__ import annotations

import pytest
from clew.checkpoint.memory import InMemorySaver
from clew.checkpoint.serde.encrypted import EncryptedSerializer
from clew.errors import CipherError, CorruptCommitError, DecodeError
from clew.events.privacy.keyring import Keyring
from clew.events.privacy.serializer import SerializerCipher

KEY = b"k" * 32


class Reversed:
    """A user's own cipher, however weak."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "reversed", plaintext[::-1]

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        if ciphername != "reversed":
            raise ValueError(f"not {ciphername}")
        return ciphertext[::-1]


@pytest.mark.parametrize("value", [None, b"bytes", {"a": [1, "two"]}, "text"])
def test_values_come_back(value: object) -> None:
    ours = EncryptedSerializer.from_pycryptodome_aes(key=KEY)
    kind, sealed = ours.dumps_typed(value)
    assert kind.endswith("+aes")
    assert ours.loads_typed((kind, sealed)) == value
    assert sealed != ours.dumps_typed(value)[1]


def test_a_plain_value_is_refused() -> None:
    ours = EncryptedSerializer.from_pycryptodome_aes(key=KEY)
    with pytest.raises(DecodeError, match="kind 'msgpack' is not encrypted"):
        ours.loads_typed(("msgpack", b"\x01"))


def test_a_changed_value_or_another_key_is_refused() -> None:
    ours = EncryptedSerializer.from_pycryptodome_aes(key=KEY)
    kind, sealed = ours.dumps_typed("text")
    with pytest.raises(DecodeError, match="was changed, or this is not the key"):
        ours.loads_typed((kind, sealed[:-1] + bytes([sealed[-1] ^ 1])))
    with pytest.raises(DecodeError, match="was changed, or this is not the key"):
        EncryptedSerializer.from_pycryptodome_aes(key=b"x" * 16).loads_typed((kind, sealed))
    with pytest.raises(DecodeError, match="encrypted with 'rot13', expected 'aes'"):
        ours.loads_typed(("msgpack+rot13", sealed))


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLEW_AES_KEY", raising=False)
    monkeypatch.delenv("LANGGRAPH_AES_KEY", raising=False)
    with pytest.raises(ValueError, match="set CLEW_AES_KEY to 16, 24 or 32 characters"):
        EncryptedSerializer.from_pycryptodome_aes()
    monkeypatch.setenv("LANGGRAPH_AES_KEY", "k" * 32)
    kind, sealed = EncryptedSerializer.from_pycryptodome_aes().dumps_typed(1)
    assert EncryptedSerializer.from_pycryptodome_aes(key=KEY).loads_typed((kind, sealed)) == 1
    monkeypatch.setenv("CLEW_AES_KEY", "short")
    with pytest.raises(ValueError, match="a key of 5 bytes, expected 16, 24 or 32"):
        EncryptedSerializer.from_pycryptodome_aes()


def test_a_cipher_of_the_user_s_own_seals_commits() -> None:
    ours = SerializerCipher(EncryptedSerializer(Reversed()))
    sealed = ours.seal(b"body", "t", 0)
    assert b"ydob" in sealed
    assert ours.open(sealed, "t", 0) == b"body"


def test_what_another_cipher_sealed_is_told_apart() -> None:
    serializer = SerializerCipher(EncryptedSerializer.from_pycryptodome_aes(key=KEY))
    keyring = Keyring({"m": KEY}).on(InMemorySaver().store)
    with pytest.raises(CipherError, match="another cipher sealed it"):
        serializer.open(keyring.seal(b"body", "t", 0), "t", 0)
    with pytest.raises(CipherError, match="an EncryptedSerializer sealed it"):
        keyring.open(serializer.seal(b"body", "t", 0), "t", 0)
    with pytest.raises(CipherError, match="stored in plain"):
        serializer.open(b"\x97plain", "t", 0)
    changed = bytearray(serializer.seal(b"body", "t", 0))
    changed[-1] ^= 1
    with pytest.raises(CorruptCommitError, match="cannot be decrypted"):
        serializer.open(bytes(changed), "t", 0)


def test_two_ways_at_once_and_foreign_serializers_are_refused() -> None:
    serde = EncryptedSerializer.from_pycryptodome_aes(key=KEY)
    with pytest.raises(TypeError, match="give the saver one of them"):
        InMemorySaver(serde=serde, cipher=Keyring({"m": KEY}))
    with pytest.raises(TypeError, match="clew's stores have one codec"):
        InMemorySaver(serde=object())
    with pytest.raises(TypeError, match="clew's stores have one codec"):
        EncryptedSerializer(Reversed(), object())  # type: ignore[arg-type]
