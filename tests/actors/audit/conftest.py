"""A saver of each kind: what is read of threads is read of every store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver, PostgresSaver, SqliteSaver


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request: pytest.FixtureRequest) -> Iterator[BaseCheckpointSaver]:
    """A fresh, empty saver of each kind in turn."""
    if request.param == "memory":
        yield InMemorySaver()
    elif request.param == "sqlite":
        with SqliteSaver.from_conn_string(str(request.getfixturevalue("tmp_path") / "threads.sqlite")) as opened:
            yield opened
    else:
        with PostgresSaver.from_conn_string(request.getfixturevalue("postgres_dsn")) as opened:
            opened.setup()
            yield opened
