"""The long-term store in a SQLite file."""

from clew.actors.memory.sqlite import AsyncSqliteStore, SqliteStore

__all__ = ["AsyncSqliteStore", "SqliteStore"]
