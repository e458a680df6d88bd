"""`__all__` is sorted, equals what a facade module exposes, and everything in it is documented.

Sorted as ruff's RUF022 sorts and repairs it: constants, classes, functions, each by name.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

import pytest

from tests.support.sources import rooms

FACADE = sorted(source.module for source in rooms() if source.in_facade)
MACHINERY = {"TYPE_CHECKING", "Any", "annotations", "import_module"}
WITH_ALL = sorted(source.module for source in rooms() if "\n__all__ = [" in source.text)


def exposed(module: ModuleType) -> set[str]:
    """The public names of a module; sub-modules, and what it needs from `typing` and `importlib`, aside."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name not in MACHINERY
    }


def kind(name: str) -> tuple[int, str]:
    """The place of a name in a sorted `__all__`."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", WITH_ALL)
def test_all_is_sorted_and_every_name_in_it_exists(name):
    module = import_module(name)
    assert module.__all__ == sorted(set(module.__all__), key=kind)
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


@pytest.mark.parametrize("name", FACADE)
def test_a_facade_module_exposes_exactly_its_all(name):
    module = import_module(name)
    names = {one for one in module.__all__ if not isinstance(getattr(module, one), ModuleType)}
    assert exposed(module) == names


@pytest.mark.parametrize("name", FACADE)
def test_every_public_class_and_function_says_what_it_is(name):
    module = import_module(name)
    values = {one: getattr(module, one) for one in module.__all__}
    own = {one: value for one, value in values.items() if getattr(value, "__module__", "").startswith("clew")}
    silent = [one for one, value in own.items() if is_documentable(value) and not vars_doc(value)]
    assert silent == []


def is_documentable(value: object) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value)


def vars_doc(value: object) -> str | None:
    """The value's own docstring: what a class inherits from its base does not count."""
    return vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
