"""add_messages: the rules by which chat histories merge."""

from __future__ import annotations

import uuid
from typing import get_type_hints

import pytest
from clew.projections.channels.messages import REMOVE_ALL_MESSAGES, MessagesState, add_messages
from hypothesis import given
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from tests.projections.channels.strategies import message_batches, plain_batches


def human(text: str, id_: str | None = None) -> HumanMessage:
    return HumanMessage(text, id=id_)


def texts(messages):
    return [(message.content, message.id) for message in messages]


def is_uuid4(text: str | None) -> bool:
    return text is not None and uuid.UUID(text).version == 4


def test_new_messages_go_to_the_end():
    assert texts(add_messages([human("a", "1")], [human("b", "2")])) == [("a", "1"), ("b", "2")]


def test_a_message_with_a_known_id_takes_the_place_of_the_old_one():
    merged = add_messages([human("a", "1"), human("b", "2")], [human("A", "1")])
    assert texts(merged) == [("A", "1"), ("b", "2")]


def test_of_equal_ids_in_one_write_the_last_stands_in_the_firsts_place():
    merged = add_messages([human("a", "1")], [human("c", "3"), human("d", "4"), human("e", "3")])
    assert texts(merged) == [("a", "1"), ("e", "3"), ("d", "4")]


def test_a_removal_takes_the_message_out():
    assert texts(add_messages([human("a", "1"), human("b", "2")], [RemoveMessage("1")])) == [("b", "2")]


def test_a_removed_and_rewritten_message_keeps_its_place():
    merged = add_messages([human("a", "1"), human("b", "2")], [RemoveMessage("1"), human("c", "1")])
    assert texts(merged) == [("c", "1"), ("b", "2")]


def test_a_message_added_and_removed_in_one_write_is_gone():
    assert texts(add_messages([human("a", "1")], [human("c", "3"), RemoveMessage("3")])) == [("a", "1")]


def test_removing_an_unknown_message_names_it_and_says_what_to_do():
    with pytest.raises(ValueError, match=r"id='9'.*not there.*REMOVE_ALL_MESSAGES"):
        add_messages([human("a", "1")], [RemoveMessage("9")])


def test_only_what_follows_the_last_removal_of_all_is_left_and_as_it_stands():
    write = [
        human("b", "2"),
        RemoveMessage(REMOVE_ALL_MESSAGES),
        human("c", "3"),
        RemoveMessage(REMOVE_ALL_MESSAGES),
        human("d", "4"),
        human("D", "4"),
    ]
    assert texts(add_messages([human("a", "1")], write)) == [("d", "4"), ("D", "4")]


def test_single_messages_stand_for_lists():
    assert texts(add_messages(human("a", "1"), human("b", "2"))) == [("a", "1"), ("b", "2")]


def test_what_langchain_takes_for_a_message_becomes_one():
    written = [("ai", "x"), {"role": "user", "content": "y"}, {"type": "human", "content": "z"}, ["system", "q"], "w"]
    merged = add_messages([], written)
    assert [type(message) for message in merged] == [AIMessage, HumanMessage, HumanMessage, SystemMessage, HumanMessage]
    assert [message.content for message in merged] == ["x", "y", "z", "q", "w"]
    assert all(is_uuid4(message.id) for message in merged)
    assert texts(add_messages([], {"role": "user", "content": "y", "id": "7"})) == [("y", "7")]
    assert [message.content for message in add_messages([], ("user", "hello"))] == ["hello"]


def test_chunks_become_whole_messages():
    (merged,) = add_messages([], [AIMessageChunk("part")])
    assert type(merged) is AIMessage
    assert is_uuid4(merged.id)


def test_missing_ids_are_set_on_the_objects_that_were_given():
    left, right = human("a"), human("b")
    merged = add_messages([left], [right])
    assert merged[0] is left
    assert merged[1] is right
    assert is_uuid4(left.id)
    assert is_uuid4(right.id)


def test_an_empty_id_is_an_id():
    assert texts(add_messages([], [human("a", "")])) == [("a", "")]


@pytest.mark.parametrize("bad", [5, [5], {"foo": 1}])
def test_what_is_no_message_is_refused_by_langchain(bad):
    with pytest.raises((NotImplementedError, ValueError)):
        add_messages([], bad)


@pytest.mark.parametrize(("left", "right", "named"), [(None, [human("a")], "left"), ([], None, "right")])
def test_one_none_is_refused(left, right, named):
    with pytest.raises(ValueError, match=f"None for '{named}'"):
        add_messages(left, right)


@given(plain_batches, message_batches)
def test_merging_changes_neither_of_its_lists(left, right):
    left_before, right_before = list(left), list(right)
    try:
        merged = add_messages(left, right)
    except ValueError:
        merged = None
    assert left == left_before
    assert right == right_before
    assert merged is not left
    assert merged is not right


def test_without_messages_it_is_the_configured_reducer():
    assert texts(add_messages()([], [human("a", "1")])) == [("a", "1")]
    shaped = add_messages(format="langchain-openai")([], [HumanMessage([{"type": "text", "text": "a"}], id="1")])
    assert texts(shaped) == [("a", "1")]


def test_openai_format_rewrites_contents_and_keeps_ids():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"}}
    (message,) = add_messages([], [HumanMessage([image], id="1")], format="langchain-openai")
    assert message.content == [{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD"}}]
    assert message.id == "1"


def test_openai_format_derives_the_ids_of_a_message_that_becomes_two():
    content = [
        {"type": "tool_result", "tool_use_id": "call", "content": [{"type": "text", "text": "result"}]},
        {"type": "text", "text": "after"},
    ]
    merged = add_messages([], [HumanMessage(content, id="5")], format="langchain-openai")
    assert [(type(message), message.content, message.id) for message in merged] == [
        (HumanMessage, "after", "5"),
        (ToolMessage, "result", "5-1"),
    ]


def test_openai_format_lets_removals_pass():
    merged = add_messages([human("a", "1")], [RemoveMessage("1"), human("b", "2")], format="langchain-openai")
    assert texts(merged) == [("b", "2")]


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="format 'markdown': use 'langchain-openai' or None"):
        add_messages([], [human("a")], format="markdown")


def test_messages_state_has_a_messages_key_with_this_reducer():
    hints = get_type_hints(MessagesState, include_extras=True)
    assert list(hints) == ["messages"]
    assert hints["messages"].__metadata__ == (add_messages,)
