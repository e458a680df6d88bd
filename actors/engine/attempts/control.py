"""What asks a run, from outside or from a node, to stop at the end of its super-step."""

from __future__ import annotations

from typing import final


@final
class RunControl:
    """Given to a call as `control=`; asks its run to stop at the next super-step's end. Safe from any thread.

    What was done is kept; the call raises `GraphDrained`, and `invoke(None, config)` goes on later. A run that has
    nothing left to do by then ends as usual. Not to be mixed up with `clew.Runtime.drain()`, which waits for a whole
    service's runs.
    """

    __slots__ = ("_reason",)

    def __init__(self) -> None:
        self._reason: str | None = None

    def request_drain(self, reason: str = "shutdown") -> None:
        """Ask for the stop; `reason` is told to whoever called the graph. The last reason given counts."""
        self._reason = reason

    @property
    def drain_requested(self) -> bool:
        """True once somebody asked."""
        return self._reason is not None

    @property
    def drain_reason(self) -> str | None:
        """Why, or None while nobody asked."""
        return self._reason
