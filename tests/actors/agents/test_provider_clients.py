"""The real clients of OpenAI, Anthropic and Tavily, driven through whole tool calls over the loopback server.

No graph here: this shows that the clients and the server speak the same wire format.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clew.actors.agents.chat_models import init_chat_model
from clew.actors.kit.script import after_tool, call, otherwise, reply_to
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from tests.support.packages import require
from tests.support.wire_server import KEY, WireServer

INSTALL = 'pip install "clew[testing]"'
INSTALL_TAVILY = "pip install --no-deps langchain-tavily, and pip install aiohttp requests"

SCRIPT = [
    reply_to(
        "weather", ["Let me look.", call("tavily_search", query="weather in Oslo"), call("tavily_search", query="wind")]
    ),
    after_tool(
        "tavily_search", lambda messages: f"I read {json.loads(str(messages[-2].text))['results'][0]['content']}"
    ),
    otherwise("Hello from the loopback!"),
]


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer(SCRIPT) as running:
        yield running


@pytest.fixture(params=["openai", "anthropic"])
def model(request: pytest.FixtureRequest, server: WireServer) -> BaseChatModel:
    require(f"langchain_{request.param}", INSTALL)
    if request.param == "openai":  # a client of another address than OpenAI's asks for usage only when told to
        options = {"model": "gpt-4.1", "base_url": server.openai_url, "stream_usage": True}
    else:
        options = {"model": "claude-loopback", "base_url": server.url}
    return init_chat_model(model_provider=request.param, api_key=KEY, max_retries=0, **options)


@pytest.fixture
def search(server: WireServer) -> BaseTool:
    tavily = require("langchain_tavily", INSTALL_TAVILY)
    return tavily.TavilySearch(max_results=1, tavily_api_key=KEY, api_base_url=server.url)


def streamed(model: Runnable[Any, Any], talk: list[Any]) -> Any:
    return whole(list(model.stream(talk)))


def awaited(model: Runnable[Any, Any], talk: list[Any]) -> Any:
    return asyncio.run(model.ainvoke(talk))


def async_streamed(model: Runnable[Any, Any], talk: list[Any]) -> Any:
    async def collected() -> list[Any]:
        return [chunk async for chunk in model.astream(talk)]

    return whole(asyncio.run(collected()))


def whole(chunks: list[Any]) -> Any:
    assert len(chunks) > 4, "the answer came in pieces"
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total


DOORS = [lambda model, talk: model.invoke(talk), streamed, awaited, async_streamed]


@pytest.mark.parametrize("ask", DOORS, ids=["invoke", "stream", "ainvoke", "astream"])
def test_a_whole_tool_call_goes_through(
    ask: Callable[[Runnable[Any, Any], list[Any]], Any], model: BaseChatModel, search: BaseTool, server: WireServer
) -> None:
    ready = model.bind_tools([search])
    talk: list[Any] = [SystemMessage("You are brief."), HumanMessage("How is the weather in Oslo?")]
    asking = ask(ready, talk)
    assert str(asking.text) == "Let me look."
    assert [(made["name"], made["args"]) for made in asking.tool_calls] == [
        ("tavily_search", {"query": "weather in Oslo"}),
        ("tavily_search", {"query": "wind"}),
    ]
    results = [search.invoke(made) for made in asking.tool_calls]
    assert all(isinstance(result, ToolMessage) for result in results)
    answer = ask(ready, [*talk, AIMessage(asking.content, tool_calls=asking.tool_calls), *results])
    assert str(answer.text) == "I read Page 1 on weather in Oslo."
    assert answer.usage_metadata["total_tokens"] == 18
    assert [request.body["query"] for request in server.to("/search")] == ["weather in Oslo", "wind"]
    assert [request.body["max_results"] for request in server.to("/search")] == [1, 1]


def test_the_async_search_sends_what_the_sync_one_sends(search: BaseTool, server: WireServer) -> None:
    assert asyncio.run(search.ainvoke({"query": "clew"})) == search.invoke({"query": "clew"})
    first, second = server.to("/search")
    assert first.body == second.body


# -- the server is as strict as the services -------------------------------------------------------------------------


def test_a_wrong_key_is_refused(model: BaseChatModel, server: WireServer) -> None:
    stranger = init_chat_model(
        f"{model._get_ls_params()['ls_provider']}:any", api_key="other", base_url=server.url, max_retries=0
    )
    with pytest.raises(Exception, match=r"401.*wrong key"):
        stranger.invoke("hi")
    assert len(server.requests) == 1


def test_a_call_without_its_result_is_refused(model: BaseChatModel) -> None:
    calls = [{**call("tavily_search", query="x"), "id": "call_1"}]
    talk = [HumanMessage("hi"), AIMessage("", tool_calls=calls), HumanMessage("go on")]
    with pytest.raises(Exception, match=r"400.*calls without a result: \['call_1'\]"):
        model.invoke(talk)


def test_a_result_without_its_call_is_refused(model: BaseChatModel) -> None:
    with pytest.raises(Exception, match=r"400.*a tool result for 'call_1', which was not called just before"):
        model.invoke([HumanMessage("hi"), ToolMessage("x", tool_call_id="call_1"), HumanMessage("go on")])


def test_a_call_of_a_tool_that_was_not_offered_is_refused(model: BaseChatModel) -> None:
    with pytest.raises(
        Exception, match=r"400.*the script calls \['tavily_search'\], the request offers the tools \[\]"
    ):
        model.invoke("weather?")


def test_a_question_the_script_does_not_answer_is_refused() -> None:
    require("langchain_openai", INSTALL)
    with WireServer([reply_to("weather", "cold")]) as server:
        model = init_chat_model("openai:gpt-4.1", api_key=KEY, base_url=server.openai_url, max_retries=0)
        with pytest.raises(Exception, match=r"400.*no rule of the script answers"):
            list(model.stream("hi"))


def test_a_wrong_search_key_is_refused(server: WireServer) -> None:
    tavily = require("langchain_tavily", INSTALL_TAVILY)
    stranger = tavily.TavilySearch(tavily_api_key="other", api_base_url=server.url)
    assert "401" in str(stranger.invoke({"query": "clew"}))


# -- a missing package ------------------------------------------------------------------------------------------------


def test_a_missing_package_skips_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_tavily", None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="langchain_tavily is not installed: pip install --no-deps"):
        require("langchain_tavily", INSTALL_TAVILY)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="langchain_tavily is not installed: pip install --no-deps"):
        require("langchain_tavily", INSTALL_TAVILY)
