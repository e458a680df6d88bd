"""Section 11.3: timeouts of nodes and of super-steps."""

from __future__ import annotations

import asyncio
import operator
import pickle
import threading
from datetime import timedelta
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Send, StateGraph, interrupt
from clew.actors.engine.call import current_scope
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import NodeError, NodeTimeoutError
from clew.events.codec.values import Codec
from clew.func import entrypoint, task
from clew.runtime import Runtime
from clew.types import RetryPolicy, StreamWriter, TimeoutPolicy
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda

from ..support.watchdog import raised
from .callers import run

ONE: RunnableConfig = {"configurable": {"thread_id": "1"}}
SHORT = 0.05
"""A timeout that is passed by what waits for ever."""
LONG = 60.0
"""A timeout that nothing here comes near."""


class State(TypedDict):
    x: int
    log: Annotated[list[Any], operator.add]


GIVEN: State = {"x": 1, "log": []}


def single(node: Any, **options: Any) -> StateGraph:
    """A graph of one node, "n"."""
    return StateGraph(State).add_node("n", node, **options).add_edge(START, "n")


async def stuck(state: Any) -> None:
    await asyncio.Event().wait()


def timed_out(graph: Any, given: Any = GIVEN, **options: Any) -> NodeTimeoutError:
    """The timeout that a run ends with."""
    error = raised(lambda: run(graph.ainvoke(given, ONE, **options)))
    assert isinstance(error, NodeTimeoutError), error
    return error


def test_a_run_timeout_caps_an_attempt(saver: BaseCheckpointSaver) -> None:
    graph = single(stuck, timeout=SHORT).compile(saver)
    error = timed_out(graph)
    assert (error.node, error.kind, error.timeout) == ("n", "run", SHORT)
    assert (error.run_timeout, error.idle_timeout) == (SHORT, None)
    assert error.elapsed >= SHORT
    assert not isinstance(error, TimeoutError)
    state = graph.get_state(ONE)
    assert state.next == ("n",)
    assert "NodeTimeoutError" in str(state.tasks[0].error)


@pytest.mark.parametrize(
    "timeout", [SHORT, timedelta(seconds=SHORT), TimeoutPolicy(run_timeout=timedelta(seconds=SHORT))], ids=repr
)
def test_it_is_seconds_a_timedelta_or_a_policy(timeout: Any) -> None:
    assert timed_out(single(stuck, timeout=timeout).compile(InMemorySaver())).timeout == SHORT


def test_an_idle_timeout_ends_what_makes_no_progress() -> None:
    error = timed_out(
        single(stuck, timeout=TimeoutPolicy(idle_timeout=SHORT, run_timeout=LONG)).compile(InMemorySaver())
    )
    assert (error.node, error.kind, error.timeout) == ("n", "idle", SHORT)
    assert (error.run_timeout, error.idle_timeout) == (LONG, SHORT)


async def beat(runtime: Runtime[Any], writer: StreamWriter) -> None:
    runtime.heartbeat()


async def beat_in_a_thread(runtime: Runtime[Any], writer: StreamWriter) -> None:
    thread = threading.Thread(target=runtime.heartbeat)
    thread.start()
    thread.join()


async def write(runtime: Runtime[Any], writer: StreamWriter) -> None:
    writer("a chunk")


async def write_by_runtime(runtime: Runtime[Any], writer: StreamWriter) -> None:
    runtime.stream_writer("a chunk")


async def ask_a_model(runtime: Runtime[Any], writer: StreamWriter) -> None:
    await GenericFakeChatModel(messages=iter([AIMessage("yes")])).ainvoke("are you there?")


async def call_a_runnable(runtime: Runtime[Any], writer: StreamWriter) -> None:
    await RunnableLambda(lambda value: value).ainvoke(1)


def progresses(progress: Any, policy: TimeoutPolicy) -> bool:
    """True when what a node does begins its idle time anew: the time of its last progress is put back and looked at."""
    seen: list[bool] = []

    async def node(state: State, runtime: Runtime[Any], writer: StreamWriter) -> None:
        scope = current_scope.get()
        deadline = scope.call.job.deadline
        assert deadline is not None
        deadline._progress_at = 0.0
        await progress(runtime, writer)
        seen.append(deadline._progress_at > 0)
        deadline.progress()

    run(single(node, timeout=policy).compile().ainvoke(GIVEN))
    return seen[0]


def progresses_in_a_task(progress: Any, policy: TimeoutPolicy) -> bool:
    """As `progresses`, for a functional task with the policy in an entrypoint without a timeout."""
    seen: list[bool] = []

    @task(timeout=policy)
    async def watched(given: int, runtime: Runtime[Any], writer: StreamWriter) -> None:
        deadline = current_scope.get().deadline
        assert deadline is not None
        deadline._progress_at = 0.0
        await progress(runtime, writer)
        seen.append(deadline._progress_at > 0)
        deadline.progress()

    @entrypoint()
    async def flow(given: int) -> None:
        await watched(given)

    run(flow.ainvoke(1))
    return seen[0]


async def call_a_task(runtime: Runtime[Any], writer: StreamWriter) -> None:
    @task
    async def inner() -> None: ...

    await inner()


async def call_a_graph(runtime: Runtime[Any], writer: StreamWriter) -> None:
    await single(lambda state: {"log": ["inner"]}).compile().ainvoke(GIVEN)


async def make_an_effect(runtime: Runtime[Any], writer: StreamWriter) -> None:
    current_scope.get().effect("child task", 1)


async def nothing(runtime: Runtime[Any], writer: StreamWriter) -> None:
    await asyncio.sleep(0)


EVERYTHING = [write, write_by_runtime, ask_a_model, call_a_runnable, call_a_graph, make_an_effect, call_a_task]
in_a_node_and_in_a_task = pytest.mark.parametrize(
    "progresses", [progresses, progresses_in_a_task], ids=["in a node", "in a task"]
)


@in_a_node_and_in_a_task
@pytest.mark.parametrize("progress", [beat, beat_in_a_thread, *EVERYTHING])
def test_progress_begins_the_idle_time_anew(progress: Any, progresses: Any) -> None:
    assert progresses(progress, TimeoutPolicy(idle_timeout=LONG))


@in_a_node_and_in_a_task
def test_what_does_nothing_makes_no_progress(progresses: Any) -> None:
    assert not progresses(nothing, TimeoutPolicy(idle_timeout=LONG))


@in_a_node_and_in_a_task
@pytest.mark.parametrize("progress", EVERYTHING)
def test_in_heartbeat_mode_nothing_else_is_progress(progress: Any, progresses: Any) -> None:
    assert not progresses(progress, TimeoutPolicy(idle_timeout=LONG, refresh_on="heartbeat"))


@in_a_node_and_in_a_task
@pytest.mark.parametrize("progress", [beat, beat_in_a_thread])
def test_in_heartbeat_mode_a_heartbeat_is_progress(progress: Any, progresses: Any) -> None:
    assert progresses(progress, TimeoutPolicy(idle_timeout=LONG, refresh_on="heartbeat"))


@pytest.mark.parametrize("swallows", [False, True])
def test_a_task_that_makes_no_progress_is_ended_and_may_be_tried_again(swallows: bool) -> None:
    tried: list[int] = []

    @task(timeout=TimeoutPolicy(idle_timeout=SHORT), retry_policy=RetryPolicy(initial_interval=0, jitter=False))
    async def slow(given: int) -> int:
        tried.append(given)
        if len(tried) == 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not swallows:
                    raise
        return given

    @entrypoint()
    async def flow(given: int) -> int:
        return await slow(given)

    assert run(flow.ainvoke(7)) == 7
    assert tried == [7, 7]


def test_an_idle_task_is_told_which_limit_it_passed() -> None:
    @task(timeout=TimeoutPolicy(idle_timeout=SHORT))
    async def idle(given: int) -> None:
        await asyncio.Event().wait()

    @entrypoint()
    async def flow(given: int) -> None:
        await idle(given)

    error = raised(lambda: run(flow.ainvoke(7)))
    assert isinstance(error, NodeTimeoutError)
    assert (error.node, error.kind, error.timeout) == ("idle", "idle", SHORT)


@pytest.mark.slow
def test_a_node_that_beats_may_take_longer_than_its_idle_time() -> None:
    async def node(state: State, runtime: Runtime[Any]) -> dict[str, Any]:
        for _ in range(15):
            await asyncio.sleep(0.1)
            runtime.heartbeat()
        return {"log": ["done"]}

    graph = single(node, timeout=TimeoutPolicy(idle_timeout=1.0, refresh_on="heartbeat")).compile()
    assert run(graph.ainvoke(GIVEN))["log"] == ["done"]


def test_callbacks_of_the_caller_still_hear_everything() -> None:
    heard: list[str] = []

    class Handler(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            heard.append(str(kwargs.get("name")))

    async def node(state: State) -> None:
        await RunnableLambda(lambda value: value, name="inside").ainvoke(1)

    graph = single(node, timeout=TimeoutPolicy(idle_timeout=LONG)).compile()
    run(graph.ainvoke(GIVEN, {"callbacks": [Handler()]}))
    assert heard == ["LangGraph", "n", "inside"]


def test_a_heartbeat_without_a_timeout_does_nothing() -> None:
    def node(state: State, runtime: Runtime[Any]) -> dict[str, Any]:
        runtime.heartbeat()
        return {"log": ["done"]}

    assert single(node).compile().invoke(GIVEN)["log"] == ["done"]


def test_the_default_policy_tries_again_and_counts_each_attempt_anew() -> None:
    tries: list[int] = []

    async def node(state: State) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            await asyncio.Event().wait()
        return {"log": [f"attempt {len(tries)}"]}

    graph = single(node, timeout=SHORT, retry_policy=RetryPolicy(initial_interval=0.001, jitter=False)).compile()
    assert run(graph.ainvoke(GIVEN))["log"] == ["attempt 3"]


def test_a_node_that_swallows_its_end_has_passed_its_limit_all_the_same(saver: BaseCheckpointSaver) -> None:
    async def node(state: State) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return {"log": ["swallowed"]}
        return {}

    async def other(state: State) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("while cleaning up")

    for body in (node, other):
        graph = single(body, timeout=SHORT).compile(saver)
        assert timed_out(graph).kind == "run"
        assert graph.get_state(ONE).values["log"] == []


def test_a_timeout_error_of_the_nodes_own_is_its_own() -> None:
    async def node(state: State) -> None:
        raise TimeoutError("mine")

    assert repr(raised(lambda: run(single(node, timeout=LONG).compile().ainvoke(GIVEN)))) == "TimeoutError('mine')"


def test_a_question_is_no_timeout(saver: BaseCheckpointSaver) -> None:
    async def node(state: State) -> None:
        interrupt("sure?")

    graph = single(node, timeout=LONG).compile(saver)
    assert run(graph.ainvoke(GIVEN, ONE))["__interrupt__"][0].value == "sure?"


def test_an_error_handler_takes_over_after_a_timeout() -> None:
    def handler(state: State, error: NodeError) -> dict[str, Any]:
        return {"log": [type(error.error).__name__]}

    graph = single(stuck, timeout=SHORT, error_handler=handler).compile()
    assert run(graph.ainvoke(GIVEN))["log"] == ["NodeTimeoutError"]


def test_a_caller_that_is_cancelled_is_cancelled_not_timed_out(saver: BaseCheckpointSaver) -> None:
    graph = single(stuck, timeout=LONG).compile(saver)

    async def call() -> None:
        await asyncio.wait_for(graph.ainvoke(GIVEN, ONE), SHORT)

    assert isinstance(raised(lambda: run(call())), TimeoutError)
    state = graph.get_state(ONE)
    assert (state.next, state.tasks[0].error) == (("n",), None)


def test_the_callers_own_task_is_left_uncancelled() -> None:
    graph = single(stuck, timeout=SHORT).compile()

    async def call() -> int:
        with pytest.raises(NodeTimeoutError):
            await graph.ainvoke(GIVEN)
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        return task.cancelling()

    assert run(call()) == 0


def test_a_graph_inside_a_node_ends_with_the_nodes_time() -> None:
    inner = single(stuck).compile()

    async def node(state: State) -> Any:
        return await inner.ainvoke(GIVEN)

    error = timed_out(single(node, timeout=SHORT).compile(InMemorySaver()))
    assert (error.node, error.kind) == ("n", "run")


# -- who may have one


@pytest.mark.parametrize("defaults", [False, True])
def test_a_timeout_of_a_sync_node_is_refused_at_compile(defaults: bool) -> None:
    graph = single(lambda state: None, timeout=None if defaults else 1.0)
    if defaults:
        graph.set_node_defaults(timeout=1.0)
    with pytest.raises(ValueError, match="'n' is sync"):
        graph.compile()


def test_the_default_timeout_holds_for_error_handlers_too() -> None:
    graph = single(stuck, error_handler=lambda state: None).set_node_defaults(timeout=1.0)
    with pytest.raises(ValueError, match="'__error_handler__n' is sync"):
        graph.compile()

    async def handler(state: State) -> None:
        await asyncio.Event().wait()

    error = timed_out(single(stuck, error_handler=handler).set_node_defaults(timeout=SHORT).compile(InMemorySaver()))
    assert error.node == "__error_handler__n"


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), timedelta(0)], ids=repr)
def test_a_limit_that_is_not_above_zero_is_refused(seconds: Any) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        single(stuck, timeout=seconds)
    with pytest.raises(ValueError, match="greater than 0"):
        Send("n", {}, timeout=seconds)


def test_a_runnable_with_both_forms_has_a_limit_only_for_async_callers() -> None:
    async def forever(state: State) -> None:
        await asyncio.Event().wait()

    graph = single(RunnableLambda(lambda state: None, afunc=forever), timeout=SHORT).compile(InMemorySaver())
    assert timed_out(graph).kind == "run"
    with pytest.raises(ValueError, match="ainvoke"):
        graph.invoke(GIVEN, ONE)


# -- Send(timeout=)


def sending(send: Send, node: Any = stuck, **options: Any) -> StateGraph:
    """START sends to "n"."""
    return StateGraph(State).add_node("n", node, **options).add_conditional_edges(START, lambda state: [send])


@pytest.mark.parametrize("timeout", [SHORT, timedelta(seconds=SHORT), TimeoutPolicy(idle_timeout=SHORT)], ids=repr)
def test_a_sends_timeout_comes_before_the_nodes(saver: BaseCheckpointSaver, timeout: Any) -> None:
    graph = sending(Send("n", {"i": 1}, timeout=timeout), timeout=LONG).compile(saver)
    error = timed_out(graph)
    assert error.timeout == SHORT
    assert error.kind == ("idle" if isinstance(timeout, TimeoutPolicy) else "run")
    # From the log it is the same.
    assert raised(lambda: run(graph.ainvoke(None, ONE))).timeout == SHORT  # type: ignore[union-attr]


def test_a_sends_timeout_on_a_sync_node_lets_an_async_caller_go_on() -> None:
    go = threading.Event()
    graph = sending(Send("n", {}, timeout=SHORT), lambda given: go.wait(20) and None).compile(InMemorySaver())
    try:

        async def call() -> None:
            with pytest.raises(NodeTimeoutError):
                await graph.ainvoke(GIVEN, ONE)
            go.set()

        run(call())
    finally:
        go.set()
    with pytest.raises(ValueError, match="sync caller"):
        graph.invoke(GIVEN, {"configurable": {"thread_id": "2"}})


def test_a_send_shows_compares_and_keeps_its_timeout() -> None:
    policy = TimeoutPolicy(idle_timeout=2.0, refresh_on="heartbeat")
    send = Send("n", 1, timeout=policy)
    assert send.timeout == policy
    assert Send("n", 1, timeout=3).timeout == TimeoutPolicy(run_timeout=3.0)
    assert Send("n", 1) != send
    assert repr(Send("n", 1)) == "Send(node='n', arg=1)"
    assert repr(send).endswith(f", timeout={policy!r})")
    codec = Codec()
    assert [codec.decode_value(codec.encode_value(one)) for one in (send, Send("n", 1, timeout=3))] == [
        send,
        Send("n", 1, timeout=3),
    ]


def test_the_error_survives_a_pickle_of_the_users_own() -> None:
    error = NodeTimeoutError("n", 1.5, kind="idle", idle_timeout=1.0, run_timeout=9.0)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.kind, again.timeout, again.elapsed) == (str(error), "idle", 1.0, 1.5)


# -- graph.step_timeout


def test_a_step_timeout_limits_a_whole_step_and_raises_the_builtin(saver: BaseCheckpointSaver) -> None:
    async def done(state: State) -> dict[str, Any]:
        return {"log": ["done"]}

    graph = single(stuck).add_node("done", done).add_edge(START, "done").compile(saver)
    graph.step_timeout = SHORT
    error = raised(lambda: run(graph.ainvoke(GIVEN, ONE)))
    assert type(error) is TimeoutError
    assert "['n']" in str(error)
    state = graph.get_state(ONE)
    assert (state.next, state.values["log"]) == (("n",), ["done"])


def test_a_step_timeout_of_a_sync_caller_keeps_what_ends_late(saver: BaseCheckpointSaver) -> None:
    passed = threading.Event()

    def slow(state: State) -> dict[str, Any]:
        passed.wait(4 * SHORT)
        return {"log": ["late"]}

    graph = single(slow).compile(saver)
    graph.step_timeout = SHORT
    assert type(raised(lambda: graph.invoke(GIVEN, ONE))) is TimeoutError
    graph.step_timeout = None
    assert graph.invoke(None, ONE)["log"] == ["late"]


def test_steps_within_their_time_are_left_alone() -> None:
    graph = (
        single(lambda state: {"log": ["a"]}).add_node("b", lambda state: {"log": ["b"]}).add_edge("n", "b").compile()
    )
    graph.step_timeout = LONG
    assert graph.invoke(GIVEN)["log"] == ["a", "b"]
    assert run(graph.ainvoke(GIVEN))["log"] == ["a", "b"]
