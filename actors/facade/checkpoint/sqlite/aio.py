"""The SQLite saver that is opened with `async with`."""

from clew.events.stores.sqlite_saver import AsyncSqliteSaver

__all__ = ["AsyncSqliteSaver"]
