"""The savers that keep threads in an SQLite file. One store serves sync and async callers."""

from clew.events.stores.sqlite_saver import AsyncSqliteSaver, SqliteSaver

__all__ = ["AsyncSqliteSaver", "SqliteSaver"]
