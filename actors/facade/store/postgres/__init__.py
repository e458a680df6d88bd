"""The long-term store in a Postgres database."""

from clew.actors.memory.postgres import AsyncPostgresStore, PoolConfig, PostgresStore

__all__ = ["AsyncPostgresStore", "PoolConfig", "PostgresStore"]
