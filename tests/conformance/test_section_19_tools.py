"""Section 19.1, mode `tools`: the life of tool calls. The shapes were observed on LangGraph 1.2.22."""

from __future__ import annotations

from typing import Any

import pytest
from clew.checkpoint.base import BaseCheckpointSaver
from clew.checkpoint.memory import InMemorySaver
from clew.graph import START, MessagesState, StateGraph
from clew.prebuilt import ToolNode, ToolRuntime
from clew.types import Command, interrupt
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool

from .callers import Caller
from .streamed import THREAD


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def boom(a: int) -> int:
    """Fail."""
    raise ValueError(f"bad {a}")


@tool
def slow(a: int, runtime: ToolRuntime) -> str:
    """Show parts of the output."""
    runtime.emit_output_delta("part")
    runtime.emit_output_delta({"x": 2})
    runtime.stream_writer("custom")
    return "done"


@tool
def ask(q: str) -> str:
    """Ask."""
    return interrupt(q)


def calling(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    made = [{"name": name, "args": args, "id": f"c{n}", "type": "tool_call"} for n, (name, args) in enumerate(calls)]
    return {"messages": [AIMessage("", id="ai", tool_calls=made)]}


def tools_graph(saver: BaseCheckpointSaver | None = None, **options: Any) -> Any:
    node = ToolNode([add, boom, slow, ask], **options)
    return StateGraph(MessagesState).add_node("tools", node).add_edge(START, "tools").compile(checkpointer=saver)


def started(name: str, given: Any, call: str = "c0") -> dict[str, Any]:
    return {"event": "tool-started", "tool_call_id": call, "tool_name": name, "input": given}


def finished(content: str, name: str, call: str = "c0") -> dict[str, Any]:
    return {"event": "tool-finished", "tool_call_id": call, "output": (name, content)}


def plain(chunks: list[Any]) -> list[Any]:
    """The chunks with (name, content) in the place of tool messages, whose ids are new each time."""
    shown: list[Any] = []
    for chunk in chunks:
        output = chunk.get("output") if isinstance(chunk, dict) else None
        message = isinstance(output, ToolMessage)
        shown.append({**chunk, "output": (output.name, output.content)} if message else chunk)
    return shown


def test_a_call_starts_and_finishes(saver: BaseCheckpointSaver, caller: Caller) -> None:
    chunks = caller.stream(tools_graph(saver), calling(("add", {"a": 1, "b": 2})), THREAD, stream_mode="tools")
    assert plain(chunks) == [started("add", {"a": 1, "b": 2}), finished("3", "add")]


def test_it_shows_parts_of_its_output_without_its_injected_arguments(caller: Caller) -> None:
    chunks = caller.stream(tools_graph(), calling(("slow", {"a": 1})), stream_mode=["tools", "custom"])
    delta = {"event": "tool-output-delta", "tool_call_id": "c0"}
    assert chunks[:4] == [
        ("tools", started("slow", {"a": 1})),
        ("tools", {**delta, "delta": "part"}),
        ("tools", {**delta, "delta": {"x": 2}}),
        ("custom", "custom"),
    ]
    assert plain([chunks[4][1]]) == [finished("done", "slow")]


def test_calls_of_one_message_each_have_their_id(caller: Caller) -> None:
    given = calling(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}))
    chunks = plain(caller.stream(tools_graph(), given, stream_mode="tools"))
    assert [chunk for chunk in chunks if chunk["tool_call_id"] == "c1"] == [
        started("add", {"a": 3, "b": 4}, "c1"),
        finished("7", "add", "c1"),
    ]
    assert len(chunks) == 4


def test_a_tool_that_raises_shows_its_error_whether_or_not_it_is_handled(caller: Caller) -> None:
    expected = [started("boom", {"a": 1}), {"event": "tool-error", "tool_call_id": "c0", "message": "bad 1"}]
    handled = tools_graph(handle_tool_errors=True)
    assert caller.stream(handled, calling(("boom", {"a": 1})), stream_mode="tools") == expected
    chunks: list[Any] = []
    with pytest.raises(ValueError, match="bad 1"):
        chunks.extend(tools_graph().stream(calling(("boom", {"a": 1})), stream_mode="tools"))
    assert chunks == expected


def test_bad_arguments_are_an_error_of_the_call(caller: Caller) -> None:
    first, last = caller.stream(tools_graph(), calling(("add", {"a": "z"})), stream_mode="tools")
    assert first == started("add", {"a": "z"})
    assert last["event"] == "tool-error"
    assert "2 validation errors for add" in last["message"]


def test_an_unknown_tool_shows_nothing(caller: Caller) -> None:
    assert caller.stream(tools_graph(), calling(("nope", {})), stream_mode="tools") == []


def test_a_tool_that_asks_starts_and_starts_again_with_the_answer(caller: Caller) -> None:
    graph = tools_graph(InMemorySaver())
    assert caller.stream(graph, calling(("ask", {"q": "?"})), THREAD, stream_mode="tools") == [
        started("ask", {"q": "?"})
    ]
    chunks = caller.stream(graph, Command(resume="A"), THREAD, stream_mode="tools")
    assert plain(chunks) == [started("ask", {"q": "?"}), finished("A", "ask")]


def test_a_finished_call_beside_a_question_is_not_made_again(caller: Caller) -> None:
    # LangGraph calls it again at each answer: a defect that is mended.
    graph = tools_graph(InMemorySaver())
    given = calling(("ask", {"q": "?"}), ("add", {"a": 1, "b": 1}))
    shown = caller.stream(graph, given, THREAD, stream_mode="tools")
    assert sorted(chunk["event"] for chunk in shown) == ["tool-finished", "tool-started", "tool-started"]
    chunks = caller.stream(graph, Command(resume="A"), THREAD, stream_mode="tools")
    assert plain(chunks) == [started("ask", {"q": "?"}), finished("A", "ask")]


def test_a_tool_called_in_a_node_is_shown_with_the_id_of_its_call_or_run() -> None:
    def node(state: Any) -> dict[str, Any]:
        add.invoke({"a": 1, "b": 2})
        return {"messages": [add.invoke({"type": "tool_call", "id": "tc", "name": "add", "args": {"a": 1, "b": 2}})]}

    graph = StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()
    bare, output, *called = graph.stream({"messages": []}, stream_mode="tools")
    assert bare == started("add", {"a": 1, "b": 2}, bare["tool_call_id"])
    assert output == {"event": "tool-finished", "tool_call_id": bare["tool_call_id"], "output": 3}
    assert plain(called) == [started("add", {"a": 1, "b": 2}, "tc"), finished("3", "add", "tc")]


def test_version_2_wraps_it() -> None:
    first, *_ = tools_graph().stream(calling(("add", {"a": 1, "b": 2})), stream_mode="tools", version="v2")
    assert first == {"type": "tools", "ns": (), "data": started("add", {"a": 1, "b": 2})}
