"""`ScriptedModel`: a chat model for tests, demos and tutorials that answers from a script instead of a provider.

A real langchain-core chat model in every other way: tools can be bound, tokens stream, callbacks and tracing see it.
It calls no network, holds no state and counts no calls. Users import it from `clew.testing`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from ...events.errors import ScriptError
from .script import Messages, Reply, Rule, When, as_rules

_FORCED_EXCEPT = (None, False, "auto", "none")


class ScriptedModel(BaseChatModel):
    """A chat model that replies by the first rule of its script that applies to the messages it is given.

        model = ScriptedModel([
            reply_to("expert", ["Let me ask.", call("human_assistance", query="How to build an agent?")]),
            after_tool("human_assistance", lambda messages: f"The expert says: {messages[-1].text}"),
            otherwise("Hello! How can I help?"),
        ])

    The same messages always get the same reply, tool-call ids included, from any number of threads at once. Rule
    functions run on the calling thread or, in async calls, on the event loop: they should decide, not work.
    `invoke`, `stream`, `batch` and their async twins behave as a provider's model does; text streams word by word,
    a tool call as its name and then its arguments piece by piece.

    Args:
        script: Rules, in order; `(pattern, reply)` is short for `reply_to(pattern, reply)` and `(function, reply)`
            for `when(function, reply)`.
        reports_usage: Whether messages carry `usage_metadata`, counting words as tokens.
        **options: What every langchain-core chat model takes (`callbacks`, `tags`, `disable_streaming`, …).

    Raises:
        TypeError: A line of the script is no rule, or its reply is nothing a model can say.
        ScriptError: At a call: no rule applies, or the reply has no call though the caller's `tool_choice` forces one.
    """

    reports_usage: bool = False
    """Whether messages carry `usage_metadata`, counting words as tokens."""
    _rules: tuple[Rule, ...] = PrivateAttr(default=())

    def __init__(self, script: Iterable[Rule | tuple[When, Reply]], **options: Any) -> None:
        super().__init__(**options)
        self._rules = as_rules(script)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": "scripted", "script": [rule.label for rule in self._rules]}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools declared, as callbacks and traces show them. The script alone decides which it calls."""
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages, stop, kwargs))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, **kwargs)

    # langchain-core reports each chunk to callbacks itself; reporting here too would send every token twice.
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(self._answer(messages, stop, kwargs)):
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop, **kwargs):
            await asyncio.sleep(0)  # where a provider's client would wait for its socket: others run, a cancel arrives
            yield chunk

    def _answer(self, messages: Messages, stop: list[str] | None, options: dict[str, Any]) -> AIMessage:
        rule = self._rule(messages)
        message = rule.answer(messages)
        if not message.tool_calls and options.get("tool_choice") not in _FORCED_EXCEPT:
            raise ScriptError(
                f"{rule.label} replies without a call, but tool_choice={options['tool_choice']!r} forces one"
            )
        if stop and isinstance(message.content, str):
            message.content = _until(message.content, stop)
        reason = "tool_calls" if message.tool_calls else "stop"
        message.response_metadata = {"model_name": "scripted", "finish_reason": reason, **message.response_metadata}
        if self.reports_usage and message.usage_metadata is None:
            message.usage_metadata = _usage(messages, message)
        return message

    def _rule(self, messages: Messages) -> Rule:
        for rule in self._rules:
            if rule.applies(messages):
                return rule
        raise ScriptError(_no_rule(self._rules, messages))


def _chunks(message: AIMessage) -> Iterator[AIMessageChunk]:
    """The message in the pieces a provider would send; their sum is the message."""
    if isinstance(message.content, str):
        yield from (AIMessageChunk(content=word) for word in _words(message.content))
    else:
        yield AIMessageChunk(content=message.content)
    for index, made in enumerate(message.tool_calls):
        yield from _call_chunks(made, index)
    yield AIMessageChunk(
        content="",
        id=message.id,
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        chunk_position="last",
    )


def _call_chunks(made: ToolCall, index: int) -> Iterator[AIMessageChunk]:
    yield _call_chunk(made["name"], "", made["id"], index)
    for piece in _words(json.dumps(made["args"], ensure_ascii=False)):
        yield _call_chunk(None, piece, None, index)


def _call_chunk(name: str | None, arguments: str, call_id: str | None, index: int) -> AIMessageChunk:
    chunk = tool_call_chunk(name=name, args=arguments, id=call_id, index=index)
    return AIMessageChunk(content="", tool_call_chunks=[chunk])


def _words(text: str) -> list[str]:
    """The words of `text`, each with the space after it, so that joining them gives `text` again."""
    return re.findall(r"\S+\s*|^\s+", text)


def _until(text: str, stop: list[str]) -> str:
    return text[: min((at for word in stop if (at := text.find(word)) >= 0), default=len(text))]


def _usage(messages: Messages, reply: AIMessage) -> UsageMetadata:
    read = sum(len(str(message.text).split()) for message in messages)
    written = len(str(reply.text).split()) + sum(len(json.dumps(made["args"]).split()) + 1 for made in reply.tool_calls)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _no_rule(rules: Sequence[Rule], messages: Messages) -> str:
    last = (
        f"the last of {len(messages)} messages, {type(messages[-1]).__name__} {_said(messages[-1])}"
        if messages
        else "no messages"
    )
    listed = "".join(f"\n  {number}. {rule.label}" for number, rule in enumerate(rules, 1)) or " none"
    return f"no rule of the script answers {last}; add one, or end it with otherwise(…). Its rules, in order:{listed}"


def _said(message: BaseMessage) -> str:
    name = f"from tool {message.name!r} " if message.type == "tool" and message.name else ""
    text = str(message.text)
    return name + repr(text if len(text) <= 200 else text[:200] + "…")
