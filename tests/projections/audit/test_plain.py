"""Every value has a plain form that JSON can hold, and what is in it is not lost on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from clew.events.codec.kinds.opaque import Opaque
from clew.events.codec.values import Codec
from clew.events.vocabulary import EVENT_TYPES, NOT_KEPT, Payload
from clew.projections.audit.plain import DEPTH_MAX, plain
from clew.projections.audit.records import event_fields, moment
from hypothesis import given
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from msgspec import Struct
from pydantic import BaseModel

from tests.events.strategies import commits, values


class Colour(Enum):
    RED = "red"


class Level(int, Enum):
    LOW = 1


@dataclass
class Point:
    x: int
    y: Any = None


class Pair(NamedTuple):
    first: int
    second: str


class Box(BaseModel):
    inside: Any


class Frozen(Struct):
    held: Any


class Awkward:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, None),
        (True, True),
        (2**70, 2**70),
        (1.5, 1.5),
        (float("nan"), "nan"),
        ("text \ud800", "text \\ud800"),
        (b"\x00\xff", {"base64": "AP8="}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(minutes=2), 120.0),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.10"), "1.10"),
        (Path("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Level.LOW, 1),
        ({1: {"a": (1, 2)}}, {"1": {"a": [1, 2]}}),
        ({3, 1, 2}, [1, 2, 3]),
        (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
        (Pair(1, "b"), {"first": 1, "second": "b"}),
        (Box(inside=[b"x"]), {"inside": [{"base64": "eA=="}]}),
        (Frozen(held=Colour.RED), {"held": "red"}),
        (Opaque("Order", {"id": 1}), {"opaque": "Order", "data": {"id": 1}}),
        (HumanMessage("hi", id="1"), {"type": "human", "content": "hi", "id": "1"}),
        (
            ToolMessage("no", tool_call_id="c", id="2", status="error"),
            {"type": "tool", "content": "no", "id": "2", "tool_call_id": "c", "status": "error"},
        ),
        (Awkward(), {"repr": "<Awkward whose repr raises RuntimeError>"}),
    ],
)
def test_a_value_has_its_plain_form(value: Any, form: Any) -> None:
    assert plain(value) == form
    json.dumps(plain(value))


def test_a_message_keeps_its_tool_calls() -> None:
    message = AIMessage("", id="1", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c"}])
    assert plain(message)["tool_calls"] == [{"name": "add", "args": {"a": 1}, "id": "c", "type": "tool_call"}]


def test_a_value_that_goes_on_for_ever_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    json.dumps(plain(endless))
    deep: Any = "bottom"
    for _ in range(DEPTH_MAX * 2):
        deep = {"down": deep}
    json.dumps(plain(deep))


def test_a_payload_that_cannot_be_read_says_why() -> None:
    assert "unreadable" in plain(Payload.stored(b"\xc1", Codec()))
    assert plain(Payload.stored(NOT_KEPT, Codec())) == {"unreadable": "it was not kept"}


@given(values())
def test_every_value_that_can_be_stored_has_a_plain_form(value: Any) -> None:
    json.dumps(plain(value), allow_nan=False).encode()


@given(commits())
def test_every_event_has_every_field_in_its_record(commit: Any) -> None:
    for event in commit.events:
        record = event_fields(event)
        json.dumps(record, allow_nan=False).encode()
        if type(event) in EVENT_TYPES:
            assert record.keys() == {*event.__struct_fields__} - {"lag"}


def test_a_moment_beyond_the_calendar_is_its_number() -> None:
    assert moment(0) == ""
    assert moment(1_000_001) == "1970-01-01T00:00:01.000001+00:00"
    assert moment(10**18) == "1000000000000000000"
