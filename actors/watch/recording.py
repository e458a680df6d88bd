"""The run of one node as tracers record it, and as all other handlers hear of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.callbacks.manager import CallbackManagerForChainRun
from langchain_core.tracers._streaming import _StreamingCallbackHandler
from langchain_core.tracers.base import BaseTracer

from ..author.policies import TracePolicy

_log = logging.getLogger(__name__)


def begin(manager: CallbackManager, given: Any, name: str, policy: TracePolicy | None) -> CallbackManagerForChainRun:
    """Tell that a run begins; tracers record its input as the policy says."""
    recorded = _recorded(given, None if policy is None else policy.process_inputs)
    if recorded is given:
        return manager.on_chain_start(None, given, name=name)  # type: ignore[arg-type]
    handlers = list(manager.handlers)
    others, tracers = manager.copy(), manager.copy()
    others.handlers = [one for one in handlers if not _records(one)]
    tracers.handlers = [one for one in handlers if _records(one)]
    run = others.on_chain_start(None, given, name=name)  # type: ignore[arg-type]
    tracers.on_chain_start(None, recorded, name=name, run_id=run.run_id)  # type: ignore[arg-type]
    run.handlers = handlers
    return run


def end(run: CallbackManagerForChainRun, returned: Any, policy: TracePolicy | None) -> None:
    """Tell that a run ended; tracers record its output as the policy says."""
    recorded = _recorded(returned, None if policy is None else policy.process_outputs)
    if recorded is returned:
        run.on_chain_end(returned)
        return
    handlers = list(run.handlers)
    for output, records in ((returned, False), (recorded, True)):
        run.handlers = [one for one in handlers if _records(one) is records]
        run.on_chain_end(output)
    run.handlers = handlers


def _records(handler: BaseCallbackHandler) -> bool:
    """True for tracers; what makes a stream of events of a run is none."""
    return isinstance(handler, BaseTracer) and not isinstance(handler, _StreamingCallbackHandler)


def _recorded(value: Any, process: Callable[[Any], Any] | None) -> Any:
    if process is None:
        return value
    try:
        return process(value)
    except Exception:
        _log.exception("a TracePolicy raised: the payload is recorded as it is")
        return value
