"""A graph or a cipher by the `module:name` that was typed: never by a name that was stored."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from ....events.stores.saver import BaseCheckpointSaver
from ...author.builder import StateGraph
from ...doors.compiled import CompiledStateGraph
from .group import Failure


def load(address: str, what: str) -> Any:
    """What `module:name` names; the module is looked for in the current folder too, as `python -m` does.

    Raises:
        Failure: there is no such module or name, or the module cannot be imported.
    """
    module_name, colon, name = address.partition(":")
    if not (module_name and colon and name):
        raise Failure(f"{address!r} names no {what}: write module:name, as in shop.graphs:orders")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module_name)
    except Exception as error:  # what a user's module raises when it is run
        missing = isinstance(error, ModuleNotFoundError) and module_name.startswith(error.name or "?")
        why = "there is no such module here" if missing else f"importing it raised {type(error).__name__}: {error}"
        raise Failure(f"cannot load {what} {address!r}: {why}") from error
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise Failure(f"cannot load {what} {address!r}: module {module_name!r} has no {name!r}") from None
    return found


def load_graph(address: str, saver: BaseCheckpointSaver | None = None, name: str | None = None) -> CompiledStateGraph:
    """The compiled graph that `module:name` names, keeping its threads in `saver` where one is given.

    It may be a builder, a compiled graph, or a function without arguments that gives one. `name` is what a graph that
    is not compiled yet is called, so that its threads stay those of that graph.
    """
    found = load(address, "graph")
    if callable(found) and not isinstance(found, (CompiledStateGraph, StateGraph)):
        found = found()
    if isinstance(found, CompiledStateGraph):
        return found if saver is None else found.copy(update={"checkpointer": saver})
    if isinstance(found, StateGraph):
        return found.compile(checkpointer=saver, name=name)
    raise Failure(f"{address!r} is no graph but {type(found).__name__}: name a compiled graph or a StateGraph")
