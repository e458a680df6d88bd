"""Showing a message from inside a node before the node returns."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage, BaseMessageChunk, convert_to_messages, message_chunk_to_message
from langchain_core.runnables.config import var_child_runnable_config

from ..author.returns import write_of
from ..engine.call import scope_here


def push_message(message: Any, *, state_key: str | None = "messages") -> BaseMessage:
    """Emit a message into the `messages` stream now, and write it to the state with what the node returns.

    Args:
        message: a message with an id, or whatever langchain-core makes one of.
        state_key: the key that it is written to, before the node's own writes; None for none. A key that the state
            does not have is left out, as in a node's return.

    Returns:
        The message.

    Raises:
        ValueError: the message has no id.
        RuntimeError: called outside of a running graph.
    """
    scope = scope_here()
    if scope is None:
        raise RuntimeError("push_message() was called outside of a running graph: only nodes, tools and tasks can")
    pushed = _as_message(message)
    if not pushed.id:
        raise ValueError(f"push_message() got a message without an id: give it one ({pushed!r})")
    job = scope.call.job
    config = var_child_runnable_config.get(None) or {}
    for _, view in job.run.readers:
        view.seen_messages.add(pushed.id)
    job.run.emit("messages", (pushed, dict(config.get("metadata") or {})))
    if state_key is not None and state_key in job.run.plan.channels:
        write = write_of(job.run.plan, state_key, pushed)
        with scope.call.lock:
            scope.call.pushed = (*scope.call.pushed, write)
    return pushed


def _as_message(message: Any) -> BaseMessage:
    if isinstance(message, BaseMessage) and not isinstance(message, BaseMessageChunk):
        return message
    (converted,) = convert_to_messages([message])
    return message_chunk_to_message(converted)  # type: ignore[arg-type]
