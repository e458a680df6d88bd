"""ToolNode: what it takes and returns, standing alone and in a graph; calls at once; errors beside other calls."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Annotated, Any

import pytest
from clew import (
    END,
    START,
    Command,
    InMemorySaver,
    MessagesState,
    Runtime,
    Send,
    StateGraph,
    ToolNode,
    add_messages,
    tools_condition,
)
from clew.actors.agents.tools.together import drive_together
from clew.types import RetryPolicy
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, Tool, tool
from pydantic import BaseModel

from .tool_graphs import THREAD, Follower, answers, asking_for, called, contents, run_alone, tools_graph

PATIENCE_SECONDS = 10


@tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


# -- input and output


@dataclass
class Desk:
    messages: list[Any] = field(default_factory=list)


class DeskModel(BaseModel):
    messages: list[Any] = []


@pytest.mark.parametrize("state", [dict, Desk, DeskModel])
def test_a_state_gives_an_update_of_its_messages(state: Any):
    given = state(messages=[HumanMessage("3 + 4?"), AIMessage("", tool_calls=[called("add", a=3, b=4)])])
    [message] = ToolNode([add]).invoke(given)["messages"]
    assert (message.content, message.name, message.tool_call_id) == ("7", "add", "call_1")
    assert message.status == "success"


def test_a_list_of_messages_gives_a_list():
    [message] = ToolNode([add]).invoke([AIMessage("", tool_calls=[called("add", a=3)])])
    assert message.content == "5"


def test_a_list_of_tool_calls_gives_an_update():
    assert contents(ToolNode([add]).invoke([called("add", "1", a=1), called("add", "2", a=2)])) == ["3", "4"]


def test_one_call_with_its_state_gives_an_update():
    given = {"__type": "tool_call_with_context", "tool_call": called("add", a=1), "state": {"messages": []}}
    assert contents(ToolNode([add]).invoke(given)) == ["3"]


def test_another_messages_key_is_read_and_written():
    node = ToolNode([add], messages_key="talk")
    update = node.invoke({"talk": [AIMessage("", tool_calls=[called("add", a=1)])]})
    assert [message.content for message in update["talk"]] == ["3"]


def test_the_last_message_of_a_model_counts():
    messages = [
        AIMessage("", tool_calls=[called("add", "old", a=1)]),
        AIMessage("", tool_calls=[called("add", "new", a=2)]),
        HumanMessage("and?"),
    ]
    assert [message.tool_call_id for message in ToolNode([add]).invoke({"messages": messages})["messages"]] == ["new"]


def test_a_message_without_calls_gives_no_messages():
    assert ToolNode([add]).invoke({"messages": [AIMessage("hello")]}) == {"messages": []}


@pytest.mark.parametrize("state", [{"messages": []}, {}, [], Desk()])
def test_an_input_without_messages_is_refused(state: Any):
    with pytest.raises(ValueError, match="no message under 'messages'"):
        ToolNode([add]).invoke(state)


def test_an_input_without_a_models_message_is_refused():
    with pytest.raises(ValueError, match="no AIMessage"):
        ToolNode([add]).invoke({"messages": [HumanMessage("hello")]})


CONTENTS = [
    (None, "null"),
    ({"city": "Köln"}, '{"city": "Köln"}'),
    ([1, 2], "[1, 2]"),
    (["a", "b"], '["a", "b"]'),
    (1.5, "1.5"),
    (True, "true"),
    ("text", "text"),
    ([], []),
    ([{"type": "text", "text": "block"}], [{"type": "text", "text": "block"}]),
    (({"type": "text", "text": "block"},), [{"type": "text", "text": "block"}]),
    ({1}, "{1}"),
    (AIMessage("hi", id="m"), str(AIMessage("hi", id="m"))),
]


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize(("value", "content"), CONTENTS, ids=[repr(value)[:20] for value, _ in CONTENTS])
def test_text_and_content_blocks_are_kept_and_all_else_becomes_json(value: Any, content: Any, watched: bool):
    @tool
    def give() -> Any:
        """Give the value."""
        return value

    config: RunnableConfig = {"callbacks": [Follower()] if watched else None}
    assert contents(ToolNode([give]).invoke(asking_for(called("give")), config)) == [content]


def test_an_artifact_stays_with_its_message():
    @tool(response_format="content_and_artifact")
    def draw(size: int) -> tuple[str, dict[str, int]]:
        """Draw."""
        return "drawn", {"size": size}

    [message] = answers(run_alone([draw], called("draw", size=3)))
    assert (message.content, message.artifact) == ("drawn", {"size": 3})


def test_a_tool_that_breaks_its_promise_of_an_artifact_is_an_error():
    @tool(response_format="content_and_artifact")
    def draw() -> str:
        """Draw."""
        return "drawn"

    with pytest.raises(ValueError, match="content_and_artifact"):
        run_alone([draw], called("draw"))


# -- kinds of tools


class Doubler(BaseTool):
    name: str = "double"
    description: str = "Doubles a number."

    def _run(self, number: int, config: RunnableConfig, run_manager: Any = None) -> str:
        return f"{number * 2} {config['configurable']['thread_id']} {run_manager is not None}"


class AsyncDoubler(Doubler):
    async def _arun(self, number: int, config: RunnableConfig, run_manager: Any = None) -> str:  # type: ignore[override]
        return f"async {number * 2} {config['configurable']['thread_id']} {run_manager is not None}"


def plain(text: str) -> str:
    """Say it loudly."""
    return text.upper()


async def only_async(text: str) -> str:
    """Say it later."""
    return f"later {text}"


def with_config(text: str, config: RunnableConfig) -> str:
    """Say it with the thread."""
    return f"{text} {config['configurable']['thread_id']}"


def with_callbacks(text: str, callbacks: Any) -> str:
    """Say whether callbacks came."""
    return f"{text} {callbacks is not None}"


def with_more(text: str, *args: str, **kwargs: str) -> str:
    """Say it, and what more there is."""
    return f"{text} {args} {kwargs}"


JSON_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SYNC_TOOLS = [
    (add, {"a": 1}, "3"),
    (Doubler(), {"number": 2}, "4 1 True"),
    (plain, {"text": "a"}, "A"),
    (with_config, {"text": "a"}, "a 1"),
    (with_callbacks, {"text": "a"}, "a True"),
    (with_more, {"text": "a"}, "a () {}"),
    (Tool("shout", lambda text: text.upper(), "Shouts."), {"__arg1": "a"}, "A"),
    (StructuredTool(name="j", description="d", args_schema=JSON_SCHEMA, func=plain), {"text": "a"}, "A"),
]


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
@pytest.mark.parametrize(("made", "arguments", "content"), SYNC_TOOLS, ids=[repr(one[2]) for one in SYNC_TOOLS])
def test_a_tool_of_any_kind_runs_the_same_for_every_caller(made, arguments, content, door, watched):
    node = ToolNode([made])
    [name] = node.tools_by_name
    config = {**THREAD, "callbacks": [Follower()] if watched else None}
    graph = tools_graph(node)
    done = getattr(graph, door)(asking_for(called(name, **arguments)), config)
    assert contents(asyncio.run(done) if door == "ainvoke" else done) == [content]


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize(
    ("made", "arguments", "content"),
    [(only_async, {"text": "a"}, "later a"), (AsyncDoubler(), {"number": 2}, "async 4 1 True")],
)
def test_async_callers_get_a_tools_async_form(made: Any, arguments: Any, content: str, watched: bool):
    config = {**THREAD, "callbacks": [Follower()] if watched else None}
    graph = tools_graph(ToolNode([StructuredTool.from_function(coroutine=made) if made is only_async else made]))
    [name] = graph.plan.nodes["tools"].callee.call.__self__.tools_by_name
    assert contents(asyncio.run(graph.ainvoke(asking_for(called(name, **arguments)), config))) == [content]


def test_a_tool_with_an_async_form_only_fails_for_sync_callers():
    later = StructuredTool.from_function(coroutine=only_async)
    with pytest.raises(NotImplementedError, match="sync"):
        run_alone([later], called("only_async", text="a"))


def test_two_tools_of_one_name_are_refused():
    @tool("add")
    def other(a: int) -> int:
        """Add nothing."""
        return a

    with pytest.raises(ValueError, match="two tools are named 'add'"):
        ToolNode([add, other])
    assert list(ToolNode([add, add]).tools_by_name) == ["add"]


def test_name_and_tags_are_shown():
    node = ToolNode([add], name="my tools", tags=["mine"])
    assert node.get_name() == "my tools"
    assert list(StateGraph(MessagesState).add_node(node).nodes) == ["my tools"]


def test_an_argument_it_does_not_know_is_refused():
    with pytest.raises(TypeError, match="'tool'"):
        ToolNode([add]).invoke(asking_for(called("add", a=1)), tool="x")


def test_a_state_of_messages_alone_works_as_the_root():
    graph = tools_graph(ToolNode([add]), state=Annotated[list, add_messages])
    assert contents(graph.invoke([AIMessage("", tool_calls=[called("add", a=1)])], THREAD)) == ["3"]


def test_calls_sent_as_a_list_reach_the_graphs_state():
    builder = StateGraph(MessagesState).add_node("tools", ToolNode([add]))
    builder.add_conditional_edges(START, lambda state: [Send("tools", [called("add", a=4)])], ["tools"])
    assert contents(builder.compile().invoke({"messages": [HumanMessage("hi")]})) == ["6"]


# -- at once


def test_calls_run_at_once_on_threads():
    together = threading.Barrier(3, timeout=PATIENCE_SECONDS)

    @tool
    def meet(name: str) -> str:
        """Wait for the others."""
        together.wait()
        return name

    calls = [called("meet", name, name=name) for name in "abc"]
    assert contents(tools_graph(ToolNode([meet])).invoke(asking_for(*calls), THREAD)) == ["a", "b", "c"]
    assert contents(run_alone([meet], *calls)) == ["a", "b", "c"]


def test_calls_run_at_once_on_the_loop():
    async def talk() -> Any:
        arrived: list[str] = []
        everybody = asyncio.Event()

        @tool
        async def meet(name: str) -> str:
            """Wait for the others."""
            arrived.append(name)
            if len(arrived) == 3:
                everybody.set()
            await asyncio.wait_for(everybody.wait(), PATIENCE_SECONDS)
            return name

        calls = [called("meet", name, name=name) for name in "abc"]
        return await tools_graph(ToolNode([meet])).ainvoke(asking_for(*calls), THREAD)

    assert contents(asyncio.run(talk())) == ["a", "b", "c"]


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
def test_a_sync_tool_of_an_async_caller_does_not_hold_up_the_loop(watched: bool):
    async def talk() -> Any:
        loop = asyncio.get_running_loop()
        alive = threading.Event()

        @tool
        def wait() -> str:
            """Wait until the loop has done something."""
            loop.call_soon_threadsafe(alive.set)
            assert alive.wait(PATIENCE_SECONDS)
            return "waited"

        config = {**THREAD, "callbacks": [Follower()] if watched else None}
        return await tools_graph(ToolNode([wait])).ainvoke(asking_for(called("wait")), config)

    assert contents(asyncio.run(talk())) == ["waited"]


def test_max_concurrency_limits_the_calls_of_a_node():
    @tool
    def where() -> str:
        """Name the thread."""
        return threading.current_thread().name

    calls = [called("where", str(number)) for number in range(6)]
    done = tools_graph(ToolNode([where])).invoke(asking_for(*calls), {**THREAD, "max_concurrency": 1})
    assert contents(done) == [threading.current_thread().name] * 6


def test_max_concurrency_limits_the_calls_of_a_node_on_a_loop():
    running, most = 0, 0

    @tool
    async def work() -> str:
        """Count who works."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return "worked"

    graph = tools_graph(ToolNode([work]))
    calls = [called("work", str(number)) for number in range(6)]
    asyncio.run(graph.ainvoke(asking_for(*calls), {**THREAD, "max_concurrency": 2}))
    assert most == 2


def test_a_single_call_runs_on_the_callers_thread():
    @tool
    def where() -> str:
        """Name the thread."""
        return threading.current_thread().name

    assert contents(tools_graph(ToolNode([where])).invoke(asking_for(called("where")), THREAD)) == [
        threading.current_thread().name
    ]


def test_every_call_sees_the_callers_context_variables_and_leaves_none_behind():
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")

    @tool
    def whose(name: str) -> str:
        """Say whose turn it is, then change it."""
        before = tenant.get()
        tenant.set(name)
        return before

    tenant.set("acme")
    calls = [called("whose", name, name=name) for name in "abcd"]
    assert contents(tools_graph(ToolNode([whose])).invoke(asking_for(*calls), THREAD)) == ["acme"] * 4
    assert tenant.get() == "acme"


def test_a_full_pool_makes_the_calls_slow_and_never_stuck():
    # Two tool nodes hold both threads of the pool, and each has three calls that want another.
    with Runtime(pool_max=2) as runtime:
        builder = StateGraph(MessagesState)
        for name in ("left", "right"):
            builder.add_node(name, ToolNode([add])).add_edge(START, name)
        graph = builder.compile(runtime=runtime)
        calls = [called("add", str(number), a=number) for number in range(3)]
        chunks = list(graph.stream(asking_for(*calls), stream_mode=["custom", "updates"]))
    assert [contents(update) for _, chunk in chunks for update in chunk.values()] == [["2", "3", "4"]] * 2


def test_scripts_are_driven_by_the_caller_when_the_pool_is_taken():
    done: list[str] = []

    def script(name: str) -> Any:
        done.append(f"{name} on {threading.current_thread().name}")
        yield from ()

    free = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(free.wait, PATIENCE_SECONDS)
        drive_together([script("a"), script("b")], lambda: pool, None)
        free.set()
    here = threading.current_thread().name
    assert done == [f"a on {here}", f"b on {here}"]


def test_cancelling_an_async_run_cancels_its_tools():
    async def talk() -> list[str]:
        began, seen = asyncio.Event(), []

        @tool
        async def endless() -> str:
            """Never end."""
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            return "never"

        graph = tools_graph(ToolNode([endless, add]))
        calls = [called("endless", "1"), called("add", "2", a=1), called("endless", "3")]
        task = asyncio.create_task(graph.ainvoke(asking_for(*calls), THREAD))
        await asyncio.wait_for(began.wait(), PATIENCE_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert asyncio.run(talk()) == ["cancelled", "cancelled"]


# -- errors beside other calls


def test_an_error_leaves_when_every_call_has_ended_and_names_the_others():
    second_failed, ended = threading.Event(), threading.Event()

    @tool
    def bad(name: str) -> str:
        """Fail."""
        if name == "second":
            second_failed.set()
        raise ValueError(name)

    @tool
    def slow() -> str:
        """End last of all."""
        assert second_failed.wait(PATIENCE_SECONDS)
        ended.set()
        return "done"

    with pytest.raises(ValueError, match="first") as caught:
        run_alone([bad, slow], called("bad", "1", name="first"), called("slow", "2"), called("bad", "3", name="second"))
    assert ended.is_set()
    assert "tool 'bad', called beside it, raised ValueError('second')" in caught.value.__notes__


@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
def test_finished_calls_do_not_run_again_when_a_failed_one_is_tried_again(door: str):
    counts: Counter[str] = Counter()
    attempts = count(1)

    @tool
    def flaky() -> str:
        """Fail twice."""
        if next(attempts) < 3:
            raise ValueError("not yet")
        return "at last"

    @tool
    def pay() -> str:
        """Pay."""
        counts["paid"] += 1
        return "paid"

    policy = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=2, retry_on=ValueError)
    builder = StateGraph(MessagesState).add_node("tools", ToolNode([flaky, pay]), retry_policy=policy)
    graph = builder.add_edge(START, "tools").compile(checkpointer=InMemorySaver())

    def run(given: Any) -> Any:
        done = getattr(graph, door)(given, THREAD)
        return asyncio.run(done) if door == "ainvoke" else done

    with pytest.raises(ValueError, match="not yet"):
        run(asking_for(called("flaky", "1"), called("pay", "2")))
    assert graph.get_state(THREAD).next == ("tools",)
    assert contents(run(None)) == ["at last", "paid"]
    assert counts == {"paid": 1}


def test_an_end_that_was_asked_for_goes_before_an_error():
    @tool
    def bad() -> str:
        """Fail."""
        raise ValueError("bad")

    @tool
    def leave() -> str:
        """End the program."""
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        run_alone([bad, leave], called("bad", "1"), called("leave", "2"))


@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
@pytest.mark.parametrize("calls", [1, 2])
def test_a_tool_that_raises_stop_iteration_fails_like_any_other(door: str, calls: int):
    @tool
    def exhausted() -> str:
        """Take the next of nothing."""
        return next(iter([]))

    given = asking_for(*(called("exhausted", str(number)) for number in range(calls)))
    done = getattr(ToolNode([exhausted]), door)
    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(done(given)) if door == "ainvoke" else done(given)


# -- tools_condition


@pytest.mark.parametrize("form", [lambda messages: messages, lambda messages: {"messages": messages}, Desk])
def test_a_model_that_calls_tools_leads_to_them_and_any_other_message_to_the_end(form: Any):
    assert tools_condition(form([AIMessage("", tool_calls=[called("add")])])) == "tools"
    assert tools_condition(form([AIMessage("hello")])) == END
    assert tools_condition(form([AIMessage("", tool_calls=[called("add")]), HumanMessage("wait")])) == END


def test_the_condition_reads_another_key():
    assert tools_condition({"talk": [AIMessage("", tool_calls=[called("add")])]}, messages_key="talk") == "tools"


@pytest.mark.parametrize("state", [[], {}, {"messages": []}, Desk()])
def test_a_condition_without_messages_is_refused(state: Any):
    with pytest.raises(ValueError, match="no message"):
        tools_condition(state)


def test_a_goto_of_a_tool_is_taken_besides_the_edges():
    @tool
    def leave() -> Any:
        """Go on elsewhere."""
        return Command(goto="after")

    builder = StateGraph(MessagesState).add_node("tools", ToolNode([leave]))
    builder.add_node("after", lambda state: {"messages": [HumanMessage("after")]})
    done = builder.add_edge(START, "tools").compile().invoke(asking_for(called("leave")))
    assert done["messages"][-1].content == "after"
