"""Caches for nodes and tasks with a `CachePolicy`: `compile(cache=...)`."""

from clew.actors.caching.base import BaseCache
from clew.actors.caching.memory import InMemoryCache
from clew.actors.caching.sqlite import SqliteCache

__all__ = ["BaseCache", "InMemoryCache", "SqliteCache"]
