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

from typing import TYPE_CHECKING

from ...events.later import later
from ...events.stores import reading

if TYPE_CHECKING:
    from .compiled import THREADS, CompiledStateGraph

__all__ = ["THREADS", "CompiledStateGraph"]

_COMPILED = f"{__name__}.compiled"

__getattr__, __dir__ = later(__name__, {"CompiledStateGraph": _COMPILED, "THREADS": _COMPILED})
reading.provide(lambda: __getattr__("THREADS"))
