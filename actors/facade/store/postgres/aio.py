"""The long-term store in Postgres that is opened with `async with`."""

from clew.actors.memory.postgres import AsyncPostgresStore, PoolConfig

__all__ = ["AsyncPostgresStore", "PoolConfig"]
