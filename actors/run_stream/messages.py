"""Makes `run.messages`: a chat-model stream for each message, with its text, reasoning and tool calls as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core import __version__ as core_version
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage

from ...projections.streams.protocol import ProtocolEvent
from .channel import AsyncPump, Pump, StreamChannel
from .transformer import StreamTransformer

try:
    from langchain_core.language_models._compat_bridge import message_to_events
    from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream
except ImportError:  # langchain-core below 1.4
    if TYPE_CHECKING:
        raise
    SERVED = False
else:
    SERVED = True
    """True when langchain-core has the chat-model streams that v3 gives out."""


class MessagesTransformer(StreamTransformer):
    """Makes `run.messages`: a `ChatModelStream` (an `AsyncChatModelStream` in async runs) for each message.

    A model that streams gives its message piece by piece; what a node returns whole, or a model that does not stream,
    comes as a stream that is done already. Tool messages are left out, and so are messages of sub-graphs: those are in
    the sub-graph's own `messages`.
    """

    _native = True
    required_stream_modes: ClassVar[tuple[str, ...]] = ("messages",)

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        if not SERVED:
            raise NotImplementedError(
                f"v3 event streams need langchain-core 1.4 or later, found {core_version}: update it, or use stream()"
            )
        super().__init__(scope)
        self._place = list(scope)
        self._channel: StreamChannel[ChatModelStream | AsyncChatModelStream] = StreamChannel()
        self._open: dict[Any, ChatModelStream | AsyncChatModelStream] = {}
        """Streams under way, by the id of the model's run."""
        self._pump: Pump | None = None
        self._apump: AsyncPump | None = None

    def init(self) -> dict[str, Any]:
        """The channel of chat-model streams."""
        return {"messages": self._channel}

    def _bind_pump(self, fn: Pump) -> None:
        self._pump = fn

    def _bind_apump(self, fn: AsyncPump) -> None:
        self._apump = fn

    def process(self, event: ProtocolEvent) -> bool:
        """Begin a stream, add to one, or replay a whole message as one."""
        params = event["params"]
        if event["method"] == "messages" and params["namespace"] == self._place:
            payload, metadata = params["data"]
            node = metadata.get("langgraph_node")
            if isinstance(payload, BaseMessage):
                self._whole(payload, node)
            elif isinstance(payload, Mapping) and "event" in payload:
                self._piece(payload, metadata.get("run_id"), node)
        return True

    def _whole(self, message: BaseMessage, node: str | None) -> None:
        if isinstance(message, (AIMessageChunk, ToolMessage)) or not self._channel.read:
            return
        stream = self._begin(node, message.id)
        for event in message_to_events(message, message_id=message.id):
            stream.dispatch(event)
        self._channel.push(stream)

    def _piece(self, event: Mapping[str, Any], run_id: Any, node: str | None) -> None:
        if event["event"] == "message-start":
            if not self._channel.read:
                # Nobody would get it, and putting messages together is most of what a token costs.
                return
            stream = self._begin(node, event.get("id"))
            stream.dispatch(event)
            self._open[run_id] = stream
            self._channel.push(stream)
            return
        stream = self._open.get(run_id)
        if stream is not None:
            stream.dispatch(event)
            if event["event"] == "message-finish":
                del self._open[run_id]

    def _begin(self, node: str | None, message_id: str | None) -> ChatModelStream | AsyncChatModelStream:
        if self._pump is not None:
            stream = ChatModelStream(node=node, message_id=message_id)
            stream.set_request_more(self._pump)
            return stream
        astream = AsyncChatModelStream(node=node, message_id=message_id)
        if self._apump is not None:
            astream.set_arequest_more(self._apump)
        return astream

    def finalize(self) -> None:
        """Forget what a model left unfinished."""
        self._open.clear()

    def fail(self, err: BaseException) -> None:
        """Fail the streams under way."""
        for stream in self._open.values():
            stream.fail(err)
        self._open.clear()
