"""Fixtures of more than one room's tests: a private Postgres server, and the three stores."""

import os
from collections.abc import Iterator
from itertools import count

import pytest
from clew.checkpoint import BaseCheckpointSaver
from clew.events.stores.memory import MemoryStore
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import Store

from .support.postgres_server import PostgresServer, reason_missing
from .support.savers import KINDS, opened_saver

_schema_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole run. Without binaries its tests are skipped, with that reason; in CI they fail."""
    missing = reason_missing()
    if missing and os.environ.get("CI"):
        pytest.fail(f"{missing}; CI must have them")
    if missing:
        pytest.skip(missing)
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """A connection string to an empty schema of this test's own; a schema costs 2 ms where a database costs 40."""
    import psycopg
    from psycopg.conninfo import make_conninfo
    from psycopg.sql import SQL, Identifier

    schema = Identifier(name := f"test_{next(_schema_numbers)}")
    with psycopg.connect(postgres_server.dsn, autocommit=True) as connection:
        connection.execute(SQL("CREATE SCHEMA {}").format(schema))
    yield make_conninfo(postgres_server.dsn, options=f"-c search_path={name}")
    with psycopg.connect(postgres_server.dsn, autocommit=True) as connection:
        connection.execute(SQL("DROP SCHEMA {} CASCADE").format(schema))


@pytest.fixture(params=KINDS)
def saver(request: pytest.FixtureRequest) -> Iterator[BaseCheckpointSaver]:
    """A fresh, empty saver of each kind in turn."""
    with opened_saver(request.param, request) as opened:
        yield opened


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A fresh, empty store of each kind in turn."""
    opened = _open_store(request)
    yield opened
    opened.close()


def _open_store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "sqlite":
        return SqliteStore(str(request.getfixturevalue("tmp_path") / "threads.db"))
    from clew.events.stores.postgres import PostgresStore

    opened = PostgresStore(request.getfixturevalue("postgres_dsn"))
    opened.setup()
    return opened
