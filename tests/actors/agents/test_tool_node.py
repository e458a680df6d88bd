"""ToolNode: what it takes and returns, standing alone and in a graph, with tools of every kind; tools_condition."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from clew import (
    END,
    START,
    Command,
    MessagesState,
    Send,
    StateGraph,
    ToolNode,
    add_messages,
    tools_condition,
)
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, Tool, tool
from pydantic import BaseModel

from .tool_graphs import THREAD, Follower, answers, asking_for, called, contents, run_alone, tools_graph


@tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


# -- input and output


@dataclass
class Desk:
    messages: list[Any] = field(default_factory=list)


class DeskModel(BaseModel):
    messages: list[Any] = []


@pytest.mark.parametrize("state", [dict, Desk, DeskModel])
def test_a_state_gives_an_update_of_its_messages(state: Any):
    given = state(messages=[HumanMessage("3 + 4?"), AIMessage("", tool_calls=[called("add", a=3, b=4)])])
    [message] = ToolNode([add]).invoke(given)["messages"]
    assert (message.content, message.name, message.tool_call_id) == ("7", "add", "call_1")
    assert message.status == "success"


def test_a_list_of_messages_gives_a_list():
    [message] = ToolNode([add]).invoke([AIMessage("", tool_calls=[called("add", a=3)])])
    assert message.content == "5"


def test_a_list_of_tool_calls_gives_an_update():
    assert contents(ToolNode([add]).invoke([called("add", "1", a=1), called("add", "2", a=2)])) == ["3", "4"]


def test_one_call_with_its_state_gives_an_update():
    given = {"__type": "tool_call_with_context", "tool_call": called("add", a=1), "state": {"messages": []}}
    assert contents(ToolNode([add]).invoke(given)) == ["3"]


def test_another_messages_key_is_read_and_written():
    node = ToolNode([add], messages_key="talk")
    update = node.invoke({"talk": [AIMessage("", tool_calls=[called("add", a=1)])]})
    assert [message.content for message in update["talk"]] == ["3"]


def test_the_last_message_of_a_model_counts():
    messages = [
        AIMessage("", tool_calls=[called("add", "old", a=1)]),
        AIMessage("", tool_calls=[called("add", "new", a=2)]),
        HumanMessage("and?"),
    ]
    assert [message.tool_call_id for message in ToolNode([add]).invoke({"messages": messages})["messages"]] == ["new"]


def test_a_message_without_calls_gives_no_messages():
    assert ToolNode([add]).invoke({"messages": [AIMessage("hello")]}) == {"messages": []}


@pytest.mark.parametrize("state", [{"messages": []}, {}, [], Desk()])
def test_an_input_without_messages_is_refused(state: Any):
    with pytest.raises(ValueError, match="no message under 'messages'"):
        ToolNode([add]).invoke(state)


def test_an_input_without_a_models_message_is_refused():
    with pytest.raises(ValueError, match="no AIMessage"):
        ToolNode([add]).invoke({"messages": [HumanMessage("hello")]})


CONTENTS = [
    (None, "null"),
    ({"city": "Köln"}, '{"city": "Köln"}'),
    ([1, 2], "[1, 2]"),
    (["a", "b"], '["a", "b"]'),
    (1.5, "1.5"),
    (True, "true"),
    ("text", "text"),
    ([], []),
    ([{"type": "text", "text": "block"}], [{"type": "text", "text": "block"}]),
    (({"type": "text", "text": "block"},), [{"type": "text", "text": "block"}]),
    ({1}, "{1}"),
    (AIMessage("hi", id="m"), str(AIMessage("hi", id="m"))),
]


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize(("value", "content"), CONTENTS, ids=[repr(value)[:20] for value, _ in CONTENTS])
def test_text_and_content_blocks_are_kept_and_all_else_becomes_json(value: Any, content: Any, watched: bool):
    @tool
    def give() -> Any:
        """Give the value."""
        return value

    config: RunnableConfig = {"callbacks": [Follower()] if watched else None}
    assert contents(ToolNode([give]).invoke(asking_for(called("give")), config)) == [content]


def test_an_artifact_stays_with_its_message():
    @tool(response_format="content_and_artifact")
    def draw(size: int) -> tuple[str, dict[str, int]]:
        """Draw."""
        return "drawn", {"size": size}

    [message] = answers(run_alone([draw], called("draw", size=3)))
    assert (message.content, message.artifact) == ("drawn", {"size": 3})


def test_a_tool_that_breaks_its_promise_of_an_artifact_is_an_error():
    @tool(response_format="content_and_artifact")
    def draw() -> str:
        """Draw."""
        return "drawn"

    with pytest.raises(ValueError, match="content_and_artifact"):
        run_alone([draw], called("draw"))


# -- kinds of tools


class Doubler(BaseTool):
    name: str = "double"
    description: str = "Doubles a number."

    def _run(self, number: int, config: RunnableConfig, run_manager: Any = None) -> str:
        return f"{number * 2} {config['configurable']['thread_id']} {run_manager is not None}"


class AsyncDoubler(Doubler):
    async def _arun(self, number: int, config: RunnableConfig, run_manager: Any = None) -> str:  # type: ignore[override]
        return f"async {number * 2} {config['configurable']['thread_id']} {run_manager is not None}"


def plain(text: str) -> str:
    """Say it loudly."""
    return text.upper()


async def only_async(text: str) -> str:
    """Say it later."""
    return f"later {text}"


def with_config(text: str, config: RunnableConfig) -> str:
    """Say it with the thread."""
    return f"{text} {config['configurable']['thread_id']}"


def with_callbacks(text: str, callbacks: Any) -> str:
    """Say whether callbacks came."""
    return f"{text} {callbacks is not None}"


def with_more(text: str, *args: str, **kwargs: str) -> str:
    """Say it, and what more there is."""
    return f"{text} {args} {kwargs}"


JSON_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SYNC_TOOLS = [
    (add, {"a": 1}, "3"),
    (Doubler(), {"number": 2}, "4 1 True"),
    (plain, {"text": "a"}, "A"),
    (with_config, {"text": "a"}, "a 1"),
    (with_callbacks, {"text": "a"}, "a True"),
    (with_more, {"text": "a"}, "a () {}"),
    (Tool("shout", lambda text: text.upper(), "Shouts."), {"__arg1": "a"}, "A"),
    (StructuredTool(name="j", description="d", args_schema=JSON_SCHEMA, func=plain), {"text": "a"}, "A"),
]


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
@pytest.mark.parametrize(("made", "arguments", "content"), SYNC_TOOLS, ids=[repr(one[2]) for one in SYNC_TOOLS])
def test_a_tool_of_any_kind_runs_the_same_for_every_caller(made, arguments, content, door, watched):
    node = ToolNode([made])
    [name] = node.tools_by_name
    config = {**THREAD, "callbacks": [Follower()] if watched else None}
    graph = tools_graph(node)
    done = getattr(graph, door)(asking_for(called(name, **arguments)), config)
    assert contents(asyncio.run(done) if door == "ainvoke" else done) == [content]


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize(
    ("made", "arguments", "content"),
    [(only_async, {"text": "a"}, "later a"), (AsyncDoubler(), {"number": 2}, "async 4 1 True")],
)
def test_async_callers_get_a_tools_async_form(made: Any, arguments: Any, content: str, watched: bool):
    config = {**THREAD, "callbacks": [Follower()] if watched else None}
    graph = tools_graph(ToolNode([StructuredTool.from_function(coroutine=made) if made is only_async else made]))
    [name] = graph.plan.nodes["tools"].callee.call.__self__.tools_by_name
    assert contents(asyncio.run(graph.ainvoke(asking_for(called(name, **arguments)), config))) == [content]


def test_a_tool_with_an_async_form_only_fails_for_sync_callers():
    later = StructuredTool.from_function(coroutine=only_async)
    with pytest.raises(NotImplementedError, match="sync"):
        run_alone([later], called("only_async", text="a"))


def test_two_tools_of_one_name_are_refused():
    @tool("add")
    def other(a: int) -> int:
        """Add nothing."""
        return a

    with pytest.raises(ValueError, match="two tools are named 'add'"):
        ToolNode([add, other])
    assert list(ToolNode([add, add]).tools_by_name) == ["add"]


def test_name_and_tags_are_shown():
    node = ToolNode([add], name="my tools", tags=["mine"])
    assert node.get_name() == "my tools"
    assert list(StateGraph(MessagesState).add_node(node).nodes) == ["my tools"]


def test_an_argument_it_does_not_know_is_refused():
    with pytest.raises(TypeError, match="'tool'"):
        ToolNode([add]).invoke(asking_for(called("add", a=1)), tool="x")


def test_a_state_of_messages_alone_works_as_the_root():
    graph = tools_graph(ToolNode([add]), state=Annotated[list, add_messages])
    assert contents(graph.invoke([AIMessage("", tool_calls=[called("add", a=1)])], THREAD)) == ["3"]


def test_calls_sent_as_a_list_reach_the_graphs_state():
    builder = StateGraph(MessagesState).add_node("tools", ToolNode([add]))
    builder.add_conditional_edges(START, lambda state: [Send("tools", [called("add", a=4)])], ["tools"])
    assert contents(builder.compile().invoke({"messages": [HumanMessage("hi")]})) == ["6"]


# -- tools_condition


@pytest.mark.parametrize("form", [lambda messages: messages, lambda messages: {"messages": messages}, Desk])
def test_a_model_that_calls_tools_leads_to_them_and_any_other_message_to_the_end(form: Any):
    assert tools_condition(form([AIMessage("", tool_calls=[called("add")])])) == "tools"
    assert tools_condition(form([AIMessage("hello")])) == END
    assert tools_condition(form([AIMessage("", tool_calls=[called("add")]), HumanMessage("wait")])) == END


def test_the_condition_reads_another_key():
    assert tools_condition({"talk": [AIMessage("", tool_calls=[called("add")])]}, messages_key="talk") == "tools"


@pytest.mark.parametrize("state", [[], {}, {"messages": []}, Desk()])
def test_a_condition_without_messages_is_refused(state: Any):
    with pytest.raises(ValueError, match="no message"):
        tools_condition(state)


def test_a_goto_of_a_tool_is_taken_besides_the_edges():
    @tool
    def leave() -> Any:
        """Go on elsewhere."""
        return Command(goto="after")

    builder = StateGraph(MessagesState).add_node("tools", ToolNode([leave]))
    builder.add_node("after", lambda state: {"messages": [HumanMessage("after")]})
    done = builder.add_edge(START, "tools").compile().invoke(asking_for(called("leave")))
    assert done["messages"][-1].content == "after"
