"""The cache in memory."""

from clew.actors.caching.memory import InMemoryCache

__all__ = ["InMemoryCache"]
