"""Callbacks of tools: every run that began is closed, by a pause too; nobody who watches misses one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from clew import Command, ToolNode, interrupt
from clew.errors import GraphInterrupt
from clew.prebuilt import InjectedState, ToolRuntime
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, tool
from langchain_core.tracers.context import collect_runs
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from .tool_graphs import THREAD, Follower, State, asking_for, called, contents, tools_graph


@tool
def ask(what: str) -> str:
    """Ask."""
    return interrupt(what)


@tool
async def ask_later(what: str) -> str:
    """Ask, on a loop."""
    await asyncio.sleep(0)
    return interrupt(what)


@tool
def note(text: str, state: Annotated[dict, InjectedState], runtime: ToolRuntime) -> str:
    """Note a text."""
    return f"noted {text}"


def run(graph: Any, door: str, given: Any, config: Any) -> Any:
    done = getattr(graph, door)(given, config)
    return asyncio.run(done) if door == "ainvoke" else done


@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
def test_a_pause_closes_the_tools_run(door: str):
    follower = Follower()
    config = {**THREAD, "callbacks": [follower]}
    graph = tools_graph(ToolNode([ask, ask_later, note]), State)
    calls = [called("ask", "1", what="a"), called("note", "2", text="n")]
    if door == "ainvoke":
        calls.append(called("ask_later", "3", what="b"))
    asked = run(graph, door, asking_for(*calls), config)
    assert len(follower.begun) == len(calls)
    assert follower.open == []
    ended = dict(follower.ended)
    assert isinstance(ended["ask"], GraphInterrupt)
    assert [question.value for question in ended["ask"].args[0]] == ["a"]
    assert ended["note"].content == "noted n"
    run(graph, door, Command(resume={question.id: "yes" for question in asked["__interrupt__"]}), config)
    assert follower.open == []
    # The one that finished is played back: no run of it, and none in the trace.
    assert [name for name, _ in follower.begun].count("note") == 1
    assert [name for name, output in follower.ended if not isinstance(output, GraphInterrupt)].count("ask") == 1


def test_an_async_handler_is_told_of_a_pause_too():
    told: list[str] = []

    class Handler(AsyncCallbackHandler):
        async def on_tool_start(self, *_: Any, **__: Any) -> None:
            told.append("start")

        async def on_tool_error(self, error: BaseException, **_: Any) -> None:
            told.append(type(error).__name__)

    graph = tools_graph(ToolNode([ask_later]))
    asyncio.run(graph.ainvoke(asking_for(called("ask_later", what="?")), {**THREAD, "callbacks": [Handler()]}))
    assert told == ["start", "GraphInterrupt"]


def test_a_cancelled_tools_run_is_closed():
    follower = Follower()

    async def talk() -> None:
        began = asyncio.Event()

        @tool
        async def endless() -> str:
            """Never end."""
            began.set()
            await asyncio.Event().wait()
            return "never"

        graph = tools_graph(ToolNode([endless]))
        config = {**THREAD, "callbacks": [follower]}
        task = asyncio.create_task(graph.ainvoke(asking_for(called("endless")), config))
        await asyncio.wait_for(began.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(talk())
    assert follower.open == []
    assert [type(error) for _, error in follower.ended] == [asyncio.CancelledError]


def test_injected_arguments_are_not_shown():
    follower = Follower()
    tools_graph(ToolNode([note]), State).invoke(
        asking_for(called("note", text="n"), customer="Ada"), {**THREAD, "callbacks": [follower]}
    )
    assert follower.begun == [("note", {"text": "n"})]


def test_the_nodes_tags_and_the_callers_are_on_the_tools_run():
    follower = Follower()
    node = ToolNode([note], tags=["the node's"])
    tools_graph(node, State).invoke(
        asking_for(called("note", text="n")), {**THREAD, "callbacks": [follower], "tags": ["the caller's"]}
    )
    assert {"the node's", "the caller's"} <= set(follower.tags[0])


def test_a_tools_own_callbacks_see_it_though_nobody_else_watches():
    follower = Follower()

    @tool
    def own(text: str) -> str:
        """Say it."""
        return text

    own.callbacks = [follower]
    tools_graph(ToolNode([own])).invoke(asking_for(called("own", text="a")), THREAD)
    assert (len(follower.begun), follower.open) == (1, [])


def test_a_collector_of_runs_around_the_call_sees_the_tool():
    with collect_runs() as collected:
        ToolNode([note]).invoke(asking_for(called("note", text="n")))
    assert [one.name for one in collected.traced_runs] == ["note"]


def test_a_pause_closes_the_run_for_a_tracer_that_only_the_context_knows():
    with collect_runs() as collected:
        tools_graph(ToolNode([ask])).invoke(asking_for(called("ask", what="?")), THREAD)
    # A collector lists a run when it has ended.
    [ended] = [one for one in collected.traced_runs if one.name == "ask"]
    assert "GraphInterrupt" in ended.error


def test_a_trace_has_the_tool_below_its_node_and_what_it_runs_below_it():
    @tool
    def outer(text: str) -> str:
        """Use a Runnable."""
        return RunnableLambda(str.upper, name="inner").invoke(text)

    collector = RunCollectorCallbackHandler()
    tools_graph(ToolNode([outer, ask])).invoke(
        asking_for(called("outer", "1", text="a"), called("ask", "2", what="?")), {**THREAD, "callbacks": [collector]}
    )
    [root] = collector.traced_runs
    [node] = root.child_runs
    runs = {one.name: one for one in node.child_runs}
    assert (root.name, node.name, set(runs)) == ("LangGraph", "tools", {"outer", "ask"})
    assert [one.name for one in runs["outer"].child_runs] == ["inner"]
    assert runs["ask"].end_time is not None
    assert "GraphInterrupt" in runs["ask"].error


class Own(BaseTool):
    """A tool that runs itself: langchain-core's `invoke` is not asked."""

    name: str = "own"
    description: str = "Runs itself."

    def _run(self, text: str) -> str:
        raise NotImplementedError

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        assert "run_id" not in config
        return ToolMessage(f"own {input['args']['text']} {interrupt('?')}", tool_call_id=input["id"])


@pytest.mark.parametrize("callbacks", [None, [Follower()]], ids=["unwatched", "watched"])
def test_a_tool_with_an_invoke_of_its_own_is_run_by_it(callbacks: Any):
    graph = tools_graph(ToolNode([Own()]))
    config = {**THREAD, "callbacks": callbacks}
    graph.invoke(asking_for(called("own", text="a")), config)
    assert contents(graph.invoke(Command(resume="yes"), config)) == ["own a yes"]
