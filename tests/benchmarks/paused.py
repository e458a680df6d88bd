"""Ten thousand threads that wait at a question in one process: what each of them costs while active and at rest.

Memory is the process's resident set as Linux counts it, and Python's own count of allocated blocks, which has no
noise: a thread that left a single object behind would show as one block a thread.
"""

import ctypes
import gc
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

from .bench import Bench, WorkloadError, expect

WARM_UP_THREADS = 200
"""Threads paused and put to rest before counting, so that pools, caches and prepared statements exist already."""
IDLE_SECONDS = 3_600.0
"""Longer than the run, so that no thread goes to rest before it is told to."""
REQUEST_CHARACTERS = 400


class Request(TypedDict, total=False):
    request: str
    answer: str


def paused_threads(bench: Bench) -> Iterator[None]:
    """Pause `size` threads, put all of them to rest, and answer one; a lap is one thread paused."""
    threads = bench.amount.size
    with bench.engine.Runtime(active_max=threads, idle_seconds=IDLE_SECONDS) as runtime:
        graph = _question_graph(bench).compile(checkpointer=bench.saver, runtime=runtime)
        for number in range(WARM_UP_THREADS):
            _pause(bench, graph, f"warm-{number}")
        runtime.passivate()
        yield
        before = Memory.now()
        for number in range(threads):
            with bench.lap():
                _pause(bench, graph, f"paused-{number}")
        expect("the number of active threads", runtime.health().active, threads)
        bench.facts["value_bytes"] = sys.getsizeof("x" * REQUEST_CHARACTERS)
        bench.facts["operating_system_threads"] = operating_system_threads()
        _record(bench, "active", before)
        runtime.passivate()
        expect("the number of active threads at rest", runtime.health().active, 0)
        _record(bench, "resting", before)
        state = graph.invoke(bench.engine.Command(resume="yes"), _config(f"paused-{threads - 1}"), durability="sync")
        expect("the answer of a thread that was at rest", state["answer"], "yes")
        yield


class Memory:
    """What the process holds at one moment: resident bytes, and blocks allocated by Python."""

    __slots__ = ("blocks", "resident")

    def __init__(self, resident: int, blocks: int) -> None:
        self.resident = resident
        self.blocks = blocks

    @classmethod
    def now(cls) -> "Memory":
        """Measure after collecting garbage and giving free pages back to the system."""
        gc.collect()
        _return_free_pages()
        return cls(resident_bytes(), sys.getallocatedblocks())


def resident_bytes() -> int:
    """Give this process's resident memory in bytes.

    Raises:
        WorkloadError: On a system without Linux' /proc.
    """
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        raise WorkloadError("resident memory is read from /proc/self/statm, which only Linux has; run it there")
    return int(statistics.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def operating_system_threads() -> int:
    """Count this process's threads as the kernel does, those of native libraries included."""
    return len(list(Path("/proc/self/task").iterdir()))


def _record(bench: Bench, when: str, before: Memory) -> None:
    now, threads = Memory.now(), bench.amount.size
    bench.facts[f"{when}_bytes_per_thread"] = (now.resident - before.resident) / threads
    bench.facts[f"{when}_blocks_per_thread"] = (now.blocks - before.blocks) / threads


def _pause(bench: Bench, graph: Any, thread: str) -> None:
    request = random.Random(thread).randbytes(REQUEST_CHARACTERS // 2).hex()  # a string of its own for each thread
    state = graph.invoke({"request": request}, _config(thread), durability="sync")
    expect("the number of questions", len(state["__interrupt__"]), 1)


def _question_graph(bench: Bench) -> Any:
    interrupt = bench.engine.interrupt

    def ask(state: Request) -> Request:
        return {"answer": interrupt("May it run?")}

    builder = bench.engine.StateGraph(Request)
    builder.add_node("ask", ask)
    builder.add_edge(bench.engine.START, "ask")
    builder.add_edge("ask", bench.engine.END)
    return builder


def _config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


def _return_free_pages() -> None:
    """Ask the C library for the pages it holds free; a C library without the call keeps them, and they count."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
