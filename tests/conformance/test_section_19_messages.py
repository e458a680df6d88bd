"""Section 19.1, mode `messages`: tokens, whole messages, and where they come from. Observed on LangGraph 1.2.22."""

from __future__ import annotations

from typing import Any

import pytest
from clew.checkpoint.base import BaseCheckpointSaver
from clew.constants import TAG_NOSTREAM
from clew.func import entrypoint, task
from clew.graph import START, MessagesState, StateGraph
from clew.graph.message import push_message
from clew.types import Command
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from tests.support.labels import Labels

from .callers import AsyncCaller, Caller
from .streamed import THREAD

GIVEN = {"messages": [HumanMessage("hi", id="h")]}
TOKENS = ["hello", " ", "world"]


def model() -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter([AIMessage("hello world", id="a1"), AIMessage("two", id="a2")]))


def one(node: Any, saver: BaseCheckpointSaver | None = None, **options: Any) -> Any:
    builder = StateGraph(MessagesState).add_node("n", node, **options).add_edge(START, "n")
    return builder.compile(checkpointer=saver)


def contents(chunks: list[Any]) -> list[Any]:
    return [message.content for message, _ in chunks]


def place(task: str = "<1>", **more: Any) -> dict[str, Any]:
    return {
        "langgraph_step": 1,
        "langgraph_node": "n",
        "langgraph_triggers": ("branch:to:n",),
        "langgraph_path": ("__pregel_pull", "n"),
        "langgraph_checkpoint_ns": f"n:{task}",
        **more,
    }


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_tokens_come_however_the_model_is_called(call: str, saver: BaseCheckpointSaver) -> None:
    chat = model()

    def node(state: Any) -> dict[str, Any]:
        if call == "invoke":
            return {"messages": [chat.invoke(state["messages"])]}
        first, *rest = chat.stream(state["messages"])
        for piece in rest:
            first += piece
        return {"messages": [first]}

    chunks = list(one(node, saver).stream(GIVEN, THREAD, stream_mode="messages"))
    assert contents(chunks) == TOKENS
    assert {(type(message), message.id) for message, _ in chunks} == {(AIMessageChunk, "a1")}


def test_tokens_of_async_nodes_come_too() -> None:
    chat = model()

    async def node(state: Any) -> dict[str, Any]:
        return {"messages": [await chat.ainvoke(state["messages"])]}

    assert contents(AsyncCaller().stream(one(node), GIVEN, stream_mode="messages")) == TOKENS


def test_the_metadata_says_which_node_and_model(saver: BaseCheckpointSaver, caller: Caller) -> None:
    chat = model().with_config(tags=["my"], metadata={"mm": 1})
    graph = one(lambda state: {"messages": [chat.invoke(state["messages"])]}, saver, metadata={"nm": 2})
    given = {**THREAD, "tags": ["ct"], "metadata": {"cm": 1}}
    _, metadata = caller.stream(graph, GIVEN, given, stream_mode="messages")[0]
    metadata = Labels()({key: value for key, value in metadata.items() if key != "lc_versions"})
    assert metadata == place(
        thread_id="1",
        checkpoint_ns="n:<1>",
        ls_integration="langchain_chat_model",
        ls_provider="genericfakechatmodel",
        ls_model_type="chat",
        cm=1,
        nm=2,
        mm=1,
        tags=["ct", "my"],
    )


def test_messages_that_a_node_returns_are_shown_once_and_whole(saver: BaseCheckpointSaver, caller: Caller) -> None:
    written = [AIMessage("x", id="1"), ToolMessage("t", tool_call_id="c", id="2"), AIMessage("again", id="1")]
    graph = one(lambda state: {"messages": [*written, state["messages"][0]]}, saver)
    chunks = caller.stream(graph, GIVEN, THREAD, stream_mode="messages")
    assert [(message.id, Labels()(metadata)) for message, metadata in chunks] == [
        ("1", place(thread_id="1", ls_integration="langgraph")),
        ("2", place(thread_id="1", ls_integration="langgraph")),
    ]


def test_a_single_message_is_found_and_nested_ones_are_not(caller: Caller) -> None:
    graph = one(lambda state: Command(update={"messages": AIMessage("single", id="s")}))
    assert contents(caller.stream(graph, GIVEN, stream_mode="messages")) == ["single"]

    class Wider(MessagesState):
        found: Any

    builder = StateGraph(Wider).add_node("n", lambda state: {"found": {"nested": AIMessage("x", id="x")}})
    assert caller.stream(builder.add_edge(START, "n").compile(), GIVEN, stream_mode="messages") == []


def test_what_is_no_message_yet_is_left_out_and_updates_show_it_as_given(caller: Caller) -> None:
    given = [("user", "manual"), {"role": "user", "content": "d"}, AIMessage("x", id="1")]
    chunks = caller.stream(one(lambda state: {"messages": given}), GIVEN, stream_mode=["messages", "updates"])
    assert contents([payload for mode, payload in chunks if mode == "messages"]) == ["x"]
    assert chunks[-1] == ("updates", {"n": {"messages": given}})


def test_messages_come_before_the_update_of_their_node() -> None:
    graph = one(lambda state: {"messages": [AIMessage("x", id="1")]})
    modes = ["updates", "messages", "tasks"]
    shown = [mode for mode, _ in graph.stream(GIVEN, stream_mode=modes)]
    assert shown == ["tasks", "messages", "updates", "tasks"]


def test_a_model_tagged_nostream_gives_no_tokens_but_its_message_as_the_nodes(caller: Caller) -> None:
    chat = model().with_config(tags=[TAG_NOSTREAM])
    graph = one(lambda state: {"messages": [chat.invoke(state["messages"])]})
    ((message, metadata),) = caller.stream(graph, GIVEN, stream_mode="messages")
    assert (message.content, metadata["ls_integration"]) == ("hello world", "langgraph")
    silent = one(lambda state: {"messages": [chat.invoke(state["messages"]) and AIMessage("other", id="o")]})
    assert contents(caller.stream(silent, GIVEN, stream_mode="messages")) == ["other"]


def test_a_model_called_in_a_path_function_streams_too() -> None:
    chat = model()
    builder = StateGraph(MessagesState).add_node("n", lambda state: None).add_node("b", lambda state: None)
    builder.add_edge(START, "n").add_conditional_edges("n", lambda state: chat.invoke("?") and "b", ["b"])
    chunks = list(builder.compile().stream(GIVEN, stream_mode="messages"))
    assert contents(chunks) == TOKENS
    assert {metadata["langgraph_node"] for _, metadata in chunks} == {"n"}


def test_a_model_called_in_a_task_streams_in_the_graph_of_its_caller(caller: Caller) -> None:
    chat = GenericFakeChatModel(messages=iter([AIMessage("hello world")] * 4))

    @task
    def inner(question: str) -> str:
        return chat.invoke(question).content

    @task
    def outer(question: str) -> str:
        return inner(question).result()

    @entrypoint()
    def ask(question: str) -> str:
        return outer(question).result()

    chunks = caller.stream(ask, "?", stream_mode="messages")
    assert contents(chunks) == TOKENS
    assert {metadata["langgraph_node"] for _, metadata in chunks} == {"inner"}
    assert [ns for ns, _ in caller.stream(ask, "?", stream_mode="messages", subgraphs=True)] == [()] * 3
    graph = one(lambda state: {"messages": [AIMessage(inner("?").result(), id="n")]})
    assert contents(caller.stream(graph, GIVEN, stream_mode="messages")) == [*TOKENS, "hello world"]


def test_the_metadata_has_the_callers_the_tasks_and_the_nodes_in_that_order(caller: Caller) -> None:
    graph = one(lambda state: {"messages": [AIMessage("x", id="a")]}, metadata={"of_node": 1})
    ((_, metadata),) = caller.stream(graph, GIVEN, {"metadata": {"of_caller": 1}}, stream_mode="messages")
    assert list(metadata) == ["of_caller", "ls_integration", *place(), "of_node"]
    given = {"metadata": {"ls_integration": "mine", "of_caller": 1}}
    ((_, metadata),) = caller.stream(graph, GIVEN, given, stream_mode="messages")
    assert metadata["ls_integration"] == "mine"


def test_a_pushed_message_is_shown_at_once_and_written_before_the_return(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    def node(state: Any) -> dict[str, Any]:
        push_message(AIMessage("pushed", id="p1"))
        push_message(AIMessage("unkept", id="p2"), state_key=None)
        return {"messages": [AIMessage("returned", id="r")]}

    graph = one(node, saver)
    chunks = caller.stream(graph, GIVEN, THREAD, stream_mode=["messages", "updates"])
    assert [Labels()(payload[1]) for mode, payload in chunks if mode == "messages"] == [
        place(thread_id="1"),
        place(thread_id="1"),
        place(thread_id="1", ls_integration="langgraph"),
    ]
    assert chunks[-1] == (
        "updates",
        {"n": [{"messages": AIMessage("pushed", id="p1")}, {"messages": [AIMessage("returned", id="r")]}]},
    )
    assert [message.id for message in graph.get_state(THREAD).values["messages"]] == ["h", "p1", "r"]


def test_a_pushed_message_needs_an_id_and_a_running_graph() -> None:
    with pytest.raises(ValueError, match="without an id"):
        one(lambda state: push_message(AIMessage("x"))).invoke(GIVEN)
    with pytest.raises(RuntimeError, match="outside of a running graph"):
        push_message(AIMessage("x", id="1"))
