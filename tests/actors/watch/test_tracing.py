"""What LangSmith shows of a thread: a trace for each call, nodes below its root, the model and the tools below them."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypedDict

import pytest
from clew import START, Command, InMemorySaver, StateGraph, ToolNode, add_messages, interrupt, tools_condition
from clew.testing import ScriptedModel, after_tool, call, reply_to
from langchain_core.messages import BaseMessage
from langchain_core.tools import tool

from tests.support.langsmith_server import LangSmithServer, tracing_to, tree


class State(TypedDict):
    messages: Annotated[list[BaseMessage], add_messages]


@tool
def human_assistance(query: str) -> str:
    """Ask a person."""
    return interrupt({"query": query})["data"]


CONFIG = {"configurable": {"thread_id": "1"}, "metadata": {"customer": "c-7"}}
QUESTION = {"messages": [{"role": "user", "content": "I need an expert"}]}
ANSWER = Command(resume={"data": "Use clew."})


@pytest.fixture
def graph():
    """The human-in-the-loop tutorial's graph."""
    model = ScriptedModel(
        [
            reply_to("expert", ["Let me ask.", call("human_assistance", query="How?")]),
            after_tool("human_assistance", lambda messages: f"The expert says: {messages[-1].text}"),
        ]
    ).bind_tools([human_assistance])

    def chatbot(state: State) -> dict[str, list[BaseMessage]]:
        return {"messages": [model.invoke(state["messages"])]}

    builder = StateGraph(State)
    builder.add_node("chatbot", chatbot)
    builder.add_node("tools", ToolNode([human_assistance]))
    builder.add_conditional_edges("chatbot", tools_condition)
    builder.add_edge("tools", "chatbot")
    builder.add_edge(START, "chatbot")
    return builder.compile(checkpointer=InMemorySaver())


UNTIL_THE_QUESTION = [
    "chain LangGraph",
    "  chain chatbot",
    "    llm ScriptedModel",
    "    chain tools_condition",
    "  chain tools failed",
    "    tool human_assistance failed",
]
FROM_THE_ANSWER = [
    "chain LangGraph",
    "  chain tools",
    "    tool human_assistance",
    "  chain chatbot",
    "    llm ScriptedModel",
    "    chain tools_condition",
]


def call_sync(graph, given):
    return graph.invoke(given, CONFIG)


def call_async(graph, given):
    return asyncio.run(graph.ainvoke(given, CONFIG))


def call_stream(graph, given):
    return list(graph.stream(given, CONFIG, stream_mode="values"))[-1]


@pytest.mark.parametrize("door", [call_sync, call_async, call_stream])
def test_the_tutorial_s_traces_show_root_nodes_model_and_tool(graph, door):
    with LangSmithServer() as server, tracing_to(server):
        asked = door(graph, QUESTION)
        answered = door(graph, ANSWER)
        first, second = server.traces()
    assert "__interrupt__" in asked
    assert answered["messages"][-1].text == "The expert says: Use clew."
    assert tree(first) == UNTIL_THE_QUESTION
    assert tree(second) == FROM_THE_ANSWER
    assert all(run.finished for run in [*first, *second])
    assert server.complaints == []


def test_a_question_ends_its_node_and_tool_with_the_question_and_the_root_well(graph):
    with LangSmithServer() as server, tracing_to(server):
        graph.invoke(QUESTION, CONFIG)
        (trace,) = server.traces()
    by_name = {run.name: run for run in trace}
    assert by_name["LangGraph"].error is None
    for name in ("tools", "human_assistance"):
        assert "GraphInterrupt" in (by_name[name].error or "")
        assert "How?" in (by_name[name].error or "")
    assert [message["type"] for message in by_name["LangGraph"].fields["outputs"]["messages"]] == ["human", "ai"]


def test_every_run_carries_the_thread_and_its_node(graph):
    with LangSmithServer() as server, tracing_to(server):
        graph.invoke(QUESTION, CONFIG)
        (trace,) = server.traces()
    assert {run.metadata.get("thread_id") for run in trace} == {"1"}
    assert {run.metadata.get("customer") for run in trace} == {"c-7"}
    nodes = {run.name: run.metadata.get("langgraph_node") for run in trace}
    assert nodes == {
        "LangGraph": None,
        "chatbot": "chatbot",
        "ScriptedModel": "chatbot",
        "tools_condition": "chatbot",
        "tools": "tools",
        "human_assistance": "tools",
    }


def test_without_tracing_nothing_is_posted(graph):
    with LangSmithServer() as server:
        graph.invoke(QUESTION, CONFIG)
    assert server.ways == set()
