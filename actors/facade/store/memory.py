"""The long-term store in memory."""

from clew.actors.memory.memory import InMemoryStore

__all__ = ["InMemoryStore"]
