"""Long-term stores of each kind, opened for one test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from clew.store.base import BaseStore
from clew.store.memory import InMemoryStore
from clew.store.postgres import PostgresStore
from clew.store.sqlite import SqliteStore

KINDS = ["memory", "sqlite", "postgres"]
WITH_TTL = ["sqlite", "postgres"]


@contextmanager
def opened(kind: str, request: pytest.FixtureRequest, **settings: Any) -> Iterator[BaseStore]:
    """A fresh, empty store of this kind."""
    if kind == "memory":
        yield InMemoryStore(**settings)
    elif kind == "sqlite":
        path = str(request.getfixturevalue("tmp_path") / "memories.sqlite")
        with SqliteStore.from_conn_string(path, **settings) as store:
            store.setup()
            yield store
    else:
        with PostgresStore.from_conn_string(request.getfixturevalue("postgres_dsn"), **settings) as store:
            store.setup()
            yield store


def letters(texts: Sequence[str]) -> list[list[float]]:
    """An embedding: how many a, b and c a text has."""
    return [[float(text.count(letter)) for letter in "abc"] for text in texts]


def addresses(items: Sequence[Any]) -> list[tuple[str, str]]:
    """Namespace, joined, and key of each item."""
    return [("/".join(item.namespace), item.key) for item in items]


def keys(items: Sequence[Any]) -> list[str]:
    """The items' keys."""
    return [item.key for item in items]
