"""Section 24, the long-term store, statement by statement, on every store."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, TypedDict

import pytest
from clew.config import get_store
from clew.graph import START, StateGraph
from clew.prebuilt import InjectedStore, ToolNode, ToolRuntime
from clew.runtime import Runtime
from clew.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchItem,
    SearchOp,
)
from clew.store.memory import InMemoryStore
from clew.store.postgres import PostgresStore
from clew.store.postgres.aio import AsyncPostgresStore
from clew.store.sqlite import SqliteStore
from clew.store.sqlite.aio import AsyncSqliteStore
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from tests.support.long_term_stores import KINDS, WITH_TTL, addresses, keys, letters, opened


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[BaseStore]:
    with opened(request.param, request) as made:
        yield made


@pytest.fixture(params=WITH_TTL)
def mortal(request: pytest.FixtureRequest) -> Iterator[Any]:
    with opened(request.param, request, ttl={"refresh_on_read": True}) as made:
        yield made


@pytest.fixture(params=KINDS)
def near(request: pytest.FixtureRequest) -> Iterator[BaseStore]:
    index = {"dims": 3, "embed": letters, "fields": ["text", "tags[*]"]}
    with opened(request.param, request, index=index) as made:
        yield made


# --- the methods

SIGNATURES = {
    "batch": "(self, ops)",
    "get": "(self, namespace, key, *, refresh_ttl=None)",
    "put": "(self, namespace, key, value, index=None, *, ttl=NOT_GIVEN)",
    "delete": "(self, namespace, key)",
    "search": "(self, namespace_prefix, /, *, query=None, filter=None, limit=10, offset=0, refresh_ttl=None)",
    "list_namespaces": "(self, *, prefix=None, suffix=None, max_depth=None, limit=100, offset=0)",
}


@pytest.mark.parametrize("name", SIGNATURES)
@pytest.mark.parametrize(
    "kind", [BaseStore, InMemoryStore, SqliteStore, AsyncSqliteStore, PostgresStore, AsyncPostgresStore]
)
def test_every_method_has_an_async_twin_of_the_same_signature(kind, name):
    for one in (name, f"a{name}"):
        signature = inspect.signature(getattr(kind, one))
        bare = signature.replace(
            parameters=[p.replace(annotation=p.empty) for p in signature.parameters.values()],
            return_annotation=signature.empty,
        )
        assert str(bare) == SIGNATURES[name]
    assert inspect.iscoroutinefunction(getattr(kind, f"a{name}"))


def test_async_methods_do_what_their_twins_do(store):
    async def talk() -> Any:
        await store.aput(("u",), "k", {"n": 1})
        assert await store.aget(("u",), "k") == store.get(("u",), "k")
        assert keys(await store.asearch(("u",))) == ["k"]
        assert await store.alist_namespaces() == [("u",)]
        assert await store.abatch([GetOp(("u",), "k")]) == [store.get(("u",), "k")]
        await store.adelete(("u",), "k")
        return await store.aget(("u",), "k")

    assert asyncio.run(talk()) is None


# --- names and values


@pytest.mark.parametrize(
    ("namespace", "told"),
    [
        ((), "Namespace cannot be empty"),
        (None, "Namespace cannot be empty"),
        (("",), "Namespace labels cannot be empty strings"),
        (("a.b",), "cannot contain periods"),
        ((1,), "Namespace labels must be strings, but got int"),
        (("langgraph", "x"), 'Root label for namespace cannot be "langgraph"'),
        ("text", "a namespace is a tuple of labels"),
        (("a\0b",), "NUL"),
    ],
)
def test_a_namespace_that_cannot_be_is_refused(store, namespace, told):
    with pytest.raises(InvalidNamespaceError, match=told) as caught:
        store.put(namespace, "k", {"a": 1})
    assert isinstance(caught.value, ValueError)
    with pytest.raises(InvalidNamespaceError):
        asyncio.run(store.aput(namespace, "k", {"a": 1}))
    assert store.search(()) == []


def test_langgraph_is_reserved_as_the_first_label_only(store):
    store.put(("x", "langgraph"), "k", {})
    assert store.get(("x", "langgraph"), "k").value == {}


def test_reads_with_an_empty_prefix_search_everything(store):
    store.put(("a",), "1", {})
    store.put(("b", "c"), "2", {})
    assert sorted(addresses(store.search(()))) == [("a", "1"), ("b/c", "2")]


def test_a_value_that_is_no_mapping_is_refused(store):
    with pytest.raises(ValueError, match="dictionary update sequence"):
        store.put(("u",), "k", "xx")
    with pytest.raises(TypeError):
        store.put(("u",), "k", 5)
    assert store.get(("u",), "k") is None


def test_a_key_is_made_a_text(store):
    store.put(("u",), 5, {"a": 1})
    assert store.get(("u",), 5).key == "5"
    assert store.get(("u",), "5") == store.get(("u",), 5)


def test_none_as_the_value_deletes(store):
    store.put(("u",), "k", {"a": 1})
    store.put(("u",), "k", None)
    assert store.get(("u",), "k") is None


def test_get_gives_an_item_or_none(store):
    assert store.get(("u",), "k") is None
    before = datetime.now(UTC)
    store.put(("u", "v"), "k", {"a": [1, {"b": None}], "ü": 1.5})
    item = store.get(("u", "v"), "k")
    assert isinstance(item, Item)
    assert (item.namespace, item.key, item.value) == (("u", "v"), "k", {"a": [1, {"b": None}], "ü": 1.5})
    assert before <= item.created_at == item.updated_at <= datetime.now(UTC)
    assert item.dict() == {
        "namespace": ["u", "v"],
        "key": "k",
        "value": {"a": [1, {"b": None}], "ü": 1.5},
        "created_at": item.created_at.isoformat(),
        "updated_at": item.updated_at.isoformat(),
    }
    assert repr(item).startswith(
        "Item(namespace=['u', 'v'], key='k', value={'a': [1, {'b': None}], 'ü': 1.5}, created_at='"
    )


def test_created_at_stays_when_a_value_is_overwritten(store):
    store.put(("u",), "k", {"n": 1})
    first = store.get(("u",), "k")
    store.put(("u",), "k", {"n": 2})
    second = store.get(("u",), "k")
    assert second.value == {"n": 2}
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at


def test_delete_forgets_and_an_unknown_key_is_no_error(store):
    store.put(("u",), "k", {"n": 1})
    store.delete(("u",), "k")
    store.delete(("u",), "k")
    assert store.get(("u",), "k") is None


# --- search


@pytest.fixture
def filled(store):
    store.put(("q",), "a", {"n": 1, "s": "x", "d": {"u": {"v": 1}}, "l": [1, 2], "none": None, "b": True})
    store.put(("q",), "b", {"n": 2, "s": "y", "d": {"u": {"v": 2}}})
    store.put(("q", "r"), "c", {"n": 3.5, "s": "z"})
    store.put(("q2",), "d", {"n": 3.5, "s": "z"})
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"n": 1}, "a"),
        ({"n": {"$eq": 1}}, "a"),
        ({"n": {"$ne": 1}}, "bc"),
        ({"n": {"$gt": 1}}, "bc"),
        ({"n": {"$gte": 2, "$lt": 3}}, "b"),
        ({"n": {"$lte": 2}}, "ab"),
        ({"d": {"u": {"v": 1}}}, "a"),
        ({"d": {"u": 1}}, ""),
        ({"d": {"u": {"v": {"$gt": 1}}}}, "b"),
        ({"d": {}}, "ab"),
        ({"l": [1, 2]}, "a"),
        ({"l": [1]}, ""),
        ({"none": None}, "abc"),
        ({"missing": {"$ne": 1}}, "abc"),
        ({"missing": {"$gt": 1}}, ""),
        ({"s": {"$gt": "x"}}, "bc"),
        ({"n": {"$gt": "x"}}, ""),
        ({"n": "1"}, ""),
        ({"b": True, "n": 1}, "a"),
        ({"$n": 2}, ""),
        ({}, "abc"),
        (None, "abc"),
    ],
)
def test_filters(filled, wanted, found):
    assert "".join(sorted(keys(filled.search(("q",), filter=wanted)))) == found


@pytest.mark.parametrize("wanted", [{"n": {"$foo": 1}}, {"n": {"$eq": 1, "x": 2}}, {"d": {"u": {"$near": 1}}}])
def test_an_unknown_operator_is_refused_even_by_an_empty_store(store, wanted):
    with pytest.raises(ValueError, match="Unsupported operator: "):
        store.search(("q",), filter=wanted)


def test_a_prefix_means_whole_labels(filled):
    assert sorted(keys(filled.search(("q",)))) == ["a", "b", "c"]
    assert keys(filled.search(("q", "r"))) == ["c"]
    assert filled.search(("q", "r", "s")) == []


def test_search_gives_search_items_without_a_score(filled):
    found = filled.search(("q", "r"))
    assert [type(item) for item in found] == [SearchItem]
    assert found[0].score is None
    assert found[0].dict()["score"] is None
    assert repr(found[0]).startswith("Item(namespace=['q', 'r'], key='c', ")
    assert found[0] == filled.get(("q", "r"), "c")


def test_a_query_without_an_index_does_nothing(filled):
    assert [item.score for item in filled.search(("q",), query="x")] == [None] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_without_a_query(kind, request):
    with opened(kind, request) as store:
        for key in ("1", "2", "3"):
            store.put(("o",), key, {})
        store.put(("o",), "1", {"again": True})
        # In memory as they were first put; in SQL what was put last comes first.
        assert keys(store.search(("o",))) == (["1", "2", "3"] if kind == "memory" else ["1", "3", "2"])


def test_in_memory_a_search_goes_from_namespace_to_namespace() -> None:
    store = InMemoryStore()
    for number in range(4):
        store.put(("o", str(number % 2)), str(number), {"n": number})
    assert keys(store.search(("o",))) == ["0", "2", "1", "3"]
    assert keys(store.search(("o",), limit=2, offset=1)) == ["2", "1"]
    store.delete(("o", "0"), "0")
    store.delete(("o", "0"), "2")
    store.put(("o", "0"), "4", {})
    assert keys(store.search(("o",))) == ["1", "3", "4"]
    assert store.list_namespaces() == [("o", "0"), ("o", "1")]


def test_limit_is_10_unless_said_and_offset_leaves_out(store):
    store.batch([PutOp(("many",), f"{number:02}", {"even": number % 2 == 0}) for number in range(25)])
    assert len(store.search(("many",))) == 10
    every = keys(store.search(("many",), limit=100))
    assert len(every) == 25
    assert keys(store.search(("many",), limit=4, offset=3)) == every[3:7]
    assert keys(store.search(("many",), limit=100, offset=24)) == every[24:]
    assert store.search(("many",), offset=25) == []
    even = keys(store.search(("many",), filter={"even": True}, limit=100))
    assert keys(store.search(("many",), filter={"even": True}, limit=2, offset=1)) == even[1:3]


@pytest.mark.parametrize("window", [{"limit": -1}, {"offset": -1}, {"limit": "x"}])
def test_a_limit_that_is_no_count_is_refused(store, window):
    with pytest.raises(ValueError, match="0 or more"):
        store.search(("q",), **window)


# --- search by meaning


def scored(items):
    return [(item.key, None if item.score is None else pytest.approx(item.score, abs=1e-6)) for item in items]


def test_a_query_ranks_by_cosine_and_the_rest_fills_the_slots(near):
    near.put(("d",), "1", {"text": "aaa"})
    near.put(("d",), "2", {"text": "bbb", "tags": ["ab", "c"]})
    near.put(("d",), "3", {"other": "a"})
    near.put(("d",), "4", {"text": "a"}, index=False)
    near.put(("d", "e"), "5", {"text": "ccc", "other": "aab"}, index=["other"])
    found = near.search(("d",), query="a")
    assert scored(found)[:3] == [("1", 1.0), ("5", 2 / 5**0.5), ("2", 0.5**0.5)]
    assert sorted(keys(found[3:])) == ["3", "4"]
    assert [item.score for item in found[3:]] == [None, None]
    assert scored(near.search(("d",), query="a", filter={"text": {"$ne": "aaa"}}))[0] == ("5", 2 / 5**0.5)
    assert keys(near.search(("d",), query="a", limit=2, offset=1)) == ["5", "2"]
    assert keys(near.search(("d",), query="a", limit=9, offset=4)) == keys(found[4:])
    assert keys(near.search(("d", "e"), query="c")) == ["5"]
    assert {item.score for item in near.search(("d",))} == {None}


def test_an_overwritten_value_loses_its_old_vectors(near):
    near.put(("d",), "1", {"text": "aaa"})
    near.put(("d",), "1", {"text": "bbb"})
    assert scored(near.search(("d",), query="b")) == [("1", 1.0)]
    near.put(("d",), "1", {"text": "aaa"}, index=False)
    assert scored(near.search(("d",), query="b")) == [("1", None)]
    near.delete(("d",), "1")
    assert near.search(("d",), query="b") == []


def test_without_fields_the_whole_value_is_embedded(request, tmp_path):
    seen = []

    def embed(texts):
        seen.extend(texts)
        return letters(texts)

    InMemoryStore(index={"dims": 3, "embed": embed}).put(("d",), "1", {"x": "a", "b": {"c": 1}})
    assert seen == ['{"b": {"c": 1}, "x": "a"}']


@pytest.mark.parametrize("kind", KINDS)
def test_an_async_embed_function_serves_async_calls_only(kind, request):
    async def embed(texts):
        return letters(texts)

    with opened(kind, request, index={"dims": 3, "embed": embed}) as store:

        async def talk():
            await store.aput(("d",), "1", {"x": "aab"})
            return await store.asearch(("d",), query="aab")

        assert scored(asyncio.run(talk()))[0][0] == "1"
        with pytest.raises(ValueError, match="async"):
            store.put(("d",), "2", {"x": "a"})
        assert store.get(("d",), "2") is None


# --- time to live


def test_the_memory_store_has_no_ttl():
    store = InMemoryStore()
    assert not store.supports_ttl
    with pytest.raises(NotImplementedError, match="TTL is not supported by InMemoryStore"):
        store.put(("u",), "k", {}, ttl=5)
    with pytest.raises(NotImplementedError):
        asyncio.run(store.aput(("u",), "k", {}, ttl=5))
    store.put(("u",), "k", {"a": 1}, ttl=None)
    assert store.get(("u",), "k", refresh_ttl=True).value == {"a": 1}


def test_what_expired_is_swept(mortal):
    assert mortal.supports_ttl
    mortal.put(("u",), "gone", {}, ttl=0)
    mortal.put(("u",), "later", {}, ttl=5)
    mortal.put(("u",), "never", {})
    assert mortal.sweep_ttl() == 1
    assert sorted(keys(mortal.search(("u",)))) == ["later", "never"]
    assert mortal.sweep_ttl() == 0


def test_reading_begins_the_time_anew_unless_told_not_to(mortal, monkeypatch):
    began = time.time_ns()

    def wait_until(minutes):
        monkeypatch.setattr(time, "time_ns", lambda: began + minutes * 60 * 10**9)

    wait_until(0)
    mortal.put(("u",), "read", {}, ttl=10)
    mortal.put(("u",), "left", {}, ttl=10)
    wait_until(6)
    assert mortal.get(("u",), "read") is not None
    assert mortal.get(("u",), "left", refresh_ttl=False) is not None
    assert mortal.sweep_ttl() == 0
    wait_until(12)
    assert mortal.sweep_ttl() == 1
    assert mortal.get(("u",), "left") is None
    assert mortal.get(("u",), "read") is not None


@pytest.mark.parametrize("kind", WITH_TTL)
def test_the_default_ttl_is_for_puts_that_do_not_say(kind, request):
    with opened(kind, request, ttl={"default_ttl": 0}) as store:
        store.put(("u",), "default", {})
        store.put(("u",), "never", {}, ttl=None)
        store.put(("u",), "later", {}, ttl=5)
        assert store.sweep_ttl() == 1
        assert sorted(keys(store.search(("u",)))) == ["later", "never"]


@pytest.mark.parametrize("kind", WITH_TTL)
@pytest.mark.parametrize("omit", [True, False])
def test_omit_expired_hides_what_is_not_swept_yet(kind, omit, request):
    with opened(kind, request, ttl={"omit_expired": omit, "refresh_on_read": False}) as store:
        store.put(("u",), "old", {}, ttl=0)
        assert (store.get(("u",), "old") is None) is omit
        assert (store.search(("u",)) == []) is omit
        assert (store.list_namespaces() == []) is omit


@pytest.mark.parametrize("kind", WITH_TTL)
def test_the_sweeper_starts_once_and_stops(kind, request):
    with opened(kind, request, ttl={"default_ttl": 0, "sweep_interval_minutes": 0.05 / 60}) as store:
        store.put(("u",), "old", {})
        running = store.start_ttl_sweeper()
        assert store.start_ttl_sweeper() is running
        end = time.monotonic() + 10
        while store.get(("u",), "old", refresh_ttl=False) and time.monotonic() < end:
            time.sleep(0.01)
        assert store.get(("u",), "old") is None
        assert not running.done()
        assert store.stop_ttl_sweeper(timeout=5)
        assert running.result(timeout=5) is None
        assert store.stop_ttl_sweeper()


def test_a_store_without_ttl_settings_needs_no_sweeper(tmp_path):
    with SqliteStore.from_conn_string(str(tmp_path / "s")) as store:
        assert store.start_ttl_sweeper().done()
        assert store.stop_ttl_sweeper()


def test_the_async_sql_stores_open_with_async_with(tmp_path, postgres_dsn):
    async def talk(manager):
        async with manager as store:
            await store.setup()
            await store.aput(("u",), "k", {"n": 1}, ttl=5)
            task = await store.start_ttl_sweeper()
            assert await store.stop_ttl_sweeper(5)
            await task
            assert await store.sweep_ttl() == 0
            return (await store.aget(("u",), "k")).value

    settings = {"ttl": {"default_ttl": 5}}
    assert asyncio.run(talk(AsyncSqliteStore.from_conn_string(str(tmp_path / "s"), **settings))) == {"n": 1}
    pool = {"min_size": 1, "max_size": 2}
    manager = AsyncPostgresStore.from_conn_string(postgres_dsn, pool_config=pool, **settings)
    assert asyncio.run(talk(manager)) == {"n": 1}


# --- namespaces


def test_list_namespaces(filled):
    filled.put(("x", "langgraph"), "k", {})
    assert filled.list_namespaces() == [("q",), ("q", "r"), ("q2",), ("x", "langgraph")]
    assert filled.list_namespaces(prefix=("q",)) == [("q",), ("q", "r")]
    assert filled.list_namespaces(prefix=("*", "r")) == [("q", "r")]
    assert filled.list_namespaces(suffix=("r",)) == [("q", "r")]
    assert filled.list_namespaces(suffix=("q", "*")) == [("q", "r")]
    assert filled.list_namespaces(prefix=("q",), suffix=("r",)) == [("q", "r")]
    assert filled.list_namespaces(max_depth=1) == [("q",), ("q2",), ("x",)]
    assert filled.list_namespaces(limit=1, offset=1) == [("q", "r")]
    assert filled.list_namespaces(prefix=("q", "r", "z")) == []
    with pytest.raises(ValueError, match="max_depth"):
        filled.list_namespaces(max_depth=0)


# --- batches


def test_within_a_batch_reads_see_what_was_before_and_the_last_put_counts(store):
    store.put(("b",), "old", {"x": 0})
    results = store.batch(
        [
            PutOp(("b",), "1", {"x": 1}),
            GetOp(("b",), "1"),
            PutOp(("b",), "1", {"x": 2}),
            SearchOp(("b",)),
            ListNamespacesOp((MatchCondition("prefix", ("b",)),)),
            PutOp(("b",), "old", None),
            GetOp(("b",), "old"),
        ]
    )
    assert results[:3] == [None, None, None]
    assert keys(results[3]) == ["old"]
    assert results[4] == [("b",)]
    assert results[6].value == {"x": 0}
    assert store.get(("b",), "1").value == {"x": 2}
    assert store.get(("b",), "old") is None
    assert store.batch([]) == []


def test_a_bad_operation_leaves_nothing_of_its_batch(store):
    with pytest.raises(ValueError, match="Unknown operation type"):
        store.batch([PutOp(("b",), "1", {"x": 1}), 5])
    with pytest.raises(ValueError, match="Unsupported match type"):
        store.batch([PutOp(("b",), "1", {"x": 1}), ListNamespacesOp((MatchCondition("infix", ("b",)),))])
    with pytest.raises(InvalidNamespaceError):
        store.batch([PutOp(("b",), "1", {"x": 1}), PutOp((), "1", {})])
    assert store.search(()) == []


# --- in nodes


class Said(TypedDict, total=False):
    seen: list[str]
    messages: list[Any]


def remembered(node, store):
    graph = StateGraph(Said).add_node("node", node).add_edge(START, "node").compile(store=store)
    return [graph.invoke({})["seen"], asyncio.run(graph.ainvoke({}))["seen"]]


def test_a_node_gets_the_store_in_every_way(store):
    store.put(("u",), "k", {"name": "Ada"})

    def parameter(state, *, store: BaseStore):
        return {"seen": [store.get(("u",), "k").value["name"]]}

    def of_the_runtime(state, runtime: Runtime):
        return {"seen": [runtime.store.get(("u",), "k").value["name"]]}

    def asked_for(state):
        return {"seen": [get_store().get(("u",), "k").value["name"]]}

    for node in (parameter, of_the_runtime, asked_for):
        assert remembered(node, store) == [["Ada"], ["Ada"]]


def test_an_async_node_uses_the_async_methods(store):
    async def node(state, *, store: BaseStore):
        await store.aput(("u",), "k", {"name": "Ada"})
        return {"seen": [(await store.aget(("u",), "k")).value["name"]]}

    graph = StateGraph(Said).add_node("node", node).add_edge(START, "node").compile(store=store)
    assert asyncio.run(graph.ainvoke({}))["seen"] == ["Ada"]


def test_a_tool_gets_the_store_in_every_way(store):
    store.put(("u",), "k", {"name": "Ada"})

    @tool
    def injected(store: Annotated[Any, InjectedStore()]) -> str:
        """Who?"""
        return store.get(("u",), "k").value["name"]

    @tool
    def of_the_runtime(runtime: ToolRuntime) -> str:
        """Who?"""
        return runtime.store.get(("u",), "k").value["name"]

    calls = [{"name": one, "args": {}, "id": one, "type": "tool_call"} for one in ("injected", "of_the_runtime")]
    graph = (
        StateGraph(Said)
        .add_node("tools", ToolNode([injected, of_the_runtime]))
        .add_edge(START, "tools")
        .compile(store=store)
    )
    answers = graph.invoke({"messages": [AIMessage("", tool_calls=calls)]})["messages"]
    assert [message.content for message in answers] == ["Ada", "Ada"]


def test_without_a_store_a_node_gets_none_and_a_tool_that_needs_one_fails_at_its_call():
    def node(state, *, store: BaseStore):
        return {"seen": [repr(store), repr(get_store())]}

    graph = StateGraph(Said).add_node("node", node).add_edge(START, "node").compile()
    assert graph.invoke({}) == {"seen": ["None", "None"]}

    @tool
    def injected(store: Annotated[Any, InjectedStore()]) -> str:
        """Who?"""
        return ""

    tools = StateGraph(Said).add_node("tools", ToolNode([injected])).add_edge(START, "tools").compile()
    call = {"name": "injected", "args": {}, "id": "1", "type": "tool_call"}
    with pytest.raises(ValueError, match="store"):
        tools.invoke({"messages": [AIMessage("", tool_calls=[call])]})
