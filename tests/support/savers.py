"""A saver of each kind: what is promised is promised on every store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver, PostgresSaver, SqliteSaver

KINDS = ("memory", "sqlite", "postgres")


@contextmanager
def opened_saver(kind: str, request: pytest.FixtureRequest, **options: Any) -> Iterator[BaseCheckpointSaver]:
    """A fresh, empty saver of one of `KINDS`, with these options of its class, until the block ends."""
    if kind == "memory":
        with InMemorySaver(**options) as saver:
            yield saver
    elif kind == "sqlite":
        path = str(request.getfixturevalue("tmp_path") / "threads.sqlite")
        with SqliteSaver.from_conn_string(path, **options) as saver:
            yield saver
    else:
        with PostgresSaver.from_conn_string(request.getfixturevalue("postgres_dsn"), **options) as saver:
            saver.setup()
            yield saver
