"""Where an agent goes next. Path functions: they read the state and run nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from langchain_core.messages import ToolCall

from ....events.vocabulary import END, Send
from ..tools.calls import calling_message
from .states import value_in

TOOLS = "tools"


def after_model(each_alone: bool, otherwise: str) -> Callable[[Any], Any]:
    """To the tools with the calls of the last message; without any, to `otherwise`.

    Args:
        each_alone: True to send each call as a task of its own, so that it is recorded, retried and asked about alone.
        otherwise: a node's name or END.
    """

    def should_continue(state: Any) -> Any:
        messages = value_in(state, "messages")
        calls = getattr(messages[-1], "tool_calls", None) if messages else None
        return _to_tools(calls, each_alone) if calls else otherwise

    return should_continue


def after_hook(each_alone: bool, entry: str, otherwise: str) -> Callable[[Any], Any]:
    """As `after_model`, after a `post_model_hook` that may have answered calls itself: to the tools with the others.

    With every call answered to `entry`, so that the model hears of it.
    """

    def post_model_hook_router(state: Any) -> Any:
        message, pending = calling_message(value_in(state, "messages") or ())
        if pending and message is not None:
            some = len(pending) < len(message.tool_calls)
            return [Send(TOOLS, [*pending])] if some and not each_alone else _to_tools(pending, each_alone)
        return entry if message is not None and message.tool_calls else otherwise

    return post_model_hook_router


def after_tools(entry: str, returns_direct: Collection[str]) -> Callable[[Any], str]:
    """To the end when the model called a tool whose result is the agent's, else to `entry`."""

    def route_tool_responses(state: Any) -> str:
        message, _ = calling_message(value_in(state, "messages") or ())
        calls = () if message is None else message.tool_calls
        return END if any(call["name"] in returns_direct for call in calls) else entry

    return route_tool_responses


def _to_tools(calls: Sequence[ToolCall], each_alone: bool) -> Any:
    # The calls alone, not the state with them: the tools' node reads the state itself, and a Send is on record.
    return [Send(TOOLS, [call]) for call in calls] if each_alone else TOOLS
