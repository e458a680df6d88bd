"""Which items a search means and which namespaces a listing means. Pure, and the same for every store."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .items import ListNamespacesOp, MatchCondition

ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
OPERATORS: Final = ("$eq", "$ne", *ORDERS)


def check_filter(wanted: Any) -> Mapping[str, Any]:
    """The filter, if every operator in it exists. Raises `ValueError` otherwise, whether or not there are items."""
    if not isinstance(wanted, Mapping):
        raise ValueError(f"filter={wanted!r}: a dict of fields to what they must be")
    for value in wanted.values():
        _check_wanted(value)
    return wanted


def fits(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the value has every field as wanted. A field it lacks counts as None."""
    return all(_field_fits(value.get(field), one) for field, one in wanted.items())


def _field_fits(found: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return found == wanted
    if _has_operators(wanted):
        return all(_apply(found, name, limit) for name, limit in wanted.items())
    return isinstance(found, Mapping) and fits(found, wanted)


def _apply(found: Any, name: str, limit: Any) -> bool:
    if name == "$eq":
        return found == limit
    if name == "$ne":
        return found != limit
    pair = _comparable(found, limit)
    return pair is not None and ORDERS[name](*pair)


def _comparable(found: Any, limit: Any) -> tuple[Any, Any] | None:
    """Both as numbers, or both as texts; None where there is no order between them."""
    if isinstance(found, str) and isinstance(limit, str):
        return found, limit
    try:
        return float(found), float(limit)
    except (TypeError, ValueError, OverflowError):
        return None


def _has_operators(wanted: Mapping[str, Any]) -> bool:
    return any(str(name).startswith("$") for name in wanted)


def _check_wanted(wanted: Any) -> None:
    if not isinstance(wanted, Mapping):
        return
    if not _has_operators(wanted):
        for value in wanted.values():
            _check_wanted(value)
        return
    for name in wanted:
        if name not in OPERATORS:
            raise ValueError(f"Unsupported operator: {name}; there are {', '.join(OPERATORS)}")


def listed(namespaces: Iterable[tuple[str, ...]], op: ListNamespacesOp) -> list[tuple[str, ...]]:
    """The namespaces that the listing means: matched, cut, each once, sorted, and the asked-for part of them."""
    conditions = op.match_conditions or ()
    meant = (one for one in namespaces if all(matches(one, condition) for condition in conditions))
    cut = sorted({one[: op.max_depth] for one in meant})
    return cut[op.offset : op.offset + op.limit]


def matches(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    """Whether the namespace begins or ends so. "*" stands for any one label."""
    path = condition.path
    if len(path) > len(namespace):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(part, path, strict=True))
