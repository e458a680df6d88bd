"""What the properties of the events room are run over: the kit's strategies, and classes as users declare them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from clew.actors.kit.strategies import values as kit
from clew.actors.kit.strategies.events import commits, events
from clew.actors.kit.strategies.same import same
from clew.actors.kit.strategies.values import any_texts, messages, names, scalars, texts
from clew.events.codec import Codec, Registry
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr

__all__ = [
    "DECLARED",
    "Access",
    "Colour",
    "Loose",
    "Measure",
    "Order",
    "Person",
    "Place",
    "Point",
    "Size",
    "any_texts",
    "codec",
    "commits",
    "events",
    "hashables",
    "messages",
    "names",
    "same",
    "scalars",
    "texts",
    "values",
]

# --- classes as users declare them


class Colour(enum.Enum):
    RED = 1
    GREEN = "green"


class Size(enum.StrEnum):
    SMALL = "small"
    LARGE = "large"


class Access(enum.IntFlag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Order:
    name: str
    items: list[Any] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


class Place(NamedTuple):
    row: int
    column: Any = None


class Measure(msgspec.Struct, frozen=True):
    value: float
    unit: str = "m"


class Person(BaseModel):
    name: str
    born: dt.date | None = None
    tags: dict[str, Any] = {}
    _notes: list[Any] = PrivateAttr(default_factory=list)


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    title: Any = None


DECLARED: tuple[type, ...] = (Colour, Size, Access, Order, Point, Place, Measure, Person, Loose)


def codec() -> Codec:
    """A codec as a graph has one, with the classes above declared."""
    registry = Registry()
    for cls in DECLARED:
        registry.register(cls)
    return Codec(registry)


# --- values

hashables = st.one_of(
    kit.hashables,
    st.sampled_from([*Colour, *Size, Access.READ | Access.WRITE]),
    st.builds(Point, st.integers(-9, 9)),
)


def values(max_leaves: int = 8) -> st.SearchStrategy[Any]:
    """Anything that people keep in a state, the classes above included."""
    return kit.values(max_leaves, keys=hashables, more=_declared)


def _declared(inner: st.SearchStrategy[Any]) -> Sequence[st.SearchStrategy[Any]]:
    lists = st.lists(inner, max_size=3)
    return [
        st.builds(Order, texts, lists),
        st.builds(Place, st.integers(0, 9), inner),
        st.builds(Measure, kit.floats),
        st.builds(_person, texts, st.dictionaries(texts, inner, max_size=3), lists),
        st.builds(lambda title, extra: Loose(title=title, **extra), inner, st.dictionaries(names, inner, max_size=2)),
    ]


def _person(name: str, tags: dict[str, Any], notes: list[Any]) -> Person:
    person = Person.model_construct(name=name, tags=tags)
    person._notes.extend(notes)
    return person
