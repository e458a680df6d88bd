"""The long-term store in SQLite that is opened with `async with`."""

from clew.actors.memory.sqlite import AsyncSqliteStore

__all__ = ["AsyncSqliteStore"]
