"""One specimen of everything that is stored, and the bytes it has had since its first release.

`golden.txt` has a line for each. A line that is there is never changed: stores hold such bytes. For a new event or kind
of value, `python -m tests.events.codec.golden` prints the line that is missing. When an event gains a field, its old
line gets a name such as `event RunStarted@1`, so that it stays readable, and the new one is added.
"""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import pathlib
import re
import types
import typing
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import msgspec
from clew.events.codec import Opaque, RecordedException, encode_commit
from clew.events.vocabulary import EVENT_TYPES, Command, Commit, Interrupt, Overwrite, Payload, Send
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
from pydantic import HttpUrl

from tests.events.strategies import Access, Colour, Loose, Measure, Order, Person, Place, Point, Size, codec

FILE = pathlib.Path(__file__).with_suffix(".txt")


def specimen(annotation: Any) -> Any:
    """One value of a field's type, none of it a default."""
    if annotation is Payload:
        return Payload(["value", (1, 2)])
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation(**{field.name: specimen(field.type) for field in msgspec.structs.fields(annotation)})
    plain = {str: "text", int: 7, bytes: b"\x00\xff", bool: True, float: 1.5}
    if annotation in plain:
        return plain[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return specimen(next(one for one in arguments if one is not types.NoneType))
    if origin is list:
        return [specimen(arguments[0])]
    if origin is dict:
        return {specimen(arguments[0]): specimen(arguments[1])}
    raise TypeError(f"no specimen for {annotation!r}: add one to tests/events/codec/golden.py")


ID = "0f9c6f0e-3b1c-4b3e-9c1b-0d5d8e6b9a11"
CALL = {"name": "search", "args": {"query": "clew"}, "id": "call_1", "type": "tool_call"}

EVENTS: dict[str, Any] = {cls.__name__: specimen(cls) for cls in EVENT_TYPES}

VALUES: dict[str, Any] = {
    "plain": {"text": "x", "numbers": [1, -1, 2**63, 1.5], "flags": [True, False, None], "bytes": b"\x00", 3: 4},
    "tuple": (1, (2,)),
    "set": {"b", "a", 1},
    "frozenset": frozenset({2, 1}),
    "deque": deque([1], maxlen=3),
    "mapping": {(1, 2): 3},
    "ordered_dict": OrderedDict(b=1, a=2),
    "default_dict": defaultdict(set, a={1}),
    "counter": Counter("aab"),
    "integer": 2**80,
    "text": "\ud800",
    "bytearray": bytearray(b"x"),
    "complex": 1 + 2j,
    "decimal": decimal.Decimal("1.50"),
    "uuid": uuid.UUID(ID),
    "date": dt.date(2025, 1, 2),
    "time": dt.time(3, 4, 5, 6),
    "datetime": dt.datetime(2025, 10, 26, 2, 30, fold=1),
    "datetime_utc": dt.datetime(2025, 1, 2, tzinfo=dt.UTC),
    "datetime_offset": dt.datetime(2025, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2), "home")),
    "datetime_region": dt.datetime(2025, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    "timedelta": dt.timedelta(1, 2, 3),
    "timezone": zoneinfo.ZoneInfo("Europe/Berlin"),
    "path": pathlib.PurePosixPath("/a/b"),
    "pattern": re.compile("a+", re.IGNORECASE),
    "network": ipaddress.ip_network("10.0.0.0/8"),
    "range": range(1, 9, 2),
    "exception": RecordedException("ValueError", "wrong"),
    "url": HttpUrl("https://example.org/a"),
    "send": Send("node", {"x": 1}, timeout=2.5),
    "command": Command(graph="__parent__", update={"x": 1}, goto=["a"]),
    "overwrite": Overwrite([1]),
    "interrupt": Interrupt("pay?", "ab" * 16, response_schema={"type": "boolean"}),
    "opaque": Opaque("Gone", {"x": 1}),
    "enum": Colour.GREEN,
    "str_enum": Size.SMALL,
    "flag": Access.READ | Access.WRITE,
    "dataclass": Order("x", [1]),
    "slots": Point(1, 2),
    "named_tuple": Place(1, "b"),
    "struct": Measure(1.5),
    "model": Person(name="Ada", tags={"a": (1,)}),
    "model_with_extra": Loose(title="x", colour="red"),
    "human": HumanMessage("hi", id=ID),
    "ai": AIMessage("", id="run--1", tool_calls=[CALL], response_metadata={"model": "m"}),
    "system": SystemMessage([{"type": "text", "text": "x"}]),
    "tool": ToolMessage("4", tool_call_id="call_1", artifact=(1,), status="error"),
    "function": FunctionMessage("4", name="f"),
    "chat": ChatMessage("x", role="critic"),
    "remove": RemoveMessage(id=ID),
    "human_chunk": HumanMessageChunk("hi", mood="good"),
    "ai_chunk": AIMessageChunk("hi", chunk_position="last"),
    "system_chunk": SystemMessageChunk("hi"),
    "tool_chunk": ToolMessageChunk("4", tool_call_id="call_1"),
    "function_chunk": FunctionMessageChunk("4", name="f"),
    "chat_chunk": ChatMessageChunk("x", role="critic"),
    "document": Document("text", metadata={"page": 1}, id="d"),
}


def commit(event: Any) -> Commit:
    """A commit of one event, with nothing in its envelope left out."""
    return Commit(b"0123456789abcdef", 1_700_000_000_000_001, [event], "command", "ada", "request-7")


def encoded() -> dict[str, bytes]:
    """The bytes that today's codec gives, by name."""
    events = {f"event {name}": encode_commit(commit(event), codec()) for name, event in EVENTS.items()}
    return events | {f"value {name}": codec().encode_value(value) for name, value in VALUES.items()}


def recorded() -> dict[str, bytes]:
    """The bytes of golden.txt, by name."""
    lines = FILE.read_text(encoding="ascii").splitlines() if FILE.exists() else []
    return {name: bytes.fromhex(content) for name, _, content in (line.rpartition(" ") for line in lines)}


if __name__ == "__main__":
    for name, content in encoded().items():
        if name not in recorded():
            print(name, content.hex())
