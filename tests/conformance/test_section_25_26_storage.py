"""Sections 25 and 26: what a value becomes in a store, and what a saver offers; on every store where it matters."""

from __future__ import annotations

import asyncio
import gc
import inspect
import operator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypedDict
from uuid import UUID

import pytest
from clew import Runtime
from clew.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from clew.checkpoint.memory import InMemorySaver
from clew.checkpoint.postgres import PostgresSaver
from clew.checkpoint.serde.jsonplus import JsonPlusSerializer
from clew.checkpoint.sqlite import SqliteSaver
from clew.errors import (
    DecodeError,
    EmptyInputError,
    NothingToResumeError,
    StaleVersionError,
    ThreadErasedError,
    UnknownInterruptError,
)
from clew.events.chain.digest import genesis, link
from clew.events.chain.verify import verify
from clew.events.codec.commits import decode_commit
from clew.events.codec.values import Codec
from clew.events.vocabulary import ThreadErased
from clew.graph import START, StateGraph
from clew.types import Command, Send, interrupt
from langchain_core.messages import AIMessage

from tests.support.labels import steady


def latter(one: Any, other: Any) -> Any:
    return f"{one}{other}"


class State(TypedDict, total=False):
    x: int
    l: Annotated[list[str], operator.add]  # noqa: E741
    own: Annotated[str, latter]


def asking(saver: BaseCheckpointSaver, **options: Any) -> Any:
    def first(state: State) -> State:
        return {"l": ["a"], "own": "b"}

    def ask(state: State) -> State:
        return {"l": [interrupt("q?")]}

    graph = StateGraph(State).add_node("first", first).add_node("ask", ask)
    return graph.add_edge(START, "first").add_edge("first", "ask").compile(checkpointer=saver, **options)


def at(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


GIVEN = {"x": 1, "l": [], "own": "a"}


# --- section 25


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"x",
        bytearray(b"y"),
        "text",
        2**70,
        (1, [2]),
        {"a", "b"},
        datetime(2026, 1, 2, tzinfo=UTC),
        UUID(int=1),
        Decimal("1.50"),
        AIMessage("hello", id="1"),
        Send("node", {"k": 1}),
    ],
    ids=steady,
)
def test_values_come_back_as_they_were(value):
    serializer = JsonPlusSerializer()
    read = serializer.loads_typed(serializer.dumps_typed(value))
    assert (read, type(read)) == (value, type(value))


def test_kinds_of_bytes():
    serializer = JsonPlusSerializer()
    assert serializer.dumps_typed(None) == ("null", b"")
    assert serializer.dumps_typed(b"x") == ("bytes", b"x")
    assert serializer.dumps_typed(bytearray(b"x"))[0] == "bytearray"
    assert serializer.dumps_typed({"a": 1})[0] == "msgpack"


def test_what_cannot_be_stored_is_a_type_error_and_what_cannot_be_read_a_value_error():
    serializer = JsonPlusSerializer()
    with pytest.raises(TypeError, match=r"\$\.a"):
        serializer.dumps_typed({"a": object()})
    for data in (("pickle", b"x"), ("msgpack", b"\xc1"), ("json", b"{}")):
        with pytest.raises(DecodeError):
            serializer.loads_typed(data)


def test_pickle_is_warned_of_and_never_used():
    with pytest.warns(UserWarning, match="no pickle"):
        serializer = JsonPlusSerializer(pickle_fallback=True)
    with pytest.raises(TypeError):
        serializer.dumps_typed(lambda: 1)


def test_a_saver_takes_clews_serializer_and_refuses_another():
    InMemorySaver(serde=JsonPlusSerializer())
    with pytest.raises(TypeError, match="serde="):
        InMemorySaver(serde=object())
    with pytest.raises(TypeError, match="serde="):
        SqliteSaver(":memory:", serde=object())


# --- section 26: the methods

SIGNATURES = {
    "get": "(self, config)",
    "get_tuple": "(self, config)",
    "list": "(self, config, *, filter=None, before=None, limit=None)",
    "put": "(self, config, checkpoint, metadata, new_versions)",
    "put_writes": "(self, config, writes, task_id, task_path='')",
    "delete_thread": "(self, thread_id)",
    "copy_thread": "(self, source_thread_id, target_thread_id)",
    "delete_for_runs": "(self, run_ids)",
    "prune": "(self, thread_ids, *, strategy='keep_latest')",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_method_has_an_async_twin_of_the_same_signature(name):
    for one in (name, f"a{name}"):
        signature = inspect.signature(getattr(BaseCheckpointSaver, one))
        bare = signature.replace(
            parameters=[p.replace(annotation=p.empty) for p in signature.parameters.values()],
            return_annotation=signature.empty,
        )
        assert str(bare) == SIGNATURES[name]


def test_a_thread_is_listed_newest_first(saver):
    graph = asking(saver)
    graph.invoke(GIVEN, {**at("1"), "metadata": {"who": "me"}})
    found = list(saver.list(at("1")))
    assert all(type(one) is CheckpointTuple for one in found)
    assert [one.metadata for one in found] == [
        {"source": "loop", "step": 1, "parents": {}, "who": "me"},
        {"source": "loop", "step": 0, "parents": {}, "who": "me"},
        {"source": "input", "step": -1, "parents": {}, "who": "me"},
    ]
    assert [one.checkpoint["channel_values"] for one in found] == [
        {"x": 1, "l": ["a"], "own": "ab"},
        {"x": 1, "l": [], "own": "a"},
        {START: GIVEN},
    ]
    assert [one.parent_config for one in found] == [found[1].config, found[2].config, None]
    [(task, channel, [question])] = found[0].pending_writes
    assert (task, channel, question.value) == (graph.get_state(at("1")).tasks[0].id, "__interrupt__", "q?")
    assert [(channel, value) for _, channel, value in found[1].pending_writes] == [("l", ["a"]), ("own", "b")]
    assert found[0].checkpoint["id"] == found[0].config["configurable"]["checkpoint_id"]
    assert found[0].config == graph.get_state(at("1")).config


def test_get_tuple_gives_the_latest_or_the_named_one(saver):
    asking(saver).invoke(GIVEN, at("1"))
    found = list(saver.list(at("1")))
    assert saver.get_tuple(at("1")) == found[0]
    assert saver.get_tuple(found[1].config) == found[1]
    assert saver.get(at("1")) == found[0].checkpoint
    assert asyncio.run(saver.aget_tuple(found[1].config)) == found[1]
    assert asyncio.run(saver.aget(at("1"))) == found[0].checkpoint
    assert saver.get_tuple(at("nobody")) is None
    assert saver.get(at("nobody")) is None
    with pytest.raises(KeyError, match="thread_id"):
        saver.get_tuple({"configurable": {}})


def test_list_is_filtered_bounded_and_limited(saver):
    graph = asking(saver)
    graph.invoke(GIVEN, at("1"))
    graph.invoke(GIVEN, at("2"))
    found = list(saver.list(at("1")))
    assert [one.metadata["step"] for one in saver.list(at("1"), filter={"source": "loop"}, limit=1)] == [1]
    assert list(saver.list(at("1"), before=found[1].config)) == found[2:]
    assert list(saver.list(found[1].config)) == [found[1]]
    assert len(list(saver.list(None))) == len(list(saver.list({}))) == 6

    async def collected() -> list[CheckpointTuple]:
        return [one async for one in saver.alist(at("1"), limit=2)]

    assert asyncio.run(collected()) == found[:2]


def test_without_the_graph_the_log_says_how_to_fold(saver):
    graph = asking(saver)
    graph.invoke(GIVEN, at("1"))
    del graph
    gc.collect()
    other: Any = type(saver).__new__(type(saver))
    BaseCheckpointSaver.__init__(other, saver.store)
    # A reducer of the user's is not in the log: what was written last is shown.
    assert other.get(at("1"))["channel_values"] == {"x": 1, "l": ["a"], "own": "b"}


def around(inner: Any, saver: BaseCheckpointSaver) -> Any:
    builder = StateGraph(State).add_node("p", lambda state: {"x": 2}).add_node("sub", inner)
    return builder.add_edge(START, "p").add_edge("p", "sub").compile(checkpointer=saver)


def places(found: Any) -> list[tuple[str, int]]:
    return [(one.config["configurable"]["checkpoint_ns"].split(":")[0], one.metadata["step"]) for one in found]


def test_graphs_inside_are_read_by_their_namespace_and_listed_with_the_thread(saver):
    graph = around(asking(None), saver)
    graph.invoke(GIVEN, at("1"))
    inside = graph.get_state(at("1")).tasks[0].state
    root, inner = [("", 1), ("", 0), ("", -1)], [("sub", 1), ("sub", 0), ("sub", -1)]
    assert places(saver.list(at("1"))) == [*inner, *root]
    assert places(saver.list({"configurable": {"thread_id": "1", "checkpoint_ns": ""}})) == root
    assert places(saver.list(inside)) == inner
    latest = saver.get_tuple(inside)
    assert set(latest.config["configurable"]) == {"thread_id", "checkpoint_ns", "checkpoint_id"}
    assert latest.config["configurable"]["checkpoint_ns"] == inside["configurable"]["checkpoint_ns"]
    assert latest.metadata["parents"] == {"": graph.get_state(at("1")).config["configurable"]["checkpoint_id"]}
    assert latest.checkpoint["channel_values"] == {"x": 2, "l": ["a"], "own": "ab"}
    assert [(channel, value[0].value) for _, channel, value in latest.pending_writes] == [("__interrupt__", "q?")]
    assert saver.get_tuple(latest.parent_config).metadata["step"] == 0

    async def collected() -> list[CheckpointTuple]:
        return [one async for one in saver.alist(at("1"))]

    assert asyncio.run(collected()) == list(saver.list(at("1")))
    graph.invoke(Command(resume="yes"), at("1"))
    assert places(saver.list(inside)) == [("sub", 2), *inner]


def test_a_history_that_goes_on_is_read_by_its_name(saver):
    inner = StateGraph(State).add_node("n", lambda state: {"l": ["n"]}).add_edge(START, "n").compile(checkpointer=True)
    graph = around(inner, saver)
    graph.invoke({"x": 1}, at("1"))
    named = {"configurable": {"thread_id": "1", "checkpoint_ns": "sub"}}
    assert places(saver.list(named)) == [("sub", 1), ("sub", 0), ("sub", -1)]
    assert saver.get_tuple(named).checkpoint["channel_values"]["l"] == ["n"]


def test_without_the_graph_the_log_says_how_to_fold_those_inside(saver):
    graph = around(asking(None), saver)
    graph.invoke(GIVEN, at("1"))
    inside = graph.get_state(at("1")).tasks[0].state
    del graph
    gc.collect()
    other: Any = type(saver).__new__(type(saver))
    BaseCheckpointSaver.__init__(other, saver.store)
    assert other.get(inside)["channel_values"] == {"x": 2, "l": ["a"], "own": "b"}
    assert other.get(at("1"))["channel_values"] == {"x": 2, "l": [], "own": "a"}


def test_versions_grow_and_there_are_no_config_specs(saver):
    first = saver.get_next_version(None, None)
    second = saver.get_next_version(first, None)
    assert first < second < saver.get_next_version(second, None)
    assert [int(version.partition(".")[0]) for version in (first, second)] == [1, 2]
    assert saver.config_specs == []
    assert isinstance(saver.serde, JsonPlusSerializer)


def test_writing_by_hand_is_refused(saver):
    for call in (
        lambda: saver.put(at("1"), {}, {}, {}),
        lambda: saver.put_writes(at("1"), [], "task"),
        lambda: asyncio.run(saver.aput(at("1"), {}, {}, {})),
        lambda: asyncio.run(saver.aput_writes(at("1"), [], "task")),
    ):
        with pytest.raises(NotImplementedError, match="written by their actor"):
            call()
    for call in (lambda: saver.delete_for_runs(["r"]), lambda: saver.prune(["1"])):
        with pytest.raises(NotImplementedError, match="whole log"):
            call()


# --- whole threads


def test_a_deleted_thread_is_gone_for_readers_who_had_it_in_memory(saver):
    graph = asking(saver)
    graph.invoke(GIVEN, at("1"))
    graph.invoke(GIVEN, at("2"))
    saver.delete_thread("1")
    assert graph.get_state(at("1")).values == {}
    assert list(graph.get_state_history(at("1"))) == []
    assert saver.get_tuple(at("1")) is None
    assert list(saver.list(at("1"))) == []
    assert len(list(saver.list(None))) == 3
    assert graph.get_state(at("2")).next == ("ask",)


def test_a_deleted_thread_s_id_begins_a_new_life_that_says_so(saver):
    graph = asking(saver)
    (question,) = graph.invoke(GIVEN, at("1"))["__interrupt__"]
    for life in (1, 2):
        asyncio.run(saver.adelete_thread("1"))
        assert saver.store.read("1") == []
        for answer, refusal in (("A", NothingToResumeError), ({question.id: "A"}, UnknownInterruptError)):
            with pytest.raises(refusal):
                graph.invoke(Command(resume=answer), at("1"))
        with pytest.raises(EmptyInputError):
            graph.invoke(None, at("1"))
        # as this process had it in memory, and as one does that never saw it
        working = graph if life == 1 else asking(saver)
        assert working.invoke({"x": 2, "l": ["new"]}, at("1"))["l"] == ["new", "a"]
        assert [row.metadata["step"] for row in graph.get_state_history(at("1"))] == [1, 0, -1]
        rows = saver.store.read("1")
        erased = decode_commit(rows[0].body, Codec(), thread="1", version=0).events[0]
        assert (verify(rows, "1"), erased) == ([], ThreadErased(epoch=life))
        assert graph.invoke(Command(resume=f"B{life}"), at("1"))["l"] == ["new", "a", f"B{life}"]


def test_an_update_by_hand_may_begin_the_new_life(saver):
    graph = asking(saver)
    graph.invoke(GIVEN, at("1"))
    saver.delete_thread("1")
    graph.update_state(at("1"), {"x": 2, "l": ["by hand"]})
    assert graph.get_state(at("1")).values["l"] == ["by hand"]
    assert len(list(graph.get_state_history(at("1")))) == 1


def test_a_run_of_the_life_that_was_deleted_fails_and_writes_nothing(saver):
    def delete(state: State) -> dict[str, Any]:
        saver.delete_thread("1")
        if state["x"] == 2:
            other.invoke({"x": 3, "l": []}, at("1"))
        return {"l": ["late"]}

    graph = StateGraph(State).add_node("delete", delete).add_edge(START, "delete").compile(saver)
    with pytest.raises(ThreadErasedError):
        graph.invoke({"x": 1, "l": []}, at("1"))
    assert saver.store.read("1") == []
    # Another process, so to say: it has the thread in memory for itself.
    with Runtime() as runtime:
        other = asking(saver, runtime=runtime)
        with pytest.raises((StaleVersionError, ThreadErasedError)):
            graph.invoke({"x": 2, "l": []}, at("1"))
        assert other.get_state(at("1")).values["l"] == ["a"]
        assert other.invoke(Command(resume="B"), at("1"))["l"] == ["a", "B"]


def test_deleting_an_unknown_thread_is_no_error_and_keeps_its_id_free(saver):
    saver.delete_thread("new")
    assert asking(saver).invoke(GIVEN, at("new"))["l"] == ["a"]
    saver.prune(["new"], strategy="delete")
    assert saver.get_tuple(at("new")) is None


def test_a_copy_goes_its_own_way(saver):
    graph = asking(saver)
    graph.invoke(GIVEN, at("1"))
    saver.copy_thread("1", "2")
    asyncio.run(saver.acopy_thread("1", "3"))
    assert graph.get_state(at("2")).values == graph.get_state(at("1")).values
    assert len(list(graph.get_state_history(at("2")))) == 3
    assert graph.invoke(Command(resume="B"), at("2"))["l"] == ["a", "B"]
    assert graph.invoke(Command(resume="A"), at("1"))["l"] == ["a", "A"]
    saver.delete_thread("1")
    assert graph.get_state(at("2")).values["l"] == ["a", "B"]
    assert graph.get_state(at("3")).next == ("ask",)
    assert [head.thread for head in saver.store.heads(2)] == ["3"]


def test_a_copy_has_a_chain_of_its_own(saver):
    asking(saver).invoke(GIVEN, at("1"))
    saver.copy_thread("1", "2")
    rows, digest = saver.store.read("2"), genesis("2")
    assert [row.body for row in rows] == [row.body for row in saver.store.read("1")]
    for row in rows:
        digest = link(digest, row.body)
        assert row.digest == digest


def test_a_copy_that_was_broken_off_is_finished(saver, monkeypatch):
    graph = asking(saver)
    graph.invoke(GIVEN, at("1"))
    append, calls = saver.store.append, []

    def failing(entry: Any) -> int:
        if calls:
            raise OSError("gone")
        calls.append(entry)
        return append(entry)

    monkeypatch.setattr(saver.store, "append", failing)
    with pytest.raises(OSError, match="gone"):
        saver.copy_thread("1", "2")
    monkeypatch.undo()
    saver.copy_thread("1", "2")
    assert graph.invoke(Command(resume="B"), at("2"))["l"] == ["a", "B"]


def test_a_copy_that_cannot_be_is_refused(saver):
    graph = asking(saver)
    graph.invoke(GIVEN, at("1"))
    graph.invoke(GIVEN, at("2"))
    with pytest.raises(KeyError, match="no thread 'nobody'"):
        saver.copy_thread("nobody", "3")
    with pytest.raises(ValueError, match="exists already"):
        saver.copy_thread("1", "2")
    with pytest.raises(ValueError, match="onto itself"):
        saver.copy_thread("1", "1")
    saver.delete_thread("2")
    for source, target in (("2", "3"), ("1", "2")):
        with pytest.raises(ThreadErasedError):
            saver.copy_thread(source, target)


def test_a_tenant_copies_and_lists_its_own_threads_only():
    red = InMemorySaver(tenant="red")
    blue: Any = InMemorySaver(tenant="blue")
    blue.store = red.store
    asking(red).invoke(GIVEN, at("1"))
    assert blue.get_tuple(at("1")) is None
    assert list(blue.list(None)) == []
    with pytest.raises(KeyError):
        blue.copy_thread("1", "2")


def test_savers_open_with_the_peers_keywords(postgres_dsn):
    with PostgresSaver.from_conn_string(postgres_dsn, pipeline=False) as saver:
        saver.setup()
        assert saver.get_tuple(at("1")) is None


def test_a_saver_without_a_store_is_a_base_that_keeps_nothing() -> None:
    base, here = BaseCheckpointSaver(), {"configurable": {"thread_id": "1"}}
    for call in (lambda: base.get_tuple(here), lambda: list(base.list(here)), lambda: base.delete_thread("1")):
        with pytest.raises(NotImplementedError, match="no store"):
            call()
    with pytest.raises(NotImplementedError):
        base.put(here, {}, {}, {})
    assert base.get_next_version(None) < base.get_next_version("1")
    graph = StateGraph(dict).add_node("a", lambda state: {}).add_edge(START, "a").compile(base)
    with pytest.raises(NotImplementedError, match="no store"):
        graph.invoke({}, here)
    base.close()
