"""assign_message_ids: no message is recorded without an id, whatever the channel."""

from __future__ import annotations

import pytest
from clew.projections.channels.message_ids import assign_message_ids
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from tests.support.labels import steady


@pytest.mark.parametrize(
    "wrap",
    [lambda each: each, lambda each: [1, each], lambda each: (each, "x"), lambda each: {"last": each, "other": 1}],
    ids=["alone", "list", "tuple", "dict"],
)
@pytest.mark.parametrize("kind", [HumanMessage, AIMessage, AIMessageChunk])
def test_a_message_without_an_id_gets_one_in_place(wrap, kind):
    message = kind("hello")
    assign_message_ids(wrap(message))
    assert message.id
    assert len(message.id) == 36


def test_ids_that_are_there_stay():
    message = HumanMessage("hello", id="mine")
    assign_message_ids([message])
    assert message.id == "mine"


def test_two_messages_get_two_ids():
    messages = [HumanMessage("a"), HumanMessage("b")]
    assign_message_ids(messages)
    assert messages[0].id != messages[1].id


@pytest.mark.parametrize("value", [None, 1, "text", [1, 2], {"a": {"b": 1}}, [], (), object()], ids=steady)
def test_other_values_are_left_alone(value):
    assign_message_ids(value)


def test_it_looks_one_level_deep():
    message = HumanMessage("hello")
    assign_message_ids([[message]])
    assert message.id is None
