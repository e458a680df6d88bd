"""What the properties of the events room are run over: values, messages, events, commits; and `same` to compare them.

The strategies follow the vocabulary: an event or field that is added to it is generated without a change here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import ipaddress
import math
import pathlib
import re
import types
import typing
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any, NamedTuple

import msgspec
from clew.events.codec import Codec, Registry
from clew.events.vocabulary import EVENT_TYPES, Command, Commit, Interrupt, Overwrite, Payload, Send
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)
from pydantic import BaseModel, ConfigDict, HttpUrl, PrivateAttr

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

texts = st.text(max_size=12)
"""Text that UTF-8 can hold."""
any_texts = st.text(st.characters(codec=None), max_size=8)
"""Text with lone surrogates too."""
names = st.text("abcdefgh_", min_size=1, max_size=6)
integers = st.integers() | st.integers(-(2**130), 2**130) | st.sampled_from([2**63, 2**64, -(2**63), -(2**63) - 1])
_zones = st.sampled_from([zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("Asia/Kathmandu")])
_offsets = st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
_timezones = st.none() | st.just(dt.UTC) | _offsets | _zones
_floats = st.floats(allow_nan=False)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-1000, 1000), integers, _floats, texts, any_texts, st.binary(max_size=8)
)
"""What msgpack holds as it is, and the numbers and strings that it does not."""

hashables = st.one_of(
    scalars,
    st.uuids(),
    st.dates(),
    st.decimals(allow_nan=False),
    st.datetimes(timezones=_timezones),
    st.sampled_from([*Colour, *Size, Access.READ | Access.WRITE]),
    st.builds(Point, st.integers(-9, 9)),
)

natives = st.one_of(
    st.builds(bytearray, st.binary(max_size=4)),
    st.complex_numbers(allow_nan=False),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.dates(),
    st.times(timezones=st.none() | st.just(dt.UTC) | _offsets),
    st.datetimes(timezones=_timezones),
    st.timedeltas(),
    _zones,
    texts.map(pathlib.PurePosixPath),
    texts.map(pathlib.PureWindowsPath),
    texts.map(pathlib.Path),
    st.sampled_from([re.compile("a+b", re.IGNORECASE), re.compile(rb"\d")]),
    st.ip_addresses(),
    st.ip_addresses(v=4).map(lambda address: ipaddress.ip_interface(f"{address}/24")),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
    st.just(HttpUrl("https://example.org/a?b=c")),
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=3)
    dicts = st.dictionaries(texts, inner, max_size=3)
    return st.one_of(
        lists,
        dicts,
        lists.map(tuple),
        st.sets(hashables, max_size=3),
        st.frozensets(hashables, max_size=3),
        st.builds(deque, lists, st.none() | st.integers(3, 5)),
        st.dictionaries(hashables | st.tuples(hashables), inner, max_size=3),
        dicts.map(OrderedDict),
        dicts.map(lambda items: defaultdict(list, items)),
        st.lists(names, max_size=4).map(Counter),
        st.builds(Order, texts, lists),
        st.builds(Place, st.integers(0, 9), inner),
        st.builds(Measure, _floats),
        st.builds(_person, texts, dicts, lists),
        st.builds(lambda title, extra: Loose(title=title, **extra), inner, st.dictionaries(names, inner, max_size=2)),
        st.builds(Send, names, inner),
        st.builds(lambda update, goto: Command(update=update, goto=goto), dicts, st.lists(names, max_size=2)),
        st.builds(lambda resume: Command(resume=resume), inner),
        st.builds(Overwrite, inner),
        st.builds(Interrupt, inner, names, st.none() | dicts),
        messages(inner),
    )


def _person(name: str, tags: dict[str, Any], notes: list[Any]) -> Person:
    person = Person.model_construct(name=name, tags=tags)
    person._notes.extend(notes)
    return person


def values(max_leaves: int = 8) -> st.SearchStrategy[Any]:
    """Anything that people keep in a state: every kind of value that the codec takes but numpy's, nested."""
    return st.recursive(scalars | natives, _containers, max_leaves=max_leaves)


# --- messages

_json = st.none() | st.integers(0, 9) | names  # a chunk writes its calls as JSON when it is made
_ids = st.none() | st.uuids().map(str) | st.uuids().map(lambda id_: f"run--{id_}") | names


def messages(inner: st.SearchStrategy[Any] = scalars) -> st.SearchStrategy[Any]:
    """Messages of every class of langchain-core's, and documents, with `inner` where they hold what anybody likes."""
    extra = st.dictionaries(names, inner, max_size=2)
    content = texts | st.lists(texts | st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2)
    common = {"content": content, "id": _ids, "additional_kwargs": extra, "response_metadata": extra}
    named = common | {"name": st.none() | names}
    usage = st.none() | st.just({"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
    of_model = named | {"tool_calls": _tool_calls(inner), "usage_metadata": usage}
    of_tool = named | {"tool_call_id": names, "artifact": inner, "status": st.sampled_from(["success", "error"])}
    made: list[st.SearchStrategy[Any]] = [st.builds(cls, **named) for cls in (HumanMessage, SystemMessage)]
    made += [st.builds(cls, **named) for cls in (HumanMessageChunk, SystemMessageChunk)]
    made += [st.builds(AIMessage, **of_model)]
    made += [st.builds(AIMessageChunk, **(of_model | {"tool_calls": _tool_calls(_json)}))]
    made += [st.builds(cls, **of_tool) for cls in (ToolMessage, ToolMessageChunk)]
    made += [st.builds(cls, **common, name=names) for cls in (FunctionMessage, FunctionMessageChunk)]
    made += [st.builds(cls, **named, role=names) for cls in (ChatMessage, ChatMessageChunk)]
    made += [st.builds(lambda id_: RemoveMessage(id=id_), names)]
    made += [st.builds(Document, page_content=texts, metadata=extra, id=st.none() | names)]
    return st.one_of(made)


def _tool_calls(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arguments = st.dictionaries(names, inner, max_size=2)
    call = st.fixed_dictionaries({"name": names, "args": arguments, "id": names, "type": st.just("tool_call")})
    return st.lists(call, max_size=2)


# --- events


def events(payload_values: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    """Events of every type, with payloads of `payload_values`."""
    payloads = st.builds(Payload, scalars if payload_values is None else payload_values)
    return st.one_of([_of_type(cls, payloads) for cls in EVENT_TYPES])


def commits(payload_values: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Commit]:
    """Commits of up to four events."""
    made = events(payload_values)
    return st.builds(
        Commit,
        id=st.binary(min_size=16, max_size=16),
        time=st.integers(0, 2**60),
        events=st.lists(made, min_size=1, max_size=4),
        command=texts,
        actor=texts,
        causation=texts,
    )


def _of_type(annotation: Any, payloads: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A strategy for a field of the vocabulary."""
    if annotation is Payload:
        return payloads
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        fields = msgspec.structs.fields(annotation)
        return st.builds(annotation, **{field.name: _of_type(field.type, payloads) for field in fields})
    plain = {str: texts, int: st.integers(0, 2**60), bytes: st.binary(max_size=16), bool: st.booleans(), float: _floats}
    if annotation in plain:
        return plain[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([st.none() if one is types.NoneType else _of_type(one, payloads) for one in arguments])
    if origin is list:
        return st.lists(_of_type(arguments[0], payloads), max_size=2)
    if origin is dict:
        return st.dictionaries(*(_of_type(one, payloads) for one in arguments), max_size=2)
    raise TypeError(f"no strategy for {annotation!r}: add one to tests/events/strategies.py")


# --- comparing


def same(left: Any, right: Any) -> bool:
    """True for equal values of equal types all the way down; unlike `==`, a NaN is the same as a NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, Payload):
        return same(left.value, right.value)
    if isinstance(left, BaseModel):
        return all(same(getattr(left, name), getattr(right, name)) for name in _MODEL_STATE)
    if isinstance(left, msgspec.Struct):
        return all(same(getattr(left, name), getattr(right, name)) for name in left.__struct_fields__)
    if dataclasses.is_dataclass(left):
        return all(same(getattr(left, field.name), getattr(right, field.name)) for field in dataclasses.fields(left))
    if isinstance(left, Send):
        return same([left.node, left.arg, left.timeout], [right.node, right.arg, right.timeout])
    return _same_content(left, right)


_MODEL_STATE = ("__dict__", "__pydantic_extra__", "__pydantic_private__")


def _same_content(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        ordered = list(left) == list(right) and all(map(same, left, right))
        factories = getattr(left, "default_factory", None), getattr(right, "default_factory", None)
        return ordered and factories[0] is factories[1] and all(same(left[key], right[key]) for key in left)
    if isinstance(left, deque):
        return left.maxlen == right.maxlen and same(list(left), list(right))
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, set | frozenset):
        return left == right and Counter(map(type, left)) == Counter(map(type, right))
    if isinstance(left, dt.datetime | dt.time):
        parts = [(one.replace(tzinfo=None), one.fold, one.tzinfo, one.utcoffset()) for one in (left, right)]
        return parts[0] == parts[1] and type(left.tzinfo) is type(right.tzinfo)
    if isinstance(left, float):
        both_nan = math.isnan(left) and math.isnan(right)
        return both_nan or (left == right and math.copysign(1, left) == math.copysign(1, right))
    return bool(left == right)
