"""What people and attackers put into names, values and filters is data, on every store."""

from __future__ import annotations

import dataclasses
import re
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from clew.actors.kit.store_contract import HOSTILE_NAMES
from clew.actors.memory import sqlite as sqlite_store
from clew.errors import EncodeError, StoreError
from clew.events.stores import sqlite_connections
from clew.store.base import BaseStore, PutOp
from clew.store.memory import InMemoryStore
from clew.store.sqlite import SqliteStore

from tests.support.long_term_stores import KINDS, WITH_TTL, letters, opened

NAMES = [name.replace(".", "·") for name in HOSTILE_NAMES if name]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[BaseStore]:
    with opened(request.param, request) as made:
        yield made


@pytest.fixture(params=WITH_TTL)
def sql(request: pytest.FixtureRequest) -> Iterator[BaseStore]:
    with opened(request.param, request) as made:
        yield made


def test_hostile_names_are_data(store):
    for name in NAMES:
        store.put(("h", name), name, {name: name})
    for name in NAMES:
        assert store.get(("h", name), name).value == {name: name}
        assert [item.key for item in store.search(("h", name))] == [name]
        assert [item.key for item in store.search(("h",), filter={name: name}, limit=50)] == [name]
        assert [item.key for item in store.search(("h",), filter={name: {"$eq": name}}, limit=50)] == [name]
    assert len(store.search((), limit=100)) == len(NAMES)
    assert store.list_namespaces(prefix=("h",)) == sorted(("h", name) for name in NAMES)
    for name in NAMES:
        store.delete(("h", name), name)
    assert store.search(()) == []


def test_wildcards_of_sql_mean_nothing_in_a_prefix(store):
    store.put(("ab",), "1", {})
    store.put(("a%",), "2", {})
    store.put(("a_",), "3", {})
    store.put(("a/",), "4", {})
    for label in ("ab", "a%", "a_", "a/"):
        assert len(store.search((label,))) == 1
    assert store.search(("a",)) == []
    assert store.search(("*",)) == []


@pytest.mark.parametrize("key", ["a\0b", "\ud800"])
def test_a_key_that_no_database_keeps_is_refused(store, key):
    with pytest.raises(ValueError, match="the key"):
        store.put(("u",), key, {})


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: tuple[int, int]


def test_what_json_has_comes_back_and_the_rest_as_json_has_it(sql):
    value = {"nul": "\0", "big": 2**70, "neg": -0.5, "deep": [[[{"a": None}]]], "empty": {}, "b": False, "": ""}
    sql.put(("u",), "same", value)
    assert sql.get(("u",), "same").value == value
    assert list(sql.get(("u",), "same").value) == list(value)
    sql.put(
        ("u",),
        "other",
        {
            "tuple": (1, 2),
            "at": datetime(2026, 1, 2, 3, 4, 5),
            "on": date(2026, 1, 2),
            "id": UUID(int=1),
            "enum": Colour.RED,
            "point": Point(1, (2, 3)),
        },
    )
    assert sql.get(("u",), "other").value == {
        "tuple": [1, 2],
        "at": "2026-01-02T03:04:05",
        "on": "2026-01-02",
        "id": "00000000-0000-0000-0000-000000000001",
        "enum": "red",
        "point": {"x": 1, "y": [2, 3]},
    }


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, {"b": object()}]}, r"\$\.a\[1\]\.b"),
        ({"a": {1, 2}}, r"\$\.a"),
        ({"a": {2: 3}}, r"\$\.a"),
        ({"a": float("nan")}, r"\$\.a"),
        ({"a": Decimal(1)}, r"\$\.a"),
        ({"a": b"x"}, r"\$\.a"),
        ({"a": "\ud800"}, r"\$\.a"),
        ({"a": nested(1000)}, r"\$\.a\[0\]"),
    ],
)
def test_what_json_cannot_keep_is_refused_with_its_path(sql, value, path):
    with pytest.raises(EncodeError, match=path) as caught:
        sql.batch([PutOp(("u",), "1", {"fine": True}), PutOp(("u",), "2", value)])
    assert isinstance(caught.value, TypeError)
    assert sql.search(()) == []


def test_the_memory_store_keeps_any_object_and_containers_of_its_own():
    store = InMemoryStore()
    thing, shelf = object(), ["a"]
    store.put(("u",), "k", {"thing": thing, "shelf": shelf})
    shelf.append("b")
    read = store.get(("u",), "k").value
    read["shelf"].append("c")
    assert store.get(("u",), "k").value == {"thing": thing, "shelf": ["a"]}


def test_nothing_but_the_constant_statements_is_sent(tmp_path):
    sent: list[str] = []
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    store = SqliteStore(connection, index={"dims": 3, "embed": letters}, ttl={"default_ttl": 5})
    connection.set_trace_callback(sent.append)
    for name in NAMES:
        store.put(("h", name), name, {name: name})
        store.search(("h",), filter={name: name}, query=name)
        store.list_namespaces(prefix=("h", name))
        store.delete(("h", name), name)
    store.sweep_ttl()
    allowed = {bare(text) for text in sqlite_store.STATEMENTS | sqlite_connections.STATEMENTS}
    assert {bare(text) for text in sent if not text.startswith("--")} - allowed == set()
    connection.close()


MASKED = re.compile(r"\bx?'(?:[^']|'')*'|'(?:[^']|'')*'|\?\d*|:[a-z]+|-?\b\d+(?:\.\d+)?\b|\bNULL\b")


def bare(statement: str) -> str:
    """The statement without its parameters and literals: SQLite's trace shows values in the parameters' places."""
    return " ".join(MASKED.sub("_", statement).split())


def test_a_store_in_postgres_without_tables_says_what_to_do(postgres_dsn):
    from clew.store.postgres import PostgresStore

    with PostgresStore.from_conn_string(postgres_dsn) as store, pytest.raises(StoreError, match=r"setup\(\)"):
        store.get(("u",), "k")


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "text"
    path.write_text("this is no database, whatever it says, and longer than a header of one hundred bytes is: " * 9)
    with pytest.raises(StoreError, match="no SQLite database"):
        SqliteStore(str(path))
