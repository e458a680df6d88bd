"""Commits to bytes and back. Live payloads are encoded, stored ones written back as they are, none is decoded.

The stores keep what `encode_commit` gives; `decode_commit` reads it, also what other vocabularies wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, final

import msgspec
from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from ..errors import CipherError, CorruptCommitError, EncodeError, InternalError
from ..vocabulary.base import VOCABULARY_VERSION, Payload, Write
from ..vocabulary.commit import EVENT_TYPES, AnyEvent, Commit, Unknown
from .upcasting import upcast

if TYPE_CHECKING:
    from .values import Codec

ID_SIZE = 16
"""Bytes of a commit's id."""

SEALED = 0xC1
"""First byte of a body that a cipher sealed (`events/privacy`); msgpack never uses it."""

TAGS: frozenset[int] = frozenset(cls.__struct_config__.tag for cls in EVENT_TYPES)  # type: ignore[attr-defined]
"""Tags of the events that this clew knows."""


class _Wire(Struct, array_like=True, frozen=True, gc=False):
    """A commit whose events are all known: the shape that is decoded at once."""

    id: bytes
    time: int
    events: list[AnyEvent]
    command: str = ""
    actor: str = ""
    causation: str = ""
    vocabulary: int = VOCABULARY_VERSION


class _RawWire(Struct, array_like=True, frozen=True, gc=False):
    """A commit whose events are looked at one by one."""

    id: bytes
    time: int
    events: list[list[Any]]
    command: str = ""
    actor: str = ""
    causation: str = ""
    vocabulary: int = VOCABULARY_VERSION


@final
class CommitForm:
    """One codec's encoder and decoders of commits."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.encode = Encoder(enc_hook=self._write_payload).encode
        self.decode = Decoder(_Wire, dec_hook=self._read_payload).decode
        self.decode_raw = Decoder(_RawWire).decode

    def event(self, fields: list[Any]) -> Any:
        """The event of raw fields. Raises `msgspec.ValidationError`."""
        return msgspec.convert(fields, AnyEvent, dec_hook=self._read_payload)

    def _write_payload(self, value: Any) -> bytes:
        if type(value) is not Payload:
            raise InternalError(
                f"an event holds a {type(value).__qualname__!r} where a Payload belongs; please report it"
            )
        encoded = value.encoded
        return self._codec.encode_value(value.value) if encoded is None else encoded

    def _read_payload(self, _: type, encoded: Any) -> Payload:
        if type(encoded) is not bytes:
            raise ValueError("a payload is a byte string")
        return Payload.stored(encoded, self._codec)


def encode_commit(commit: Commit, codec: Codec) -> bytes:
    """The commit's body, as stores keep it.

    Raises `EncodeError` for a value that cannot be stored; its path names the channel (`$.messages[2].artifact`) or the
    event and field (`$.InterruptRaised.value.lock`).
    """
    if len(commit.id) != ID_SIZE or not commit.events:
        raise InternalError("a commit without an id of 16 bytes or without events was about to be written; report it")
    for event in commit.events:
        if type(event) is Unknown:
            raise InternalError("a commit with an event of a newer clew was about to be written; please report it")
    try:
        return codec.commits.encode(commit)
    except EncodeError:
        _explain(commit, codec)
        raise
    except (UnicodeEncodeError, OverflowError) as error:
        raise EncodeError("$", f"a name or number in an event cannot be written ({error})") from error


def decode_commit(body: bytes, codec: Codec, *, thread: str, version: int) -> Commit:
    """The commit of a row. Its payloads decode when somebody looks; events that a newer clew wrote become `Unknown`.

    Raises `CorruptCommitError`, which names `thread` and `version`, for anything that is not a commit, and
    `CipherError` for one that is still sealed.
    """
    try:
        wire = codec.commits.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _decode_one_by_one(body, codec, thread, version)
    if wire.vocabulary < VOCABULARY_VERSION or len(wire.id) != ID_SIZE or not wire.events:
        return _decode_one_by_one(body, codec, thread, version)
    return Commit(wire.id, wire.time, wire.events, wire.command, wire.actor, wire.causation, wire.vocabulary)  # type: ignore[arg-type]


def _decode_one_by_one(body: bytes, codec: Codec, thread: str, version: int) -> Commit:
    """The slow way, for other vocabularies and for telling what is wrong."""
    if body[:1] == bytes([SEALED]):
        raise CipherError(thread, version, "it is encrypted: give the saver the keyring (cipher=...) that sealed it")
    try:
        wire = codec.commits.decode_raw(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise CorruptCommitError(thread, version, f"not a commit ({error})") from error
    if len(wire.id) != ID_SIZE or not wire.events:
        raise CorruptCommitError(thread, version, f"not a commit (an id of {len(wire.id)} bytes, or no event)")
    events: list[AnyEvent | Unknown] = []
    for index, fields in enumerate(wire.events):
        try:
            events.append(_event(fields, wire.vocabulary, codec))
        except (msgspec.ValidationError, ValueError, TypeError, LookupError) as error:
            raise CorruptCommitError(thread, version, f"event {index} cannot be read ({error})") from error
    return Commit(wire.id, wire.time, events, wire.command, wire.actor, wire.causation, wire.vocabulary)


def _event(fields: list[Any], vocabulary: int, codec: Codec) -> Any:
    if vocabulary < VOCABULARY_VERSION:
        fields = upcast(fields, vocabulary)
    tag, namespace, lag, *content = fields
    if tag in TAGS:
        return codec.commits.event(fields)
    if type(tag) is not int or type(namespace) is not str or type(lag) is not int:
        raise ValueError("no tag, namespace and lag")
    return Unknown(tag, content, namespace, lag)


def _explain(commit: Commit, codec: Codec) -> None:
    """Raise the first payload's EncodeError again, this time with the place in the commit."""
    for event in commit.events:
        for path, payload in _payloads(event, f"$.{type(event).__name__}"):
            if payload.encoded is None:
                codec.encode_value(payload.value, path)


def _payloads(part: Any, path: str) -> Iterator[tuple[str, Payload]]:
    """Every payload of an event, with its path; that of a write is named by its channel."""
    if isinstance(part, Payload):
        yield path, part
    elif isinstance(part, Write):
        yield f"$.{part.channel}", part.payload
    elif isinstance(part, Struct):
        for name in part.__struct_fields__:
            yield from _payloads(getattr(part, name), f"{path}.{name}")
    elif isinstance(part, list):
        for index, item in enumerate(part):
            yield from _payloads(item, f"{path}[{index}]")
