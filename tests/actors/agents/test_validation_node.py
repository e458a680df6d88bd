"""ValidationNode: each call of a model checked against the schema of its name."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from clew.prebuilt import ValidationNode
from clew.warnings import LangGraphDeprecatedSinceV10
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from .tool_graphs import asking_for, called


class Person(BaseModel):
    """A person."""

    name: str
    age: int = 30


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def greet(name: str, loudly: bool = False) -> str:
    """Greet."""
    return name


def node(**options: Any) -> ValidationNode:
    with pytest.warns(LangGraphDeprecatedSinceV10):
        return ValidationNode([Person, add, greet], **options)


def test_models_tools_and_functions_are_schemas_by_their_names():
    assert list(node().schemas_by_name) == ["Person", "add", "greet"]
    assert (node().name, node(name="own").get_name()) == ("validation", "own")


def test_arguments_that_fit_come_back_with_their_defaults():
    calls = [called("Person", "1", name="Ann"), called("add", "2", a="1", b=2), called("greet", "3", name="Bob")]
    answers = node().invoke(asking_for(*calls))["messages"]
    assert [json.loads(message.content) for message in answers] == [
        {"name": "Ann", "age": 30},
        {"a": 1, "b": 2},
        {"name": "Bob", "loudly": False},
    ]
    assert [(message.name, message.tool_call_id) for message in answers] == [
        ("Person", "1"),
        ("add", "2"),
        ("greet", "3"),
    ]


def test_arguments_that_do_not_fit_are_told():
    [answer] = node().invoke(asking_for(called("Person", age="old"))["messages"])
    assert answer.additional_kwargs == {"is_error": True}
    assert answer.status == "error"
    assert "name" in answer.content
    assert "age" in answer.content


def test_what_is_told_can_be_chosen():
    own = node(format_error=lambda error, call, schema: f"{call['name']} {schema.__name__} {type(error).__name__}")
    [answer] = own.invoke(asking_for(called("Person", age="old")))["messages"]
    assert answer.content == "Person Person ValidationError"


def test_async_callers_get_the_same():
    state = asking_for(called("add", a=1, b=2))
    assert asyncio.run(node().ainvoke(state)) == node().invoke(state)


@pytest.mark.parametrize("state", [{"messages": []}, [], {"messages": [HumanMessage("hi")]}])
def test_without_a_models_message_at_the_end_it_fails(state: Any):
    with pytest.raises(ValueError, match="validation"):
        node().invoke(state)


def test_a_call_without_a_schema_fails():
    with pytest.raises(KeyError, match="nope"):
        node().invoke([AIMessage("", tool_calls=[called("nope")])])


def test_what_is_no_schema_is_refused():
    with pytest.raises(ValueError, match="schema"), pytest.warns(LangGraphDeprecatedSinceV10):
        ValidationNode([5])  # type: ignore[list-item]
