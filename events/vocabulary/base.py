"""What every event shares: the wire shape of a Struct and the payload that holds a user's value."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from .timeouts import Limits

VOCABULARY_VERSION = 1
"""Version of the whole vocabulary; each commit carries it, upcasters are keyed by (tag, version)."""


NOT_KEPT = b""
"""Stands in a store for a value of this process alone (`UntrackedValue`): it is written, and cannot be read back."""

_SAME: Any = object()
"""Stands for "as the value"."""


class PayloadReader(Protocol):
    """What turns a payload's bytes back into the value: the codec."""

    def decode_value(self, encoded: bytes) -> Any:
        """The value that `encoded` holds; raises `DecodeError`."""
        ...


class Payload:
    """One value of a user's, on its way into or out of a store; decoded only when somebody looks.

    Made from a live value (`Payload(value)`) or from stored bytes (`Payload.stored(encoded, reader)`). On the wire it
    is one msgpack byte string, so an event decodes without touching it. `encoded` is None for a live value.
    """

    __slots__ = ("_given", "encoded", "held", "reader")

    def __init__(self, value: Any) -> None:
        self._given: Any = _SAME
        self.held = value
        """The value, once `reader` is None: for whoever reads hundreds at once. Everybody else asks for `value`."""
        self.reader: PayloadReader | None = None
        """What decodes the bytes at the first look; None of a live value, and after that look."""
        self.encoded: bytes | None = None

    @classmethod
    def stored(cls, encoded: bytes, reader: PayloadReader) -> Payload:
        """A payload read from a store: `reader` decodes it at the first look at `value`."""
        payload = cls.__new__(cls)
        payload._given = _SAME
        payload.held = None
        payload.reader = reader
        payload.encoded = encoded
        return payload

    @property
    def value(self) -> Any:
        """The user's value. Decoding happens once; two threads that race decode equal values, one of which is kept."""
        reader = self.reader
        if reader is not None:
            encoded = self.encoded
            if encoded == NOT_KEPT:
                return None
            if encoded is not None:
                self.held = reader.decode_value(encoded)
                # The bytes are in the store; keeping them beside the value would double a thread's memory.
                self.encoded = None
            self.reader = None
        return self.held

    @property
    def not_kept(self) -> bool:
        """True for what was read from a store that was told not to keep the value."""
        return self.encoded == NOT_KEPT and self.reader is not None

    @property
    def given(self) -> Any:
        """What the user gave, while its step is live: the value itself, unless it was normalised for the log."""
        return self.value if self._given is _SAME else self._given

    @given.setter
    def given(self, given: Any) -> None:
        self._given = given

    def forget_encoded(self) -> None:
        """Drop what only the live step needs, once it is stored and shown: the bytes, and what the user gave.

        A payload that was read keeps its bytes until it is decoded.
        """
        self._given = _SAME
        if self.reader is None:
            self.encoded = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Payload) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Payload({self.value!r})"


class Event(Struct, array_like=True, frozen=True, gc=False, tag_field="t"):
    """One fact of a thread's life.

    On the wire an array: tag, namespace, then the event's own fields. Tags are numbers and for ever; the names in
    `EVENT_TYPES` are what people see. New fields come last and have a default. `gc=False`: an event never refers to
    something that refers back to it.
    """

    ns: str = ""
    """Namespace: the sub-graph path inside the thread; "" is the root graph."""
    lag: int = 0
    """Microseconds from when it happened to when its commit was made; 0 for what the commit itself did."""


class Write(Struct, array_like=True, frozen=True, gc=False):
    """One write of a task to one channel."""

    channel: str
    payload: Payload
    overwrite: bool = False
    """True when the value replaces the channel's content without its reducer (`Overwrite`)."""


class Route(Struct, array_like=True, frozen=True, gc=False):
    """Where a task leads besides its static edges: to a node, or to a node with an input of its own (`Send`)."""

    node: str
    payload: Payload | None = None
    """The `Send`'s argument; None for a plain route."""
    send: bool = False
    timeout: float | Limits | None = None
    """A `Send`'s own timeout: seconds for the whole attempt, or its limits."""
