"""The life of tool calls for a `tools` stream: a callback handler that every tool called in a node inherits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from ...events.errors import GraphBubbleUp
from ...projections.state.namespaces import SEPARATOR
from ...projections.streams.tasks import graph_of_run

if TYPE_CHECKING:
    from ..engine.run import Run


class ToolCallHandler(BaseCallbackHandler):
    """Puts the begin and the end of each tool's run into the stream. A pause is no end: the call goes on later."""

    run_inline = True

    def __init__(self, run: Run) -> None:
        self._run = run
        self._calls: dict[UUID, tuple[str, tuple[str, ...]]] = {}
        """(call, namespace) of each tool's run."""

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        inputs: dict[str, Any] | None = None,
        tool_call_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """A tool begins; without a call's id that of its run takes the place."""
        ns = graph_of_run(metadata)
        if ns != self._run.ns and not self._run.settings.subgraphs:
            return
        call, place = tool_call_id or str(run_id), tuple(ns.split(SEPARATOR)) if ns else ()
        self._calls[run_id] = call, place
        name = kwargs.get("name") or (serialized or {}).get("name") or ""
        given = input_str if inputs is None else inputs
        self._show(place, {"event": "tool-started", "tool_call_id": call, "tool_name": name, "input": given})

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool returned."""
        known = self._calls.pop(run_id, None)
        if known is not None:
            call, place = known
            self._show(place, {"event": "tool-finished", "tool_call_id": call, "output": output})

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool raised, or asked."""
        known = self._calls.pop(run_id, None)
        if known is not None and not isinstance(error, GraphBubbleUp):
            call, place = known
            self._show(place, {"event": "tool-error", "tool_call_id": call, "message": str(error)})

    def _show(self, ns: tuple[str, ...], payload: dict[str, Any]) -> None:
        self._run.show([(ns, "tools", payload)])
