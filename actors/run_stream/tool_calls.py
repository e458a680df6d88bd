"""Makes `run.tool_calls`: one stream for each call of a tool, with what the tool gives out while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, ClassVar

from langchain_core.messages import ToolMessage

from ...projections.streams.protocol import ProtocolEvent
from .channel import AsyncPump, Pump, StreamChannel
from .transformer import StreamTransformer


class ToolCallStream:
    """One call of a tool: iterate it for what the tool gives out with `emit_output_delta`, which moves the run on.

    Args:
        tool_call_id: id of the call.
        tool_name: the tool's name.
        input: what the model gave; None where it is not known.
    """

    def __init__(self, tool_call_id: str, tool_name: str, input: dict[str, Any] | None = None) -> None:
        self.tool_call_id = tool_call_id
        self.tool_name = tool_name
        self.input = input
        self.output: Any = None
        """What the tool came to, of a tool message its content; None before, and when it failed."""
        self.error: str | None = None
        """The text of what the tool raised, or of what ended the run first."""
        self.completed = False
        """True when nothing more comes."""
        self._deltas: StreamChannel[Any] = StreamChannel()

    @property
    def output_deltas(self) -> StreamChannel[Any]:
        """What the tool gives out while it runs, in order; has one reader."""
        return self._deltas

    def __iter__(self) -> Iterator[Any]:
        return iter(self._deltas)

    def __aiter__(self) -> AsyncIterator[Any]:
        return aiter(self._deltas)

    def finish(self, output: Any = None) -> None:
        """The call came to this; nothing more comes."""
        self.output = output
        self.completed = True
        self._deltas.close()

    def fail(self, message: str) -> None:
        """The call failed with this; nothing more comes."""
        self.error = message
        self.finish()


class ToolCallTransformer(StreamTransformer):
    """Makes `run.tool_calls`: a `ToolCallStream` for each call that begins in the run's own graph.

    Not there unless it is given to `compile(transformers=[...])` or to the call; then the stream also has the `tools`
    events that it is made from.
    """

    _native = True
    required_stream_modes: ClassVar[tuple[str, ...]] = ("tools",)

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self._place = list(scope)
        self._channel: StreamChannel[ToolCallStream] = StreamChannel()
        self._open: dict[str, ToolCallStream] = {}
        self._pump: Pump | None = None
        self._apump: AsyncPump | None = None

    def init(self) -> dict[str, Any]:
        """The channel of calls."""
        return {"tool_calls": self._channel}

    def _bind_pump(self, fn: Pump) -> None:
        self._pump = fn

    def _bind_apump(self, fn: AsyncPump) -> None:
        self._apump = fn

    def process(self, event: ProtocolEvent) -> bool:
        """Begin a call, add to it, or end it."""
        if event["method"] == "tools" and event["params"]["namespace"] == self._place:
            self._observe(event["params"]["data"])
        return True

    def _observe(self, told: Mapping[str, Any]) -> None:
        kind, call_id = told.get("event"), told.get("tool_call_id")
        if kind == "tool-started" and isinstance(call_id, str):
            call = ToolCallStream(call_id, told.get("tool_name") or "", told.get("input"))
            call.output_deltas.bind(is_async=self._apump is not None)
            call.output_deltas.pull_with(self._pump, self._apump)
            self._open[call_id] = call
            self._channel.push(call)
            return
        call_open = self._open.get(call_id or "")
        if call_open is None:
            return
        if kind == "tool-output-delta":
            call_open.output_deltas.push(told.get("delta"))
        elif kind == "tool-finished":
            self._open.pop(call_open.tool_call_id).finish(plain_output(told.get("output")))
        elif kind == "tool-error":
            self._open.pop(call_open.tool_call_id).fail(str(told.get("message")))

    def finalize(self) -> None:
        """End the calls that paused."""
        while self._open:
            self._open.popitem()[1].finish()

    def fail(self, err: BaseException) -> None:
        """Fail the calls under way."""
        while self._open:
            self._open.popitem()[1].fail(str(err))


def plain_output(output: Any) -> Any:
    """What a tool came to: the content of a tool message, also of a serialised one; anything else as it is."""
    if isinstance(output, ToolMessage):
        return output.content
    if isinstance(output, Mapping) and output.get("lc") and "ToolMessage" in (output.get("id") or ())[-1:]:
        return (output.get("kwargs") or {}).get("content")
    return output
