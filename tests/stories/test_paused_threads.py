"""Ten thousand threads that wait for people: each costs little while it is active and nothing at rest, and none runs.

Measured on a few hundred, whose figure is the same for each further one; the benchmark counts ten thousand.
"""

import gc
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

import pytest
from clew import Command, Runtime, SqliteSaver, interrupt

from tests.support.stories import asked, on, one_node

THREADS = 300
THREADS_BETWEEN_COUNTS = 15
ROUNDS = 3
WARM_UP_THREADS = 600
"""More than any cache holds: pools, caches and prepared statements are there before anything is counted."""
WANTED = 10_000
BYTES_MAX = 4_096
"""What an active thread may cost besides its own state's values."""
RESTING_BYTES_MAX = 32
"""What may be left of a thread at rest: less than any object, so that one kept for each thread would show."""


class Case(TypedDict, total=False):
    request: str
    decision: str


def decide(_: Case) -> Case:
    return {"decision": interrupt("May it be done?")}


def request(number: int) -> str:
    """A text of its own for each thread."""
    return f"request {number:06} " + "x" * 400


@contextmanager
def counted_memory() -> Iterator[Callable[[], int]]:
    """Count what Python allocates in the block: a function that gives the bytes held now, garbage left out."""

    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    gc.collect()
    gc.freeze()  # What was there before is not counted, and need not be walked at every count.
    tracemalloc.start()
    try:
        yield held
    finally:
        tracemalloc.stop()
        gc.unfreeze()


@pytest.mark.slow
def test_paused_threads_cost_little_while_active_and_nothing_at_rest(
    tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    with (
        SqliteSaver.from_conn_string(str(tmp_path / "cases.db"), durability="os") as saver,
        Runtime(active_max=2 * WARM_UP_THREADS, idle_seconds=3_600) as runtime,
    ):
        graph = one_node(decide, Case).compile(checkpointer=saver, runtime=runtime)
        with counted_memory() as held:
            pause(graph, "warm-up", WARM_UP_THREADS)
            runtime.passivate()
            running = threading.active_count()
            before = held()
            pause(graph, "case", THREADS)
            assert runtime.health().active == THREADS
            assert threading.active_count() == running, "a thread that waits has no thread of the system"
            active = (held() - before) / THREADS - sys.getsizeof(request(0))

            assert runtime.passivate() == THREADS

            def come_and_rest(round_: int, counts: int) -> None:
                pause(graph, f"round {round_} {counts}", THREADS_BETWEEN_COUNTS)
                runtime.passivate()

            resting = left_of_each(come_and_rest, held)

        report_figure(
            f"{WANTED:,} paused threads: {active * WANTED / 1e6:.1f} MB while active "
            f"(limit {BYTES_MAX * WANTED / 1e6:.1f} MB over their values), {resting * WANTED / 1e6:.2f} MB at rest"
        )
        assert active <= BYTES_MAX
        assert resting <= RESTING_BYTES_MAX
        answered = graph.invoke(Command(resume="yes"), on(f"case {THREADS - 1}"))
        assert answered == {"request": request(THREADS - 1), "decision": "yes"}


def left_of_each(come_and_rest: Callable[[int, int], None], held: Callable[[], int]) -> float:
    """What is left of each thread, in bytes: an allocation that is made once, or that comes and goes, is not.

    `sqlite3` keeps a weak reference, 80 bytes, to each cursor that a connection made, and throws the dead ones away
    at every 200th cursor: what is held goes up and down by 17 kB a connection, 60 bytes for each of 300 threads. So a
    round counts often and takes the lowest; what is kept for each thread raises the lowest of every round, and what
    happened once raises one.
    """
    per_round = THREADS // THREADS_BETWEEN_COUNTS
    lowest: list[int] = []
    for round_ in range(ROUNDS + 1):
        counts: list[int] = []
        for count in range(per_round):
            come_and_rest(round_, count)
            counts.append(held())
        lowest.append(min(counts))
    return min(later - earlier for earlier, later in pairwise(lowest)) / THREADS


def test_a_leak_of_each_thread_is_told_from_memory_that_comes_once_or_comes_and_goes() -> None:
    kept: list[bytes] = []
    saw: list[bytes] = []

    def come_and_rest(round_: int, count: int, leak: int) -> None:
        if (round_, count) == (2, 3):
            kept.append(bytes(50_000))
        saw.clear() if count % 3 == round_ % 3 else saw.append(bytes(17_000))
        kept.extend(bytes(leak) for _ in range(THREADS_BETWEEN_COUNTS if leak else 0))

    with counted_memory() as held:
        assert left_of_each(lambda round_, count: come_and_rest(round_, count, 0), held) < 1
        assert left_of_each(lambda round_, count: come_and_rest(round_, count, 8), held) > RESTING_BYTES_MAX


def pause(graph: Any, name: str, threads: int) -> None:
    for number in range(threads):
        assert asked(graph.invoke({"request": request(number)}, on(f"{name} {number}"))) == ["May it be done?"]


def test_no_more_threads_are_kept_active_than_the_runtime_was_told(tmp_path: Path) -> None:
    with (
        SqliteSaver.from_conn_string(str(tmp_path / "cases.db"), durability="os") as saver,
        Runtime(active_max=10, idle_seconds=3_600) as runtime,
    ):
        graph = one_node(decide, Case).compile(checkpointer=saver, runtime=runtime)
        pause(graph, "case", 25)
        assert runtime.health().active == 10
        for number in range(25):
            assert graph.invoke(Command(resume="yes"), on(f"case {number}"))["decision"] == "yes"
