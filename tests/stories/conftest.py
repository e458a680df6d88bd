"""Fixtures of the stories: savers of each kind, and a desk where a thread waits for a signature."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clew import PostgresSaver, SqliteSaver
from clew.events.stores.saver import BaseCheckpointSaver

from .desk import Desk


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where threads are kept: a new SQLite file, then an empty Postgres schema."""
    if request.param == "sqlite":
        return str(tmp_path / "threads.db")
    dsn = request.getfixturevalue("postgres_dsn")
    with PostgresSaver.from_conn_string(dsn) as saver:
        saver.setup()
    return dsn


@pytest.fixture
def durable(address: str) -> Iterator[SqliteSaver | PostgresSaver]:
    """A saver on `address`."""
    opened = PostgresSaver if "dbname=" in address else SqliteSaver
    with opened.from_conn_string(address) as saver:
        yield saver


@pytest.fixture
def elsewhere(address: str, durable: SqliteSaver | PostgresSaver) -> Iterator[BaseCheckpointSaver]:
    """What another process has: a saver on the same store that has read nothing yet."""
    opened = PostgresSaver if isinstance(durable, PostgresSaver) else SqliteSaver
    with opened.from_conn_string(address) as saver:
        yield saver


@pytest.fixture
def desk(saver: BaseCheckpointSaver) -> Desk:
    """A desk in each kind of store, with a letter on it that waits for its signature."""
    return Desk(saver)
