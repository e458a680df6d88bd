"""Tasks that outlive the run that started them: their work counts, their trouble is not the next caller's."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, TypedDict

import pytest
from clew import START, Runtime, StateGraph
from clew.actors.decider.commands import Continue
from clew.actors.engine.run import Run
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import InvalidUpdateError, OutcomeUnknownError
from clew.events.stores.store import STOPPED
from clew.events.vocabulary import StepAbandoned
from clew.testing import Fault, faulty_saver

from ...support.slow_store import slow_saver
from ...support.stories import events, until
from ...support.watchdog import raised, within
from .effects import Ledger
from .graphs import GIVEN, State, anamed, chain, named, on, side_by_side


@pytest.fixture(params=["memory", "durable"])
def saver(request: pytest.FixtureRequest) -> BaseCheckpointSaver:
    return InMemorySaver() if request.param == "memory" else slow_saver()


def first_call(graph: Any) -> BaseException | None:
    """What a first call raises. Async, so that all sync nodes run on the pool and none on the thread of the caller."""
    return raised(lambda: asyncio.run(graph.ainvoke(GIVEN, on("1"))))


def test_a_task_that_takes_its_time_to_be_cancelled_is_started_again_by_the_next_call(
    runtime: Runtime, saver: BaseCheckpointSaver
) -> None:
    calls: list[str] = []

    async def talk() -> Any:
        cleaned_up = asyncio.Event()

        def slow_to_leave(name: str) -> Any:
            async def body(state: State) -> dict[str, Any]:
                calls.append(name)
                if calls.count(name) == 1:
                    try:
                        await asyncio.sleep(3600)
                    finally:
                        await cleaned_up.wait()
                return {"names": [name]}

            return body

        builder = side_by_side(a=slow_to_leave("a"), b=slow_to_leave("b"))
        graph = builder.compile(checkpointer=saver, runtime=runtime)
        first = asyncio.create_task(graph.ainvoke(GIVEN, on("1")))
        while len(calls) < 2:
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        second = asyncio.create_task(graph.ainvoke(None, on("1")))
        actor = runtime.known(saver, "1")
        while actor is None or actor.run is None or not isinstance(actor.run.command, Continue) or actor.appending:
            await asyncio.sleep(0)
        cleaned_up.set()
        return await second

    assert within(lambda: asyncio.run(talk())) == {"names": ["a", "b"]}
    assert sorted(calls) == ["a", "a", "b", "b"]


def test_a_failure_after_the_run_is_not_the_next_callers(runtime: Runtime, saver: BaseCheckpointSaver) -> None:
    started, may_fail, calls = threading.Event(), threading.Event(), list[str]()

    def fails_at_once(state: State) -> dict[str, Any]:
        started.wait(20)
        calls.append("at once")
        if calls.count("at once") == 1:
            raise ValueError("at once")
        return {"names": ["a"]}

    def fails_late(state: State) -> dict[str, Any]:
        started.set()
        calls.append("late")
        if calls.count("late") == 1:
            may_fail.wait(20)
            raise ValueError("late")
        return {"names": ["b"]}

    graph = side_by_side(a=fails_at_once, b=fails_late).compile(checkpointer=saver, runtime=runtime)
    assert str(first_call(graph)) == "at once"
    threading.Timer(0.05, may_fail.set).start()
    assert within(lambda: graph.invoke(None, on("1"))) == {"names": ["a", "b"]}


def test_a_node_that_cancels_itself_cancels_the_call_though_siblings_run(
    runtime: Runtime, saver: BaseCheckpointSaver
) -> None:
    async def talk() -> None:
        release = asyncio.Event()

        async def cancels(state: State) -> dict[str, Any]:
            task = asyncio.current_task()
            if task is not None and not release.is_set():
                task.cancel()
            await asyncio.sleep(0)
            return {"names": ["a"]}

        async def waits(state: State) -> dict[str, Any]:
            await release.wait()
            return {"names": ["b"]}

        graph = side_by_side(a=cancels, b=waits).compile(checkpointer=saver, runtime=runtime)
        with pytest.raises(asyncio.CancelledError):
            await graph.ainvoke(GIVEN, on("1"))
        release.set()
        assert await graph.ainvoke(None, on("1")) == {"names": ["a", "b"]}

    within(lambda: asyncio.run(talk()))


def test_effects_of_a_task_that_fails_after_the_run_are_kept(runtime: Runtime, saver: BaseCheckpointSaver) -> None:
    ledger, started, may_fail, calls = Ledger(), threading.Event(), threading.Event(), list[str]()

    def fails_at_once(state: State) -> dict[str, Any]:
        started.wait(20)
        calls.append("a")
        if calls.count("a") == 1:
            raise ValueError("at once")
        return {"names": ["a"]}

    def pays_and_fails(state: State) -> dict[str, Any]:
        started.set()
        calls.append("b")
        receipt = ledger.charge("the order")
        if calls.count("b") == 1:
            may_fail.wait(20)
            raise ValueError("after paying")
        return {"names": [receipt]}

    graph = side_by_side(a=fails_at_once, b=pays_and_fails).compile(checkpointer=saver, runtime=runtime)
    assert str(first_call(graph)) == "at once"
    may_fail.set()
    actor = runtime.known(saver, "1")
    assert actor is not None
    within(lambda: until(lambda: actor.idle))
    assert within(lambda: graph.invoke(None, on("1"))) == {"names": ["a", "receipt for the order"]}
    assert ledger.done == ["the order"]


def test_effects_survive_a_merge_that_fails(runtime: Runtime, saver: BaseCheckpointSaver) -> None:
    class Contested(TypedDict):
        winner: str
        loud: bool

    ledger, early = Ledger(), threading.Event()

    def pays(name: str) -> Any:
        def body(state: Contested) -> dict[str, Any]:
            receipt = ledger.charge(name)
            if name == "b":
                early.wait(20)
            return {"winner": receipt} if name == "a" or not state.get("loud") else {}

        return body

    builder = StateGraph(Contested).add_node("a", pays("a")).add_node("b", pays("b"))
    graph = builder.add_edge(START, "a").add_edge(START, "b").compile(checkpointer=saver, runtime=runtime)

    def let_b_go_once_a_is_recorded() -> None:
        until(lambda: len(saver.store.read("1")) >= 2)
        early.set()

    helper = threading.Thread(target=let_b_go_once_a_is_recorded, daemon=True)
    helper.start()
    assert isinstance(raised(lambda: graph.invoke({"loud": False}, on("1"))), InvalidUpdateError)
    helper.join(20)
    assert isinstance(raised(lambda: graph.invoke(None, on("1"))), InvalidUpdateError)
    assert sorted(ledger.done) == ["a", "b"]


def test_a_finished_sibling_is_recorded_while_the_others_work(runtime: Runtime, saver: BaseCheckpointSaver) -> None:
    seen: list[int] = []

    def slow(state: State) -> dict[str, Any]:
        until(lambda: len(saver.store.read("1")) >= 2)
        seen.append(len(saver.store.read("1")))
        return {"names": ["slow"]}

    graph = side_by_side(a=named("a"), slow=slow).compile(checkpointer=saver, runtime=runtime)
    assert within(lambda: graph.invoke(GIVEN, on("1"))) == {"names": ["a", "slow"]}
    assert within(lambda: asyncio.run(graph.ainvoke(GIVEN, on("1"))))["names"] == ["a", "slow"] * 2
    assert seen[0] == 2


class Outlived:
    """A graph of "a" and then "b", whose first call is cancelled while "a" works, on a thread of the pool."""

    def __init__(self, runtime: Runtime, saver: BaseCheckpointSaver) -> None:
        self.calls: list[str] = []
        self.started = threading.Event()
        self.may_end = threading.Event()
        self.runtime, self.saver = runtime, saver
        self.graph = chain(a=self._a, b=named("b")).compile(checkpointer=saver, runtime=runtime)

    def _a(self, state: State) -> dict[str, Any]:
        self.calls.append("a")
        self.started.set()
        self.may_end.wait(20)
        return {"names": ["a"]}

    async def _cut_short(self) -> None:
        call = asyncio.create_task(self.graph.ainvoke(GIVEN, on("1", command_id="go")))
        while not self.started.is_set():
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    @property
    def actor(self) -> Any:
        return self.runtime.known(self.saver, "1")

    def cut_short(self) -> None:
        """Call and cancel."""
        within(lambda: asyncio.run(self._cut_short()))

    def ends(self) -> None:
        """Let "a" come to its end, and wait until it is recorded."""
        self.may_end.set()
        within(lambda: until(lambda: self.graph.get_state(on("1")).values["names"] and self.actor.idle))


def test_a_step_that_late_work_completes_is_still_due(runtime: Runtime, saver: BaseCheckpointSaver) -> None:
    outlived = Outlived(runtime, saver)
    graph = outlived.graph
    outlived.cut_short()
    outlived.ends()
    state = graph.get_state(on("1"))
    assert (state.values, state.next, state.tasks[0].result) == ({"names": ["a"]}, ("a",), {"names": ["a"]})
    head = saver.store.head("1")
    assert head is not None
    assert head.head.status == STOPPED
    assert graph.invoke(None, on("1")) == {"names": ["a", "b"]}
    assert graph.get_state(on("1")).next == ()
    assert outlived.calls == ["a"]


def test_new_input_withdraws_a_step_that_late_work_completed(runtime: Runtime, saver: BaseCheckpointSaver) -> None:
    outlived = Outlived(runtime, saver)
    outlived.cut_short()
    outlived.ends()
    assert outlived.graph.invoke(GIVEN, on("1")) == {"names": ["a", "b"]}
    assert len(events(saver, "1", StepAbandoned)) == 1
    assert outlived.calls == ["a", "a"]


def test_a_repeated_command_commits_a_step_that_late_work_completed(
    runtime: Runtime, saver: BaseCheckpointSaver
) -> None:
    outlived = Outlived(runtime, saver)
    outlived.cut_short()
    outlived.ends()
    for _ in range(2):
        assert outlived.graph.invoke(GIVEN, on("1", command_id="go")) == {"names": ["a", "b"]}
    assert outlived.calls == ["a"]


def test_a_repeated_command_waits_for_what_the_first_left_running(runtime: Runtime, saver: BaseCheckpointSaver) -> None:
    outlived = Outlived(runtime, saver)
    outlived.cut_short()

    def release() -> None:
        until(lambda: outlived.actor.run is not None and not outlived.actor.appending)
        outlived.may_end.set()

    helper = threading.Thread(target=release, daemon=True)
    helper.start()
    again = within(lambda: outlived.graph.invoke(GIVEN, on("1", command_id="go")))
    outlived.may_end.set()
    helper.join(20)
    assert again == {"names": ["a", "b"]}
    assert outlived.calls == ["a"]


def test_a_coroutine_that_never_began_is_run_by_the_next_call(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run ends, on another thread, between the making of its task and the loop's first look at it."""
    store, saver = faulty_saver(InMemorySaver(), Fault("lose", at=1))
    graph = side_by_side(a=anamed("a"), b=named("b")).compile(checkpointer=saver, runtime=runtime)
    waiting = Run.waiting

    def late(run: Run) -> asyncio.Future[None]:
        if run.tasks:
            within(lambda: store.met or run.wait_apart(5))
        return waiting(run)

    monkeypatch.setattr(Run, "waiting", late)
    assert isinstance(first_call(graph), OutcomeUnknownError)
    monkeypatch.undo()
    assert within(lambda: asyncio.run(graph.ainvoke(None, on("1")))) == {"names": ["a", "b"]}
