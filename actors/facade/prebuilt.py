"""Parts that agents are made of: the node that runs tools, the way on after the model, what tools can ask for."""

from clew.actors.agents.injection import InjectedState, InjectedStore, ToolRuntime
from clew.actors.agents.tool_node import AsyncToolCallWrapper, ToolCallWrapper, ToolNode
from clew.actors.agents.tools.calls import ToolCallRequest
from clew.actors.agents.tools.errors import ToolInvocationError
from clew.actors.agents.tools_condition import tools_condition
from clew.actors.run_stream.tool_calls import ToolCallTransformer
from langchain_core.tools import InjectedToolCallId

__all__ = [
    "AsyncToolCallWrapper",
    "InjectedState",
    "InjectedStore",
    "InjectedToolCallId",
    "ToolCallRequest",
    "ToolCallTransformer",
    "ToolCallWrapper",
    "ToolInvocationError",
    "ToolNode",
    "ToolRuntime",
    "tools_condition",
]
