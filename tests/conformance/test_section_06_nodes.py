"""Section 6: what a node can be, and what it is given. What it may return is with section 8."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any, Optional

import pytest
from clew import StateGraph
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.runtime import Runtime
from clew.store.base import BaseStore
from clew.types import StreamWriter
from langchain_core.runnables import RunnableConfig, RunnableLambda

from .callers import AsyncCaller, Caller
from .programs import ONE, State, chain, single

GIVEN: dict[str, Any] = {"x": 1}
SPOKEN = ContextVar("spoken", default="")


class Counter:
    """With a method and as an object that can be called."""

    def method(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        return {"x": state["x"] + bool(config)}

    def __call__(self, state: State) -> dict[str, Any]:
        return {"x": 2}


@pytest.mark.parametrize(
    "node",
    [
        lambda state: {"x": 2},
        Counter().method,
        Counter(),
        RunnableLambda(lambda state: {"x": 2}),
        single(lambda state: {"x": 2}).compile(),
        {"x": RunnableLambda(lambda state: 2)},
    ],
    ids=["function", "method", "object", "runnable", "graph", "dict"],
)
def test_what_a_node_can_be(node: Any, caller: Caller) -> None:
    assert caller.invoke(single(node).compile(), GIVEN)["x"] == 2


@pytest.mark.parametrize("is_async", [False, True], ids=["sync-node", "async-node"])
def test_what_a_node_sets_in_a_context_variable_stays_its_own(is_async: bool, caller: Caller) -> None:
    seen: list[str] = []

    def sets(state: State) -> None:
        seen.append(SPOKEN.get())
        SPOKEN.set("node")

    async def asets(state: State) -> None:
        await asyncio.sleep(0)
        sets(state)
        await asyncio.sleep(0)
        assert SPOKEN.get() == "node"

    if is_async and not caller.is_async:
        pytest.skip("a sync call runs no async nodes")
    node = asets if is_async else sets
    graph = StateGraph(State).add_sequence([("a", node), ("b", node)]).set_entry_point("a").compile()
    token = SPOKEN.set("caller")
    try:
        caller.invoke(graph, GIVEN)
        assert (seen, SPOKEN.get()) == (["caller", "caller"], "caller")
    finally:
        SPOKEN.reset(token)


def test_an_async_node_runs_for_async_callers_only() -> None:
    async def node(state: State) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"x": 2}

    graph = single(node).compile()
    assert AsyncCaller().invoke(graph, GIVEN)["x"] == 2
    with pytest.raises(TypeError, match="'f'"):
        graph.invoke(GIVEN)


def takes_config(state: State, config: RunnableConfig) -> dict[str, Any]:
    return {"x": sorted(config["configurable"])[-1]}


def takes_optional_config(state: State, config: Optional[RunnableConfig] = None) -> dict[str, Any]:  # noqa: UP045
    return {"x": None if config is None else config["configurable"]["u"]}


def takes_bare(state: State, *, config, previous, runtime) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    return {"x": (config["configurable"]["u"], previous, isinstance(runtime, Runtime))}


@pytest.mark.parametrize(
    ("node", "given"), [(takes_config, "u"), (takes_optional_config, 7), (takes_bare, (7, None, True))]
)
def test_parameters_are_given_by_name(node: Any, given: Any, caller: Caller) -> None:
    assert caller.invoke(single(node).compile(), GIVEN, {"configurable": {"u": 7}})["x"] == given


def test_a_config_of_another_annotation_gets_nothing_and_a_warning() -> None:
    def node(state: State, config: int = 5) -> dict[str, Any]:
        return {"x": config}

    with pytest.warns(UserWarning, match="config"):
        builder = single(node)
    assert builder.compile().invoke(GIVEN)["x"] == 5


def test_a_writer_writes_to_the_custom_stream_and_to_nothing_else(caller: Caller) -> None:
    def node(state: State, writer: StreamWriter) -> dict[str, Any]:
        writer("hello")
        return {}

    graph = single(node).compile()
    assert caller.stream(graph, GIVEN, stream_mode="custom") == ["hello"]
    assert caller.stream(graph, GIVEN) == [{"f": None}]


def test_a_store_that_is_not_there_is_none(caller: Caller) -> None:
    def node(state: State, store: Optional[BaseStore]) -> dict[str, Any]:  # noqa: UP045
        return {"x": store}

    assert caller.invoke(single(node).compile(), GIVEN)["x"] is None


def test_the_config_a_node_sees(saver: BaseCheckpointSaver, caller: Caller) -> None:
    seen: list[Any] = []

    def node(state: State, config: RunnableConfig) -> None:
        seen.append(config)

    config = {"configurable": {"thread_id": "1", "u": 3}, "metadata": {"m": 1}, "tags": ["t"]}
    caller.invoke(single(node).compile(checkpointer=saver), GIVEN, config)
    (given,) = seen
    assert set(given) == {"callbacks", "configurable", "metadata", "tags"}
    assert (given["configurable"]["thread_id"], given["configurable"]["u"]) == ("1", 3)
    metadata = given["metadata"]
    assert (metadata["langgraph_node"], metadata["langgraph_step"], metadata["thread_id"]) == ("f", 1, "1")
    assert (metadata["langgraph_triggers"], metadata["langgraph_path"]) == (
        ("branch:to:f",),
        ("__pregel_pull", "f"),
    )
    assert (metadata["m"], given["tags"]) == (1, ["t"])
    caller.invoke(single(node).compile(), GIVEN)
    assert set(seen[1]) == {"callbacks", "configurable", "metadata"}, "no tags, where there are none"
    caller.invoke(single(node).compile(), GIVEN, {"recursion_limit": 7, "max_concurrency": 2, "run_name": "r"})
    assert set(seen[2]) - set(seen[1]) == {"recursion_limit", "max_concurrency"}


# -- section 17.2 and 17.3, as far as they are about what goes in


def test_none_and_an_empty_dict_are_different_inputs(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE)
    assert caller.invoke(graph, None, ONE)["l"] == ["a"]
    assert len(caller.history(graph, ONE)) == 3
    assert caller.invoke(graph, {}, ONE)["l"] == ["a", "a"]
    assert len(caller.history(graph, ONE)) == 6


def test_thread_ids_are_text_and_bound_config_merges() -> None:
    seen: list[Any] = []

    def node(state: State, config: RunnableConfig) -> None:
        seen.append((config["tags"], config["metadata"]["m"], config["configurable"]["u"]))

    graph = single(node).compile(checkpointer=InMemorySaver())
    bound = graph.with_config({"tags": ["t1"], "metadata": {"m": 1}, "configurable": {"u": 1}})
    bound.invoke(GIVEN, {"tags": ["t2"], "configurable": {"thread_id": 1, "u": 2}})
    assert seen == [(["t1", "t2"], 1, 2)]
    assert graph.get_state(ONE).values["x"] == 1
    assert graph.copy({"name": "other"}).name == "other"
    assert isinstance(StateGraph(State), StateGraph)
