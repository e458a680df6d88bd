"""The PostgreSQL saver that is opened with `async with`."""

from clew.events.stores.postgres_saver import AsyncPostgresSaver

__all__ = ["AsyncPostgresSaver"]
