"""Events and commits of every kind, as the vocabulary has them: what is added to it is generated, too."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

from ....events.vocabulary import EVENT_TYPES, Commit, Payload
from .values import floats, scalars, texts


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
    plain = {str: texts, int: st.integers(0, 2**60), bytes: st.binary(max_size=16), bool: st.booleans(), float: floats}
    if annotation in plain:
        return plain[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([st.none() if one is types.NoneType else _of_type(one, payloads) for one in arguments])
    if origin is list:
        return st.lists(_of_type(arguments[0], payloads), max_size=2)
    if origin is dict:
        return st.dictionaries(*(_of_type(one, payloads) for one in arguments), max_size=2)
    raise TypeError(f"no strategy for {annotation!r}: add one here")
