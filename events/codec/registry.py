"""The closed table of classes that stored values may be instances of. Bytes hold a tag, never a module.

Layers: `COMMON` holds what `clew.register_type` was told; each graph has a child of it, filled from its state schema
when it is compiled and, while it writes, with the classes it meets. The codec asks; nothing is imported by name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, final

from langchain_core.messages import BaseMessage

from .declared import classes_in
from .kinds.messages import FORM_OF
from .kinds.shapes import Shape, field_names, shape_of

_NEVER = frozenset({str, int, float, bool, type(None), bytes, list, dict, tuple, set, frozenset})
"""Types that the codec never looks up."""


@final
class Entry:
    """One class of a registry: its tag and its shape."""

    __slots__ = ("cls", "shape", "tag")

    def __init__(self, cls: type, tag: str, shape: Shape) -> None:
        self.cls = cls
        self.tag = tag
        self.shape = shape


@final
class Registry:
    """Classes by tag and tags by class, looked up here first and then in the parent. May be used by many threads."""

    def __init__(self, parent: Registry | None = None) -> None:
        self._parent = parent
        self._by_class: dict[type, Entry] = {}
        self._by_tag: dict[str, Entry] = {}
        self._lock = threading.Lock()  # held by writers; readers see each dict before or after, both are right

    def child(self) -> Registry:
        """A new layer over this one: what it registers stays in it, what it does not know it looks up here."""
        return Registry(self)

    def register(
        self,
        cls: type,
        tag: str | None = None,
        dump: Callable[[Any], Any] | None = None,
        load: Callable[[Any], Any] | None = None,
    ) -> None:
        """Let values of `cls` be stored and read.

        Args:
            cls: The class itself; sub-classes are registered on their own.
            tag: What the bytes call it, for ever. By default its qualified name without the module.
                Give the old tag when a class is renamed.
            dump: Turns an instance into a value that can be stored. Needed, with `load`, for any class but dataclasses,
                pydantic models, Structs, NamedTuples and Enums.
            load: Turns that value into an instance again.

        Raises:
            TypeError: The class needs `dump` and `load`, or only one was given, or it is a built-in type.
            ValueError: Another class has this tag.
        """
        if cls in _NEVER:
            raise TypeError(f"values of type {cls.__qualname__!r} are always stored as they are")
        if (dump is None) != (load is None):
            raise TypeError(f"register {cls.__qualname__!r} with both dump and load, or with neither")
        shape = shape_of(cls) if dump is None or load is None else _custom_shape(dump, load)
        if shape is None:
            raise TypeError(
                f"class {cls.__qualname__!r} is no dataclass, pydantic model, Struct, NamedTuple or Enum: "
                "register it with dump and load"
            )
        self._add(Entry(cls, tag or cls.__qualname__, shape))

    def register_schema(self, annotation: Any) -> None:
        """Register every class that a state schema or any other annotation speaks of; what it cannot store it leaves.

        Raises `ValueError` when two classes have one qualified name.
        """
        for cls in classes_in(annotation, leaving=BaseMessage):
            if self.find_class(cls) is None and cls not in FORM_OF:
                shape = shape_of(cls)
                if shape is not None:
                    self._add(Entry(cls, cls.__qualname__, shape))

    def admit(self, cls: type) -> Entry | None:
        """The entry of a class met while writing, registered here if need be; None if it must be told how.

        Raises `ValueError` when another class has its tag.
        """
        entry = self.find_class(cls)
        if entry is not None:
            return entry
        shape = shape_of(cls)
        return None if shape is None else self._add(Entry(cls, cls.__qualname__, shape))

    def find_class(self, cls: type) -> Entry | None:
        """The entry of a class, or None."""
        entry = self._by_class.get(cls)
        return entry if entry is not None or self._parent is None else self._parent.find_class(cls)

    def find_tag(self, tag: str) -> Entry | None:
        """The entry of a tag, or None."""
        entry = self._by_tag.get(tag)
        return entry if entry is not None or self._parent is None else self._parent.find_tag(tag)

    def _add(self, entry: Entry) -> Entry:
        with self._lock:
            other = self.find_tag(entry.tag)
            if other is not None and not _replaces(entry.cls, other.cls):
                raise ValueError(
                    f"classes {_full_name(other.cls)} and {_full_name(entry.cls)} would be stored as {entry.tag!r}: "
                    f"register one with another tag, clew.register_type({entry.cls.__name__}, tag=…)"
                )
            if other is not None and other.cls is not entry.cls:
                self._by_class.pop(other.cls, None)  # or a class that is made anew at every call would pile up
            self._by_tag[entry.tag] = entry
            self._by_class[entry.cls] = entry
        return entry


def _custom_shape(dump: Callable[[Any], Any], load: Callable[[Any], Any]) -> Shape:
    return Shape(lambda value: (dump(value), None), lambda data, _: load(data))


def _replaces(new: type, old: type) -> bool:
    """True for the same class defined anew: by a notebook's cell, a reload, a function that is called again.

    Two classes that one function makes with different fields are two classes.
    """
    if (new.__module__, new.__qualname__) != (old.__module__, old.__qualname__):
        return False
    return new is old or "<locals>" not in new.__qualname__ or field_names(new) == field_names(old)


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


COMMON = Registry()
"""What every graph of this process knows besides its own classes; `clew.register_type` fills it."""

register_type = COMMON.register
"""Let values of a class be stored and read by every graph of this process: `clew.register_type`."""
