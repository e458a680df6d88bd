"""Messages of chat models piece by piece, for a v3 stream: langchain-core's protocol events in the place of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from .tokens import MessageHandler

try:
    from langchain_core.tracers._streaming import _V2StreamingCallbackHandler
except ImportError:  # langchain-core below 1.4, which has no such events
    if TYPE_CHECKING:
        raise
    _V2StreamingCallbackHandler = object


class MessageEventHandler(MessageHandler, _V2StreamingCallbackHandler):
    """Puts each event of each chat model's message into the run's stream, with the metadata of the calling node.

    Being such a handler it makes models that can stream do so where the node calls `invoke`. A model that cannot, and
    one whose `stream` the node reads itself, gives its message whole at its end.
    """

    def on_stream_event(self, event: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A piece came: the start of the message, of a block in it, more of a block, the end of either."""
        call = self._calls.get(run_id)
        if call is None:
            return
        place, metadata = call
        if event["event"] == "message-start" and event.get("id"):
            self._run.view.seen_messages.add(event["id"])
        self._run.show(((place, "messages", (event, {**metadata, "run_id": str(run_id)})),))
