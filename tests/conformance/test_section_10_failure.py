"""Section 10: what a failure in a super-step leaves behind, and how the thread goes on."""

from __future__ import annotations

import asyncio
import operator
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Runtime, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import InvalidUpdateError, NodeCancelledError
from clew.func import task
from clew.types import RetryPolicy

from .callers import AsyncCaller, Caller, run
from .programs import ONE, State, chain, rows, side_by_side, signing, single

GIVEN: dict[str, Any] = {"x": 1, "l": ["i"]}


class Bad:
    """`ok` and `bad` beside each other, then their join `j`. `bad` raises once `ok` is done, until it is mended."""

    def __init__(self, caller: Caller) -> None:
        self.error = ValueError("boom")
        self.mended = False
        self.ran: list[str] = []
        self.done = threading.Event()
        self.ok: Any = self._aok if caller.is_async else self._ok
        self.bad: Any = self._abad if caller.is_async else self._bad
        builder = side_by_side(ok=self.ok, bad=self.bad).add_node("j", signing("j"))
        self.builder = builder.add_edge(["ok", "bad"], "j")

    def _ok(self, state: State) -> dict[str, Any]:
        self.ran.append("ok")
        self.done.set()
        return {"l": ["ok"]}

    async def _aok(self, state: State) -> dict[str, Any]:
        return self._ok(state)

    def _bad(self, state: State) -> dict[str, Any]:
        self.ran.append("bad")
        if not self.mended:
            assert self.done.wait(20)
            raise self.error
        return {"l": ["bad-ok"]}

    async def _abad(self, state: State) -> dict[str, Any]:
        while not (self.mended or self.done.is_set()):
            await asyncio.sleep(0)
        return self._bad(state)


def fails(caller: Caller, graph: Any, given: Any = GIVEN, **options: Any) -> Any:
    """What a call raises."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # each test says which
        caller.invoke(graph, given, ONE, **options)
    return caught.value


def until_it_fails(caller: Caller, graph: Any, given: Any, **options: Any) -> tuple[list[Any], Exception]:
    """The chunks of a stream, and what it raised after them."""
    chunks: list[Any] = []

    async def taken() -> None:
        async for chunk in graph.astream(given, ONE, **options):
            chunks.append(chunk)

    try:
        if caller.is_async:
            run(taken())
        else:
            for chunk in graph.stream(given, ONE, **options):
                chunks.append(chunk)
    except Exception as error:
        return chunks, error
    raise AssertionError(f"nothing was raised after {chunks}")


def tasks(state: Any) -> list[tuple[Any, ...]]:
    """(name, error, result) of a snapshot's tasks."""
    return [(task.name, task.error, task.result) for task in state.tasks]


# -- the failed step


def test_no_write_of_the_step_is_applied_and_the_caller_gets_the_very_exception(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    bad = Bad(caller)
    graph = bad.builder.compile(checkpointer=saver)
    assert fails(caller, graph) is bad.error
    assert rows(caller.history(graph, ONE)) == [("loop", 0, ("ok", "bad"), ["i"]), ("input", -1, ("__start__",), [])]


def test_a_note_names_the_task_and_its_id(caller: Caller) -> None:
    bad = Bad(caller)
    bad.done.set()
    graph = single(bad.bad).compile(checkpointer=InMemorySaver())
    error = fails(caller, graph)
    task = caller.state(graph, ONE).tasks[0].id
    assert error.__notes__ == [f"raised in node 'f', task {task}"]
    fails(caller, graph, None)
    assert error.__notes__ == [f"raised in node 'f', task {task}"]  # said once, however often it is raised


def test_a_failure_inside_a_graph_has_a_note_of_each_level(caller: Caller) -> None:
    bad = Bad(caller)
    bad.done.set()
    inner = single(bad.bad, "inner").compile()
    error = fails(caller, single(inner, "outer").compile(checkpointer=InMemorySaver()))
    assert [note.split(",")[0] for note in error.__notes__] == ["raised in node 'inner'", "raised in node 'outer'"]


def test_what_finished_is_kept_and_shown_beside_the_failure(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = Bad(caller).builder.compile(checkpointer=saver)
    fails(caller, graph)
    live = caller.state(graph, ONE)
    assert (live.values, live.next) == ({"x": 1, "l": ["i", "ok"]}, ("bad",))
    assert tasks(live) == [("ok", None, {"l": ["ok"]}), ("bad", "ValueError('boom')", None)]
    record = caller.history(graph, ONE)[0]
    assert (record.values, record.next) == ({"x": 1, "l": ["i"]}, ("ok", "bad"))
    assert tasks(record) == tasks(live)


def test_the_chunks_of_what_finished_come_before_the_exception(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = Bad(caller).builder.compile(checkpointer=saver)
    chunks, error = until_it_fails(caller, graph, GIVEN, stream_mode=["updates", "values", "tasks"])
    assert str(error) == "boom"
    shown = [(mode, {key: chunk[key] for key in chunk if key != "id"}) for mode, chunk in chunks]
    assert shown[0] == ("values", {"x": 1, "l": ["i"]})
    assert [chunk["name"] for _, chunk in shown[1:3]] == ["bad", "ok"]
    assert shown[3] == ("updates", {"ok": {"l": ["ok"]}})
    assert shown[4] == ("tasks", {"name": "ok", "error": None, "result": {"l": ["ok"]}, "interrupts": []})
    assert (shown[5][1]["name"], str(shown[5][1]["error"]), len(shown)) == ("bad", "boom", 6)


def test_sync_siblings_run_to_their_end_before_the_caller_gets_the_failure(saver: BaseCheckpointSaver) -> None:
    # LangGraph too: their threads cannot be stopped. So whoever looks next sees what the thread will go on from.
    failed, may_end = threading.Event(), threading.Event()

    def bad(state: State) -> Any:
        failed.set()
        raise ValueError("boom")

    def slow(state: State) -> dict[str, Any]:
        assert failed.wait(20)
        assert may_end.wait(20)
        return {"l": ["slow"]}

    graph = side_by_side(bad=bad, slow=slow).compile(checkpointer=saver)
    threading.Timer(0.05, may_end.set).start()
    assert str(fails(Caller(), graph)) == "boom"
    assert tasks(graph.get_state(ONE)) == [("bad", "ValueError('boom')", None), ("slow", None, {"l": ["slow"]})]
    assert graph.get_state(ONE).next == ("bad",)


def test_a_sync_sibling_that_nobody_had_begun_is_run_too(saver: BaseCheckpointSaver) -> None:
    def bad(state: State) -> Any:
        raise ValueError("boom")

    for thread in range(20):  # the failing one is the first, and fails at once
        graph = side_by_side(bad=bad, ok=signing("ok"), zok=signing("zok")).compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": str(thread)}}
        with pytest.raises(ValueError, match="boom"):
            graph.invoke(GIVEN, config)
        assert (graph.get_state(config).next, graph.get_state(config).values["l"]) == (("bad",), ["i", "ok", "zok"])


def test_what_waits_for_a_place_under_a_limit_is_not_begun_after_a_failure(saver: BaseCheckpointSaver) -> None:
    def bad(state: State) -> Any:
        raise ValueError("boom")

    graph = side_by_side(bad=bad, ok=signing("ok")).compile(checkpointer=saver)
    with pytest.raises(ValueError, match="boom"):
        graph.invoke(GIVEN, {**ONE, "max_concurrency": 1})
    assert graph.get_state(ONE).next == ("bad", "ok")


def test_two_failures_are_both_recorded_and_one_is_raised(saver: BaseCheckpointSaver) -> None:
    both = threading.Barrier(2)

    def a(state: State) -> Any:
        both.wait(20)
        raise ValueError("a")

    def b(state: State) -> Any:
        both.wait(20)
        raise KeyError("b")

    graph = side_by_side(a=a, b=b).compile(checkpointer=saver)
    assert isinstance(fails(Caller(), graph), (ValueError, KeyError))
    assert tasks(graph.get_state(ONE)) == [("a", "ValueError('a')", None), ("b", "KeyError('b')", None)]


def test_nobody_waits_for_a_siblings_next_attempt(saver: BaseCheckpointSaver) -> None:
    # LangGraph does
    tried = threading.Event()

    def flaky(state: State) -> Any:
        tried.set()
        raise ConnectionError

    def bad(state: State) -> Any:
        assert tried.wait(20)
        raise ValueError("boom")

    builder = StateGraph(State).add_node("bad", bad).add_edge(START, "bad").add_edge(START, "flaky")
    policy = RetryPolicy(initial_interval=3600, max_interval=3600, jitter=False)
    graph = builder.add_node("flaky", flaky, retry_policy=policy).compile(checkpointer=saver)
    assert str(fails(Caller(), graph)) == "boom"
    assert tasks(graph.get_state(ONE)) == [("bad", "ValueError('boom')", None), ("flaky", None, None)]


@pytest.mark.parametrize("inside", ["a graph", "a graph that is called", "a graph with a thread of its own", "a task"])
def test_nor_for_one_in_a_graph_that_a_sibling_calls(inside: str, saver: BaseCheckpointSaver) -> None:
    tried = threading.Event()
    policy = RetryPolicy(initial_interval=3600, max_interval=3600, jitter=False)

    def flaky(state: Any) -> Any:
        tried.set()
        raise ConnectionError

    def bad(state: State) -> Any:
        assert tried.wait(20)
        raise ValueError("boom")

    below = StateGraph(State).add_node("flaky", flaky, retry_policy=policy).add_edge(START, "flaky")
    around = StateGraph(State).add_node("inner", below.compile()).add_edge(START, "inner").compile()
    apart = below.compile(InMemorySaver())
    calls: dict[str, Any] = {
        "a graph": around,
        "a graph that is called": lambda state: around.invoke(state),
        "a graph with a thread of its own": lambda state: apart.invoke(state, {"configurable": {"thread_id": "apart"}}),
        "a task": lambda state: task(retry_policy=policy)(flaky)(1).result(),
    }
    graph = side_by_side(bad=bad, calls=calls[inside]).compile(checkpointer=saver)
    assert str(fails(Caller(), graph)) == "boom"
    assert tasks(graph.get_state(ONE)) == [("bad", "ValueError('boom')", None), ("calls", None, None)]


def test_a_sibling_that_asks_is_seen_asking(saver: BaseCheckpointSaver) -> None:
    def bad(state: State) -> Any:
        if not state["x"]:
            return {}
        raise ValueError("boom")

    graph = side_by_side(bad=bad, asks=lambda state: {"l": [interrupt("q")]}).compile(checkpointer=saver)
    assert str(fails(Caller(), graph)) == "boom"
    assert [question.value for question in graph.get_state(ONE).interrupts] == ["q"]


def test_async_siblings_are_cancelled(saver: BaseCheckpointSaver) -> None:
    seen: list[str] = []

    async def talk() -> Any:
        started = asyncio.Event()

        async def slow(state: State) -> None:
            started.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        async def bad(state: State) -> None:
            await started.wait()
            raise ValueError("boom")

        graph = side_by_side(slow=slow, bad=bad).compile(checkpointer=saver)
        with pytest.raises(ValueError, match="boom"):
            await graph.ainvoke(GIVEN, ONE)
        return await graph.aget_state(ONE)

    state = run(talk())
    assert (seen, state.next) == (["cancelled"], ("slow", "bad"))
    # LangGraph gives `slow` the error CancelledError(); it did nothing wrong
    assert tasks(state) == [("slow", None, None), ("bad", "ValueError('boom')", None)]


def test_sync_and_async_nodes_are_mixed_in_a_failing_step(saver: BaseCheckpointSaver) -> None:
    mended: list[int] = []

    async def aok(state: State) -> dict[str, Any]:
        return {"l": ["aok"]}

    async def bad(state: State) -> dict[str, Any]:
        if mended:
            return {"l": ["bad"]}
        while sum(task.result is not None for task in (await graph.aget_state(ONE)).tasks) < 2:
            await asyncio.sleep(0.001)
        raise ValueError("boom")

    ok: Any = signing("ok")

    graph = side_by_side(ok=ok, aok=aok, bad=bad).compile(checkpointer=saver)
    assert str(fails(AsyncCaller(), graph)) == "boom"
    assert graph.get_state(ONE).next == ("bad",)
    mended.append(1)
    assert AsyncCaller().invoke(graph, None, ONE) == {"x": 1, "l": ["i", "aok", "bad", "ok"]}


def test_a_failing_return_value_and_one_that_cannot_be_stored_fail_their_task(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = single(lambda state: 5).compile(checkpointer=saver)
    assert isinstance(fails(caller, graph), InvalidUpdateError)
    assert caller.state(graph, ONE).next == ("f",)
    graph = single(lambda state: {"l": [lambda: 1]}).compile(checkpointer=saver)
    error = fails(caller, graph)
    assert isinstance(error, TypeError)
    assert "$.l[0]" in str(error)
    assert caller.state(graph, ONE).next == ("f",)


def test_an_async_node_under_a_sync_call_fails_its_task(saver: BaseCheckpointSaver) -> None:
    async def node(state: State) -> dict[str, Any]:
        return {"l": ["f"]}

    graph = single(node).compile(checkpointer=saver)
    with pytest.raises(TypeError, match="'f' is async"):
        graph.invoke(GIVEN, ONE)
    assert AsyncCaller().invoke(graph, None, ONE) == {"x": 1, "l": ["i", "f"]}


def test_a_failing_path_function_fails_its_node(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph keeps the node's writes and says that nothing is left to do, though no edge was taken
    ran: list[int] = []

    def node(state: State) -> dict[str, Any]:
        ran.append(1)
        return {"l": ["f"]}

    def path(state: State) -> str:
        if len(ran) == 1:
            raise KeyError("nowhere")
        return "g"

    builder = single(node).add_node("g", signing("g")).add_conditional_edges("f", path, ["g"])
    graph = builder.compile(checkpointer=saver)
    assert isinstance(fails(caller, graph), KeyError)
    state = caller.state(graph, ONE)
    assert (state.values["l"], state.next, tasks(state)) == (["i"], ("f",), [("f", "KeyError('nowhere')", None)])
    assert caller.invoke(graph, None, ONE)["l"] == ["i", "f", "g"]


# -- going on


def test_none_runs_the_failed_alone_and_merges_in_path_order(saver: BaseCheckpointSaver, caller: Caller) -> None:
    bad = Bad(caller)
    graph = bad.builder.compile(checkpointer=saver)
    fails(caller, graph)
    fails(caller, graph, None)
    assert sorted(bad.ran) == ["bad", "bad", "ok"]
    bad.mended = True
    assert caller.invoke(graph, None, ONE) == {"x": 1, "l": ["i", "bad-ok", "ok", "j"]}
    assert sorted(bad.ran) == ["bad", "bad", "bad", "ok"]
    assert rows(caller.history(graph, ONE))[:2] == [
        ("loop", 2, (), ["i", "bad-ok", "ok", "j"]),
        ("loop", 1, ("j",), ["i", "bad-ok", "ok"]),
    ]


def test_another_process_goes_on_with_what_was_kept(
    saver: BaseCheckpointSaver, caller: Caller, runtime: Runtime
) -> None:
    bad = Bad(caller)
    fails(caller, bad.builder.compile(checkpointer=saver))
    mended = Bad(caller)
    mended.mended = True
    graph = mended.builder.compile(checkpointer=BaseCheckpointSaver(saver.store), runtime=runtime)
    state = caller.state(graph, ONE)
    assert (state.next, tasks(state)[1]) == (("bad",), ("bad", "ValueError('boom')", None))  # its class is gone
    assert caller.invoke(graph, None, ONE)["l"] == ["i", "bad-ok", "ok", "j"]
    assert mended.ran == ["bad"]


def test_a_stream_that_goes_on_shows_what_was_kept_as_cached(saver: BaseCheckpointSaver, caller: Caller) -> None:
    bad = Bad(caller)
    graph = bad.builder.compile(checkpointer=saver)
    fails(caller, graph)
    bad.mended = True
    assert caller.stream(graph, None, ONE) == [
        {"ok": {"l": ["ok"]}, "__metadata__": {"cached": True}},
        {"bad": {"l": ["bad-ok"]}},
        {"j": {"l": ["j"]}},
    ]


def test_new_input_drops_the_unfinished_step_and_starts_over(saver: BaseCheckpointSaver, caller: Caller) -> None:
    bad = Bad(caller)
    graph = bad.builder.compile(checkpointer=saver)
    fails(caller, graph)
    bad.mended = True
    assert caller.invoke(graph, {"l": ["m"]}, ONE) == {"x": 1, "l": ["i", "m", "bad-ok", "ok", "j"]}
    assert bad.ran.count("ok") == 2
    assert rows(caller.history(graph, ONE))[2:] == [
        ("loop", 2, ("ok", "bad"), ["i", "m"]),
        ("input", 1, ("__start__",), ["i"]),
        ("loop", 0, ("ok", "bad"), ["i"]),
        ("input", -1, ("__start__",), []),
    ]


def test_the_checkpoint_before_the_failure_can_be_run_anew(saver: BaseCheckpointSaver, caller: Caller) -> None:
    bad = Bad(caller)
    graph = bad.builder.compile(checkpointer=saver)
    fails(caller, graph)
    bad.mended = True
    assert caller.invoke(graph, None, caller.state(graph, ONE).config)["l"] == ["i", "bad-ok", "ok", "j"]
    assert bad.ran.count("ok") == 2
    assert rows(caller.history(graph, ONE))[2] == ("fork", 1, ("ok", "bad"), ["i"])


def test_an_update_after_a_failure_keeps_what_siblings_did(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph drops what `ok` wrote
    bad = Bad(caller)
    graph = bad.builder.compile(checkpointer=saver)
    fails(caller, graph)
    caller.update(graph, ONE, {"l": ["by hand"]}, as_node="bad")
    assert caller.state(graph, ONE).values["l"] == ["i", "ok", "by hand"]


def test_without_a_checkpointer_nothing_survives(caller: Caller) -> None:
    bad = Bad(caller)
    graph = bad.builder.compile()
    with pytest.raises(ValueError, match="boom"):
        caller.invoke(graph, GIVEN)
    bad.mended = True
    assert caller.invoke(graph, GIVEN)["l"] == ["i", "bad-ok", "ok", "j"]
    assert bad.ran.count("ok") == 2


# -- conflicts


class Contest:
    """`p` and `q` both write `x`, which takes one value, until they are mended; `r` only signs."""

    def __init__(self) -> None:
        self.mended = False
        self.ran: list[str] = []
        self.builder = side_by_side(p=self.writing("p", 1), q=self.writing("q", 2), r=self.writing("r", None))

    def writing(self, name: str, x: int | None) -> Callable[[State], dict[str, Any]]:
        def node(state: State) -> dict[str, Any]:
            self.ran.append(name)
            return {"l": [name]} if x is None or (self.mended and name == "q") else {"l": [name], "x": x}

        return node


def test_a_conflict_fails_the_step_and_the_thread_stays_readable(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph's get_state raises from then on, and so does every continue (section 30.6)
    contest = Contest()
    graph = contest.builder.compile(checkpointer=saver)
    assert isinstance(fails(caller, graph), InvalidUpdateError)
    state = caller.state(graph, ONE)
    assert (state.values, state.next) == ({"x": 1, "l": ["i", "r"]}, ("p", "q"))
    assert isinstance(fails(caller, graph, None), InvalidUpdateError)
    contest.mended = True
    assert caller.invoke(graph, None, ONE) == {"x": 1, "l": ["i", "p", "q", "r"]}
    assert contest.ran.count("r") == 1


def test_new_input_and_an_update_lead_out_of_a_conflict_too(saver: BaseCheckpointSaver, caller: Caller) -> None:
    contest = Contest()
    graph = contest.builder.compile(checkpointer=saver)
    fails(caller, graph)
    caller.update(graph, ONE, {"x": 9}, as_node="p")
    assert caller.state(graph, ONE).values["x"] == 9
    fails(caller, graph, {"x": 1})
    contest.mended = True
    assert caller.invoke(graph, {"x": 1}, ONE)["l"][-3:] == ["p", "q", "r"]


def test_a_stream_shows_what_was_done_before_the_conflict(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = Contest().builder.compile(checkpointer=saver)
    chunks, error = until_it_fails(caller, graph, GIVEN, stream_mode=["updates", "values"])
    assert isinstance(error, InvalidUpdateError)
    assert chunks[0] == ("values", {"x": 1, "l": ["i"]})
    assert sorted(map(str, chunks[1:])) == [
        "('updates', {'p': {'l': ['p'], 'x': 1}})",
        "('updates', {'q': {'l': ['q'], 'x': 2}})",
        "('updates', {'r': {'l': ['r']}})",
    ]


class Summed(TypedDict):
    """A number that grows."""

    v: Annotated[int, operator.add]


def test_a_reducer_that_raises_fails_the_step_alike(saver: BaseCheckpointSaver, caller: Caller) -> None:
    given: list[Any] = ["no number"]
    builder = StateGraph(Summed).add_node("n", lambda state: {"v": given[0]}).add_edge(START, "n")
    graph = builder.compile(checkpointer=saver)
    assert isinstance(fails(caller, graph, {"v": 1}), TypeError)
    assert (caller.state(graph, ONE).values, caller.state(graph, ONE).next) == ({"v": 1}, ("n",))
    given[0] = 2
    assert caller.invoke(graph, None, ONE) == {"v": 3}


# -- what is no Exception, and cancellation


class Odd(BaseException):
    """Neither an error nor a way out that Python knows."""


def raising(error: BaseException, ran: list[int], caller: Caller) -> Any:
    """A node that raises this the first time."""

    def node(state: State) -> dict[str, Any]:
        ran.append(1)
        if len(ran) == 1:
            raise error
        return {"l": ["f"]}

    async def anode(state: State) -> dict[str, Any]:
        return node(state)

    return anode if caller.is_async else node


@pytest.mark.parametrize("error", [Odd("odd"), GeneratorExit()], ids=repr)
def test_what_is_no_exception_reaches_the_caller_as_it_is(
    error: BaseException, saver: BaseCheckpointSaver, caller: Caller
) -> None:
    ran: list[int] = []
    policy = RetryPolicy(retry_on=lambda error: True, initial_interval=0.01)
    builder = StateGraph(State).add_edge(START, "f")
    # Neither tried again nor handled.
    builder.add_node("f", raising(error, ran, caller), retry_policy=policy, error_handler=lambda state: {"l": ["h"]})
    graph = builder.compile(checkpointer=saver)
    assert fails(caller, graph) is error
    assert len(ran) == 1
    state = caller.state(graph, ONE)
    assert (state.values, state.next) == ({"x": 1, "l": ["i"]}, ("f",))
    assert caller.invoke(graph, None, ONE)["l"] == ["i", "f"]


@pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), SystemExit(3)], ids=repr)
def test_a_node_may_end_the_program(error: BaseException, saver: BaseCheckpointSaver) -> None:
    ran: list[int] = []
    graph = single(raising(error, ran, Caller())).compile(checkpointer=saver)
    assert fails(Caller(), graph) is error
    assert graph.get_state(ONE).next == ("f",)
    assert graph.invoke(None, ONE)["l"] == ["i", "f"]


@pytest.mark.parametrize("error", [StopIteration("s"), StopAsyncIteration("s")], ids=repr)
def test_the_end_of_an_iteration_is_no_end_of_a_node(
    error: Exception, saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = single(raising(error, [], caller)).compile(checkpointer=saver)
    raised = fails(caller, graph)
    assert isinstance(raised, RuntimeError)
    assert raised.__cause__ is error or type(error).__name__ in str(raised)
    assert caller.invoke(graph, None, ONE)["l"] == ["i", "f"]


def test_an_exception_group_is_an_exception(saver: BaseCheckpointSaver, caller: Caller) -> None:
    group = ExceptionGroup("two", [ValueError("a"), KeyError("b")])
    graph = single(raising(group, [], caller)).compile(checkpointer=saver)
    assert fails(caller, graph) is group
    assert caller.state(graph, ONE).next == ("f",)


def test_a_node_that_raises_cancelled_itself_has_failed(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(raising(asyncio.CancelledError(), [], caller)).compile(checkpointer=saver)
    error = fails(caller, graph)
    assert isinstance(error, NodeCancelledError)
    assert error.node == "f"
    assert caller.state(graph, ONE).tasks[0].error.startswith("NodeCancelledError(")
    assert caller.invoke(graph, None, ONE)["l"] == ["i", "f"]


def test_a_cancelled_call_stays_at_its_last_checkpoint(saver: BaseCheckpointSaver) -> None:
    calls: list[int] = []

    async def talk() -> Any:
        started = asyncio.Event()

        async def node(state: State) -> dict[str, Any]:
            calls.append(1)
            if len(calls) == 1:
                started.set()
                await asyncio.sleep(3600)
            return {"l": ["f"]}

        graph = chain("a").add_node("f", node).add_edge("a", "f").compile(checkpointer=saver)
        call = asyncio.create_task(graph.ainvoke(GIVEN, ONE))
        await started.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        state = await graph.aget_state(ONE)
        return state, await graph.ainvoke(None, ONE)

    state, output = run(talk())
    assert (state.values["l"], state.next, tasks(state)) == (["i", "a"], ("f",), [("f", None, None)])
    assert output["l"] == ["i", "a", "f"]


def test_a_stream_that_is_cancelled_or_left_stays_there_too(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)

    def leave() -> None:
        for _ in graph.stream(GIVEN, ONE):
            raise KeyboardInterrupt

    async def aleave() -> None:
        async for _ in graph.astream(GIVEN, ONE):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(aleave()) if caller.is_async else leave()
    state = caller.state(graph, ONE)
    places = [(["i", "a"], "b")]
    if caller.is_async:
        # On a loop the run may be one step ahead of its reader.
        places.append((["i", "a", "b"], "c"))
    [due] = state.next
    assert (state.values["l"], due) in places
    assert tasks(state) == [(due, None, None)]
    assert caller.invoke(graph, None, ONE)["l"] == ["i", "a", "b", "c"]


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT is a KeyboardInterrupt, also for a test suite in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_a_node_runs_on_the_callers_thread(saver: BaseCheckpointSaver) -> None:
    ran: list[int] = []

    def node(state: State) -> dict[str, Any]:
        ran.append(1)
        if len(ran) == 1:
            signal.raise_signal(signal.SIGINT)
            time.sleep(20)
        return {"l": ["f"]}

    graph = chain("a").add_node("f", node).add_edge("a", "f").compile(checkpointer=saver)
    with pytest.raises(KeyboardInterrupt):
        graph.invoke(GIVEN, ONE)
    assert (graph.get_state(ONE).values["l"], graph.get_state(ONE).next) == (["i", "a"], ("f",))
    assert graph.invoke(None, ONE)["l"] == ["i", "a", "f"]


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_the_caller_waits_for_other_threads(saver: BaseCheckpointSaver) -> None:
    # The node goes on, as a thread must; its work counts, and it is not run twice.
    ran: list[int] = []
    may_end = threading.Event()

    def node(state: State) -> dict[str, Any]:
        ran.append(1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert may_end.wait(20)
        return {"l": ["f"]}

    graph = single(node).compile(checkpointer=saver)
    with pytest.raises(KeyboardInterrupt):
        list(graph.stream(GIVEN, ONE, stream_mode="custom"))
    state = graph.get_state(ONE)
    assert (state.values["l"], state.next, tasks(state)) == (["i"], ("f",), [("f", None, None)])
    may_end.set()
    assert graph.invoke(None, ONE)["l"] == ["i", "f"]
    assert ran == [1]


def test_the_record_of_a_task_that_was_run_again_shows_what_it_failed_with(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    again: list[int] = []

    def bad(state: State) -> dict[str, Any]:
        again.append(1)
        if len(again) == 1:
            raise ValueError("boom")
        return {"l": ["bad"]}

    graph = single(bad).compile(checkpointer=saver)
    with pytest.raises(ValueError, match="boom"):
        caller.invoke(graph, GIVEN, ONE)
    assert caller.invoke(graph, None, ONE)["l"] == ["i", "bad"]
    assert caller.state(graph, ONE).tasks == ()
    (task,) = caller.history(graph, ONE)[1].tasks
    assert (task.error, task.result) == ("ValueError('boom')", {"l": ["bad"]})
