"""Ten thousand threads that wait for people: each costs little while it is active and nothing at rest, and none runs.

Measured on a few hundred, whose figure is the same for each further one; the benchmark counts ten thousand.
"""

import gc
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

import pytest
from clew import Command, Runtime, SqliteSaver, interrupt

from tests.support.stories import asked, on, one_node

THREADS = 300
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

    tracemalloc.start()
    try:
        yield held
    finally:
        tracemalloc.stop()


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
            resting = (held() - before) / THREADS

        report_figure(
            f"{WANTED:,} paused threads: {active * WANTED / 1e6:.1f} MB while active "
            f"(limit {BYTES_MAX * WANTED / 1e6:.1f} MB over their values), {resting * WANTED / 1e6:.2f} MB at rest"
        )
        assert active <= BYTES_MAX
        assert resting <= RESTING_BYTES_MAX
        answered = graph.invoke(Command(resume="yes"), on(f"case {THREADS - 1}"))
        assert answered == {"request": request(THREADS - 1), "decision": "yes"}


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
