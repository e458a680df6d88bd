"""Code fingerprints: equal for equal code in every process and place, different for different code."""

import functools
import os
import subprocess
import sys
from typing import Any

import pytest
from clew.actors.author.callee import CODE_BYTES, callee_of, code_digest, digest, stable_text
from hypothesis import given
from hypothesis import strategies as st

SOURCE = """
def outer(state, limit=3, *, tags=("b", "a"), marker=object()):
    'Says something.'
    def inner(value):
        return value in {"red", "green", "blue"} and {"k": [1, 2.5, None, ...]}
    return [inner(item) for item in state if item.name != f"{limit!r}"], (lambda: b"x")

class Node:
    def __call__(self, state):
        return outer(state)
"""
PROGRAM = f"""
import functools
from clew.actors.author.callee import code_digest
space = {{}}
exec(compile({SOURCE!r}, "elsewhere.py", "exec"), space)
node = space["Node"]()
for call in (space["outer"], node, node.__call__, functools.partial(space["outer"], limit=2)):
    print(code_digest(call).hex())
"""


def compiled(source: str, name: str, path: str = "here.py") -> Any:
    space: dict[str, Any] = {}
    exec(compile(source, path, "exec"), space)
    return space[name]


@pytest.mark.slow
def test_fingerprints_are_the_same_in_every_process() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(printed) == 1
    node = compiled(SOURCE, "Node")()
    outer = compiled(SOURCE, "outer")
    here = [code_digest(call).hex() for call in (outer, node, node.__call__, functools.partial(outer, limit=2))]
    assert printed.pop().split() == here
    assert len(set(here)) == 4


def test_path_and_lines_do_not_count() -> None:
    moved = compiled("\n\n# a comment\n" + SOURCE, "outer", "/other/place.py")
    assert code_digest(moved) == code_digest(compiled(SOURCE, "outer"))
    assert len(code_digest(moved)) == CODE_BYTES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("limit=3", "limit=4"),
        ('("b", "a")', '("b", "c")'),
        ('"blue"', '"pink"'),
        ("2.5", "2.6"),
        ('b"x"', '"x"'),
        ("item.name", "item.label"),
        ("value in {", "value not in {"),
        ("[1,", "[True,"),
    ],
)
def test_every_change_of_code_counts(old: str, new: str) -> None:
    assert old in SOURCE
    assert code_digest(compiled(SOURCE.replace(old, new), "outer")) != code_digest(compiled(SOURCE, "outer"))


def test_decorated_and_partial_functions_show_the_function_inside() -> None:
    def logged(function: Any) -> Any:
        def wrapper(state: Any) -> Any:
            return function(state)

        return wrapper

    one, two = logged(lambda state: 1), logged(lambda state: 2)
    assert code_digest(one) == code_digest(logged(lambda state: 1))
    assert code_digest(one) != code_digest(two)
    assert code_digest(functools.partial(one)) != code_digest(functools.partial(two))
    assert code_digest(functools.partial(one, 1)) != code_digest(functools.partial(one, 2))


def test_values_in_closures_do_not_count() -> None:
    def make(value: object) -> Any:
        return lambda state: value

    assert code_digest(make(object())) == code_digest(make("other"))


def test_a_function_that_refers_to_itself_has_a_fingerprint() -> None:
    def again(state: Any) -> Any:
        return again(state)

    assert len(code_digest(again)) == CODE_BYTES


def test_a_generator_node_is_known_by_its_own_code() -> None:
    def one(state: Any) -> Any:
        yield 1

    def two(state: Any) -> Any:
        yield 2

    assert callee_of(one, role="node")[0].fingerprint == code_digest(one)
    assert code_digest(one) != code_digest(two)


constants = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(constants, constants)
def test_texts_of_constants_differ_when_they_do(one: Any, other: Any) -> None:
    # repr tells more than ==: 1, 1.0 and True are equal and mean different code
    assert (stable_text(one) == stable_text(other)) == (repr(one) == repr(other))


@given(st.frozensets(st.text() | st.integers()))
def test_the_order_of_a_set_does_not_count(members: frozenset[Any]) -> None:
    rebuilt: set[Any] = set()
    for member in sorted(members, key=repr, reverse=True):
        rebuilt.add(member)
    assert stable_text(frozenset(rebuilt)) == stable_text(members)


def test_bounds_between_parts_count() -> None:
    assert digest(["ab", "c"]) != digest(["a", "bc"])
