"""Tokens of chat models for a `messages` stream: a callback handler that every model called in a node inherits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, LLMResult
from langchain_core.tracers._streaming import _StreamingCallbackHandler

from ...events.vocabulary import TAG_NOSTREAM
from ...projections.state.namespaces import SEPARATOR
from ...projections.streams.tasks import graph_of_run

if TYPE_CHECKING:
    from ..engine.run import Run


class MessageHandler(BaseCallbackHandler):
    """Puts the message of each chat model into the run's stream, with the metadata of the node that called it."""

    run_inline = True

    def __init__(self, run: Run) -> None:
        self._run = run
        self._calls: dict[UUID, tuple[tuple[str, ...], dict[str, Any]]] = {}
        """Models that are at work: the namespace of the calling node's graph, and what is shown beside a message."""

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """A model begins: remember which node called it."""
        ns = graph_of_run(metadata)
        if metadata and TAG_NOSTREAM not in (tags or ()) and (ns == self._run.ns or self._run.settings.subgraphs):
            own = [tag for tag in tags or () if not tag.startswith("seq:step")]  # langchain-core's marks of a sequence
            shown = {**metadata, **({"tags": own} if own else {})}
            self._calls[run_id] = tuple(ns.split(SEPARATOR)) if ns else (), shown

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """A model ended: its message is emitted whole if no token of it was."""
        generations = response.generations
        if generations and generations[0]:
            message = getattr(generations[0][0], "message", None)
            if isinstance(message, BaseMessage):
                self._emit(run_id, message, repeated=False)
        self._calls.pop(run_id, None)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A model failed: forget it."""
        self._calls.pop(run_id, None)

    def _emit(self, run_id: UUID, message: BaseMessage, *, repeated: bool) -> None:
        call = self._calls.get(run_id)
        if call is None:
            return
        identifier = message.id
        if identifier is None:
            message.id = identifier = f"lc_run--{run_id}"
        seen = self._run.view.seen_messages
        if repeated or identifier not in seen:
            seen.add(identifier)
            place, metadata = call
            self._run.show(((place, "messages", (message, metadata)),))


class TokenHandler(MessageHandler, _StreamingCallbackHandler):
    """Puts each token of each chat model into the run's stream.

    Being a streaming handler it makes models stream even where the node calls `invoke`.
    """

    def tap_output_aiter(self, run_id: UUID, output: Any) -> Any:
        """langchain-core's hook for streamed outputs; tokens come by `on_llm_new_token` already."""
        return output

    def tap_output_iter(self, run_id: UUID, output: Any) -> Any:
        """As `tap_output_aiter`."""
        return output

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **kwargs: Any) -> None:
        """A token came."""
        if isinstance(chunk, ChatGenerationChunk):
            self._emit(run_id, chunk.message, repeated=True)
