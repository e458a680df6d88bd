"""Does a graph fit a recorded thread? The deploy gate as an assertion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..audit.check.gate import check_thread
from ..audit.check.report import allowed_verdicts
from ..audit.source import Recording
from ..doors.compiled import CompiledStateGraph


def assert_fits(
    graph: CompiledStateGraph,
    thread: Recording,
    *,
    bodies: bool = False,
    allow: Iterable[str] = (),
    configurable: Mapping[str, Any] | None = None,
    context: Any = None,
) -> None:
    """Nothing where the graph does with a recorded thread what was done: see `clew.audit.check_graph`.

    Raises:
        AssertionError: it would not; with the verdict, and every difference that was found.
    """
    found = check_thread(graph, thread, bodies=bodies, configurable=configurable, context=context)
    if found.verdict not in allowed_verdicts(allow):
        told = (f"  {one.verdict} at {one.at or 'no event'} {one.event}: {one.what}" for one in found.differences)
        raise AssertionError("\n".join([str(found), *told]))
