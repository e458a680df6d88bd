"""Embedding: which texts, how often, and what an embed function may get wrong; what computes gives the same results."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from clew.actors.memory import postgres_backend
from clew.store.base import (
    BaseStore,
    PutOp,
    SearchOp,
    ensure_embeddings,
    get_text_at_path,
    tokenize_path,
)
from clew.store.memory import InMemoryStore
from clew.store.postgres import PostgresStore
from clew.store.sqlite import SqliteStore
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from tests.support.long_term_stores import KINDS, keys, letters, opened


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$", ["$"]),
        ("a.b", ["a", "b"]),
        ("a[0][1]", ["a", "[0]", "[1]"]),
        ("a[*].b", ["a", "[*]", "b"]),
        ("a[-1]", ["a", "[-1]"]),
        ("a.*", ["a", "*"]),
        ("a.{x,y}.z", ["a", "{x,y}", "z"]),
        ("{a.b,c}.d", ["{a.b,c}", "d"]),
        ("a..b", ["a", "b"]),
        ("a[", ["a", "["]),
        ("", []),
    ],
)
def test_paths_in_steps(path, steps):
    assert tokenize_path(path) == steps


VALUE = {"a": {"b": "hi", "n": 1, "l": ["x", "y", {"z": "w"}]}, "list": ["p", "q"], "t": True, "none": None, "é": "é"}


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("a.b", ["hi"]),
        ("a.n", ["1"]),
        ("t", ["True"]),
        ("none", []),
        ("missing", []),
        ("a.l[0]", ["x"]),
        ("a.l[-1]", ['{"z": "w"}']),
        ("a.l[*]", ["x", "y", '{"z": "w"}']),
        ("a.l[*].z", ["w"]),
        ("list[5]", []),
        ("list[x]", []),
        ("list", ['["p", "q"]']),
        ("a.*", ["hi", "1", '["x", "y", {"z": "w"}]']),
        ("{a.b,é}", ["hi", "é"]),
        ("$.a", []),
        (["a", "b"], ["hi"]),
    ],
)
def test_texts_at_paths(path, texts):
    assert get_text_at_path(VALUE, path) == texts


@pytest.mark.parametrize("path", ["$", ""])
def test_the_whole_value_is_json_with_sorted_keys(path):
    assert get_text_at_path({"b": 1.0, "a": "é"}, path) == ['{"a": "é", "b": 1.0}']


def test_each_text_and_query_of_a_batch_is_embedded_once():
    calls: list[list[str]] = []

    def embed(texts):
        calls.append(list(texts))
        return letters(texts)

    store = InMemoryStore(index={"dims": 3, "embed": embed, "fields": ["x"]})
    puts = [PutOp(("d",), str(number), {"x": "aab"}) for number in range(3)]
    store.batch([*puts, PutOp(("d",), "0", {"x": "b"}), SearchOp(("d",), query="a"), SearchOp((), query="a")])
    assert sorted(calls) == [["a"], ["b", "aab"]] or sorted(calls) == [["a"], ["aab", "b"]]
    assert keys(store.search(("d",), query="b"))[0] == "0"


def test_embeddings_of_langchain_core_are_used_as_they_are():
    model = DeterministicFakeEmbedding(size=8)
    assert ensure_embeddings(model) is model
    store = InMemoryStore(index={"dims": 8, "embed": model, "fields": ["t"]})
    assert store.embeddings is model
    store.put(("d",), "1", {"t": "cat"})
    store.put(("d",), "2", {"t": "dog"})
    found = store.search(("d",), query="dog")
    assert (found[0].key, found[0].score) == ("2", pytest.approx(1.0))


def test_a_function_becomes_an_embeddings():
    made = ensure_embeddings(letters)
    assert isinstance(made, Embeddings)
    assert made.embed_query("aab") == [2.0, 1.0, 0.0]
    assert asyncio.run(made.aembed_query("aab")) == [2.0, 1.0, 0.0]


@pytest.mark.parametrize("embed", [None, "openai:text-embedding-3-small", 5])
def test_what_cannot_embed_is_refused_when_the_store_is_made(embed):
    with pytest.raises(ValueError, match="embed"):
        InMemoryStore(index={"dims": 3, "embed": embed})


def test_a_setting_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'dimensions'"):
        InMemoryStore(index={"embed": letters, "dimensions": 3})
    with pytest.raises(ValueError, match="'default'"):
        SqliteStore(str(tmp_path / "s"), ttl={"default": 3})


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize(
    ("embed", "told"),
    [
        (lambda texts: [[1.0] * 5 for _ in texts], r"index\['dims'\] is 3"),
        (lambda texts: [], "0 vectors for 1 texts"),
        (lambda texts: 1 / 0, "division"),
    ],
)
def test_what_an_embed_function_gets_wrong_leaves_nothing_written(kind, request, embed, told):
    with opened(kind, request, index={"dims": 3, "embed": embed}) as store:
        with pytest.raises((ValueError, ZeroDivisionError), match=told):
            store.put(("d",), "1", {"x": "a"})
        assert store.get(("d",), "1") is None


@pytest.mark.parametrize("index", ["text", True, [1]])
def test_an_index_of_a_put_that_is_no_list_of_paths_is_refused(index):
    store = InMemoryStore(index={"dims": 3, "embed": letters})
    with pytest.raises(ValueError, match="index="):
        store.put(("d",), "1", {"x": "a"}, index=index)


def test_a_vector_without_a_direction_scores_0(kind, request):
    with opened(kind, request, index={"dims": 3, "embed": letters, "fields": ["t"]}) as store:
        store.put(("d",), "1", {"t": "xyz"})
        assert [item.score for item in store.search(("d",), query="a")] == [0.0]
        assert [item.score for item in store.search(("d",), query="xyz")] == [0.0]


def test_another_embedding_than_the_kept_ones_is_told(tmp_path):
    path = str(tmp_path / "s")
    with SqliteStore.from_conn_string(path, index={"dims": 3, "embed": letters}) as store:
        store.put(("d",), "1", {"t": "a"})
    other = {"dims": 2, "embed": lambda texts: [[1.0, 0.0] for _ in texts]}
    with SqliteStore.from_conn_string(path, index=other) as store, pytest.raises(ValueError, match="embed was changed"):
        store.search(("d",), query="a")


# --- pgvector, as far as its type, cast and operator go

STAND_IN = """
CREATE DOMAIN vector AS real[];
CREATE FUNCTION distance(one real[], other real[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN sum(a * a) * sum(b * b) = 0 THEN 'NaN'::float8
    ELSE 1 - sum(a::float8 * b) / (sqrt(sum(a::float8 * a)) * sqrt(sum(b::float8 * b))) END
    FROM unnest(one, other) AS pair (a, b) $$;
CREATE OPERATOR <=> (LEFTARG = real[], RIGHTARG = real[], FUNCTION = distance);
"""


@pytest.fixture
def with_operator(postgres_dsn: str) -> Iterator[BaseStore]:
    """A store in a database with a type and an operator of pgvector's names."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(STAND_IN)
    index: Any = {"dims": 3, "embed": letters, "fields": ["t"]}
    with PostgresStore.from_conn_string(postgres_dsn, index=index) as store:
        store.setup()
        yield store


def test_the_database_computes_where_it_can_and_gives_the_same(with_operator, monkeypatch):
    monkeypatch.setattr(postgres_backend, "best_scores", lambda *_: pytest.fail("computed here"))
    here = InMemoryStore(index={"dims": 3, "embed": letters, "fields": ["t"]})
    for store in (with_operator, here):
        for number, text in enumerate(["a", "ab", "abc", "bcc", "zzz"]):
            store.put(("d",), str(number), {"t": text})
    for query in ("a", "abbb", "zzz"):
        found = [
            {item.key: item.score for item in store.search(("d",), query=query)} for store in (with_operator, here)
        ]
        assert found[0] == pytest.approx(found[1], abs=1e-6)
