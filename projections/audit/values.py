"""A user's value in a few words, on one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from ...events.errors import DecodeError
from ...events.vocabulary import Payload


def payload_words(payload: Payload | None, characters_max: int) -> str:
    """What a payload holds. Total: what cannot be read, or cannot say what it is, is said to be so."""
    if payload is None:
        return "nothing"
    try:
        value = payload.value
    except DecodeError as error:
        return clipped(f"(cannot be read: {error})", characters_max)
    return value_words(value, characters_max)


def value_words(value: Any, characters_max: int) -> str:
    """A value's words: messages as who says what, everything else as `repr` shows it."""
    items = value if isinstance(value, list | tuple) else (value,)
    if items and all(isinstance(item, BaseMessage) for item in items):
        return clipped("; ".join(message_words(item) for item in items), characters_max)
    try:
        shown = repr(value)
    except Exception as error:  # a class of the user's: its repr is no reason to leave a line out
        shown = f"({type(value).__name__} whose repr raises {type(error).__name__})"
    return clipped(shown, characters_max)


def message_words(message: BaseMessage) -> str:
    """Who says what in a message, with the tools that it calls."""
    said = [str(message.text).strip()]
    if isinstance(message, AIMessage):
        said.extend(f"-> {call['name']}({_arguments(call['args'])})" for call in message.tool_calls)
    return f"{message.type}: {' '.join(part for part in said if part)}"


def clipped(text: str, characters_max: int) -> str:
    """The text as one printable line, cut to a length."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= characters_max else f"{line[: characters_max - 3]}..."


def printable(text: str) -> str:
    """The text with "?" for control characters, line breaks and tabs aside.

    Stored text comes from models, tools and people: an escape sequence in it must not reach the reader's terminal.
    """
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)


def _arguments(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
