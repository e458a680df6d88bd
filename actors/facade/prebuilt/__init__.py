"""Agents, and the parts they are made of: the node that runs tools, a person's review, the way on after the model."""

from clew.actors.agents.injection import InjectedState, InjectedStore, ToolRuntime
from clew.actors.agents.react.agent import create_react_agent
from clew.actors.agents.review.node import HumanInTheLoop, after_review
from clew.actors.agents.tool_node import AsyncToolCallWrapper, ToolCallWrapper, ToolNode
from clew.actors.agents.tools.calls import ToolCallRequest
from clew.actors.agents.tools.errors import ToolInvocationError
from clew.actors.agents.tools_condition import tools_condition
from clew.actors.agents.validation_node import ValidationNode
from clew.actors.run_stream.tool_calls import ToolCallTransformer
from langchain_core.tools import InjectedToolCallId

__all__ = [
    "AsyncToolCallWrapper",
    "HumanInTheLoop",
    "InjectedState",
    "InjectedStore",
    "InjectedToolCallId",
    "ToolCallRequest",
    "ToolCallTransformer",
    "ToolCallWrapper",
    "ToolInvocationError",
    "ToolNode",
    "ToolRuntime",
    "ValidationNode",
    "after_review",
    "create_react_agent",
    "tools_condition",
]
