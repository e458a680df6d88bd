"""Which of a tool's errors the model is told, and how; the rest fails the node."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from clew import ToolNode
from clew.errors import ClewError
from clew.prebuilt import InjectedState, ToolInvocationError
from langchain_core.messages import ToolMessage
from langchain_core.tools import ToolException, tool
from pydantic import BaseModel

from .tool_graphs import THREAD, Follower, State, answers, asking_for, called, run_alone, tools_graph


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def bad(text: str) -> str:
    """Fail."""
    raise ValueError(text)


@tool
def refusing(text: str) -> str:
    """Fail in langchain's way."""
    raise ToolException(text)


WRONG_ARGUMENTS = called("add", a="x")
BAD = called("bad", text="boom")
REFUSING = called("refusing", text="no")
TOOLS = [add, bad, refusing]


@pytest.fixture(params=["unwatched", "watched", "unwatched async", "watched async"])
def answer(request: pytest.FixtureRequest):
    """Runs one call in a graph, with and without callbacks, for sync and async callers; gives its message."""

    def run(call: Any, tools: Any = TOOLS, **options: Any) -> ToolMessage:
        graph = tools_graph(ToolNode(tools, **options), State)
        config = {**THREAD, "callbacks": [Follower()] if "un" not in request.param else None}
        given = asking_for(call, customer="Ada", cart=[])
        is_async = "async" in request.param
        done = asyncio.run(graph.ainvoke(given, config)) if is_async else graph.invoke(given, config)
        [message] = answers(done)
        return message

    return run


def test_wrong_arguments_are_told_field_by_field(answer):
    message = answer(WRONG_ARGUMENTS)
    assert (message.status, message.name, message.tool_call_id) == ("error", "add", "call_1")
    assert "tool 'add' does not take the arguments {'a': 'x'}" in message.content
    assert "- a: Input should be a valid integer" in message.content
    assert "- b: Field required" in message.content


def test_injected_arguments_are_not_told(answer):
    @tool
    def pay(amount: int, customer: Annotated[str, InjectedState("customer")]) -> str:
        """Pay."""
        return f"{customer} paid {amount}"

    message = answer(called("pay", amount="much", customer="forged"), [pay])
    assert message.status == "error"
    assert "amount" in message.content
    assert "customer" not in message.content
    assert "Ada" not in message.content
    assert "forged" not in message.content


def test_an_unknown_tool_is_told_with_the_tools_there_are(answer):
    message = answer(called("nope", x=1))
    assert (message.status, message.name) == ("error", "nope")
    assert "nope is not a valid tool" in message.content
    assert "add, bad, refusing" in message.content


def test_an_unknown_tool_never_raises(answer):
    assert answer(called("nope"), handle_tool_errors=False).status == "error"


@pytest.mark.parametrize(("call", "error"), [(BAD, ValueError), (REFUSING, ToolException)])
def test_what_a_tool_raises_fails_the_node_by_default(answer, call, error):
    with pytest.raises(error) as caught:
        answer(call)
    assert str(caught.value) in ("boom", "no")


def test_false_handles_nothing(answer):
    with pytest.raises(ToolInvocationError) as caught:
        answer(WRONG_ARGUMENTS, handle_tool_errors=False)
    error = caught.value
    assert isinstance(error, ToolException)
    assert isinstance(error, ClewError)
    assert (error.tool_name, error.tool_kwargs) == ("add", {"a": "x"})
    assert error.__cause__ is error.source
    with pytest.raises(ValueError, match="boom"):
        answer(BAD, handle_tool_errors=False)


@pytest.mark.parametrize(("call", "said"), [(BAD, "ValueError('boom')"), (REFUSING, "ToolException('no')")])
def test_true_tells_every_error_by_its_repr(answer, call, said):
    message = answer(call, handle_tool_errors=True)
    assert message.status == "error"
    assert said in message.content


def test_true_tells_wrong_arguments_too(answer):
    assert "Field required" in answer(WRONG_ARGUMENTS, handle_tool_errors=True).content


@pytest.mark.parametrize("call", [WRONG_ARGUMENTS, BAD, REFUSING])
def test_a_text_is_told_for_every_error(answer, call):
    message = answer(call, handle_tool_errors="Call the office.")
    assert (message.content, message.status) == ("Call the office.", "error")


@pytest.mark.parametrize("types", [ValueError, (KeyError, ValueError)])
def test_types_handle_those_errors_and_no_others(answer, types):
    assert "ValueError('boom')" in answer(BAD, handle_tool_errors=types).content
    with pytest.raises(ToolException):
        answer(REFUSING, handle_tool_errors=types)
    with pytest.raises(ToolInvocationError):
        answer(WRONG_ARGUMENTS, handle_tool_errors=types)


def test_no_types_handle_nothing(answer):
    with pytest.raises(ValueError, match="boom"):
        answer(BAD, handle_tool_errors=())


class Desk:
    """Handlers of every kind that Python has."""

    def method(self, error: ValueError) -> str:
        return f"told: {error}"

    def __call__(self, error: ValueError) -> str:
        return f"told: {error}"


def by_function(error: ValueError) -> str:
    return f"told: {error}"


def by_union(error: KeyError | ValueError) -> str:
    return f"told: {error}"


def by_text_annotation(error: "ValueError | None") -> str:  # noqa: UP037 (an annotation that is a text twice over)
    return f"told: {error}"


HANDLERS = [by_function, by_union, by_text_annotation, Desk().method, Desk()]


@pytest.mark.parametrize("handler", HANDLERS, ids=["function", "union", "text", "method", "object"])
def test_a_function_handles_what_its_parameter_is_annotated_with(answer, handler):
    message = answer(BAD, handle_tool_errors=handler)
    assert (message.content, message.status) == ("told: boom", "error")
    with pytest.raises(ToolException):
        answer(REFUSING, handle_tool_errors=handler)


@pytest.mark.parametrize("call", [WRONG_ARGUMENTS, BAD, REFUSING])
def test_a_function_without_annotation_handles_everything(answer, call):
    assert answer(call, handle_tool_errors=lambda error: type(error).__name__).content in (
        "ToolInvocationError",
        "ValueError",
        "ToolException",
    )


def test_content_blocks_of_a_handler_are_kept_and_anything_else_becomes_text(answer):
    blocks = [{"type": "text", "text": "no"}]
    assert answer(BAD, handle_tool_errors=lambda error: blocks).content == blocks
    assert answer(BAD, handle_tool_errors=lambda error: {"code": 1}).content == "{'code': 1}"


def test_a_handlers_own_error_fails_the_node(answer):
    def broken(error: ValueError) -> str:
        raise KeyError("handler")

    with pytest.raises(KeyError, match="handler"):
        answer(BAD, handle_tool_errors=broken)


def for_a_number(error: int) -> str:
    return ""


def for_an_error_or_a_number(error: ValueError | int) -> str:
    return ""


@pytest.mark.parametrize("wrong", [1, 1.5, int, (ValueError, "x"), for_a_number, for_an_error_or_a_number])
def test_a_setting_that_names_no_exceptions_is_refused_when_the_node_is_made(wrong):
    with pytest.raises(ValueError, match="handle_tool_errors"):
        ToolNode([add], handle_tool_errors=wrong)


def test_a_tools_own_settings_go_before_the_nodes(answer):
    @tool
    def own(text: str) -> str:
        """Fail, and say so itself."""
        raise ToolException(text)

    own.handle_tool_error = "handled by the tool"
    message = answer(called("own", text="x"), [own], handle_tool_errors=False)
    assert (message.content, message.status) == ("handled by the tool", "error")


def test_a_tools_own_handling_of_wrong_arguments_goes_before_the_nodes(answer):
    @tool
    def own(number: int) -> str:
        """Want a number."""
        return str(number)

    own.handle_validation_error = "a number, please"
    message = answer(called("own", number="x"), [own])
    assert (message.content, message.status) == ("a number, please", "error")


def test_a_validation_error_of_the_body_is_told_like_one_of_its_arguments(answer):
    class Order(BaseModel):
        amount: int

    @tool
    def order(text: str) -> str:
        """Read an order."""
        return str(Order.model_validate_json(text).amount)

    message = answer(called("order", text='{"amount": "x"}'), [order])
    assert message.status == "error"
    assert "amount: Input should be a valid integer" in message.content


def test_arguments_are_made_what_the_schema_says(answer):
    @tool
    def kinds(number: int, names: list[str], factor: float = 1.5) -> str:
        """Tell the kinds."""
        return f"{type(number).__name__} {type(names).__name__} {factor}"

    assert answer(called("kinds", number="7", names=["a"]), [kinds]).content == "int list 1.5"


def test_arguments_that_a_tool_does_not_know_are_left_out(answer):
    assert answer(called("add", a=1, b=2, c=3)).content == "3"


def test_the_error_of_a_call_names_its_node_in_a_graph():
    graph = tools_graph(ToolNode(TOOLS))
    with pytest.raises(ValueError, match="boom") as caught:
        graph.invoke(asking_for(BAD), THREAD)
    assert any("node 'tools'" in note for note in caught.value.__notes__)


def test_outside_of_a_graph_errors_are_handled_alike():
    [message] = answers(run_alone(TOOLS, WRONG_ARGUMENTS))
    assert message.status == "error"
    with pytest.raises(ValueError, match="boom"):
        run_alone(TOOLS, BAD)
