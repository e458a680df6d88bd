"""The life of tool calls for a `tools` stream: a callback handler that every tool called in a node inherits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from ...events.errors import GraphBubbleUp

if TYPE_CHECKING:
    from ..engine.run import Run


class ToolCallHandler(BaseCallbackHandler):
    """Puts the begin and the end of each tool's run into the stream. A pause is no end: the call goes on later."""

    run_inline = True

    def __init__(self, run: Run) -> None:
        self._run = run
        self._calls: dict[UUID, str] = {}

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        inputs: dict[str, Any] | None = None,
        tool_call_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        """A tool begins; without a call's id that of its run takes the place."""
        call = tool_call_id or str(run_id)
        self._calls[run_id] = call
        name = kwargs.get("name") or (serialized or {}).get("name") or ""
        given = input_str if inputs is None else inputs
        self._emit({"event": "tool-started", "tool_call_id": call, "tool_name": name, "input": given})

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool returned."""
        call = self._calls.pop(run_id, None)
        if call is not None:
            self._emit({"event": "tool-finished", "tool_call_id": call, "output": output})

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool raised, or asked."""
        call = self._calls.pop(run_id, None)
        if call is not None and not isinstance(error, GraphBubbleUp):
            self._emit({"event": "tool-error", "tool_call_id": call, "message": str(error)})

    def _emit(self, payload: dict[str, Any]) -> None:
        self._run.emit("tools", payload)
