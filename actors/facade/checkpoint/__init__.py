"""Savers: where threads are kept."""

from clew.events.stores.postgres_saver import AsyncPostgresSaver, PostgresSaver
from clew.events.stores.saver import BaseCheckpointSaver, InMemorySaver, MemorySaver
from clew.events.stores.sqlite_saver import AsyncSqliteSaver, SqliteSaver

__all__ = [
    "AsyncPostgresSaver",
    "AsyncSqliteSaver",
    "BaseCheckpointSaver",
    "InMemorySaver",
    "MemorySaver",
    "PostgresSaver",
    "SqliteSaver",
]
