"""The doors: what users call on a compiled graph, sync and async, each thin.

compiled.py    CompiledStateGraph: invoke, stream, state calls
looks.py       what it looks like from outside: schemas, channel names, drawings
setup.py       what a compiled graph runs with; caches.py: which places in its cache its nodes have
subgraphs.py   the graphs inside it
request.py     a call's arguments become a run
nesting.py     where a call runs: in a thread of its own, inside its caller's, or kept nowhere
config.py      the caller's config, completed
drive.py       the caller's thread or loop drives its run
output.py      what a call returns, how chunks look
state.py       reading a thread; editing.py changes it by hand
saved.py       threads as a saver shows them

Writing a graph needs none of them: the first `compile` imports the compiled graph, and with it the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...events.stores import reading

if TYPE_CHECKING:
    from .compiled import THREADS, CompiledStateGraph

__all__ = ["THREADS", "CompiledStateGraph"]

_LATER = {"CompiledStateGraph": "compiled", "THREADS": "compiled"}


def __getattr__(name: str) -> Any:
    """Load what is imported at its first use. The table is closed: no name from outside is ever imported."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


reading.provide(lambda: __getattr__("THREADS"))
