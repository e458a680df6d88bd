"""Going on with a thread through its graph's code, and saying how it came out."""

from __future__ import annotations

from typing import Any

from ....events.errors import RefusedError, StoreError
from ...doors.compiled import CompiledStateGraph
from .desk import Desk
from .group import Refusal
from .loading import load_graph


def code_of(desk: Desk, address: str, thread: str) -> CompiledStateGraph:
    """The graph's code that is named, to run a thread with: under the name that the thread's graph has."""
    head = desk.saver.store.head(thread, desk.saver.tenant)
    return load_graph(address, desk.saver, (head.head.graph if head is not None else "") or None)


def run_on(desk: Desk, graph: CompiledStateGraph, thread: str, given: Any, who: str) -> dict[str, Any]:
    """Run a thread to its end or its next question; what it came to, as JSON.

    Raises:
        Refusal: a node raised; what was recorded before stays.
        RefusedError, StoreError: as the graph's `invoke`.
    """
    config: Any = {"configurable": {"thread_id": thread, "who": who}}
    try:
        graph.invoke(given, config)
    except (RefusedError, StoreError):
        raise
    except Exception as error:  # a node's, or what its schema says of the answer
        raise Refusal(f"thread {thread!r} ran and stopped: {type(error).__name__}: {error}") from error
    snapshot = graph.get_state(config)
    return {"next": list(snapshot.next), "asked": [one.id for one in snapshot.interrupts]}


def say_how_it_stands(desk: Desk, thread: str, outcome: dict[str, Any]) -> None:
    """Tell how a thread stands after a run, and what could be typed next."""
    if outcome["asked"]:
        desk.out.say(f"it ran and asks again: question {outcome['asked'][0][:8]}")
        desk.next("inbox", "show", outcome["asked"][0][:8])
    elif outcome["next"]:
        desk.out.say(f"it ran and stopped before {', '.join(outcome['next'])}")
        desk.next("state", thread)
    else:
        desk.out.say("it ran to its end")
        desk.next("state", thread)
