"""The graph's builder, and what it compiles to."""

from clew.actors.author.builder import StateGraph
from clew.actors.doors.compiled import CompiledStateGraph

__all__ = ["CompiledStateGraph", "StateGraph"]
