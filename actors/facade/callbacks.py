"""Callbacks of graphs: handlers that hear of pauses and resumes."""

from clew.actors.watch.lifecycle import (
    GraphCallbackHandler,
    GraphInterruptEvent,
    GraphLifecycleStatus,
    GraphResumeEvent,
)

__all__ = ["GraphCallbackHandler", "GraphInterruptEvent", "GraphLifecycleStatus", "GraphResumeEvent"]
