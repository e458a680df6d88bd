"""Section 11.4: error handlers; and section 2.2, which of the defaults apply to what."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Send, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import NodeError
from clew.runtime import Runtime
from clew.types import CachePolicy, RetryPolicy
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig

from ..support.watchdog import raised
from .callers import Caller

HANDLER = "__error_handler__bad"
DEFAULT = "__default_error_handler__"
ONE: RunnableConfig = {"configurable": {"thread_id": "1"}}
QUICK = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=3, retry_on=Exception)


class State(TypedDict):
    x: int
    log: Annotated[list[Any], operator.add]


GIVEN: State = {"x": 1, "log": []}


def bad(state: Any) -> None:
    raise ValueError("boom")


async def abad(state: State) -> None:
    await asyncio.sleep(0)
    raise ValueError("boom")


def named(state: State, error: NodeError) -> dict[str, Any]:
    return {"log": [f"handled {error.node}: {error.error!r}"]}


def builder(handler: Any, node: Any = bad, **options: Any) -> StateGraph:
    """bad (with the handler) and ok side by side; bad leads to after."""
    graph = StateGraph(State).add_node("bad", node, error_handler=handler, **options)
    graph.add_node("ok", lambda state: {"log": ["ok"]}).add_node("after", lambda state: {"log": ["after"]})
    return graph.add_edge(START, "bad").add_edge(START, "ok").add_edge("bad", "after")


def test_it_is_a_hidden_node_named_for_its_node() -> None:
    graph = builder(named).compile(interrupt_before="*")
    assert HANDLER in graph.nodes
    assert HANDLER not in graph.get_graph().nodes
    assert HANDLER not in graph.plan.interrupt_before


def test_it_runs_in_the_same_super_step_and_the_nodes_edges_do_not_fire(
    caller: Caller, saver: BaseCheckpointSaver
) -> None:
    graph = builder(named, abad if caller.is_async else bad).compile(saver)
    expected = {"x": 1, "log": ["handled bad: ValueError('boom')", "ok"]}
    assert caller.invoke(graph, GIVEN, ONE) == expected
    state = graph.get_state(ONE)
    assert (state.values, state.next, state.metadata and state.metadata["step"]) == (expected, (), 1)


def test_it_works_without_a_checkpointer(caller: Caller) -> None:
    assert caller.invoke(builder(named).compile(), GIVEN)["log"] == ["handled bad: ValueError('boom')", "ok"]


def test_the_history_shows_the_nodes_error(saver: BaseCheckpointSaver) -> None:
    graph = builder(named).compile(saver)
    graph.invoke(GIVEN, ONE)
    step = list(graph.get_state_history(ONE))[1]
    assert [(task.name, task.error, task.result) for task in step.tasks] == [
        ("bad", "ValueError('boom')", None),
        ("ok", None, {"log": ["ok"]}),
    ]


def test_the_updates_name_the_handler(caller: Caller) -> None:
    chunks = caller.stream(builder(named).compile(InMemorySaver()), GIVEN, ONE)
    assert sorted(chunks, key=repr) == [
        {HANDLER: {"log": ["handled bad: ValueError('boom')"]}},
        {"ok": {"log": ["ok"]}},
    ]


def test_the_tasks_stream_shows_the_nodes_end_with_its_error_and_the_handlers_end(caller: Caller) -> None:
    graph = StateGraph(State).add_node("bad", bad, error_handler=lambda state: {"log": ["h"]}).add_edge(START, "bad")
    started, failed, handled = caller.stream(graph.compile(), GIVEN, stream_mode="tasks")
    assert (started["name"], failed["name"], handled["name"]) == ("bad", "bad", HANDLER)
    assert started["id"] == failed["id"] != handled["id"]
    assert (repr(failed["error"]), failed["result"]) == ("ValueError('boom')", {})
    assert (handled["error"], handled["result"], handled["interrupts"]) == (None, {"log": ["h"]}, [])


def test_its_command_is_applied(caller: Caller) -> None:
    def handler(state: State, error: NodeError) -> Command[Any]:
        return Command(update={"log": ["handled"]}, goto="after")

    assert caller.invoke(builder(handler).compile(), GIVEN)["log"] == ["handled", "ok", "after"]


def test_it_may_be_async(caller: Caller) -> None:
    async def handler(state: State, error: NodeError) -> dict[str, Any]:
        await asyncio.sleep(0)
        return named(state, error)

    graph = builder(handler).compile()
    if caller.is_async:
        assert caller.invoke(graph, GIVEN)["log"] == ["handled bad: ValueError('boom')", "ok"]
    else:
        assert isinstance(raised(lambda: caller.invoke(graph, GIVEN)), TypeError)


def test_it_runs_after_the_retries_and_gets_the_last_error() -> None:
    tries: list[int] = []

    def flaky(state: State) -> None:
        tries.append(len(tries) + 1)
        raise ValueError(f"try {tries[-1]}")

    graph = builder(named, flaky, retry_policy=QUICK).compile()
    assert graph.invoke(GIVEN)["log"] == ["handled bad: ValueError('try 3')", "ok"]


class Private(TypedDict):
    x: int


@dataclass
class Record:
    x: int = 0


def test_it_receives_what_its_node_received() -> None:
    given: list[Any] = []

    def handler(state: State, error: NodeError) -> None:
        given.append(state)

    def private(state: Private) -> None:
        raise ValueError

    def record(state: Record) -> None:
        raise ValueError

    builder(handler).compile().invoke(GIVEN)
    for node in (private, record):
        builder(handler, node).compile().invoke(GIVEN)
    sent = StateGraph(State).add_node("bad", bad, error_handler=handler)
    sent.add_conditional_edges(START, lambda state: [Send("bad", {"i": 7})])
    sent.compile().invoke(GIVEN)
    assert given == [GIVEN, {"x": 1}, Record(x=1), {"i": 7}]


def test_it_need_not_ask_for_the_error_and_other_nodes_get_none() -> None:
    errors: list[Any] = []

    def node(state: State, error: NodeError | None) -> None:
        errors.append(error)
        raise ValueError

    assert builder(lambda state: {"log": ["h"]}, node).compile().invoke(GIVEN)["log"] == ["h", "ok"]
    assert errors == [None]


def test_each_send_has_a_handler_run_of_its_own(saver: BaseCheckpointSaver) -> None:
    graph = StateGraph(State).add_node("bad", bad, error_handler=lambda given: {"log": [given["i"]]})
    graph.add_conditional_edges(START, lambda state: [Send("bad", {"i": i}) for i in range(3)])
    assert graph.compile(saver).invoke(GIVEN, ONE)["log"] == [0, 1, 2]


def test_its_own_error_fails_the_run_and_a_continued_run_runs_it_again(
    caller: Caller, saver: BaseCheckpointSaver
) -> None:
    seen: list[BaseException] = []
    runs: list[int] = []

    def node(state: State) -> None:
        runs.append(1)
        raise ValueError("boom")

    def handler(state: State, error: NodeError) -> dict[str, Any]:
        seen.append(error.error)
        if len(seen) == 1:
            raise KeyError("worse")
        return {"log": ["handled"]}

    graph = builder(handler, node).compile(saver)
    assert repr(raised(lambda: caller.invoke(graph, GIVEN, ONE))) == "KeyError('worse')"
    state = graph.get_state(ONE)
    assert "bad" in state.next
    assert [task.error for task in state.tasks if task.name == "bad"] == ["ValueError('boom')"]
    assert caller.invoke(graph, None, ONE)["log"] == ["handled", "ok"]
    assert len(runs) == 1
    assert type(seen[0]) is ValueError
    # The recorded failure is text: the class is gone, its name and the words are not.
    assert not isinstance(seen[1], ValueError)
    assert (type(seen[1]).__name__, str(seen[1]), repr(seen[1])) == ("ValueError", "boom", "ValueError('boom')")


def test_a_resume_in_another_process_runs_the_handler_not_the_node(saver: BaseCheckpointSaver) -> None:
    def handler(state: State, error: NodeError) -> None:
        raise KeyboardInterrupt

    raised(lambda: builder(handler).compile(saver).invoke(GIVEN, ONE))

    def never(state: State) -> None:
        raise AssertionError("the node ran again")

    # Another graph object folds the log anew, as another process would.
    graph = builder(lambda state: {"log": ["handled"]}, never).compile(saver)
    assert graph.invoke(None, ONE)["log"] == ["handled", "ok"]


def test_a_question_in_a_handler_pauses_and_its_answer_goes_on_there(
    caller: Caller, saver: BaseCheckpointSaver
) -> None:
    def handler(state: State, error: NodeError) -> dict[str, Any]:
        return {"log": [interrupt(f"{error.node} failed; what now?"), interrupt("sure?")]}

    graph = builder(handler).compile(saver)
    assert caller.invoke(graph, GIVEN, ONE)["__interrupt__"][0].value == "bad failed; what now?"
    state = graph.get_state(ONE)
    assert (state.next, [one.value for one in state.interrupts]) == (("bad",), ["bad failed; what now?"])
    assert caller.invoke(graph, Command(resume="skip"), ONE)["__interrupt__"][0].value == "sure?"
    assert caller.invoke(graph, Command(resume="yes"), ONE)["log"] == ["skip", "yes", "ok"]


@pytest.mark.parametrize(
    "words", [str, repr, lambda error: f"{type(error).__name__}: {error}"], ids=["str", "repr", "class"]
)
def test_a_handlers_question_may_quote_the_error(caller: Caller, saver: BaseCheckpointSaver, words: Any) -> None:
    def handler(state: State, error: NodeError) -> dict[str, Any]:
        return {"log": [interrupt(f"bad failed with {words(error.error)}; what now?")]}

    graph = builder(handler, lambda state: {}["missing"]).compile(saver)  # type: ignore[typeddict-item]
    [question] = caller.invoke(graph, GIVEN, ONE)["__interrupt__"]
    assert words(KeyError("missing")) in question.value
    assert caller.invoke(graph, Command(resume="skip"), ONE)["log"] == ["skip", "ok"]


def test_the_nodes_answers_are_not_taken_for_the_handlers(saver: BaseCheckpointSaver) -> None:
    def node(state: State) -> None:
        raise ValueError(interrupt("go?"))

    def handler(state: State, error: NodeError) -> dict[str, Any]:
        return {"log": [str(error.error), interrupt("go?")]}

    graph = builder(handler, node).compile(saver)
    assert graph.invoke(GIVEN, ONE)["__interrupt__"][0].value == "go?"
    assert graph.invoke(Command(resume="first"), ONE)["__interrupt__"][0].value == "go?"
    assert graph.invoke(Command(resume="second"), ONE)["log"] == ["first", "second", "ok"]


def test_a_join_does_not_count_a_handled_source() -> None:
    graph = builder(named).add_node("join", lambda state: {"log": ["join"]}).add_edge(["bad", "ok"], "join")
    assert graph.compile().invoke(GIVEN)["log"] == ["handled bad: ValueError('boom')", "ok"]


def test_handlers_side_by_side_each_get_their_own_error() -> None:
    graph = StateGraph(State)
    for name in ("b1", "b2"):
        graph.add_node(name, bad, error_handler=named).add_edge(START, name)
    expected = ["handled b1: ValueError('boom')", "handled b2: ValueError('boom')"]
    assert graph.compile().invoke(GIVEN)["log"] == expected


def test_the_log_shows_its_run_in_callbacks() -> None:
    seen: list[tuple[str, Any]] = []

    class Watcher(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            seen.append(("start", kwargs.get("name")))

        def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
            seen.append(("error", repr(error)))

    graph = StateGraph(State).add_node("bad", bad, error_handler=named).add_edge(START, "bad").compile()
    graph.invoke(GIVEN, {"callbacks": [Watcher()]})
    assert seen[1:] == [("start", "bad"), ("error", "ValueError('boom')"), ("start", HANDLER)]


# -- set_node_defaults (2.2)


def test_a_default_handler_handles_every_node_without_its_own(caller: Caller) -> None:
    graph = StateGraph(State).add_node("bad", bad).add_node("own", bad, error_handler=lambda state: {"log": ["own"]})
    graph.add_edge(START, "bad").add_edge(START, "own").set_node_defaults(error_handler=named)
    compiled = graph.compile()
    assert DEFAULT in compiled.nodes
    assert sorted(caller.stream(compiled, GIVEN), key=repr) == [
        {DEFAULT: {"log": ["handled bad: ValueError('boom')"]}},
        {"__error_handler__own": {"log": ["own"]}},
    ]


def test_compiling_twice_is_fine() -> None:
    graph = StateGraph(State).add_node("bad", bad).add_edge(START, "bad").set_node_defaults(error_handler=named)
    results = [graph.compile().invoke(GIVEN)["log"] for _ in range(2)]
    assert results == [["handled bad: ValueError('boom')"]] * 2


def test_default_retries_hold_for_handlers_too_and_cache_and_handler_do_not() -> None:
    tries = {"bad": 0, "handler": 0}

    def node(state: State) -> None:
        tries["bad"] += 1
        raise ValueError

    def handler(state: State, runtime: Runtime[Any]) -> None:
        tries["handler"] += 1
        assert runtime.execution_info is not None
        assert runtime.execution_info.node_attempt == tries["handler"]
        raise KeyError("worse")

    graph = StateGraph(State).add_node("bad", node, error_handler=handler).add_edge(START, "bad")
    graph.set_node_defaults(retry_policy=QUICK, cache_policy=CachePolicy(), error_handler=named)
    assert isinstance(raised(lambda: graph.compile().invoke(GIVEN)), KeyError)
    assert tries == {"bad": 3, "handler": 3}


def test_a_nodes_own_policy_comes_before_the_default() -> None:
    tries: list[int] = []

    def node(state: State) -> None:
        tries.append(1)
        raise ValueError

    graph = StateGraph(State).add_node("bad", node, retry_policy=QUICK._replace(max_attempts=1)).add_edge(START, "bad")
    graph.set_node_defaults(retry_policy=QUICK)
    assert isinstance(raised(lambda: graph.compile().invoke(GIVEN)), ValueError)
    assert len(tries) == 1


def test_a_sub_graph_does_not_inherit_defaults() -> None:
    inner = StateGraph(State).add_node("bad", bad).add_edge(START, "bad").compile()
    outer = StateGraph(State).add_node("sub", inner).add_edge(START, "sub").set_node_defaults(error_handler=named)
    assert outer.compile().invoke(GIVEN)["log"] == ["handled sub: ValueError('boom')"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_what_asks_the_process_to_end_is_not_handled(error: BaseException) -> None:
    def node(state: State) -> None:
        raise error

    assert raised(lambda: builder(named, node).compile().invoke(GIVEN)) is error
