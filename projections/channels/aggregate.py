"""BinaryOperatorAggregate: the channel of `Annotated[type, reducer]`. It folds a super-step's writes left to right."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable
from types import CodeType
from typing import Any

from ...events.vocabulary import Payload
from .channel import Value
from .empty_value import concrete_type, empty_value_maker
from .lazy import ABSENT, LazyChannel
from .payload_value import shallow_copy

Operator = Callable[[Any, Any], Any]

BUILT_IN_OPERATORS: dict[Operator, str] = {
    operators.add: "operator.add",
    operators.concat: "operator.concat",
    operators.mul: "operator.mul",
    operators.sub: "operator.sub",
    operators.and_: "operator.and",
    operators.or_: "operator.or",
    operators.xor: "operator.xor",
    max: "max",
    min: "min",
}
"""Operators that are recorded by name: reading a thread needs no user code for them."""
_BUILT_IN_TYPES = frozenset({list, dict, set, frozenset, tuple, str, bytes, int, float, complex, bool})


class BinaryOperatorAggregate(LazyChannel[Value, Any]):
    """Folds every write into the value with `operator(value, write)`.

    Starts from `typ()`, where the type can be made without arguments; else the first write becomes the value. The
    operator must be pure: it runs again when a thread is replayed, and when an old checkpoint is read. It gets lists,
    dicts and sets as shallow copies, so that one that changes its arguments in place does no harm.
    """

    def __init__(self, typ: Any, operator: Operator) -> None:
        super().__init__(typ)
        self.operator = operator
        self._make_empty = empty_value_maker(typ)
        # The operators run no user code only on values that are not a user's own: `+` may be anybody's `__add__`.
        built_in = _name_of_built_in(operator) if concrete_type(typ) in _BUILT_IN_TYPES else None
        self.runs_user_code = built_in is None
        self.name = f"{built_in}:{concrete_type(typ).__name__}" if built_in else f"user:{_name_of(operator)}"

    def __repr__(self) -> str:
        return f"BinaryOperatorAggregate({self.typ!r}, {_name_of(self.operator)})"

    def __eq__(self, other: object) -> bool:
        """Equal reducers: the same function, or a lambda that says the same in each of two schemas."""
        return isinstance(other, BinaryOperatorAggregate) and _same_function(self.operator, other.operator)

    def __hash__(self) -> int:
        return hash((BinaryOperatorAggregate, getattr(self.operator, "__name__", None)))

    def _start(self) -> Any:
        return ABSENT if self._make_empty is None else self._make_empty()

    def _apply(self, result: Any, payload: Payload) -> Any:
        value = payload.value
        if result is ABSENT:
            return value
        if self.runs_user_code:
            return self.operator(shallow_copy(result), shallow_copy(value))
        return self.operator(result, value)

    def _replace(self, payload: Payload) -> Any:
        return payload.value

    def _show(self, result: Any) -> Value:
        return shallow_copy(result)


def _name_of_built_in(operator: Operator) -> str | None:
    try:
        return BUILT_IN_OPERATORS.get(operator)
    except TypeError:  # an unhashable callable is a user's
        return None


def _name_of(operator: Operator) -> str:
    return getattr(operator, "__qualname__", None) or type(operator).__qualname__


def _same_function(one: Operator, other: Operator) -> bool:
    if one is other:
        return True
    code, its = getattr(one, "__code__", None), getattr(other, "__code__", None)
    if code is None or its is None:
        return False
    # the place in the source is part of a code object, and two schemas that share a rule write it in two places
    lambdas = code.co_name == its.co_name == "<lambda>" and not code.co_freevars
    return code == its or (lambdas and _says(code) == _says(its))


def _says(code: CodeType) -> tuple[Any, ...]:
    return code.co_code, code.co_consts, code.co_names, code.co_varnames, code.co_freevars
