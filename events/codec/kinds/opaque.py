"""What reading gives for a value whose class this process does not know or cannot rebuild: never an error."""

from __future__ import annotations

from typing import Any, ClassVar, final


@final
class Opaque:
    """A stored value that this process cannot rebuild: kept as it was read, written back as it was.

    Reading a thread never fails for want of a class. Register the class and read again to get the value itself.
    """

    __slots__ = ("code", "data", "more", "reason", "tag")

    made: ClassVar[int] = 0
    """How many were made: whoever reads many values need not look for one in each. Other threads count too."""

    def __init__(self, tag: str, data: Any, more: Any = None, *, code: int = 0, reason: str = "") -> None:
        Opaque.made += 1
        self.tag = tag
        """The name under which the class was registered by the writer; for a class of clew's own, what it is called."""
        self.data = data
        """Its content: usually `{field: value}`."""
        self.more = more
        self.code = code
        """Extension code; 0 for a registered class."""
        self.reason = reason
        """Why the value could not be rebuilt although its class is known; empty for an unknown tag."""

    def __getattr__(self, name: str) -> Any:
        # Code that wants the value itself is told the way out. Names with an underscore are Python's own asking.
        raise AttributeError(name if name.startswith("_") else f"no attribute {name!r}: {self!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and (self.tag, self.code, self.data, self.more) == (
            other.tag,
            other.code,
            other.data,
            other.more,
        )

    def __hash__(self) -> int:  # it may stand in a set, or be a dict's key
        return hash((self.tag, self.code))

    def __repr__(self) -> str:
        if self.reason:
            return f"<Opaque {self.tag!r}: {self.reason}; data {self.data!r}>"
        if self.code:
            return f"<Opaque extension {self.code}: written by a newer clew; upgrade to read it>"
        return (
            f"<Opaque {self.tag!r}: declare the class in the state schema or call "
            f"clew.register_type(<class>, tag={self.tag!r}); data {self.data!r}>"
        )


@final
class RecordedException(Exception):
    """An exception that was stored as a value: its class's name and its message, nothing that can run."""

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(message)
        self.type_name = type_name
        """Qualified name of the class it had, e.g. "ValueError"."""
        self.message = message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedException) and (self.type_name, self.message) == (
            other.type_name,
            other.message,
        )

    def __hash__(self) -> int:
        return hash((self.type_name, self.message))

    def __repr__(self) -> str:
        return f"RecordedException({self.type_name!r}, {self.message!r})"
