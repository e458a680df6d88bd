"""The node that runs tools, and everything around it."""

from clew.actors.agents.injection import InjectedState, InjectedStore, ToolRuntime
from clew.actors.agents.tool_node import AsyncToolCallWrapper, ToolCallWrapper, ToolNode
from clew.actors.agents.tools.calls import ToolCallRequest, ToolCallWithContext
from clew.actors.agents.tools.errors import (
    INVALID_TOOL_NAME_ERROR_TEMPLATE,
    TOOL_CALL_ERROR_TEMPLATE,
    ToolInvocationError,
)
from clew.actors.agents.tools.results import msg_content_output
from clew.actors.agents.tools_condition import tools_condition

__all__ = [
    "INVALID_TOOL_NAME_ERROR_TEMPLATE",
    "TOOL_CALL_ERROR_TEMPLATE",
    "AsyncToolCallWrapper",
    "InjectedState",
    "InjectedStore",
    "ToolCallRequest",
    "ToolCallWithContext",
    "ToolCallWrapper",
    "ToolInvocationError",
    "ToolNode",
    "ToolRuntime",
    "msg_content_output",
    "tools_condition",
]
