"""Where a workload's threads are kept: memory, a SQLite file, a Postgres database.

Runs in the worker: opens the engine's own saver, says which durability it really has, and counts the bytes it left.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from .engines import RAW, Engine

MEMORY = "memory"
SQLITE = "sqlite"
POSTGRES = "postgres"
STORES = (MEMORY, SQLITE, POSTGRES)

_SYNCHRONOUS_NAMES = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


@contextmanager
def opened_saver(engine: Engine, store: str, location: str) -> Iterator[Any]:
    """Open the engine's saver at `location` (a file or a connection string; unused for memory) and set it up."""
    if engine.name == RAW:
        with closing(_raw_connection(store, location)) as connection:
            yield connection
    elif store == MEMORY:
        yield engine.InMemorySaver()
    elif store == SQLITE:
        with engine.SqliteSaver.from_conn_string(location) as saver:
            saver.setup()
            yield saver
    else:
        with engine.PostgresSaver.from_conn_string(location) as saver:
            saver.setup()
            yield saver


def durability(saver: Any, store: str, location: str) -> dict[str, str]:
    """Say what the saver's store promises, asked from the store itself; empty for memory.

    SQLite's `synchronous` belongs to a connection, so it is asked on the saver's own where it shows one as `conn`.
    """
    if store == SQLITE:
        return _sqlite_durability(saver, location)
    if store == POSTGRES:
        with closing(_raw_connection(store, location)) as connection:
            names = ("server_version", "fsync", "synchronous_commit")
            return {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in names}
    return {}


def bytes_stored(store: str, location: str) -> int | None:
    """Count what the closed store holds: the SQLite file after a truncating checkpoint, or Postgres' relations.

    Postgres counts tables, indexes and oversized values, as they lie after the run (nothing is vacuumed first).
    """
    if store == SQLITE:
        with closing(sqlite3.connect(location)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sidecars = [location, f"{location}-wal"]
        return sum(os.path.getsize(path) for path in sidecars if Path(path).exists())
    if store == POSTGRES:
        with closing(_raw_connection(store, location)) as connection:
            query = "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_stat_user_tables"
            return int(connection.execute(query).fetchone()[0])
    return None


def create_database(server: str, name: str) -> str:
    """Create an empty database on a Postgres server and give its connection string.

    Args:
        server: A connection string of the server (`key=value …` or a `postgresql://` address).
        name: The new database: lower-case letters, digits and underscores.
    """
    import psycopg
    from psycopg import sql
    from psycopg.conninfo import make_conninfo

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return make_conninfo(server, dbname=name)


def drop_database(server: str, name: str) -> None:
    """Drop a database made by `create_database`, so that a long run does not fill the disk."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _raw_connection(store: str, location: str) -> Any:
    if store == SQLITE:
        connection = sqlite3.connect(location, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection
    import psycopg

    return psycopg.connect(location, autocommit=True, prepare_threshold=0)


def _sqlite_durability(saver: Any, location: str) -> dict[str, str]:
    with closing(sqlite3.connect(location)) as connection:
        promised = {
            "sqlite": sqlite3.sqlite_version,
            "journal_mode": str(connection.execute("PRAGMA journal_mode").fetchone()[0]),
        }
    own = saver if isinstance(saver, sqlite3.Connection) else getattr(saver, "conn", None)
    if isinstance(own, sqlite3.Connection):
        level = own.execute("PRAGMA synchronous").fetchone()[0]
        promised["synchronous"] = _SYNCHRONOUS_NAMES.get(level, str(level))
    else:
        promised["synchronous"] = "not shown by the saver"
    return promised
