"""What user code can do to the node runner: whatever it raises, wherever, ends its task and reaches the caller."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from clew import Command, Runtime, StateGraph, interrupt
from clew.actors.engine.call import scope_here
from clew.actors.engine.run import Run
from clew.checkpoint import InMemorySaver
from clew.types import RetryPolicy
from langchain_core.callbacks import BaseCallbackHandler

from ...support.watchdog import raised, within
from .graphs import GIVEN, Body, State, anamed, chain, named, on, side_by_side


def failing(times: int, error: BaseException, then: str = "done") -> tuple[Body, list[int]]:
    """A node that raises so many times, and the list of its calls."""
    calls: list[int] = []

    def body(state: State) -> dict[str, Any]:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error
        return {"names": [then]}

    return body, calls


QUICK = {"initial_interval": 0.001, "jitter": False}


def with_policy(body: Any, **policy: Any) -> StateGraph:
    """One node with a retry policy, beside two others."""
    builder = side_by_side(a=named("a"), b=named("b"))
    return builder.add_node("c", body, retry_policy=RetryPolicy(**policy)).add_edge("__start__", "c")


def test_a_retry_predicate_that_raises_fails_the_task_on_the_pool_too(runtime: Runtime) -> None:
    def broken(error: Exception) -> bool:
        raise LookupError("the predicate itself")

    body, calls = failing(1, ValueError("first"))
    graph = with_policy(body, retry_on=broken).compile(checkpointer=InMemorySaver(), runtime=runtime)
    assert isinstance(raised(lambda: graph.invoke(GIVEN, on("1"))), LookupError)
    assert graph.get_state(on("1")).next == ("c",)
    assert within(lambda: graph.invoke(None, on("1"))) == {"names": ["a", "b", "done"]}
    assert len(calls) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_what_asks_the_process_to_end_is_not_tried_again(runtime: Runtime, error: BaseException) -> None:
    body, calls = failing(1, error)
    graph = with_policy(body, **QUICK).compile(checkpointer=InMemorySaver(), runtime=runtime)
    assert raised(lambda: graph.invoke(GIVEN, on("1"))) is error
    assert len(calls) == 1
    assert within(lambda: graph.invoke(None, on("1")))["names"] == ["a", "b", "done"]


def test_a_wait_for_the_next_attempt_that_is_interrupted_leaves_a_thread_that_goes_on(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(run: Run, seconds: float) -> bool:
        raise KeyboardInterrupt

    body, _ = failing(1, ConnectionError("flaky"))
    graph = with_policy(body, **QUICK).compile(checkpointer=InMemorySaver(), runtime=runtime)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "wait_apart", interrupted)
        assert isinstance(raised(lambda: graph.invoke(GIVEN, on("1"))), KeyboardInterrupt)
    assert within(lambda: graph.invoke(None, on("1")))["names"] == ["a", "b", "done"]


def test_cancelling_during_the_wait_for_the_next_attempt_leaves_a_thread_that_goes_on(runtime: Runtime) -> None:
    calls: list[int] = []

    async def flaky(state: State) -> dict[str, Any]:
        calls.append(len(calls))
        if len(calls) == 1:
            raise ConnectionError("flaky")
        return {"names": ["done"]}

    async def talk(builder: StateGraph) -> Any:
        calls.clear()
        graph = builder.compile(checkpointer=InMemorySaver(), runtime=runtime)
        task = asyncio.create_task(graph.ainvoke(GIVEN, on("1")))
        while not calls:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await graph.ainvoke(None, on("1")))["names"]

    alone = StateGraph(State).add_node("c", flaky, retry_policy=RetryPolicy(initial_interval=3600))
    assert within(lambda: asyncio.run(talk(alone.add_edge("__start__", "c")))) == ["done"]
    assert within(lambda: asyncio.run(talk(with_policy(flaky, initial_interval=3600)))) == ["a", "b", "done"]


def test_attempts_before_a_question_do_not_count_against_the_policy(runtime: Runtime) -> None:
    calls: list[int] = []

    def asks(state: State) -> dict[str, Any]:
        answers = [interrupt("first"), interrupt("second"), interrupt("third")]
        calls.append(len(calls))
        if len(calls) < 3:
            raise ConnectionError("flaky")
        return {"names": answers}

    graph = with_policy(asks, max_attempts=3, **QUICK).compile(checkpointer=InMemorySaver(), runtime=runtime)
    graph.invoke(GIVEN, on("1"))
    for answer in "xyz":
        result = graph.invoke(Command(resume=answer), on("1"))
    assert result == {"names": ["a", "b", "x", "y", "z"]}
    assert len(calls) == 3


def test_an_error_that_cannot_be_shown_is_still_the_callers_and_in_the_log(runtime: Runtime) -> None:
    class Mute(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    body, _ = failing(1, Mute())
    graph = chain(c=body).compile(checkpointer=InMemorySaver(), runtime=runtime)
    with pytest.raises(Mute):
        graph.invoke(GIVEN, on("1"))
    assert "whose repr raised RuntimeError" in str(graph.get_state(on("1")).tasks[0].error)
    assert graph.invoke(None, on("1")) == {"names": ["done"]}


def test_an_error_with_half_a_surrogate_pair_is_still_the_callers_and_in_the_log(runtime: Runtime) -> None:
    body, _ = failing(1, ValueError("\ud800"))
    graph = chain(c=body).compile(checkpointer=InMemorySaver(), runtime=runtime)
    with pytest.raises(ValueError, match="\ud800"):
        graph.invoke(GIVEN, on("1"))
    assert str(graph.get_state(on("1")).tasks[0].error) == r"ValueError('\ud800')"
    assert graph.invoke(None, on("1")) == {"names": ["done"]}


@pytest.mark.parametrize("error", [StopIteration(), StopAsyncIteration(), GeneratorExit()])
def test_what_generators_are_told_is_an_error_like_any_other(runtime: Runtime, error: BaseException) -> None:
    for number, runs in enumerate((lambda g, c: g.invoke(GIVEN, c), lambda g, c: asyncio.run(g.ainvoke(GIVEN, c)))):
        body, _ = failing(1, error)
        graph = side_by_side(a=named("a"), c=body).compile(checkpointer=InMemorySaver(), runtime=runtime)
        config = on(str(number))
        seen = raised(lambda runs=runs, graph=graph, config=config: runs(graph, config))
        assert seen is error or (isinstance(seen, RuntimeError) and seen.__cause__ is error)
        assert within(lambda graph=graph, config=config: graph.invoke(None, config))["names"] == ["a", "done"]


def test_a_path_function_beside_an_async_body_may_run_out_of_items(runtime: Runtime) -> None:
    def path(state: State) -> str:
        return next(iter([]))

    builder = chain(a=anamed("a")).add_node("b", named("b")).add_conditional_edges("a", path, ["b"])
    graph = builder.compile(checkpointer=InMemorySaver(), runtime=runtime)
    error = raised(lambda: asyncio.run(graph.ainvoke(GIVEN, on("1"))))
    assert isinstance(error, RuntimeError)
    assert isinstance(error.__cause__, StopIteration)


class Objecting(BaseCallbackHandler):
    """A handler that raises at one of its events, for nodes only."""

    raise_error = True

    def __init__(self, at: str) -> None:
        self.at = at

    def _object(self, at: str, name: object = "c") -> None:
        if at == self.at and name == "c":
            raise LookupError(f"the handler objects at {at}")

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self._object("start", kwargs.get("name"))

    def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("parent_run_id") is not None:
            self._object("end")

    def on_chain_error(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("parent_run_id") is not None:
            self._object("error")


@pytest.mark.parametrize("at", ["start", "end", "error"])
@pytest.mark.parametrize("siblings", [False, True])
def test_a_callback_that_raises_fails_the_task_it_watches(runtime: Runtime, at: str, siblings: bool) -> None:
    body, _ = failing(1 if at == "error" else 0, ValueError("the node's own"))
    builder = side_by_side(c=body, d=named("d")) if siblings else chain(c=body)
    graph = builder.compile(checkpointer=InMemorySaver(), runtime=runtime)
    config = {**on("1"), "callbacks": [Objecting(at)]}
    assert isinstance(raised(lambda: graph.invoke(GIVEN, config)), LookupError)
    assert "done" in within(lambda: graph.invoke(None, on("1")))["names"]


def test_the_repr_of_what_a_running_task_is_made_of_shows_nothing_that_users_gave() -> None:
    shown: list[str] = []

    def body(state: State) -> dict[str, Any]:
        scope = scope_here()
        assert scope is not None
        job = scope.call.job
        shown.extend(map(repr, (scope, scope.call, job, job.run.settings)))
        return {"names": ["a secret"]}

    secretive = chain(first=body, second=body).compile(InMemorySaver())
    secretive.invoke(GIVEN, {"configurable": {"thread_id": "t", "password": "a secret"}})
    assert [text.partition(" object at ")[0].rpartition(".")[2] for text in shown[:4]] == [
        "Scope",
        "Call",
        "Job",
        "Settings",
    ]
    assert "a secret" not in "".join(shown)
