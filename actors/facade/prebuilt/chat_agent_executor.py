"""The agent that calls its model and its tools in turn, and the states it can have."""

from clew.actors.agents.react.agent import create_react_agent
from clew.actors.agents.react.agent import create_react_agent as create_tool_calling_executor
from clew.actors.agents.react.states import (
    AgentState,
    AgentStatePydantic,
    AgentStateWithStructuredResponse,
    AgentStateWithStructuredResponsePydantic,
)

__all__ = [
    "AgentState",
    "AgentStatePydantic",
    "AgentStateWithStructuredResponse",
    "AgentStateWithStructuredResponsePydantic",
    "create_react_agent",
    "create_tool_calling_executor",
]
