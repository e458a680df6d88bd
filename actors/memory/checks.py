"""What a long-term store refuses, before anything is written: names, values, operations, settings."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from enum import Enum
from typing import Any, Final, get_args
from uuid import UUID

from ...events.errors import EncodeError, InvalidNamespaceError
from .items import GetOp, ListNamespacesOp, MatchCondition, NamespaceMatchType, Op, PutOp, SearchOp

RESERVED_ROOT: Final = "langgraph"
"""A first label that programs of the peer may not use either, so that namespaces stay portable."""
DEPTH_MAX: Final = 200
"""Levels of a value that is kept as JSON."""


def check_namespace(namespace: Any) -> tuple[str, ...]:
    """The namespace to put into, as a tuple.

    Raises:
        InvalidNamespaceError: it is empty, has the reserved root, or a label that no namespace can have.
    """
    if not namespace:
        raise InvalidNamespaceError(
            f"Namespace cannot be empty: give at least one label, such as ('memories',); got {namespace!r}"
        )
    labels = check_labels(namespace)
    if labels[0] == RESERVED_ROOT:
        raise InvalidNamespaceError(f'Root label for namespace cannot be "{RESERVED_ROOT}". Got: {labels!r}')
    return labels


def check_labels(namespace: Any) -> tuple[str, ...]:
    """A namespace, or a part of one, as a tuple; () for none.

    Raises:
        InvalidNamespaceError: a label is no text, is empty, or holds what cannot be kept.
    """
    if isinstance(namespace, str):
        raise InvalidNamespaceError(
            f"a namespace is a tuple of labels, got the text {namespace!r}: write ({namespace!r},)"
        )
    labels = tuple(namespace or ())
    for label in labels:
        if not isinstance(label, str):
            raise InvalidNamespaceError(
                f"Invalid namespace label '{label}' found in {labels!r}. Namespace labels must be strings, "
                f"but got {type(label).__name__}."
            )
        if not label:
            raise InvalidNamespaceError(f"Namespace labels cannot be empty strings. Got {label!r} in {labels!r}")
        if "." in label:
            raise InvalidNamespaceError(
                f"Invalid namespace label {label!r} found in {labels!r}. Namespace labels cannot contain periods ('.')."
            )
        if trouble := _untext(label):
            raise InvalidNamespaceError(f"Invalid namespace label {label!r} found in {labels!r}: it holds {trouble}")
    return labels


def check_key(key: Any) -> str:
    """The key as text. Raises `ValueError` for one that no database can keep."""
    text = str(key)
    if trouble := _untext(text):
        raise ValueError(f"the key {text!r} holds {trouble}")
    return text


def check_op(op: Op) -> Op:
    """The operation, with names in their kept form. Raises `ValueError` for what is no operation or cannot be done."""
    match op:
        case PutOp():
            return op._replace(namespace=check_namespace(op.namespace), key=check_key(op.key))
        case GetOp():
            return op._replace(namespace=check_labels(op.namespace), key=check_key(op.key))
        case SearchOp():
            check_window(op.limit, op.offset)
            return op._replace(namespace_prefix=check_labels(op.namespace_prefix))
        case ListNamespacesOp():
            check_window(op.limit, op.offset)
            if op.max_depth is not None and op.max_depth < 1:
                raise ValueError(f"max_depth={op.max_depth!r}: a namespace has at least one label")
            for condition in op.match_conditions or ():
                _check_condition(condition)
            return op
    raise ValueError(f"Unknown operation type: {type(op)}; a batch takes GetOp, SearchOp, PutOp and ListNamespacesOp")


def validate_op_namespace(op: Op) -> None:
    """Refuse labels that no namespace can have, anywhere in an operation. An empty namespace passes."""
    match op:
        case PutOp() | GetOp():
            check_labels(op.namespace)
        case SearchOp():
            check_labels(op.namespace_prefix)
        case ListNamespacesOp():
            for condition in op.match_conditions or ():
                check_labels(condition.path)


def check_window(limit: Any, offset: Any) -> None:
    """Refuse a limit or an offset that is no count."""
    for name, number in (("limit", limit), ("offset", offset)):
        if not isinstance(number, int) or number < 0:
            raise ValueError(f"{name}={number!r}: a whole number, 0 or more")


def check_minutes(ttl: float | None) -> float | None:
    """A time to live. Zero or less: expired at once. Raises `ValueError` for what is no number of minutes."""
    if ttl is not None and (not isinstance(ttl, int | float) or not math.isfinite(ttl)):
        raise ValueError(f"ttl={ttl!r}: minutes, or None for ever")
    return ttl


def json_text(value: Mapping[str, Any]) -> str:
    """The value as JSON.

    Texts, numbers, booleans, None, lists and dicts come back as they are; a tuple as a list; dates, UUIDs, enums and
    dataclasses as what JSON has for them.

    Raises:
        EncodeError: something that JSON cannot keep, with its path.
    """
    text = json.dumps(_json_like(value, "$", 0), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text


def _json_like(value: Any, path: str, depth: int) -> Any:
    if depth > DEPTH_MAX:
        raise EncodeError(path, f"it is nested deeper than {DEPTH_MAX} levels")
    if value is None or value is True or value is False or type(value) is int:
        return value
    match value:
        case Enum():
            return _json_like(value.value, path, depth + 1)
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise EncodeError(path, "the text holds half of a surrogate pair") from None
            return str(value)
        case int():
            return int(value)
        case float():
            if not math.isfinite(value):
                raise EncodeError(path, f"JSON has no {value!r}")
            return float(value)
        case Mapping():
            return {_field(name, path): _json_like(one, f"{path}.{name}", depth + 1) for name, one in value.items()}
        case list() | tuple():
            return [_json_like(one, f"{path}[{place}]", depth + 1) for place, one in enumerate(value)]
        case datetime() | date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _json_like(
            {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, path, depth + 1
        )
    raise EncodeError(path, f"JSON has nothing for a {type(value).__name__}; keep it as text, numbers, lists and dicts")


def _field(name: Any, path: str) -> str:
    if not isinstance(name, str):
        raise EncodeError(path, f"the key {name!r} is no text")
    return _json_like(name, f"{path}.{name!r}", 0)


def _check_condition(condition: MatchCondition) -> None:
    if condition.match_type not in get_args(NamespaceMatchType):
        raise ValueError(f"Unsupported match type: {condition.match_type!r}; there are 'prefix' and 'suffix'")
    check_labels(condition.path)


def _untext(text: str) -> str:
    """What a database cannot keep in a text; "" for nothing."""
    if "\0" in text:
        return "a NUL character ('\\x00'), which a database cannot keep in a text"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair, which is no text"
    return ""


def unknown_names(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse settings that do not exist: a misspelt one would do nothing."""
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"{what} has no {unknown[0]!r}; it has {sorted(known)}")
