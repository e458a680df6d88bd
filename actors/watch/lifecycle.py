"""What graph callbacks hear of a run besides langchain-core's events: that it paused, and that it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.callbacks.manager import handle_event

from ...events.vocabulary import Interrupt

GraphLifecycleStatus: TypeAlias = Literal[
    "input", "pending", "done", "interrupt_before", "interrupt_after", "out_of_steps"
]
"""Where a run stands: "pending" in mid-step, as at a question; "interrupt_before" or "…_after" at a breakpoint."""


@dataclass(frozen=True)
class GraphInterruptEvent:
    """A run paused."""

    run_id: UUID | None
    status: GraphLifecycleStatus
    checkpoint_id: str
    """The checkpoint at which the thread stands."""
    checkpoint_ns: tuple[str, ...]
    """Path of the graph inside its thread; () for a root graph."""
    interrupts: tuple[Interrupt, ...]
    """The open questions; none at a breakpoint."""


@dataclass(frozen=True)
class GraphResumeEvent:
    """A run goes on with what a thread has open."""

    run_id: UUID | None
    status: GraphLifecycleStatus
    checkpoint_id: str
    """The checkpoint from which it goes on."""
    checkpoint_ns: tuple[str, ...]


class GraphCallbackHandler(BaseCallbackHandler):
    """A callback handler that hears of pauses and resumes. Give it in `config["callbacks"]` like any other.

    Its methods may be async. They run on the caller's thread or a node's, between langchain-core's own events.
    """

    def on_interrupt(self, event: GraphInterruptEvent) -> Any:
        """The run pauses: told once, by the root graph."""

    def on_resume(self, event: GraphResumeEvent) -> Any:
        """The run goes on: told by the root graph and by each graph inside it that goes on."""


def tell(handlers: Sequence[BaseCallbackHandler], name: str, event: GraphInterruptEvent | GraphResumeEvent) -> None:
    """Tell those handlers of it that know what it is."""
    graphs: list[BaseCallbackHandler] = [one for one in handlers if isinstance(one, GraphCallbackHandler)]
    if graphs:
        handle_event(graphs, name, None, event)
