"""A graph called inside a node: what it takes over from there, and how it hands back."""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

import pytest
from clew import START, Command, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import ParentCommand
from clew.runtime import Runtime
from langchain_core.runnables import RunnableConfig

from .graphs import THREAD, State, named


class Inner(TypedDict):
    x: int


def looking(seen: list[Any]):
    """A graph of one node that notes its config and context."""

    def look(state: Inner, config: RunnableConfig, runtime: Runtime) -> None:
        seen.append((config, runtime.context))

    return StateGraph(Inner).add_node("look", look).add_edge(START, "look").compile()


def calling(inner: Any, config: Any = None):
    """A graph whose one node calls `inner`, sync under `invoke` and async under `ainvoke`."""

    async def acall(state: State) -> None:
        await inner.ainvoke({"x": 1}, config)

    def call(state: State) -> None:
        inner.invoke({"x": 1}, config)

    def graph(body: Any):
        return StateGraph(State).add_node("call", body).add_edge(START, "call").compile()

    return graph(call), graph(acall)


OUTER: RunnableConfig = {
    "configurable": {"user": "ann", "thread_id": "T"},
    "tags": ["outer"],
    "metadata": {"job": 7},
    "max_concurrency": 3,
}


@pytest.mark.parametrize(
    ("given", "configurable"),
    [
        (None, {"user": "ann", "thread_id": "T"}),
        ({"configurable": {"model": "m"}}, {"user": "ann", "thread_id": "T", "model": "m"}),
        ({"configurable": {"thread_id": "own", "model": "m"}}, {"thread_id": "own", "model": "m"}),
    ],
    ids=["nothing said", "one key said", "a place said"],
)
def test_a_call_takes_over_the_config_around_it_unless_it_says_where(given: Any, configurable: dict) -> None:
    seen: list[Any] = []
    sync, asynchronous = calling(looking(seen), given)
    sync.invoke({"x": 0}, OUTER, context={"who": "ann"})
    asyncio.run(asynchronous.ainvoke({"x": 0}, OUTER, context={"who": "ann"}))
    for config, context in seen:
        own = {key: value for key, value in config["configurable"].items() if not key.startswith("checkpoint")}
        assert own == configurable
        assert (config["tags"], config["metadata"]["job"], config["max_concurrency"]) == (["outer"], 7, 3)
        assert config["metadata"]["langgraph_node"] == "look"
        assert context == {"who": "ann"}
    assert len(seen) == 2


def test_a_nodes_config_names_no_checkpoint_to_go_back_to() -> None:
    seen: list[Any] = []
    looking(seen).invoke({"x": 1}, {"configurable": {"thread_id": "T"}})
    config, _ = seen[0]
    assert config["configurable"]["checkpoint_id"] is None
    assert config["configurable"]["checkpoint_ns"].startswith("look:")


def test_what_a_user_keeps_in_configurable_is_no_metadata_of_the_run(saver: BaseCheckpointSaver) -> None:
    seen: list[Any] = []
    inner = looking(seen)
    graph = inner.builder.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "1", "api_key": "s3cret"}, "metadata": {"job": 7}}
    graph.invoke({"x": 1}, config)
    metadata = seen[0][0]["metadata"]
    assert metadata["thread_id"] == "1"
    assert "api_key" not in metadata


def test_a_called_threads_checkpoints_do_not_name_the_calling_node(saver: BaseCheckpointSaver) -> None:
    inner = looking([]).builder.compile(checkpointer=saver)
    sync, _ = calling(inner, {"configurable": {"thread_id": "in"}})
    sync.invoke({"x": 0})
    metadata = inner.get_state({"configurable": {"thread_id": "in"}}).metadata
    assert metadata == {"source": "loop", "step": 1, "parents": {}}


@pytest.mark.parametrize("called", ["as a node", "in a function"])
def test_a_command_for_the_parent_leaves_the_inner_graph(saver: BaseCheckpointSaver, called: str) -> None:
    def leave(state: Inner) -> Command:
        return Command(graph=Command.PARENT, goto="z", update={"names": ["inner"]})

    left = StateGraph(Inner).add_node("leave", leave).add_node("never", named("never")).add_edge(START, "leave")
    inner = left.add_edge("leave", "never").compile()
    body = inner if called == "as a node" else lambda state: inner.invoke({"x": 1})
    graph = StateGraph(State).add_node("sub", body).add_node("z", named("z")).add_edge(START, "sub").compile(saver)
    assert list(graph.stream({"x": 1}, THREAD)) == [{"sub": {"names": ["inner"]}}, {"z": {"names": ["z"]}}]
    config = {"configurable": {"thread_id": "2"}}
    assert asyncio.run(graph.ainvoke({"x": 1}, config))["names"] == ["inner", "z"]
    with pytest.raises(ParentCommand):
        inner.invoke({"x": 1})
