"""Messages come back equal and complete, and cost little more than their text."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from clew.events.codec import Codec, Opaque
from clew.events.codec.kinds.messages import FORMS
from clew.events.vocabulary import Payload, Write
from hypothesis import given, settings
from langchain_core import messages as langchain_messages
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
    convert_to_openai_messages,
    messages_from_dict,
    messages_to_dict,
)
from msgspec import msgpack

from tests.events.strategies import messages, names, same, values

TEXT = "x" * 250


def round_trip(value: Any) -> Any:
    return Codec().decode_value(Codec().encode_value(value))


@pytest.mark.slow
@settings(max_examples=200)
@given(messages(values(max_leaves=3)))
def test_every_message_comes_back_equal_with_all_its_fields(message):
    one = Codec()
    back = one.decode_value(one.encode_value(message))
    assert back == message
    assert same(back, message)
    assert list(back.__dict__) == list(message.__dict__)


@given(messages(names))
def test_a_message_that_was_read_prints_and_dumps_like_the_one_that_was_written(message):
    back = round_trip(message)
    assert back.model_dump() == message.model_dump()
    assert back.model_dump_json() == message.model_dump_json()
    assert repr(back) == repr(message)


def test_every_message_class_of_langchain_core_is_known():
    abstract = {BaseMessage, langchain_messages.BaseMessageChunk}
    exported = {getattr(langchain_messages, name) for name in langchain_messages.__all__}
    classes = {one for one in exported if isinstance(one, type) and issubclass(one, BaseMessage)} - abstract
    assert classes == {form.cls for form in FORMS.values()} - {Document}


def test_tool_calls_are_exactly_equal():
    call = {"name": "search", "args": {"query": "clew", "pages": (1, 2)}, "id": "call_1", "type": "tool_call"}
    wrong = {"name": "search", "args": "{", "id": "call_2", "error": "no JSON", "type": "invalid_tool_call"}
    message = AIMessage("", tool_calls=[call], invalid_tool_calls=[wrong])
    back = round_trip(message)
    assert back.tool_calls == message.tool_calls
    assert back.tool_calls[0]["args"]["pages"] == (1, 2)
    assert back.invalid_tool_calls == message.invalid_tool_calls


def test_messages_that_were_read_are_of_use_to_langchain():
    first, second = AIMessageChunk("Hel", id="1"), AIMessageChunk("lo", id="1", usage_metadata=None)
    assert round_trip(first) + round_trip(second) == first + second
    history = [HumanMessage("hi"), AIMessage("yes", tool_calls=[]), ToolMessage("4", tool_call_id="c")]
    assert convert_to_openai_messages(round_trip(history)) == convert_to_openai_messages(history)
    assert messages_from_dict(messages_to_dict(round_trip(history))) == history
    assert round_trip(history[0]).model_copy(update={"content": "ho"}).content == "ho"
    assert AIMessage.model_validate(round_trip(history[1])) == history[1]


def test_two_messages_that_were_read_share_no_container():
    first, second = round_trip(AIMessage("a")), round_trip(AIMessage("b"))
    first.additional_kwargs["x"] = first.tool_calls
    first.tool_calls.append({})
    assert (second.additional_kwargs, second.tool_calls) == ({}, [])
    assert round_trip(AIMessage("c")) == AIMessage("c")


def test_fields_that_langchain_does_not_know_are_kept():
    message = HumanMessage("hi", mood="good", weights={1, 2})
    back = round_trip(message)
    assert back.mood == "good"
    assert back == message


def test_a_field_of_a_newer_langchain_core_is_kept_as_an_extra_one():
    newer = msgpack.Ext(1, msgpack.encode([1, "hi", None, {"colour": "red"}]))
    back = Codec().decode_value(msgpack.encode(newer))
    assert back.colour == "red"
    assert Codec().decode_value(Codec().encode_value(back)) == back


def test_a_message_class_of_a_newer_clew_is_opaque_and_written_back():
    newer = msgpack.encode(msgpack.Ext(1, msgpack.encode([99, "hi"])))
    back = Codec().decode_value(newer)
    assert isinstance(back, Opaque)
    assert Codec().encode_value(back) == newer


def test_a_message_without_a_field_that_it_needs_is_opaque_and_says_so():
    stored = msgpack.encode(msgpack.Ext(1, msgpack.encode([3, "4"])))
    back = Codec().decode_value(stored)
    assert isinstance(back, Opaque)
    assert "tool_call_id" in repr(back)
    assert Codec().encode_value(back) == stored


@pytest.mark.parametrize(
    "id_",
    [
        str(uuid.UUID(int=0)),
        str(uuid.UUID(int=2**128 - 1)),
        "0F9C6F0E-3B1C-4B3E-9C1B-0D5D8E6B9A11",
        "0f9c6f0e3b1c4b3e9c1b0d5d8e6b9a11",
        "0f9c6f0e-3b1c-4b3e-9c1b-0d5d8e6b9a1\u0661",
        "0f9c6f0e-3b1c-4b3e-9c1b-0d5d8e6b9a1\n",
        "run--0f9c6f0e-3b1c-4b3e-9c1b-0d5d8e6b9a11-0",
        "",
        "x",
    ],
)
def test_every_id_comes_back_letter_by_letter(id_):
    assert round_trip(HumanMessage("hi", id=id_)).id == id_
    assert round_trip(RemoveMessage(id=id_)).id == id_
    assert round_trip(Document("hi", id=id_)).id == id_


# --- what they cost


@pytest.mark.parametrize(
    ("message", "overhead_max"),
    [
        (HumanMessage(TEXT), 12),
        (HumanMessage(TEXT, id=str(uuid.uuid4())), 30),
        (AIMessage(TEXT, id=f"lc_run--{uuid.uuid4()}"), 56),
        (ToolMessage(TEXT, tool_call_id="call_abcdef", id=str(uuid.uuid4())), 60),
    ],
)
def test_a_message_costs_little_more_than_its_text(message, overhead_max):
    assert len(Codec().encode_value(message)) - len(TEXT) <= overhead_max


def test_a_write_of_one_message_costs_less_than_45_bytes():
    codec = Codec()
    write = Write("messages", Payload([HumanMessage(TEXT, id=str(uuid.uuid4()))]))
    encoded = msgpack.encode(["messages", codec.encode_value(write.payload.value), False])
    assert len(encoded) - len(TEXT) - len("messages") <= 45
