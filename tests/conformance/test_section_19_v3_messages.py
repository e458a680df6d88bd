"""Section 19.3: messages of models piece by piece, and calls of tools, in a v3 event stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from clew import Command, interrupt
from clew.checkpoint import BaseCheckpointSaver
from clew.config import get_stream_writer
from clew.graph import START, MessagesState, StateGraph
from clew.prebuilt import ToolCallTransformer, ToolNode, ToolRuntime
from clew.stream import CustomTransformer, ProtocolEvent
from clew.stream._mux import StreamMux
from clew.stream.transformers import MessagesTransformer
from langchain_core import tools
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage

from .v3_programs import THREAD, Reader, Thinker, data, methods, talker

HELLO = {"messages": [HumanMessage("hi", id="h")]}


def graph_of(*bodies: Callable[[MessagesState], Any]) -> Any:
    """START -> each body in turn, named n0, n1, ..."""
    builder = StateGraph(MessagesState)
    names = [f"n{number}" for number in range(len(bodies))]
    for before, name, body in zip((START, *names), names, bodies, strict=False):
        builder.add_node(name, body).add_edge(before, name)
    return builder.compile()


def asks(model: Any) -> Callable[[MessagesState], dict]:
    return lambda state: {"messages": [model.invoke(state["messages"])]}


def gives(*messages: Any) -> Callable[[MessagesState], dict]:
    return lambda state: {"messages": list(messages)}


def texts(reader: Reader, run: Any) -> list[list[str]]:
    """The text of every message, piece by piece."""
    return [reader.all(message.text) for message in reader.all(run.messages)]


# --- events


def test_a_models_message_is_told_from_its_start_to_its_finish(reader: Reader) -> None:
    events = reader.all(reader.open(graph_of(asks(talker("hello world"))), HELLO))
    assert methods(events) == ["values", *["messages"] * 7, "values"]
    told = [payload for payload, _ in data(events, "messages")]
    assert told[0]["id"].startswith("lc_run--")
    assert [{**piece, "id": ""} if "id" in piece else piece for piece in told] == [
        {"event": "message-start", "role": "ai", "id": ""},
        {"event": "content-block-start", "index": 0, "content": {"type": "text", "text": ""}},
        {"event": "content-block-delta", "index": 0, "delta": {"type": "text-delta", "text": "hello"}},
        {"event": "content-block-delta", "index": 0, "delta": {"type": "text-delta", "text": " "}},
        {"event": "content-block-delta", "index": 0, "delta": {"type": "text-delta", "text": "world"}},
        {"event": "content-block-finish", "index": 0, "content": {"type": "text", "text": "hello world"}},
        {"event": "message-finish"},
    ]


def test_every_piece_has_the_metadata_of_the_node_and_the_models_run(reader: Reader) -> None:
    events = reader.all(reader.open(graph_of(asks(talker("hi"))), HELLO, {"metadata": {"mine": 2}, "tags": ["t"]}))
    metadata = [metadata for _, metadata in data(events, "messages")]
    assert {one["run_id"] for one in metadata} == {metadata[0]["run_id"]}
    assert {one["langgraph_node"] for one in metadata} == {"n0"}
    assert metadata[0]["langgraph_step"] == 1
    assert metadata[0]["langgraph_path"] == ("__pregel_pull", "n0")
    assert metadata[0]["langgraph_triggers"] == ("branch:to:n0",)
    assert metadata[0]["langgraph_checkpoint_ns"].startswith("n0:")
    assert (metadata[0]["mine"], metadata[0]["tags"]) == (2, ["t"])
    assert metadata[0]["ls_integration"] == "langchain_chat_model"


def test_reasoning_tool_calls_and_usage_are_told(reader: Reader) -> None:
    events = reader.all(reader.open(graph_of(asks(thinker())), HELLO))
    told = [payload for payload, _ in data(events, "messages")]
    assert [piece["event"] for piece in told] == [
        "message-start",
        *["content-block-start", "content-block-delta", "content-block-delta"] * 3,
        *["content-block-finish"] * 3,
        "message-finish",
    ]
    assert [piece["content"] for piece in told if piece["event"] == "content-block-finish"] == [
        {"type": "reasoning", "reasoning": "think", "index": 0},
        {"type": "text", "text": "hey", "index": 1},
        {"type": "tool_call", "id": "c1", "name": "t", "args": {"a": 1}},
    ]
    assert told[-1]["usage"] == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert told[-1]["metadata"] == {"finish_reason": "stop"}


def thinker() -> Thinker:
    def call(**piece: Any) -> AIMessageChunk:
        return AIMessageChunk("", tool_call_chunks=[{"index": 2, "type": "tool_call_chunk", **piece}])

    return Thinker(
        pieces=[
            AIMessageChunk([{"type": "reasoning", "reasoning": "th", "index": 0}]),
            AIMessageChunk([{"type": "reasoning", "reasoning": "ink", "index": 0}]),
            AIMessageChunk([{"type": "text", "text": "he", "index": 1}]),
            AIMessageChunk([{"type": "text", "text": "y", "index": 1}]),
            call(name="t", args='{"a"', id="c1"),
            call(name=None, args=":1}", id=None),
            AIMessageChunk(
                "",
                usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
                response_metadata={"finish_reason": "stop"},
            ),
        ]
    )


def test_a_message_that_a_node_returns_whole_is_one_event(reader: Reader) -> None:
    message = AIMessage("whole", id="w")
    events = reader.all(reader.open(graph_of(gives(message)), HELLO))
    ((payload, metadata),) = data(events, "messages")
    assert payload == message
    assert metadata["langgraph_node"] == "n0"
    assert "run_id" not in metadata


def test_a_model_that_does_not_stream_gives_its_message_whole(reader: Reader) -> None:
    model = FakeMessagesListChatModel(responses=[AIMessage("x y", id="z")])
    events = reader.all(reader.open(graph_of(asks(model)), HELLO))
    ((payload, metadata),) = data(events, "messages")
    assert (payload.id, payload.content) == ("z", "x y")
    assert metadata["ls_integration"] == "langchain_chat_model"


def test_so_does_one_whose_stream_the_node_reads_itself(reader: Reader) -> None:
    model = talker("a b")

    def body(state: MessagesState) -> dict:
        pieces = list(model.stream("x"))
        return {"messages": [AIMessage("".join(str(piece.content) for piece in pieces), id=pieces[0].id)]}

    events = reader.all(reader.open(graph_of(body), HELLO))
    ((payload, _),) = data(events, "messages")
    assert payload.content == "a b"


def test_a_models_own_v3_stream_in_a_node_is_told_as_it_comes(reader: Reader) -> None:
    model: Any = talker("a b")
    body = lambda state: {"messages": [model.stream_events("x", version="v3").output]}  # noqa: E731
    events = reader.all(reader.open(graph_of(body), HELLO))
    assert [payload["event"] for payload, _ in data(events, "messages")][::6] == ["message-start", "message-finish"]


def test_messages_of_tools_are_not_told_and_those_of_people_are(reader: Reader) -> None:
    body = gives(ToolMessage("r", tool_call_id="c", id="t"), HumanMessage("h2", id="h2"), SystemMessage("s", id="s"))
    events = reader.all(reader.open(graph_of(body), HELLO))
    assert [payload.id for payload, _ in data(events, "messages")] == ["h2", "s"]


def test_a_message_is_told_once_however_often_it_is_returned(reader: Reader) -> None:
    model = talker("once")
    again = lambda state: {"messages": [state["messages"][-1], AIMessage("new", id="n")]}  # noqa: E731
    events = reader.all(reader.open(graph_of(asks(model), again), HELLO))
    told = [payload for payload, _ in data(events, "messages")]
    assert [piece["event"] for piece in told[:-1]].count("message-start") == 1
    assert told[-1].id == "n"


def test_a_model_tagged_nostream_is_not_told(reader: Reader) -> None:
    model = talker("quiet")

    def body(state: MessagesState) -> dict:
        model.with_config(tags=["nostream"]).invoke("x")
        return {}

    assert methods(reader.all(reader.open(graph_of(body), HELLO))) == ["values"]


def test_messages_and_custom_events_come_while_the_node_runs_in_order(reader: Reader) -> None:
    model = talker("hi")

    def body(state: MessagesState) -> dict:
        write = get_stream_writer()
        write("before")
        answer = model.invoke("x")
        write("after")
        return {"messages": [answer]}

    events = reader.all(reader.open(graph_of(body), HELLO, transformers=[CustomTransformer]))
    assert methods(events) == ["values", "custom", *["messages"] * 5, "custom", "values"]


# --- streams of messages


def test_messages_are_chat_model_streams(reader: Reader) -> None:
    run = reader.open(graph_of(asks(talker("hello world"))), HELLO)
    message = reader.first(run.messages)
    assert isinstance(message, AsyncChatModelStream if reader.is_async else ChatModelStream)
    assert (message.namespace, message.node) == ([], "n0")
    assert message.message_id.startswith("lc_run--")
    assert reader.all(message.text) == ["hello", " ", "world"]


def test_reading_a_messages_text_moves_the_run_on(reader: Reader) -> None:
    run = reader.open(graph_of(asks(talker("a b")), asks(talker("c"))), HELLO)
    assert texts(reader, run) == [["a", " ", "b"], ["c"]]
    assert [message.text for message in reader.output(run)["messages"]] == ["hi", "a b", "c"]


def test_a_message_is_given_out_before_it_is_finished() -> None:
    run = graph_of(asks(talker("a b"))).stream_events(HELLO, version="v3")
    message = next(iter(run.messages))
    assert not message.done
    assert next(iter(message.text)) == "a"
    assert message.output.text == "a b"
    assert message.done


def test_its_output_is_the_message_of_the_state(reader: Reader) -> None:
    run = reader.open(graph_of(asks(thinker())), HELLO)
    (message,) = reader.all(run.messages)
    output = message.output_message
    assert output == reader.output(run)["messages"][-1]
    assert output.content_blocks[0] == {"type": "reasoning", "reasoning": "think", "index": 0}
    assert output.tool_calls == [{"name": "t", "args": {"a": 1}, "id": "c1", "type": "tool_call"}]
    assert output.usage_metadata == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def test_its_reasoning_and_tool_calls_are_read_like_its_text(reader: Reader) -> None:
    run = reader.open(graph_of(asks(thinker())), HELLO)
    (message,) = reader.all(run.messages)
    assert reader.all(message.reasoning) == ["th", "ink"]
    assert reader.all(message.text) == ["he", "y"]
    assert [piece["args"] for piece in reader.all(message.tool_calls)] == ['{"a"', ":1}"]


def test_its_events_are_read_by_iterating_it(reader: Reader) -> None:
    run = reader.open(graph_of(asks(talker("a"))), HELLO)
    (message,) = reader.all(run.messages)
    assert [piece["event"] for piece in reader.all(message)] == [
        "message-start",
        "content-block-start",
        "content-block-delta",
        "content-block-finish",
        "message-finish",
    ]


def test_a_whole_message_is_a_stream_that_is_done(reader: Reader) -> None:
    tools = [{"name": "t", "args": {"a": 1}, "id": "c1", "type": "tool_call"}]
    run = reader.open(graph_of(gives(AIMessage("x y", id="z", tool_calls=tools))), HELLO)
    (message,) = reader.all(run.messages)
    assert (message.done, message.message_id, message.node) == (True, "z", "n0")
    assert reader.all(message.text) == ["x y"]
    assert [call["id"] for call in message.output_message.tool_calls] == ["c1"]


def test_messages_and_values_interleave() -> None:
    run = graph_of(asks(talker("a b"))).stream_events(HELLO, version="v3")
    seen: list[Any] = []
    for name, item in run.interleave("messages", "values"):
        seen.append((name, str(item.text)) if name == "messages" else (name, len(item["messages"])))
    assert seen == [("values", 1), ("messages", "a b"), ("values", 2)]


def test_tasks_read_messages_and_values_side_by_side() -> None:
    async def together() -> list[Any]:
        run: Any = await graph_of(asks(talker("a b"))).astream_events(HELLO, version="v3")

        async def words() -> list[str]:
            return [word async for message in run.messages async for word in message.text]

        async def states() -> list[int]:
            return [len(state["messages"]) async for state in run.values]

        return await asyncio.gather(words(), states())

    assert asyncio.run(together()) == [["a", " ", "b"], [1, 2]]


def test_an_async_node_streams_its_model() -> None:
    model = talker("a b")

    async def body(state: MessagesState) -> dict:
        return {"messages": [await model.ainvoke("x")]}

    async def read() -> list[str]:
        run: Any = await graph_of(body).astream_events(HELLO, version="v3")
        return [word async for message in run.messages async for word in message.text]

    assert asyncio.run(read()) == ["a", " ", "b"]


def test_a_model_that_fails_midway_fails_its_stream_and_the_run(reader: Reader) -> None:
    class Breaking(Thinker):
        def _stream(self, *args: Any, **options: Any) -> Any:
            yield from super()._stream(*args, **options)
            raise ValueError("midway")

    run = reader.open(graph_of(asks(Breaking(pieces=[AIMessageChunk("one")]))), HELLO)
    message = reader.first(run.messages)
    with pytest.raises(ValueError, match="midway"):
        reader.all(message.text)
    with pytest.raises(ValueError, match="midway"):
        reader.output(run)


# --- the transformer by itself


def told(payload: Any, metadata: dict[str, Any], *ns: str) -> ProtocolEvent:
    params: Any = {"namespace": list(ns), "timestamp": 0, "data": (payload, metadata)}
    return {"type": "event", "method": "messages", "params": params}


def test_pieces_belong_to_a_message_by_the_models_run() -> None:
    mux = StreamMux(factories=[MessagesTransformer])
    mux.bind_pump(lambda: False)
    messages = iter(mux.extensions["messages"])
    for run_id in ("r1", "r2"):
        mux.push(told({"event": "message-start", "role": "ai", "id": run_id}, {"run_id": run_id}))
    piece = {"event": "content-block-delta", "index": 0, "delta": {"type": "text-delta", "text": "x"}}
    mux.push(told(piece, {"run_id": "r2"}))
    mux.push(told(piece, {"run_id": "unknown"}))
    mux.close()
    assert [list(message.text) for message in messages] == [[], ["x"]]


def test_pieces_of_sub_graphs_and_tokens_of_other_streams_are_left_out() -> None:
    mux = StreamMux(factories=[MessagesTransformer])
    messages = iter(mux.extensions["messages"])
    mux.push(told({"event": "message-start", "role": "ai", "id": "i"}, {"run_id": "r"}, "sub:1"))
    mux.push(told(AIMessageChunk("token", id="k"), {}))
    mux.push(told(ToolMessage("r", tool_call_id="c"), {}))
    mux.push(told(AIMessage("w", id="w"), {}))
    mux.close()
    assert [message.message_id for message in messages] == ["w"]


def test_a_failed_run_fails_the_messages_under_way() -> None:
    mux = StreamMux(factories=[MessagesTransformer])
    mux.bind_pump(lambda: False)
    messages = iter(mux.extensions["messages"])
    mux.push(told({"event": "message-start", "role": "ai", "id": "i"}, {"run_id": "r"}))
    message = next(messages)
    mux.fail(ValueError("end"))
    with pytest.raises(ValueError, match="end"):
        message.output


# --- calls of tools


def tool(event: str, call_id: str = "c", *ns: str, **more: Any) -> ProtocolEvent:
    payload = {"event": event, "tool_call_id": call_id, **more}
    return {
        "type": "event",
        "method": "tools",
        "params": {"namespace": list(ns), "timestamp": 0, "data": payload},
    }


@pytest.fixture
def mux() -> StreamMux:
    return StreamMux(factories=[ToolCallTransformer])


def test_a_call_is_a_stream_of_what_the_tool_gives_out(mux: StreamMux) -> None:
    calls = iter(mux.extensions["tool_calls"])
    mux.push(tool("tool-started", tool_name="t", input={"a": 1}))
    call = next(calls)
    assert (call.tool_call_id, call.tool_name, call.input) == ("c", "t", {"a": 1})
    assert (call.completed, call.output, call.error) == (False, None, None)
    deltas = iter(call)
    mux.push(tool("tool-output-delta", delta="x"))
    mux.push(tool("tool-finished", output="done"))
    assert list(deltas) == ["x"]
    assert (call.completed, call.output, call.error) == (True, "done", None)


@pytest.mark.parametrize(
    ("output", "plain"),
    [
        (ToolMessage("text", tool_call_id="c"), "text"),
        (ToolMessage([{"type": "text", "text": "q"}], tool_call_id="c"), [{"type": "text", "text": "q"}]),
        ({"lc": 1, "type": "constructor", "id": ["x", "ToolMessage"], "kwargs": {"content": "k"}}, "k"),
        ({"content": "v"}, {"content": "v"}),
        (5, 5),
        (None, None),
    ],
)
def test_a_calls_output_is_the_content_of_a_tool_message_or_what_it_is(mux: StreamMux, output: Any, plain: Any) -> None:
    calls = iter(mux.extensions["tool_calls"])
    mux.push(tool("tool-started", tool_name="t"))
    mux.push(tool("tool-finished", output=output))
    assert next(calls).output == plain


def test_a_failed_call_has_the_text_of_its_error(mux: StreamMux) -> None:
    calls = iter(mux.extensions["tool_calls"])
    mux.push(tool("tool-started", tool_name="t"))
    mux.push(tool("tool-error", message="bad"))
    call = next(calls)
    assert (call.completed, call.output, call.error) == (True, None, "bad")


def test_a_call_that_is_under_way_ends_with_the_run(mux: StreamMux) -> None:
    calls = iter(mux.extensions["tool_calls"])
    mux.push(tool("tool-started", tool_name="t"))
    call = next(calls)
    mux.close()
    assert (call.completed, call.output, call.error) == (True, None, None)


def test_or_fails_with_it(mux: StreamMux) -> None:
    calls = iter(mux.extensions["tool_calls"])
    mux.push(tool("tool-started", tool_name="t"))
    call = next(calls)
    mux.fail(ValueError("E"))
    assert (call.completed, call.error) == (True, "E")


def test_calls_of_sub_graphs_and_unknown_calls_are_left_out(mux: StreamMux) -> None:
    calls = iter(mux.extensions["tool_calls"])
    mux.push(tool("tool-started", "inner", "sub:1", tool_name="t"))
    mux.push(tool("tool-finished", "unknown", output=1))
    mux.close()
    assert list(calls) == []


def test_tool_events_stay_in_the_log(mux: StreamMux) -> None:
    log = iter(mux.log)
    mux.push(tool("tool-started", tool_name="t"))
    mux.close()
    assert methods(list(log)) == ["tools"]


# --- calls of tools in a graph


@tools.tool
def plus(a: int, b: int) -> int:
    """Add."""
    return a + b


@tools.tool
def slowly(count: int, runtime: ToolRuntime) -> str:
    """Give out numbers."""
    for number in range(count):
        runtime.emit_output_delta(number)
    return "done"


@tools.tool
def breaks(a: int) -> int:
    """Fail."""
    raise ValueError("tool broke")


@tools.tool
def consents(a: int) -> str:
    """Ask."""
    return interrupt("may I?")


def calls_tool(name: str, *, saver: Any = None, handle: bool = True, **arguments: Any) -> Any:
    """A node that calls the tool, and the tools' node."""
    call = {"name": name, "args": arguments, "id": "c", "type": "tool_call"}
    builder = StateGraph(MessagesState).add_node("ask", gives(AIMessage("", id="a", tool_calls=[call])))
    builder.add_node("tools", ToolNode([plus, slowly, breaks, consents], handle_tool_errors=handle))
    return builder.add_edge(START, "ask").add_edge("ask", "tools").compile(checkpointer=saver)


def tool_events(reader: Reader, graph: Any, given: Any = HELLO, config: Any = None) -> list[Any]:
    return data(reader.all(reader.open(graph, given, config, transformers=[ToolCallTransformer])), "tools")


def test_a_tools_life_is_told(reader: Reader) -> None:
    started, finished = tool_events(reader, calls_tool("plus", a=1, b=2))
    assert started == {
        "event": "tool-started",
        "tool_call_id": "c",
        "tool_name": "plus",
        "input": {"a": 1, "b": 2},
    }
    assert (finished["event"], finished["tool_call_id"], finished["output"].content) == ("tool-finished", "c", "3")


def test_tools_are_told_only_where_somebody_registered_for_them(reader: Reader) -> None:
    assert "tools" not in methods(reader.all(reader.open(calls_tool("plus", a=1, b=2), HELLO)))


def test_what_a_tool_gives_out_is_told_in_between(reader: Reader) -> None:
    told_of = tool_events(reader, calls_tool("slowly", count=2))
    assert [event["event"] for event in told_of] == [
        "tool-started",
        "tool-output-delta",
        "tool-output-delta",
        "tool-finished",
    ]
    assert [event["delta"] for event in told_of[1:3]] == [0, 1]


def test_a_handled_error_of_a_tool_is_told_as_an_error(reader: Reader) -> None:
    _, failed = tool_events(reader, calls_tool("breaks", a=1))
    assert failed == {"event": "tool-error", "tool_call_id": "c", "message": "tool broke"}


def test_tool_calls_are_read_from_the_run(reader: Reader) -> None:
    run = reader.open(calls_tool("slowly", count=2), HELLO, transformers=[ToolCallTransformer])
    call = reader.first(run.tool_calls)
    assert (call.tool_name, call.input, call.completed) == ("slowly", {"count": 2}, False)
    assert reader.all(call) == [0, 1]
    assert (call.completed, call.output, call.error) == (True, "done", None)


def test_an_unhandled_error_is_the_calls_and_the_runs(reader: Reader) -> None:
    run = reader.open(calls_tool("breaks", handle=False, a=1), HELLO, transformers=[ToolCallTransformer])
    call = reader.first(run.tool_calls)
    with pytest.raises(ValueError, match="tool broke"):
        reader.output(run)
    assert (call.completed, call.error) == (True, "tool broke")


def test_a_call_that_asks_starts_again_with_the_answer(reader: Reader, saver: BaseCheckpointSaver) -> None:
    graph = calls_tool("consents", saver=saver, a=1)
    assert [event["event"] for event in tool_events(reader, graph, HELLO, THREAD)] == ["tool-started"]
    answered = tool_events(reader, graph, Command(resume="yes"), THREAD)
    assert [event["event"] for event in answered] == ["tool-started", "tool-finished"]
    assert answered[-1]["output"].content == "yes"
