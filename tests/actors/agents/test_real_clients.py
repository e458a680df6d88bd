"""The tutorial's graph with the real clients of OpenAI, Anthropic and Tavily, over the loopback server.

chatbot -> tools (a question to a person, a web search) -> pause -> Command(resume=…) -> the model's last word.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from clew import (
    START,
    Command,
    InMemorySaver,
    SqliteSaver,
    StateGraph,
    ToolNode,
    add_messages,
    init_chat_model,
    interrupt,
    tools_condition,
)
from clew.testing import after_tool, call, otherwise, reply_to
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool

from tests.support.packages import require
from tests.support.wire_server import KEY, WireServer

INSTALL = 'pip install "clew[testing]"'
INSTALL_TAVILY = "pip install --no-deps langchain-tavily, and pip install aiohttp requests"

QUESTION = "I need some expert guidance for building an AI agent."
ANSWER = "We, the experts, recommend clew."
LAST_WORD = f"An expert says: {ANSWER} The web says: Page 1 on building agents."
CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}


def last_word(messages: Any) -> str:
    found, told = (str(message.text) for message in messages[-2:])
    return f"An expert says: {told} The web says: {json.loads(found)['results'][0]['content']}"


SCRIPT = [
    reply_to(
        "expert",
        [
            "I will ask and look.",
            call("tavily_search", query="building agents"),
            call("human_assistance", query="How to build an agent?"),
        ],
    ),
    after_tool("human_assistance", last_word),
    otherwise("You are welcome."),
]


class State(TypedDict):
    messages: Annotated[list[Any], add_messages]


@tool
def human_assistance(query: str) -> str:
    """Request assistance from a human."""
    return interrupt({"query": query})["data"]


@pytest.fixture
def server() -> Iterator[WireServer]:
    require("langchain_tavily", INSTALL_TAVILY)
    with WireServer(SCRIPT) as running:
        yield running


@pytest.fixture(params=["openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> str:
    require(f"langchain_{request.param}", INSTALL)
    return request.param


def tutorial(provider: str, server: WireServer, saver: Any, *, key: str = KEY, awaits: bool = False) -> Any:
    """The tutorial's graph, with clients of its own; `awaits` makes its chatbot a coroutine."""
    tavily = require("langchain_tavily", INSTALL_TAVILY)
    if provider == "openai":
        llm = init_chat_model("openai:gpt-4.1", api_key=KEY, base_url=server.openai_url, max_retries=0)
    else:
        llm = init_chat_model("anthropic:claude-loopback", api_key=KEY, base_url=server.url, max_retries=0)
    tools = [tavily.TavilySearch(max_results=2, tavily_api_key=key, api_base_url=server.url), human_assistance]
    llm_with_tools = llm.bind_tools(tools)

    def chatbot(state: State) -> dict[str, Any]:
        return {"messages": [llm_with_tools.invoke(state["messages"])]}

    async def async_chatbot(state: State) -> dict[str, Any]:
        return {"messages": [await llm_with_tools.ainvoke(state["messages"])]}

    builder = StateGraph(State)
    builder.add_node("chatbot", async_chatbot if awaits else chatbot)
    builder.add_node("tools", ToolNode(tools=tools))
    builder.add_conditional_edges("chatbot", tools_condition)
    builder.add_edge("tools", "chatbot")
    builder.add_edge(START, "chatbot")
    return builder.compile(checkpointer=saver)


def asked(text: str = QUESTION) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def said(messages: list[Any]) -> list[tuple[str, str]]:
    return [(type(message).__name__, str(message.text)) for message in messages]


def test_the_tutorial_pauses_at_its_question_and_ends_with_the_models_word(provider: str, server: WireServer) -> None:
    graph = tutorial(provider, server, InMemorySaver())
    paused = graph.invoke(asked(), CONFIG)
    assert [question.value for question in paused["__interrupt__"]] == [{"query": "How to build an agent?"}]
    assert graph.get_state(CONFIG).next == ("tools",)

    ended = graph.invoke(Command(resume={"data": ANSWER}), CONFIG)
    assert said(ended["messages"])[0] == ("HumanMessage", QUESTION)
    assert said(ended["messages"])[1] == ("AIMessage", "I will ask and look.")
    assert [message.name for message in ended["messages"][2:4]] == ["tavily_search", "human_assistance"]
    assert said(ended["messages"])[3] == ("ToolMessage", ANSWER)
    assert said(ended["messages"])[4] == ("AIMessage", LAST_WORD)
    assert graph.get_state(CONFIG).next == ()

    assert graph.invoke(asked("Thanks!"), CONFIG)["messages"][-1].text == "You are welcome."


def test_the_async_doors_take_the_same_way(provider: str, server: WireServer) -> None:
    async def conversation() -> list[Any]:
        graph = tutorial(provider, server, InMemorySaver(), awaits=True)
        paused = await graph.ainvoke(asked(), CONFIG)
        assert paused["__interrupt__"][0].value == {"query": "How to build an agent?"}
        ended = await graph.ainvoke(Command(resume={"data": ANSWER}), CONFIG)
        return ended["messages"]

    assert said(asyncio.run(conversation()))[-1] == ("AIMessage", LAST_WORD)
    assert ["aiohttp" in request.headers["user-agent"] for request in server.to("/search")] == [True]


def test_the_services_are_asked_once_for_each_thing(provider: str, server: WireServer) -> None:
    """The search beside the question is played back at the resume; the model is not asked again either."""
    graph = tutorial(provider, server, InMemorySaver())
    graph.invoke(asked(), CONFIG)
    graph.invoke(Command(resume={"data": ANSWER}), CONFIG)
    assert [request.body["query"] for request in server.to("/search")] == ["building agents"]
    models = [request for request in server.requests if not request.path.endswith("/search")]
    assert len(models) == 2
    assert len(models[1].body["messages"]) > len(models[0].body["messages"])


def test_tokens_of_the_client_stream_through_the_graph(provider: str, server: WireServer) -> None:
    graph = tutorial(provider, server, InMemorySaver())
    list(graph.stream(asked(), CONFIG, stream_mode="messages"))
    chunks = list(graph.stream(Command(resume={"data": ANSWER}), CONFIG, stream_mode="messages"))
    words = [str(message.text) for message, about in chunks if isinstance(message, AIMessageChunk)]
    assert "".join(words) == LAST_WORD
    assert len([word for word in words if word]) == len(LAST_WORD.split())
    assert {about["langgraph_node"] for message, about in chunks if isinstance(message, AIMessageChunk)} == {"chatbot"}


def test_a_thread_goes_on_from_its_file_with_new_clients(provider: str, server: WireServer, tmp_path: Path) -> None:
    """What the real clients return, content blocks and metadata included, survives the file."""
    path = str(tmp_path / "threads.db")
    with SqliteSaver.from_conn_string(path) as saver:
        before = tutorial(provider, server, saver)
        before.invoke(asked(), CONFIG)
        spoken = before.get_state(CONFIG).values["messages"][1]
    with SqliteSaver.from_conn_string(path) as saver:
        graph = tutorial(provider, server, saver)
        snapshot = graph.get_state(CONFIG)
        assert snapshot.next == ("tools",)
        kept = snapshot.values["messages"][1]
        assert isinstance(kept, AIMessage)
        assert kept == spoken
        assert kept.usage_metadata is not None
        assert kept.usage_metadata["total_tokens"] == 18
        ended = graph.invoke(Command(resume={"data": ANSWER}), CONFIG)
        assert said(ended["messages"])[-1] == ("AIMessage", LAST_WORD)
    assert len(server.to("/search")) == 1


def test_a_search_that_fails_is_told_to_the_model(provider: str, server: WireServer) -> None:
    graph = tutorial(provider, server, InMemorySaver(), key="wrong")
    graph.invoke(asked(), CONFIG)
    server.model = type(server.model)([after_tool("tavily_search", "The search failed.", result="401")])
    ended = graph.invoke(Command(resume={"data": ANSWER}), CONFIG)
    failed = ended["messages"][2]
    assert isinstance(failed, ToolMessage)
    assert failed.name == "tavily_search"
    assert ended["messages"][-1].text == "The search failed."
