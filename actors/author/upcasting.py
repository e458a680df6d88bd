"""Upcasters at `compile`: which versions of the state's schema there are, and what is known of the earlier ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .hints import shape_of, underlying_function
from .plan import Upcaster
from .spec import inferred_schema

Given = Mapping[int, Callable[[Any], Any] | Upcaster]
"""What people hand to `compile(upcasters=)`: a function alone is one for the state."""


def upcasters_of(given: Given | None) -> dict[int, Upcaster]:
    """The upcasters by the version that they start from.

    Raises:
        ValueError: the versions are not whole numbers in a row, or a function is async.
        TypeError: an upcaster is neither a function nor an `Upcaster`.
    """
    if not given:
        return {}
    if any(type(version) is not int or version < 0 for version in given):
        raise ValueError(f"upcasters has the versions {[*given]}: give whole numbers from 0 on")
    versions = sorted(given)
    missing = set(range(versions[0], versions[-1])) - set(versions)
    if missing:
        raise ValueError(f"upcasters lacks one from version {min(missing)}: its versions are a row, {versions}")
    return {version: _upcaster(version, given[version]) for version in versions}


def _upcaster(version: int, given: Any) -> Upcaster:
    upcaster = given if isinstance(given, Upcaster) else Upcaster(given)
    further = (*upcaster.sends.values(),) if upcaster.updates is None else (upcaster.updates, *upcaster.sends.values())
    for function in (upcaster.state, *further):
        if not callable(function):
            raise TypeError(f"the upcaster from version {version} is {function!r}: give a function, or an Upcaster")
        if inspect.iscoroutinefunction(underlying_function(function) or function):
            raise ValueError(f"the upcaster from version {version} is async: write it with `def`, it does no work")
    return upcaster


def earlier_schema(upcaster: Upcaster) -> Any:
    """The class that the function's parameter is annotated with; None where it declares no fields."""
    return inferred_schema(upcaster.state, shape_of(upcaster.state))
