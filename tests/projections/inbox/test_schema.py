"""An answer fits its schema, or the first misfit is told with its path; pydantic agrees."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from clew.projections.inbox.schema import misfit
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

Json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from(["", "a", "red", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "name", "next"]), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ({"type": "string"}, 1, "$: 1 is no string"),
        ({"type": ["string", "null"]}, 1, "$: 1 is no string or null"),
        ({"type": "integer"}, True, "$: True is no integer"),
        ({"type": "integer"}, 1.5, "$: 1.5 is no integer"),
        ({"type": "number"}, True, "$: True is no number"),
        ({"enum": ["yes", "no"]}, "maybe", "$: 'maybe' is none of 'yes', 'no'"),
        ({"const": 1}, True, "$: True is not 1"),
        ({"required": ["a", "b"]}, {"a": 1}, "$: 'b' is missing"),
        ({"properties": {"a": {"properties": {"b": {"type": "null"}}}}}, {"a": {"b": 1}}, "$.a.b: 1 is no null"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"b": 1}, "$: 'b' is not asked for"),
        ({"additionalProperties": {"type": "string"}}, {"b": 1}, "$.b: 1 is no string"),
        ({"items": {"type": "string"}}, ["a", 1], "$[1]: 1 is no string"),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a", 1], "$[1]: nothing fits here"),
        ({"anyOf": [{"type": "string"}, {"const": 1}]}, 2, "none of the alternatives fits"),
        ({"oneOf": [{"type": "number"}, {"const": 1}]}, 1, "fits 2 alternatives"),
        ({"allOf": [{"type": "number"}, {"minimum": 3}]}, 2, "$: 2 is less than 3"),
        ({"not": {"type": "null"}}, None, "is what it must not be"),
        ({"exclusiveMaximum": 3}, 3, "$: 3 is not less than 3"),
        ({"exclusiveMinimum": 3}, 3, "$: 3 is not more than 3"),
        ({"maximum": 3}, 4, "$: 4 is more than 3"),
        ({"minLength": 2}, "a", "fewer characters than 2"),
        ({"maxItems": 1}, [1, 2], "more items than 1"),
        ({"uniqueItems": True}, [1, 1], "is there twice"),
        ({"pattern": "^a"}, "b", "does not match '^a'"),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "null"}}}, 1, "$: 1 is no null"),
        (False, 1, "nothing fits"),
    ],
)
def test_a_misfit_is_told_with_its_path(schema: Any, value: Any, says: str) -> None:
    assert says in misfit(schema, value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (True, 1),
        (None, 1),
        ({}, 1),
        ({"type": "integer"}, 1.0),
        ({"uniqueItems": True}, [1, True]),
        ({"minimum": 3}, "no number"),
        ({"pattern": "("}, "no pattern of ours"),
        ({"$ref": "#/$defs/gone"}, 1),
        ({"$ref": "https://example.org/schema"}, 1),
        ({"$ref": "#"}, 1),
        ({"format": "date"}, "no date"),
        ({"type": "colour"}, 1),
        ({"required": "a"}, {}),
        ({"enum": "a"}, 1),
    ],
)
def test_what_a_schema_does_not_ask_for_fits(schema: Any, value: Any) -> None:
    assert misfit(schema, value) == ""


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Node(BaseModel, extra="forbid", strict=True):
    name: Annotated[str, Field(min_length=1, pattern="^[a-z]+$")]
    x: int | None = None
    next: Node | None = None


TYPES: list[Any] = [
    bool,
    Literal["red", "a"],
    Annotated[int, Field(ge=-2, lt=3)],
    list[Annotated[str, Field(max_length=2)]],
    dict[str, int | list[int]],
    tuple[bool, str],
    Node,
]


@pytest.mark.parametrize("kind", TYPES, ids=str)
@settings(deadline=None)
@given(value=Json)
def test_pydantic_and_its_schema_agree(kind: Any, value: Any) -> None:
    adapter = TypeAdapter(kind)
    try:
        adapter.validate_json(json.dumps(value), strict=True)
        taken = True
    except ValidationError:
        taken = False
    found = misfit(adapter.json_schema(), value)
    # JSON's 1.0 is an integer to a schema and none to pydantic's strict mode.
    assert (found == "") == taken or ".0" in json.dumps(value)


@settings(deadline=None)
@given(schema=Json, value=Json)
def test_no_schema_is_too_odd(schema: Any, value: Any) -> None:
    misfit(schema, value)
