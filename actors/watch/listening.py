"""Whether anybody listens to every run of this process or context."""

from __future__ import annotations

from langchain_core.globals import get_debug, get_verbose
from langchain_core.tracers.context import _configure_hooks, _tracing_v2_is_enabled


def somebody_listens() -> bool:
    """True when tracing is on, or a context variable or a debug switch adds handlers to every run."""
    if any(variable.get() is not None for variable, *_ in _configure_hooks):
        return True
    return bool(_tracing_v2_is_enabled()) or get_debug() or get_verbose()
