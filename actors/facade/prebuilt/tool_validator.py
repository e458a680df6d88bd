"""A node that checks the arguments of tool calls and runs no tool."""

from clew.actors.agents.validation_node import ValidationNode

__all__ = ["ValidationNode"]
