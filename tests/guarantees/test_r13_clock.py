"""R13: whatever the clocks say, a thread's time goes forward, its ids are unique and in order, and no pause is short.

Two processes serve one thread, on a virtual clock; theirs differ by up to a minute, and jump by hours and years, back
and forth, between any two steps, or stand still. Deadlines of questions are not there yet: nothing of them is tried.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from clew import START, InMemorySaver, Runtime, StateGraph
from clew.actors.kit.simulation.processes import Surroundings
from clew.testing import Simulation
from clew.types import RetryPolicy

from .graphs import STORIES, Log
from .sizes import sized

SCHEDULES = sized(60, 2_000)
JUMPS = (-31_536_000.0, -3_600.0, -1.0, 0.0, 1.0, 3_600.0, 31_536_000.0)
SKEW_SECONDS = 60.0
PAUSE = 5.0
NAMES = ("a chain", "two turns", "a question", "a question passed over", "effects and a question", "sends that ask")


class Skewed:
    """A process's own clock: the common one, and wrong."""

    def __init__(self, clock: Any, seconds: float) -> None:
        self._clock = clock
        self._skew = round(seconds * 1_000_000)

    @property
    def now(self) -> int:
        return self._clock.now + self._skew

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


def play(number: int) -> Simulation:
    """One schedule: a conversation whose every step is taken by chance, with the clock set between them."""
    chance = random.Random(number)
    graph, moves = STORIES[NAMES[number % len(NAMES)]]
    simulation = Simulation(graph, moves, processes=2, seed=number)
    for process in simulation.processes:
        skewed = Surroundings(cast("Any", Skewed(simulation.clock, chance.uniform(-1, 1) * SKEW_SECONDS)))
        skewed.chance, skewed.numbers = simulation.surroundings.chance, simulation.surroundings.numbers
        process.surroundings = skewed
    frozen = chance.random() < 0.25
    while steps := simulation.steps():
        simulation.clients[0].process = (
            chance.randrange(2) if not simulation.clients[0].waits else (simulation.clients[0].process)
        )
        if not frozen:
            simulation.clock.jump(chance.choice(JUMPS))
        simulation.take(chance.choice(steps if simulation.steps() == steps else simulation.steps()))
    return simulation


@pytest.mark.slow
def test_no_clock_puts_a_thread_out_of_order(report_figure: Callable[[str], None]) -> None:
    commits = backwards = 0
    for number in range(SCHEDULES):
        simulation = play(number)
        graph = simulation.processes[0].graph
        history = list(graph.get_state_history(simulation.processes[0].config))[::-1]
        ids = [cast("Any", state.config)["configurable"]["checkpoint_id"] for state in history]
        assert ids == sorted(set(ids)), f"schedule {number}: checkpoint ids are in the order of their making"
        parents = [cast("Any", state.parent_config)["configurable"]["checkpoint_id"] for state in history[1:]]
        assert parents == ids[:-1], f"schedule {number}"
        stamps = [state.created_at for state in history]
        assert stamps == sorted(stamps), f"schedule {number}"
        times = [commit.time for commit in simulation.commits]
        assert times == sorted(set(times)), f"schedule {number}: time never stands still in a thread, nor goes back"
        assert all(isinstance(result, str) for result in simulation.results[0]), f"schedule {number}"
        commits += len(times)
        backwards += times[-1] > simulation.clock.now
    assert 0 < backwards < SCHEDULES
    report_figure(
        f"R13: {SCHEDULES} schedules, {commits} commits: every history in order; {backwards} ended behind a clock"
    )


@pytest.mark.parametrize("jump", JUMPS)
def test_a_pause_before_a_retry_is_not_cut_short_by_a_clock(jump: float) -> None:
    """The clock is set when the node has failed: the pause is a length of time, not a time of day."""
    attempts: list[float] = []

    def fails(state: Log) -> None:
        attempts.append(simulation.clock.seconds)
        simulation.clock.jump(jump)
        raise ConnectionError("not yet")

    policy = RetryPolicy(max_attempts=4, initial_interval=PAUSE, backoff_factor=1, jitter=False)
    builder = StateGraph(Log).add_node("fails", fails, retry_policy=policy).add_edge(START, "fails")
    simulation = Simulation(builder.compile, [{"said": ["x"]}])
    simulation.run()
    assert len(attempts) == 4
    assert [after - before for before, after in pairwise(attempts)] == [PAUSE] * 3


@pytest.mark.parametrize("jump", [-3_600, 0, 3_600, 31_536_000])
def test_the_engine_itself_takes_no_time_of_day_for_a_length_of_time(
    jump: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No simulation: the machine's own clock of day lies to a real runtime, further with every look at it."""
    looks = 0
    really = time.time_ns

    def lies() -> int:
        nonlocal looks
        looks += 1
        return really() + jump * 1_000_000_000 * looks

    began, done = time.monotonic(), []

    def fails_twice(state: Log) -> dict[str, Any]:
        done.append(time.monotonic())
        if len(done) < 3:
            raise ConnectionError("not yet")
        return {"said": ["done"]}

    policy = RetryPolicy(max_attempts=3, initial_interval=0.02, backoff_factor=1, jitter=False)
    builder = StateGraph(Log).add_node("fails", fails_twice, retry_policy=policy).add_edge(START, "fails")
    monkeypatch.setattr(time, "time_ns", lies)
    with Runtime() as runtime:
        graph = builder.compile(checkpointer=InMemorySaver(), runtime=runtime)
        config: Any = {"configurable": {"thread_id": "t"}}
        graph.invoke({"said": ["x"]}, config)
        graph.invoke({"said": ["y"]}, config)
        ids = [cast("Any", state.config)["configurable"]["checkpoint_id"] for state in graph.get_state_history(config)]
    assert looks > 2
    assert done[1] - done[0] >= 0.02
    assert done[2] - done[1] >= 0.02
    assert time.monotonic() - began < 30
    assert ids == sorted(set(ids), reverse=True)
