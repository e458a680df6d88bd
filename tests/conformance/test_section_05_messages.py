"""Section 5: add_messages."""

from __future__ import annotations

from typing import Any

import pytest
from clew import MessagesState, StateGraph, add_messages
from clew.graph.message import REMOVE_ALL_MESSAGES
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, RemoveMessage


def said(messages: Any) -> list[tuple[str, Any]]:
    return [(message.id, message.content) for message in messages]


OLD = [HumanMessage("one", id="1"), AIMessage("two", id="2")]


def test_without_arguments_it_is_a_configured_reducer_and_one_none_is_an_error() -> None:
    assert said(add_messages(format=None)(OLD, [])) == [("1", "one"), ("2", "two")]
    for pair in ((OLD, None), (None, OLD)):
        with pytest.raises(ValueError, match="add_messages"):
            add_messages(*pair)


@pytest.mark.parametrize(
    "given", ["hello", ("user", "hello"), {"role": "user", "content": "hello"}, {"type": "human", "content": "hello"}]
)
def test_what_counts_as_a_message(given: Any) -> None:
    (message,) = add_messages([], given)
    assert (type(message), message.content) == (HumanMessage, "hello")


def test_chunks_become_messages_and_a_wrong_type_is_langchains_error() -> None:
    (message,) = add_messages([], AIMessageChunk("part", id="c"))
    assert type(message) is AIMessage
    with pytest.raises(NotImplementedError):
        add_messages([], 5)


def test_a_message_without_an_id_gets_one_on_the_callers_object() -> None:
    mine = HumanMessage("hello")
    (message,) = add_messages([], [mine])
    assert mine.id == message.id
    assert len(message.id) == 36


@pytest.mark.parametrize(
    ("right", "result"),
    [
        ([AIMessage("new", id="2")], [("1", "one"), ("2", "new")]),
        ([AIMessage("three", id="3")], [("1", "one"), ("2", "two"), ("3", "three")]),
        ([RemoveMessage(id="1")], [("2", "two")]),
        ([RemoveMessage(id="1"), HumanMessage("again", id="1")], [("1", "again"), ("2", "two")]),
        ([AIMessage("x", id="9"), RemoveMessage(id="9")], [("1", "one"), ("2", "two")]),
        (
            [AIMessage("a", id="9"), AIMessage("b", id="8"), AIMessage("c", id="9")],
            [*said(OLD), ("9", "c"), ("8", "b")],
        ),
        ([AIMessage("x", id="9"), RemoveMessage(id=REMOVE_ALL_MESSAGES), AIMessage("y", id="7")], [("7", "y")]),
        ([RemoveMessage(id=REMOVE_ALL_MESSAGES)], []),
    ],
)
def test_how_messages_are_merged(right: Any, result: Any) -> None:
    assert said(add_messages(OLD, right)) == result
    builder = StateGraph(MessagesState).add_node("n", lambda state: {"messages": right}).add_edge("__start__", "n")
    assert said(builder.compile().invoke({"messages": OLD})["messages"]) == result


def test_removing_what_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="nobody"):
        add_messages(OLD, RemoveMessage(id="nobody"))


def test_formats() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    (message,) = add_messages([], [HumanMessage([image], id="1")], format="langchain-openai")
    assert message.content[0]["type"] == "image_url"
    with pytest.raises(ValueError, match="format"):
        add_messages([], [HumanMessage("x")], format="another")
