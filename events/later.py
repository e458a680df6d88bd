"""Names of a module that are loaded at their first use, so that a program pays for what it uses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def later(module: str, table: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a module that shows names of others.

    Args:
        module: its name.
        table: each name, and the module that has it. It is closed: nothing else is ever imported.
    """

    def load(name: str) -> Any:
        if name not in table:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(import_module(table[name]), name)
        setattr(sys.modules[module], name, value)
        return value

    def names() -> list[str]:
        shown = vars(sys.modules[module])
        return sorted({*shown, *shown["__all__"]})

    return load, names
