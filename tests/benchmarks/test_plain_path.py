"""The plain path costs what it is allowed to cost, counted without a clock. The limits are in `plain_path.py`."""

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import clew.events
import pytest
from clew import END, START, Command, InMemorySaver, Runtime, SqliteSaver, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver

from .plain_path import COSTS, CYCLE, MEMORY, SQLITE, STEP, Cost

ROOMS = tuple(f"{Path(clew.events.__file__).parents[1] / room}/" for room in ("events", "projections", "actors"))
"""Where clew's functions are; beside the rooms of a checkout stand its tests, and environments with other libraries."""
HOPS = ("Dispatcher.submit", "Journal.submit", "ThreadPoolExecutor.submit", "Thread.start")
LENGTH = 20
"""Nodes of the shorter chain; the longer one has twice as many."""


class Number(TypedDict):
    value: int


class Review(TypedDict, total=False):
    request: str
    answer: str
    done: bool


@pytest.fixture(params=[MEMORY, SQLITE])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseCheckpointSaver]:
    if request.param == MEMORY:
        yield InMemorySaver()
        return
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as opened:
        yield opened


@pytest.fixture
def store(saver: BaseCheckpointSaver) -> str:
    return MEMORY if isinstance(saver, InMemorySaver) else SQLITE


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime() as opened:
        yield opened


class Counted:
    """What happened on this thread, and in the database, while something ran."""

    def __init__(self, saver: BaseCheckpointSaver, work: Callable[[], Any]) -> None:
        self.functions: Counter[str] = Counter()
        self.own = 0
        statements: list[str] = []
        tracing = getattr(saver.store, "trace", lambda told: None)
        tracing(statements.append)
        before = sys.getprofile()
        # What is collected meanwhile may be other tests', with clean-up of ours to call.
        gc.collect()
        gc.disable()
        sys.setprofile(self._note)
        try:
            work()
        finally:
            sys.setprofile(before)
            gc.enable()
            tracing(None)
        self.statements = len(statements)
        self.transactions = statements.count("COMMIT")

    def _note(self, frame: Any, event: str, _: Any) -> None:
        if event == "call":
            code = frame.f_code
            self.functions[code.co_qualname] += 1
            self.own += code.co_filename.startswith(ROOMS)

    @property
    def facts(self) -> Counter[str]:
        """The counts by the names that `Cost` has."""
        return Counter(
            calls_max=self.own,
            appends=self.functions["ThreadLog.entry"],
            values=self.functions["Writer.encode"],
            statements=self.statements,
            transactions=self.transactions,
            hops=sum(self.functions[name] for name in HOPS),
        )


def check(found: Counter[str], cost: Cost, unit: str) -> None:
    calls = found.pop("calls_max")
    allowed = {name: getattr(cost, name) for name in ("appends", "values", "statements", "transactions", "hops")}
    assert {name: found[name] for name in allowed} == allowed, unit
    assert calls <= cost.calls_max, f"a {unit} takes {calls} calls, {cost.calls_max} are allowed: see plain_path.py"


def chain(saver: BaseCheckpointSaver, runtime: Runtime, length: int) -> Callable[[str], None]:
    builder = StateGraph(Number)
    names = [f"node_{number}" for number in range(length)]
    for name in names:
        builder.add_node(name, lambda state: {"value": state["value"] + 1})
    for earlier, later in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(earlier, later)
    graph = builder.compile(checkpointer=saver, runtime=runtime)

    def run(thread: str) -> None:
        assert graph.invoke({"value": 0}, {"configurable": {"thread_id": thread}}) == {"value": length}

    return run


def test_a_super_step_costs_what_it_may(saver: BaseCheckpointSaver, store: str, runtime: Runtime) -> None:
    facts: list[Counter[str]] = []
    for length in (LENGTH, 2 * LENGTH):
        run = chain(saver, runtime, length)
        run(f"first {length}")
        facts.append(Counted(saver, lambda run=run, length=length: run(f"counted {length}")).facts)
    shorter, longer = facts
    beyond = Counter({name: (longer[name] - shorter[name]) / LENGTH for name in shorter})
    check(beyond, COSTS[STEP, store], STEP)


def test_a_cycle_costs_what_it_may(saver: BaseCheckpointSaver, store: str, runtime: Runtime) -> None:
    builder = StateGraph(Review)
    builder.add_node("review", lambda state: {"answer": interrupt(f"approve {state['request']}?")})
    builder.add_node("act", lambda state: {"done": True})
    builder.add_edge(START, "review")
    builder.add_edge("review", "act")
    builder.add_edge("act", END)
    graph = builder.compile(checkpointer=saver, runtime=runtime)
    answer = Command(resume="yes")

    def cycle(thread: str) -> None:
        config = {"configurable": {"thread_id": thread}}
        assert graph.invoke({"request": "deploy"}, config)["__interrupt__"]
        assert graph.invoke(answer, config)["done"]

    cycle("first")
    check(Counted(saver, lambda: cycle("counted")).facts, COSTS[CYCLE, store], CYCLE)


def calls_a_step(runtime: Runtime, width: int) -> float:
    """Calls a super-step of a loop that writes one key of a state of so many."""
    keys = [f"key_{number}" for number in range(width)]
    builder = StateGraph(TypedDict("Wide", dict.fromkeys(keys, int)))  # type: ignore[misc]
    builder.add_node("write", lambda state: {"key_0": state["key_0"] - 1})
    builder.add_edge(START, "write")
    builder.add_conditional_edges("write", lambda state: "write" if state["key_0"] else END)
    saver = InMemorySaver()
    graph = builder.compile(checkpointer=saver, runtime=runtime)

    def run(steps: int) -> None:
        graph.invoke({**dict.fromkeys(keys, 0), "key_0": steps}, {"configurable": {"thread_id": str(steps)}})

    run(1)
    shorter, longer = (Counted(saver, lambda steps=steps: run(steps)).own for steps in (LENGTH, 2 * LENGTH))
    return (longer - shorter) / LENGTH


def test_a_super_step_does_not_pay_for_keys_that_nobody_writes(runtime: Runtime) -> None:
    assert calls_a_step(runtime, 800) <= calls_a_step(runtime, 80) + 1
