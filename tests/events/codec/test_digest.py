"""Digests of values are equal for equal values, in every process, and differ for different ones."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter, OrderedDict
from typing import Any

import pytest
from clew.events.codec import Codec, canonical_digest
from clew.events.errors import EncodeError
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from tests.events.strategies import Person, Size, codec, texts, values


def digest(value: Any) -> bytes:
    return canonical_digest(value, Codec())


def reordered(value: Any) -> Any:
    """An equal value whose dicts and sets were filled the other way round."""
    if type(value) in {dict, Counter}:
        return type(value)({key: reordered(item) for key, item in reversed(value.items())})
    if type(value) in {list, tuple}:
        return type(value)(reordered(item) for item in value)
    if type(value) in {set, frozenset}:
        return type(value)(reversed(list(value)))
    return value


@pytest.mark.slow
@given(values())
def test_what_was_read_has_the_digest_of_what_was_written(value):
    one = codec()
    assert canonical_digest(one.decode_value(one.encode_value(value)), codec()) == canonical_digest(value, codec())


@given(values())
def test_the_order_of_dicts_and_sets_does_not_count(value):
    assert canonical_digest(reordered(value), codec()) == canonical_digest(value, codec())


@given(st.dictionaries(texts | st.integers(), texts, min_size=2))
def test_the_order_of_keys_of_several_types_does_not_count(value):
    assert digest(reordered(value)) == digest(value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1, 2], [2, 1]),
        ([1, 2], (1, 2)),
        (1, 1.0),
        (1, True),
        ("1", 1),
        (b"a", "a"),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, OrderedDict(a=1)),
        (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
        ([["a"], "b"], [["a", "b"]]),
        ({1: "x"}, {"1": "x"}),
        (Size.SMALL, "small"),
        (HumanMessage("x", id="1"), HumanMessage("x", id="2")),
        (None, {}),
    ],
)
def test_different_values_have_different_digests(left, right):
    assert digest(left) != digest(right)


def test_models_are_equal_whichever_fields_were_given():
    assert digest(Person(name="x", tags={})) == digest(Person(name="x"))
    assert digest(Person(name="x")) != digest(Person(name="y"))


def test_a_digest_is_16_bytes_and_the_same_for_ever():
    value = {"question": "pay?", "amount": 10, "tags": {"b", "a"}, "to": uuid.UUID(int=7)}
    assert digest(value).hex() == "54fbc300030007ec59d652626192be2e"


def test_a_value_that_cannot_be_stored_has_no_digest():
    with pytest.raises(EncodeError, match=r"\$\.args\.x"):
        canonical_digest({"x": object()}, Codec(), "$.args")


PROGRAM = """
import sys
from clew.events.codec import Codec, canonical_digest
from dataclasses import dataclass
@dataclass(frozen=True)
class Key:
    name: str
names = [f"name {number}" for number in range(20)]
value = {"set": set(names), "keys": {Key(name): {name, 1, None} for name in names}, "mixed": {1, "a", b"b", (2, "c")}}
if sys.argv[1] == "reversed":
    value = dict(reversed(value.items()))
print(canonical_digest(value, Codec()).hex(), Codec().encode_value(set(names)).hex())
"""


@pytest.mark.slow
def test_digests_and_sets_are_the_same_under_every_hash_seed():
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, order],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed, order in (("1", "forward"), ("2", "reversed"))
    }
    assert len(printed) == 1
