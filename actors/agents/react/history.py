"""What a model's API refuses in a history, found before it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, ToolMessage

from ....events.errors import with_code

_SHOWN_MAX = 3
"""Unanswered calls that the error names."""


def check_history(messages: Sequence[Any]) -> None:
    """Refuse messages in which a tool call has no answer. Raises `ValueError` with code INVALID_CHAT_HISTORY."""
    called = [call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    dangling = [call for call in called if call["id"] not in answered]
    if dangling:
        shown = ", ".join(f"{call['name']}({call['args']}) id {call['id']!r}" for call in dangling[:_SHOWN_MAX])
        raise ValueError(
            with_code(
                f"{len(dangling)} tool calls in the messages have no ToolMessage: {shown}. Models' APIs refuse such a "
                "history: let the tools run, or add a ToolMessage for each call, before the model is asked again",
                "INVALID_CHAT_HISTORY",
            )
        )
