"""The cache in a SQLite file."""

from clew.actors.caching.sqlite import SqliteCache

__all__ = ["SqliteCache"]
