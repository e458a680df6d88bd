"""The rules of a scripted model: when a rule applies, and what it replies.

A rule looks only at the messages it is given and remembers nothing, so a replay, a resumed thread and a hundred
threads at once get the same reply. Called by `ScriptedModel`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import PurePath
from typing import Any, cast, final

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolCall,
    ToolMessage,
    message_chunk_to_message,
)

Messages = Sequence[BaseMessage]
Pattern = str | re.Pattern[str]
Reply = str | AIMessage | ToolCall | Sequence[str | ToolCall] | Callable[[Messages], Any]
When = Pattern | Callable[[Messages], bool]


@final
@dataclass(frozen=True)
class Rule:
    """One line of a script."""

    label: str
    """How an error lists the rule."""
    applies: Callable[[Messages], bool]
    """Whether the rule answers these messages."""
    reply: Reply
    """What it replies: text, an AIMessage, calls, texts and calls mixed, or a function of the messages."""

    def __post_init__(self) -> None:
        if not callable(self.reply):
            _written(self.reply, self.label)

    def answer(self, messages: Messages) -> AIMessage:
        """A message of its own for these messages; the same messages give the same tool-call ids.

        Raises:
            TypeError: The reply, or what the reply function returned, is nothing that a model can say.
        """
        reply = self.reply(messages) if callable(self.reply) else self.reply
        return _with_call_ids(_written(reply, self.label), messages)


def call(name: str, /, **arguments: Any) -> ToolCall:
    """A call of the tool `name`, for use in a reply: `call("search", query="clew")`.

    Raises:
        TypeError: An argument is not JSON, which is all that a model can send.
    """
    try:
        as_sent = json.loads(json.dumps(arguments))
    except (TypeError, ValueError) as error:
        raise TypeError(f"call({name!r}): {error}; a model sends its arguments as JSON") from error
    return ToolCall(name=name, args=as_sent, id=None, type="tool_call")


def reply_to(pattern: Pattern, reply: Reply) -> Rule:
    """Answers when the last message is a person's and holds `pattern`: text in any case, or a compiled expression."""
    return Rule(f"reply_to({_shown(pattern)})", lambda messages: _asks(messages, pattern), reply)


def after_tool(name: str, reply: Reply, *, result: Pattern = "") -> Rule:
    """Answers when the tool `name` has just answered the last calls, and its result holds `result`."""
    label = f"after_tool({name!r}, result={_shown(result)})" if result else f"after_tool({name!r})"
    return Rule(label, lambda messages: any(_holds(text, result) for text in _results(messages, name)), reply)


def when(applies: Callable[[Messages], bool], reply: Reply) -> Rule:
    """Answers when `applies(messages)` is true."""
    return Rule(f"when({_place(applies)})", applies, reply)


def otherwise(reply: Reply) -> Rule:
    """Answers whatever no earlier rule did; the last line of a script."""
    return Rule("otherwise", lambda messages: True, reply)


def in_order(*replies: Reply) -> list[Rule]:
    """Rules that give the first reply to messages without one of the model's, the second after one, and so on."""
    return [Rule(f"in_order, reply {n + 1}", _replies_before(n), reply) for n, reply in enumerate(replies)]


def as_rules(script: Iterable[Rule | tuple[When, Reply]]) -> tuple[Rule, ...]:
    """The script's rules; `(pattern, reply)` is short for `reply_to`, `(function, reply)` for `when`.

    Raises:
        TypeError: A line is neither.
    """
    return tuple(_as_rule(line) for line in script)


def _as_rule(line: Any) -> Rule:
    match line:
        case Rule():
            return line
        case (str() | re.Pattern() as pattern, reply):
            return reply_to(pattern, reply)
        case (applies, reply) if callable(applies):
            return when(cast("Callable[[Messages], bool]", applies), reply)
    raise TypeError(f"a script's line must be a rule such as reply_to(…) or a pair (when, reply), got {line!r}")


def _asks(messages: Messages, pattern: Pattern) -> bool:
    return bool(messages) and isinstance(messages[-1], HumanMessage) and _holds(str(messages[-1].text), pattern)


def _results(messages: Messages, name: str) -> list[str]:
    """What the tool `name` answered to the last message of the model; empty if a person has spoken since."""
    answers: list[ToolMessage] = []
    for message in reversed(messages):
        if isinstance(message, ToolMessage):
            answers.append(message)
        elif isinstance(message, AIMessage):
            # By id: a tool that builds its own ToolMessage often leaves the name out.
            ids = {made["id"] for made in message.tool_calls if made["name"] == name}
            return [str(answer.text) for answer in answers if answer.tool_call_id in ids or answer.name == name]
        else:
            break
    return []


def _replies_before(count: int) -> Callable[[Messages], bool]:
    return lambda messages: sum(isinstance(message, AIMessage) for message in messages) == count


def _holds(text: str, pattern: Pattern) -> bool:
    return pattern.lower() in text.lower() if isinstance(pattern, str) else pattern.search(text) is not None


def _written(reply: Any, label: str) -> AIMessage:
    """`reply` as a new message; never the object in the script, which callers would then change (they set its id)."""
    if isinstance(reply, AIMessageChunk):
        reply = message_chunk_to_message(reply)
    if isinstance(reply, AIMessage):
        return reply.model_copy(deep=True)
    parts = [reply] if isinstance(reply, str | dict) else reply
    if isinstance(parts, Sequence) and all(isinstance(part, str) or _is_call(part) for part in parts):
        calls = [ToolCall(**{"id": None, **deepcopy(part)}) for part in parts if isinstance(part, dict)]
        return AIMessage(" ".join(part for part in parts if isinstance(part, str)), tool_calls=calls)
    raise TypeError(f"{label} replies {reply!r}: write text, call(…), a list of these, or an AIMessage")


def _is_call(part: Any) -> bool:
    return isinstance(part, dict) and part.keys() >= {"name", "args"}


def _with_call_ids(message: AIMessage, messages: Messages) -> AIMessage:
    unnamed = [(number, made) for number, made in enumerate(message.tool_calls) if not made["id"]]
    if unnamed:
        digest = _digest(messages)
        for number, made in unnamed:
            made["id"] = f"call_{blake2b(f'{digest}{number}'.encode(), digest_size=12).hexdigest()}"
    return message


def _digest(messages: Messages) -> str:
    # Not the messages' ids: they differ from run to run, and the same talk should give the same calls.
    said = [
        (type(m).__name__, m.content, getattr(m, "tool_calls", None), getattr(m, "tool_call_id", None))
        for m in messages
    ]
    return blake2b(json.dumps(said, default=str, sort_keys=True).encode(), digest_size=16).hexdigest()


def _shown(pattern: Pattern) -> str:
    return repr(pattern) if isinstance(pattern, str) else f"/{pattern.pattern}/"


def _place(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", repr(function)).rpartition("<locals>.")[2]
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} at {PurePath(code.co_filename).name}:{code.co_firstlineno}"
