"""The savers that keep threads in a PostgreSQL database. One store serves sync and async callers."""

from clew.events.stores.postgres_saver import AsyncPostgresSaver, PostgresSaver

__all__ = ["AsyncPostgresSaver", "PostgresSaver"]
