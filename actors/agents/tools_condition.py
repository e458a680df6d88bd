"""Where an agent goes after its model spoke: to its tools, or to the end. A path function; it only reads the state."""

from __future__ import annotations

from typing import Any, Literal

from .tools.calls import messages_in


def tools_condition(state: Any, messages_key: str = "messages") -> Literal["tools", "__end__"]:
    """`"tools"` when the last message calls tools, else `END`.

    ```python
    builder.add_conditional_edges("chatbot", tools_condition)
    builder.add_edge("tools", "chatbot")
    ```

    Args:
        state: a dict or object with messages under `messages_key`, or the list of messages itself.
        messages_key: where in the state the messages are.

    Raises:
        ValueError: there is no message.
    """
    messages = messages_in(state, messages_key)
    if not messages:
        raise ValueError(
            f"tools_condition found no message under {messages_key!r}: it decides by the model's last message, "
            "so let the model's node run before it"
        )
    return "tools" if getattr(messages[-1], "tool_calls", None) else "__end__"
