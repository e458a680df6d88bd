"""What OpenAI, Anthropic and Tavily send and take over HTTP, as far as a tool call needs it; used by `WireServer`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clew.actors.kit.scripted_model import ScriptedModel
from clew.events.errors import ScriptError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage

PIECE_CHARACTERS = 7
"""How much of a call's arguments one event carries: small enough that a client has to join several."""


@dataclass(frozen=True)
class WireRequest:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: dict[str, Any]


class Refusal(Exception):
    """The service would refuse this request."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


def refusal(error: Refusal) -> dict[str, Any]:
    """An error as OpenAI words it."""
    return {"error": {"message": str(error), "type": "invalid_request_error", "param": None, "code": None}}


def anthropic_refusal(error: Refusal) -> dict[str, Any]:
    """An error as Anthropic words it."""
    return {"type": "error", "error": {"type": "invalid_request_error", "message": str(error)}}


def tavily_refusal(error: Refusal) -> dict[str, Any]:
    """An error as Tavily words it."""
    return {"detail": {"error": str(error)}}


# -- OpenAI chat completions (Azure's are the same under another path) ------------------------------------------------


def openai_whole(request: WireRequest, model: ScriptedModel) -> dict[str, Any]:
    """A `chat.completion`."""
    reply = _openai_reply(request, model)
    calls = [_openai_call(made) for made in reply.tool_calls]
    message = {
        "role": "assistant",
        "content": reply.text or None,
        "refusal": None,
        **({"tool_calls": calls} if calls else {}),
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if calls else "stop"}
    return {**_openai_head(request, "chat.completion"), "choices": [choice], "usage": _openai_usage(reply)}


def openai_events(request: WireRequest, model: ScriptedModel) -> Iterator[str]:
    """The same as `chat.completion.chunk` events, ended by `[DONE]`."""
    reply = _openai_reply(request, model)
    head = _openai_head(request, "chat.completion.chunk")
    for delta in _openai_deltas(reply):
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    finish = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if reply.tool_calls else "stop"}
    yield _event({**head, "choices": [finish]})
    if (request.body.get("stream_options") or {}).get("include_usage"):
        yield _event({**head, "choices": [], "usage": _openai_usage(reply)})
    yield "data: [DONE]"


def _openai_deltas(reply: AIMessage) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for word in _words(str(reply.text)):
        yield {"content": word}
    for index, made in enumerate(reply.tool_calls):
        whole = _openai_call(made)
        first = {**whole, "index": index, "function": {"name": made["name"], "arguments": ""}}
        yield {"tool_calls": [first]}
        for piece in _pieces(whole["function"]["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _openai_head(request: WireRequest, kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1_760_000_000,
        "model": request.body.get("model", "deployed"),
    }


def _openai_usage(reply: AIMessage) -> dict[str, int]:
    spent = reply.usage_metadata or {"input_tokens": 11, "output_tokens": 7}
    given, made = spent["input_tokens"], spent["output_tokens"]
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def _openai_call(made: ToolCall) -> dict[str, Any]:
    function = {"name": made["name"], "arguments": json.dumps(made["args"])}
    return {"id": made["id"], "type": "function", "function": function}


def _openai_reply(request: WireRequest, model: ScriptedModel) -> AIMessage:
    messages = [_openai_message(message) for message in request.body["messages"]]
    return _reply(messages, [tool["function"]["name"] for tool in request.body.get("tools", ())], model)


def _openai_message(message: dict[str, Any]) -> BaseMessage:
    text = _text(message.get("content"))
    match message["role"]:
        case "system" | "developer":
            return SystemMessage(text)
        case "user":
            return HumanMessage(text)
        case "tool":
            return ToolMessage(text, tool_call_id=message["tool_call_id"])
        case "assistant":
            return AIMessage(text, tool_calls=[_from_openai(made) for made in message.get("tool_calls") or ()])
    raise Refusal(400, f"unknown role {message['role']!r}")


def _from_openai(made: dict[str, Any]) -> ToolCall:
    return ToolCall(name=made["function"]["name"], args=json.loads(made["function"]["arguments"]), id=made["id"])


# -- Anthropic messages ----------------------------------------------------------------------------------------------


def anthropic_whole(request: WireRequest, model: ScriptedModel) -> dict[str, Any]:
    """A `message` with text and `tool_use` blocks."""
    reply = _anthropic_reply(request, model)
    return {**_anthropic_head(request), "content": _blocks(reply), "stop_reason": _stop(reply), "usage": _spent(7)}


def anthropic_events(request: WireRequest, model: ScriptedModel) -> Iterator[str]:
    """The same as `message_start`, `content_block_*`, `message_delta` and `message_stop` events."""
    reply = _anthropic_reply(request, model)
    yield _named({"type": "message_start", "message": {**_anthropic_head(request), "content": [], "usage": _spent(1)}})
    yield _named({"type": "ping"})
    for index, block in enumerate(_blocks(reply)):
        empty = {**block, **({"text": ""} if block["type"] == "text" else {"input": {}})}
        yield _named({"type": "content_block_start", "index": index, "content_block": empty})
        for delta in _anthropic_deltas(block):
            yield _named({"type": "content_block_delta", "index": index, "delta": delta})
        yield _named({"type": "content_block_stop", "index": index})
    end = {"stop_reason": _stop(reply), "stop_sequence": None}
    yield _named({"type": "message_delta", "delta": end, "usage": _spent(7)})
    yield _named({"type": "message_stop"})


def _anthropic_head(request: WireRequest) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": request.body["model"]}
    return {**head, "stop_reason": None, "stop_sequence": None}


def _spent(output_tokens: int) -> dict[str, int]:
    return {"input_tokens": 11, "output_tokens": output_tokens}


def _stop(reply: AIMessage) -> str:
    return "tool_use" if reply.tool_calls else "end_turn"


def _blocks(reply: AIMessage) -> list[dict[str, Any]]:
    said = [{"type": "text", "text": str(reply.text)}] if reply.text else []
    return said + [{"type": "tool_use", "id": c["id"], "name": c["name"], "input": c["args"]} for c in reply.tool_calls]


def _anthropic_deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": word} for word in _words(block["text"]))
    else:
        pieces = _pieces(json.dumps(block["input"]))
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)


def _anthropic_reply(request: WireRequest, model: ScriptedModel) -> AIMessage:
    if not isinstance(request.body.get("max_tokens"), int) or "anthropic-version" not in request.headers:
        raise Refusal(400, "max_tokens and the header anthropic-version are required")
    messages: list[BaseMessage] = [SystemMessage(_text(request.body["system"]))] if "system" in request.body else []
    for message in request.body["messages"]:
        messages.extend(_anthropic_messages(message))
    return _reply(messages, [tool["name"] for tool in request.body.get("tools", ())], model)


def _anthropic_messages(message: dict[str, Any]) -> Iterator[BaseMessage]:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    text = _text([block for block in blocks if block["type"] == "text"])
    if message["role"] == "assistant":
        used = [block for block in blocks if block["type"] == "tool_use"]
        yield AIMessage(text, tool_calls=[ToolCall(name=b["name"], args=b["input"], id=b["id"]) for b in used])
        return
    for block in blocks:
        if block["type"] == "tool_result":
            yield ToolMessage(_text(block.get("content")), tool_call_id=block["tool_use_id"])
    if text:
        yield HumanMessage(text)


# -- Tavily search ---------------------------------------------------------------------------------------------------


def tavily_whole(request: WireRequest, model: ScriptedModel) -> dict[str, Any]:
    """Two pages about the query."""
    query = request.body["query"]
    pages = [
        {"title": f"{query}, page {n}", "url": f"https://pages.invalid/{n}", "content": f"Page {n} on {query}."}
        for n in (1, 2)
    ]
    results = [{**page, "score": 0.9, "raw_content": None} for page in pages[: request.body.get("max_results", 5)]]
    head = {"query": query, "follow_up_questions": None, "answer": None, "images": []}
    return {**head, "results": results, "response_time": 0.01, "request_id": "1"}


# -- shared ----------------------------------------------------------------------------------------------------------


def _reply(messages: list[BaseMessage], tools: list[str], model: ScriptedModel) -> AIMessage:
    _check_answered(messages)
    try:
        reply = model.invoke(messages)
    except ScriptError as error:
        raise Refusal(400, str(error)) from error
    if unknown := {made["name"] for made in reply.tool_calls} - set(tools):
        raise Refusal(400, f"the script calls {sorted(unknown)}, the request offers the tools {tools}")
    return reply


def _check_answered(messages: list[BaseMessage]) -> None:
    """Both services refuse a call without its result right after it, and a result without its call."""
    open_calls: set[str | None] = set()
    for message in messages:
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                raise Refusal(400, f"a tool result for {message.tool_call_id!r}, which was not called just before")
            open_calls.discard(message.tool_call_id)
        elif open_calls:
            raise Refusal(400, f"calls without a result: {sorted(map(str, open_calls))}")
        elif isinstance(message, AIMessage):
            open_calls = {made["id"] for made in message.tool_calls}
    if open_calls:
        raise Refusal(400, f"calls without a result: {sorted(map(str, open_calls))}")


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(block["text"] for block in content if block["type"] == "text")


def _words(text: str) -> list[str]:
    return [f"{word} " for word in text.split(" ")[:-1]] + text.split(" ")[-1:] if text else []


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE_CHARACTERS] for start in range(0, len(text), PIECE_CHARACTERS)]


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}"


def _named(body: dict[str, Any]) -> str:
    return f"event: {body['type']}\n{_event(body)}"
