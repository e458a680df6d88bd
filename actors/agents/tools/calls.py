"""The tool calls that a ToolNode's input asks for, and the state around them. Reads the input, runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from msgspec import Struct

from ..injection import ToolRuntime

CONTEXT_TYPE = "tool_call_with_context"
"""`__type` of an input that carries one call and the state it was made in, for use in a `Send`."""

REVIEW_KEY = "clew_review"
"""Key in the `artifact` of an answer that a person gave in a tool's place; its value is the decision."""

# by a call: in a class body the name `__type` would be mangled
ToolCallWithContext = TypedDict(
    "ToolCallWithContext",
    {"tool_call": ToolCall, "__type": Literal["tool_call_with_context"], "state": Any},
)
ToolCallWithContext.__doc__ = "An input of a ToolNode: one call, and the state that its tool sees."


class CalledTools(Struct, frozen=True):
    """What one input of a ToolNode asks for."""

    calls: Sequence[ToolCall]
    """In the order the model made them."""
    given: Any
    """The state as the node received it: a dict, an instance of the state's class, or a bare list of messages."""
    as_list: bool
    """True when the input was a bare list of messages: the output is one too."""


@dataclass(slots=True)
class ToolCallRequest:
    """One tool call on its way, as `wrap_tool_call` receives it.

    To run something else than what the model asked for, give `execute` a changed copy: `request.override(...)`.
    """

    tool_call: ToolCall
    """Name, arguments and id, as the model gave them: nothing is injected yet."""
    tool: BaseTool | None
    """The tool of that name; None when the node has none."""
    state: Any
    """The state that the node received."""
    runtime: ToolRuntime[Any, Any]

    def override(self, **overrides: Any) -> ToolCallRequest:
        """A request with these fields changed: `tool_call`, `tool`, `state`, `runtime`."""
        return replace(self, **overrides)


def messages_in(state: Any, messages_key: str) -> Sequence[Any]:
    """The messages of a state: a list is them itself, a dict or object has them under `messages_key`; () for none."""
    if isinstance(state, list):
        return state
    if isinstance(state, dict):
        return state.get(messages_key) or ()
    return getattr(state, messages_key, None) or ()


def called_tools(given: Any, messages_key: str, current_state: Callable[[], Any]) -> CalledTools:
    """The calls that an input asks for.

    Args:
        given: a state; a list of messages; a list of tool calls; or a tool call with its state (`CONTEXT_TYPE`).
        messages_key: where in a state the messages are.
        current_state: gives the graph's state, for a list of tool calls, which carries none.

    Raises:
        ValueError: no message, or none of a model's.
    """
    if isinstance(given, dict) and given.get("__type") == CONTEXT_TYPE:
        return CalledTools([given["tool_call"]], given["state"], as_list=False)
    if isinstance(given, list) and given and isinstance(given[-1], dict) and given[-1].get("type") == "tool_call":
        return CalledTools(given, current_state(), as_list=False)
    if isinstance(given, list):
        return CalledTools(_last_calls(given, messages_key), given, as_list=True)
    return CalledTools(_last_calls(messages_in(given, messages_key), messages_key), given, as_list=False)


def calling_message(messages: Sequence[Any], *, reviewed: bool = False) -> tuple[AIMessage | None, Sequence[ToolCall]]:
    """The last message of a model, and those of its calls that no later message answers.

    A call without an id cannot be told apart from another one's answer, so it always counts as unanswered.

    Args:
        messages: a history.
        reviewed: True to count only the answers that a person gave in a tool's place.
    """
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, ToolMessage):
            if not reviewed or is_review(message):
                answered.add(message.tool_call_id)
        elif isinstance(message, AIMessage):
            if not answered:
                return message, message.tool_calls
            return message, [call for call in message.tool_calls if not call["id"] or call["id"] not in answered]
    return None, ()


def is_review(message: ToolMessage) -> bool:
    """True for an answer that a person gave in a tool's place: a rejection, or a result by hand."""
    return isinstance(message.artifact, dict) and REVIEW_KEY in message.artifact


def places(calls: Sequence[ToolCall]) -> list[str]:
    """A name for each call that is the same at every re-run: its id, or its ordinal where ids repeat or are missing."""
    ids = [call.get("id") or "" for call in calls]
    return [
        identifier if identifier and ids.count(identifier) == 1 else f"#{ordinal}"
        for ordinal, identifier in enumerate(ids)
    ]


def _last_calls(messages: Sequence[Any], messages_key: str) -> Sequence[ToolCall]:
    if not messages:
        raise ValueError(
            f"a ToolNode's input has no message under {messages_key!r}: give it a state whose messages end with a "
            "model's tool calls; another key is set by ToolNode(messages_key=...)"
        )
    message, calls = calling_message(messages, reviewed=True)
    if message is not None:
        return calls
    raise ValueError(
        f"a ToolNode's input has {len(messages)} messages and no AIMessage among them: tool calls come from a model's "
        "message, so run the model's node before"
    )
