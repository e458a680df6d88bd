"""Telling values apart more strictly than `==` does."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections import Counter, deque
from typing import Any

import msgspec
from pydantic import BaseModel

from ....events.vocabulary import Payload, Send


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
