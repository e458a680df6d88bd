"""What annotations mean: strings, locals of functions, partials, methods."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, Required, TypedDict

import pytest
import typing_extensions
from clew.actors.author.hints import EMPTY, class_hints, is_class_with_hints, literal_names, shape_of, stripped
from pydantic import BaseModel

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForCheckers


class State(TypedDict):
    x: int


def node(state: State, config: dict, *rest: int, flag: bool = False, **more: str) -> Literal["a", "b"]:
    return "a"


@functools.wraps(node)
def wrapped(*given: Any, **more: Any) -> Any: ...


class Clerk:
    def __call__(self, state: State) -> str:
        return ""

    def method(self, state: State, extra: int) -> None: ...


def test_the_first_positional_parameter_takes_the_state() -> None:
    shape = shape_of(node)
    assert shape.state is State
    assert shape.named == (("config", dict), ("flag", bool))
    assert literal_names(shape.returns) == ("a", "b")


@pytest.mark.parametrize("call", [Clerk(), Clerk().method, functools.partial(node, config={}), wrapped])
def test_objects_methods_partials_and_wrappers_are_looked_through(call: Any) -> None:
    assert shape_of(call).state is State


def test_a_partial_that_fills_the_first_parameter_moves_the_state_on() -> None:
    def two(prompt: str, state: State) -> None: ...

    assert shape_of(functools.partial(two, "hello")).state is State


@pytest.mark.parametrize("call", [lambda: None, lambda *args: None, lambda *, config: None])
def test_without_a_positional_parameter_there_is_no_state(call: Any) -> None:
    assert shape_of(call).state is EMPTY


def test_a_builtin_without_a_signature_has_an_empty_shape() -> None:
    assert shape_of(dict).state is EMPTY
    assert shape_of(max).named == ()


def test_a_class_of_the_calling_function_is_found_by_its_name() -> None:
    class Local(TypedDict):
        y: Neighbour

    class Neighbour(TypedDict):
        z: int

    def takes(state: Local) -> None: ...

    assert shape_of(takes).state is Local
    assert class_hints(Local) == {"y": Neighbour}


def test_a_name_two_calls_up_is_found_too() -> None:
    class Neighbour(TypedDict):
        z: int

    class Local(TypedDict):
        y: Neighbour

    def helper() -> dict[str, Any]:
        return class_hints(Local)

    assert helper() == {"y": Neighbour}


def test_a_name_in_a_closure_is_found_after_the_function_returned() -> None:
    def make() -> Any:
        class Hidden(TypedDict):
            y: int

        def takes(state: Hidden) -> Any:
            return Hidden

        return takes

    takes = make()
    assert shape_of(takes).state is takes({})


def test_a_name_for_type_checkers_only_stays_text_and_hides_nothing_else() -> None:
    def takes(state: State, amount: OnlyForCheckers) -> OnlyForCheckers: ...

    shape = shape_of(takes)
    assert shape.state is State
    assert shape.named == (("amount", "OnlyForCheckers"),)


def test_a_schema_with_an_unknown_name_is_refused_with_both_names() -> None:
    class Lost(TypedDict):
        y: NowhereAtAll  # noqa: F821

    with pytest.raises(NameError, match=r"Lost'.* 'NowhereAtAll'.*module level"):
        class_hints(Lost)


@pytest.mark.parametrize(
    ("annotation", "bare"),
    [
        (Required[int], int),
        (NotRequired[int], int),
        (typing_extensions.ReadOnly[int], int),
        (Required[typing_extensions.ReadOnly[int]], int),
        (Annotated[int, "x"], Annotated[int, "x"]),
        (list[int], list[int]),
    ],
)
def test_wrappers_of_typed_dict_keys_come_off(annotation: Any, bare: Any) -> None:
    assert stripped(annotation) == bare


def test_classes_with_fields_are_told_from_others() -> None:
    class Plain:
        pass

    class Annotated_:
        x: int

    class Child(Annotated_):
        pass

    class Model(BaseModel):
        x: int

    @dataclass
    class Data:
        x: int

    assert [is_class_with_hints(kind) for kind in (State, Annotated_, Child, Model, Data)] == [True] * 5
    assert [is_class_with_hints(kind) for kind in (Plain, dict, list[int], "State", None, Any)] == [False] * 6
