"""Which classes an annotation speaks of: what a state schema declares, found before anything is decoded.

Reads annotations only; evaluates those that are strings where their names can be resolved, and lets the others go.
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import msgspec
from pydantic import BaseModel

from .kinds.shapes import is_named_tuple


def classes_in(annotation: Any, leaving: type = types.NoneType) -> Iterator[type]:
    """Every class that is reachable from an annotation, each once, the outer before the inner.

    Classes under `leaving` are given but not looked into.
    """
    seen: set[int] = set()
    kept: list[Any] = []  # an id is unique only as long as its object lives
    waiting = [annotation]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        kept.append(current)
        if isinstance(current, type) and get_origin(current) is None:
            yield current
            if issubclass(current, leaving):
                continue
        waiting.extend(reversed(_parts(current)))


def _parts(annotation: Any) -> list[Any]:
    """The annotations directly inside one."""
    if isinstance(annotation, typing.TypeVar):
        return [*annotation.__constraints__, *([annotation.__bound__] if annotation.__bound__ else [])]
    if isinstance(annotation, list):  # the parameters of a Callable
        return annotation
    for attribute in ("__supertype__", "__value__"):  # NewType; `type X = …`
        if not isinstance(annotation, type) and hasattr(annotation, attribute):
            return [getattr(annotation, attribute)]
    origin = get_origin(annotation)
    if origin is typing.Literal:
        return [type(value) for value in get_args(annotation)]
    if origin is typing.Annotated:
        return [get_args(annotation)[0]]
    if origin is not None:
        return [origin, *get_args(annotation)] if isinstance(origin, type) else list(get_args(annotation))
    return _fields(annotation) if isinstance(annotation, type) else []


def _fields(cls: type) -> list[Any]:
    """The annotations of a class's fields, if it is of a kind that has some."""
    if cls is BaseModel:  # has none, and lacks what its sub-classes have
        return []
    if issubclass(cls, BaseModel):
        generic: Any = cls.__pydantic_generic_metadata__["args"]
        return [*(field.annotation for field in cls.model_fields.values()), *generic]
    has_fields = (
        typing.is_typeddict(cls)
        or dataclasses.is_dataclass(cls)
        or issubclass(cls, msgspec.Struct)
        or is_named_tuple(cls)
    )
    return _hints(cls) if has_fields else _old_fields(cls)


def _old_fields(cls: type) -> list[Any]:
    fields = getattr(cls, "__fields__", None)  # pydantic.v1
    return [field.outer_type_ for field in fields.values()] if isinstance(fields, dict) else []


def _hints(cls: type) -> list[Any]:
    try:
        return list(typing.get_type_hints(cls, include_extras=True).values())
    except Exception:
        # One name that cannot be resolved (imported for type checkers only, local) must not hide the others.
        hints = [_resolve(hint, cls) for base in reversed(cls.__mro__) for hint in _own_annotations(base)]
        return [hint for hint in hints if hint is not None]


def _own_annotations(cls: type) -> list[Any]:
    return list(vars(cls).get("__annotations__", {}).values())


def _resolve(hint: Any, cls: type) -> Any:
    text = hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else hint
    if not isinstance(text, str):
        return hint
    scope = types.SimpleNamespace(**vars(sys.modules.get(cls.__module__, typing)))
    try:
        return typing.get_type_hints(types.SimpleNamespace(__annotations__={"it": text}), vars(scope))["it"]
    except Exception:
        return None
