"""`wrap_tool_call`: what a wrapper receives, how often it may run the tool, and how it goes with questions."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Annotated, Any

import pytest
from clew import Command, InMemorySaver, ToolNode, interrupt
from clew.prebuilt import InjectedState, ToolCallRequest, ToolRuntime
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool

from .tool_graphs import THREAD, State, answers, asking_for, called, contents, run_alone, tools_graph

Execute = Callable[[ToolCallRequest], Any]


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def multiply(a: int, b: int) -> int:
    """Multiply."""
    return a * b


@tool
def bad(text: str) -> str:
    """Fail."""
    raise ValueError(text)


@tool
async def add_later(a: int, b: int) -> int:
    """Add, later."""
    await asyncio.sleep(0)
    return a + b


ADD = called("add", a=1, b=2)


def short(request: ToolCallRequest, content: str) -> ToolMessage:
    return ToolMessage(content, tool_call_id=request.tool_call["id"])


def test_a_wrapper_receives_call_tool_state_and_runtime():
    seen: list[ToolCallRequest] = []

    def wrap(request: ToolCallRequest, execute: Execute) -> Any:
        seen.append(request)
        return execute(request)

    graph = tools_graph(ToolNode([add], wrap_tool_call=wrap), State)
    assert contents(graph.invoke(asking_for(ADD, customer="Ada"), THREAD, context="the context")) == ["3"]
    [request] = seen
    assert request.tool_call == ADD
    assert request.tool is add
    assert request.state["customer"] == "Ada"
    assert isinstance(request.runtime, ToolRuntime)
    assert (request.runtime.tool_call_id, request.runtime.context) == ("call_1", "the context")


def test_a_wrapper_is_called_for_an_unknown_tool_and_may_put_one_in_its_place():
    seen: list[Any] = []

    def wrap(request: ToolCallRequest, execute: Execute) -> Any:
        seen.append(request.tool)
        return execute(request) if seen[1:] else execute(request.override(tool=multiply))

    call = called("nope", a=3, b=4)
    assert contents(run_alone([add], call, wrap_tool_call=wrap)) == ["12"]
    [message] = answers(run_alone([add], call, wrap_tool_call=wrap))
    assert "nope is not a valid tool" in message.content
    assert seen == [None, None]


def test_a_wrapper_may_answer_without_the_tool():
    [message] = answers(run_alone([bad], called("bad", text="x"), wrap_tool_call=lambda r, _: short(r, "not now")))
    assert (message.content, message.name) == ("not now", "bad")


def test_a_wrapper_may_run_the_tool_with_other_arguments_and_several_times():
    def wrap(request: ToolCallRequest, execute: Execute) -> Any:
        first = execute(request)
        again = request.override(tool_call={**request.tool_call, "args": {"a": int(first.content), "b": 10}})
        return execute(again)

    assert contents(run_alone([add], ADD, wrap_tool_call=wrap)) == ["13"]
    assert ADD["args"] == {"a": 1, "b": 2}


def test_a_wrapper_may_change_the_state_that_the_tool_sees():
    @tool
    def who(customer: Annotated[str, InjectedState("customer")]) -> str:
        """Tell who."""
        return customer

    def wrap(request: ToolCallRequest, execute: Execute) -> Any:
        return execute(request.override(state={**request.state, "customer": "Eve"}))

    done = run_alone([who], called("who"), state={"customer": "Ada"}, wrap_tool_call=wrap)
    assert contents(done) == ["Eve"]


def test_a_wrapper_sees_what_the_tool_raises_and_may_try_again():
    attempts = count(1)

    @tool
    def flaky() -> str:
        """Fail twice."""
        if next(attempts) < 3:
            raise ValueError("not yet")
        return "at last"

    def wrap(request: ToolCallRequest, execute: Execute) -> Any:
        while True:
            try:
                return execute(request)
            except ValueError:
                continue

    assert contents(run_alone([flaky], called("flaky"), wrap_tool_call=wrap)) == ["at last"]


def test_a_handled_error_reaches_the_wrapper_as_a_message():
    seen: list[str] = []

    def wrap(request: ToolCallRequest, execute: Execute) -> Any:
        message = execute(request)
        seen.append(message.status)
        return message

    run_alone([bad], called("bad", text="x"), wrap_tool_call=wrap, handle_tool_errors=True)
    assert seen == ["error"]


def test_a_wrappers_own_error_goes_the_way_of_a_tools():
    def wrap(request: ToolCallRequest, execute: Execute) -> Any:
        raise ValueError("from the wrapper")

    with pytest.raises(ValueError, match="from the wrapper"):
        run_alone([add], ADD, wrap_tool_call=wrap)
    [message] = answers(run_alone([add], ADD, wrap_tool_call=wrap, handle_tool_errors=True))
    assert (message.status, "from the wrapper" in message.content) == ("error", True)


def test_a_wrapper_that_returns_no_output_is_an_error():
    with pytest.raises(TypeError, match="from a wrapper as from a tool"):
        run_alone([add], ADD, wrap_tool_call=lambda request, execute: "3")


def test_a_wrapper_may_return_a_command():
    def wrap(request: ToolCallRequest, execute: Execute) -> Any:
        return Command(update={"messages": [execute(request)]}, goto="after")

    [command] = run_alone([add], ADD, wrap_tool_call=wrap)
    assert (contents(command.update), command.goto) == (["3"], "after")


# -- sync and async


async def awrap(request: ToolCallRequest, execute: Execute) -> Any:
    message = await execute(request)
    return short(request, f"async: {message.content}")


def wrap(request: ToolCallRequest, execute: Execute) -> Any:
    return short(request, f"sync: {execute(request).content}")


def run_async(node: ToolNode, *calls: Any) -> Any:
    return contents(asyncio.run(tools_graph(node).ainvoke(asking_for(*calls), THREAD)))


CALLS = [ADD, called("add_later", "call_2", a=3, b=4)]


def test_an_async_caller_uses_the_async_wrapper():
    node = ToolNode([add, add_later], wrap_tool_call=wrap, awrap_tool_call=awrap)
    assert run_async(node, *CALLS) == ["async: 3", "async: 7"]


def test_without_one_it_uses_the_sync_wrapper_for_tools_of_both_kinds():
    assert run_async(ToolNode([add, add_later], wrap_tool_call=wrap), *CALLS) == ["sync: 3", "sync: 7"]


def test_the_sync_wrapper_of_an_async_caller_does_not_hold_up_the_loop():
    async def talk() -> Any:
        loop = asyncio.get_running_loop()
        alive = threading.Event()

        def waiting(request: ToolCallRequest, execute: Execute) -> Any:
            loop.call_soon_threadsafe(alive.set)
            assert alive.wait(10)
            return execute(request)

        return await tools_graph(ToolNode([add], wrap_tool_call=waiting)).ainvoke(asking_for(ADD), THREAD)

    assert contents(asyncio.run(talk())) == ["3"]


def test_many_sync_wrappers_of_an_async_caller_do_not_wait_for_each_others_threads():
    # More of them than the loop's default executor has threads.
    calls = [called("add_later" if number % 2 else "add", str(number), a=number, b=0) for number in range(80)]
    assert run_async(ToolNode([add, add_later], wrap_tool_call=wrap), *calls) == [f"sync: {n}" for n in range(80)]


def test_a_sync_caller_uses_the_sync_wrapper():
    assert contents(run_alone([add], ADD, wrap_tool_call=wrap, awrap_tool_call=awrap)) == ["sync: 3"]


def test_a_sync_caller_does_not_pass_by_a_wrapper_that_is_async_only():
    # The peer runs the tool without it; the wrapper may be what asks for approval.
    with pytest.raises(TypeError, match="awrap_tool_call only"):
        run_alone([add], ADD, awrap_tool_call=awrap)


# -- questions


def test_a_wrapper_asks_before_the_tool_runs():
    counts: Counter[str] = Counter()

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        counts["paid"] += amount
        return f"paid {amount}"

    def approve(request: ToolCallRequest, execute: Execute) -> Any:
        if interrupt(request.tool_call["args"]) != "yes":
            return short(request, "refused")
        return execute(request)

    graph = tools_graph(ToolNode([pay], wrap_tool_call=approve, handle_tool_errors=True))
    asked = graph.invoke(asking_for(called("pay", "1", amount=1), called("pay", "2", amount=2)), THREAD)
    ids = {question.value["amount"]: question.id for question in asked["__interrupt__"]}
    assert (list(ids), counts) == ([1, 2], {})
    graph.invoke(Command(resume={ids[2]: "yes"}), THREAD)
    done = graph.invoke(Command(resume={ids[1]: "no"}), THREAD)
    assert contents(done) == ["refused", "paid 2"]
    assert counts == {"paid": 2}


@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
def test_a_tool_does_not_run_again_when_its_wrapper_asks_afterwards(door: str):
    counts: Counter[str] = Counter()

    @tool
    def draft(text: str) -> str:
        """Write a draft."""
        counts[text] += 1
        return f"draft {counts[text]}"

    def review(request: ToolCallRequest, execute: Execute) -> Any:
        written = execute(request)
        return short(request, f"{written.content}, {interrupt(written.content)}")

    graph = tools_graph(ToolNode([draft], wrap_tool_call=review), checkpointer=InMemorySaver())

    def run(given: Any) -> Any:
        done = getattr(graph, door)(given, THREAD)
        return asyncio.run(done) if door == "ainvoke" else done

    run(asking_for(called("draft", text="a")))
    assert contents(run(Command(resume="approved"))) == ["draft 1, approved"]
    assert counts == {"a": 1}


def test_a_wrapper_that_catches_exceptions_does_not_catch_a_pause():
    @tool
    def ask() -> str:
        """Ask."""
        return interrupt("?")

    def careless(request: ToolCallRequest, execute: Execute) -> Any:
        try:
            return execute(request)
        except Exception as error:
            return short(request, f"caught {error!r}")

    graph = tools_graph(ToolNode([ask], wrap_tool_call=careless))
    assert len(graph.invoke(asking_for(called("ask")), THREAD)["__interrupt__"]) == 1
    assert contents(graph.invoke(Command(resume="yes"), THREAD)) == ["yes"]
