"""`__all__` is sorted, equals what a facade module exposes, and everything in it is documented."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

import pytest

from tests.support.sources import rooms

FACADE = sorted(source.module for source in rooms() if source.in_facade)
WITH_ALL = sorted(source.module for source in rooms() if "\n__all__ = [" in source.text)


def exposed(module: ModuleType) -> list[str]:
    """The public names of a module, its sub-modules and `from __future__` aside."""
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and type(value).__name__ != "_Feature"
    )


@pytest.mark.parametrize("name", WITH_ALL)
def test_all_is_sorted_and_every_name_in_it_exists(name):
    module = import_module(name)
    assert module.__all__ == sorted(set(module.__all__))
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


@pytest.mark.parametrize("name", FACADE)
def test_a_facade_module_exposes_exactly_its_all(name):
    module = import_module(name)
    assert exposed(module) == [one for one in module.__all__ if not isinstance(getattr(module, one), ModuleType)]


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
