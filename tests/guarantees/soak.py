"""R16: workers on one store, killed at random for as long as you like, and everything checked at the end.

    python -m tests.guarantees.soak --minutes 3
    python -m tests.guarantees.soak --minutes 120 --store postgres

With `--store postgres` a private server is started, and stopped as by a crash every one to two minutes. Each worker is
a process with one client; what it did is in its diary, which outlives it. At the end one more process does what was
left undone, and every history must be one that can be (R17). Prints one line of figures; fails with what was wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clew import Runtime

from ..support.postgres_server import PostgresServer
from .found import keep
from .histories import anomalies, operations
from .town import ROUND_SECONDS, graph, store_at, stuck, words

BETWEEN_KILLS = (5.0, 40.0)
"""Seconds from one kill to the next; a soak of less than three minutes has them sooner, in proportion."""
BETWEEN_RESTARTS = (60.0, 120.0)
WHOLE_MINUTES = 3.0
WATCH_SECONDS = 1.0
WARM_SECONDS = ROUND_SECONDS + 10.0
"""A worker that has worked for less still grows: caches, connections, and its first threads of a whole round."""
GROWTH_MAX = 0.05
"""Of a worker's memory after that; looked at where it lived for `TOLD_SECONDS` more."""
TOLD_SECONDS = 30.0


@dataclass
class Figures:
    """What a soak came to."""

    seconds: float = 0.0
    kills: int = 0
    restarts: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    threads: int = 0
    events: int = 0
    taken_up: int = 0
    """Threads that a kill had left at work, done by the last process."""
    growth: float = 0.0
    """Of a worker's resident memory since it was warm, at most, as a part of what it was."""
    resident_mb: float = 0.0
    """A worker's resident memory, at most."""
    descriptors: tuple[int, int] = (0, 0)
    """Open files of a warm worker: fewest, most."""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        took = (
            f"RSS at most {self.resident_mb:.0f} MB, grown by {self.growth:.1%} at most; "
            f"{self.descriptors[0]} to {self.descriptors[1]} open files; "
        )
        return (
            f"{self.seconds / 60:.1f} min, {self.kills} kills, {self.restarts} restarts of the store; "
            f"{self.outcomes.total()} operations on {self.threads} threads: {told}; {self.events} commits; "
            f"{self.taken_up} threads taken up at the end; {took if self.resident_mb else ''}"
            f"{len(self.problems)} problems"
        )


class Worker:
    """A process that works on the store, and what it takes."""

    def __init__(self, address: str, folder: Path, number: int, threads: int) -> None:
        words = [address, str(folder / f"w{number}"), f"w{number}", str(number), str(threads)]
        command = [sys.executable, "-m", "tests.guarantees.town", *words]
        with (folder / "errors").open("ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self.diary = folder / f"w{number}"
        self.began = 0.0
        """When it was first seen at work; 0 before."""
        self.resident: list[int] = []
        self.descriptors: list[int] = []

    def wait(self) -> None:
        """Until it lives."""
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def watch(self) -> None:
        if not self.began and self.diary.exists() and self.diary.stat().st_size:
            self.began = time.monotonic()
        if not self.began or time.monotonic() - self.began < WARM_SECONDS or self.process.poll() is not None:
            return
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        self.resident.append(pages * os.sysconf("SC_PAGE_SIZE"))
        self.descriptors.append(len(os.listdir(f"/proc/{self.process.pid}/fd")))

    def end(self, *, kill: bool) -> int:
        """Kill it, or have it end its operation; its exit code."""
        if kill:
            self.process.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def place(store: str, folder: Path) -> Iterator[tuple[str, PostgresServer | None]]:
    """A store's address, and its server if it has one."""
    if store == "postgres":
        with PostgresServer() as server:
            yield server.dsn, server
    else:
        yield str(folder / "threads.sqlite"), None


def soak(
    minutes: float, *, store: str = "sqlite", workers: int = 4, threads: int = 150, seed: int | None = None
) -> Figures:
    """Do it; see above. `problems` is empty when all is well."""
    figures, chance = Figures(), random.Random(seed)
    hurry = min(1.0, minutes / WHOLE_MINUTES)
    with tempfile.TemporaryDirectory(prefix="soak-") as name, place(store, Path(name)) as (address, server):
        folder = Path(name)
        diaries = folder / "diaries"
        diaries.mkdir()
        with store_at(address) as saver:
            saver.setup()
        number = workers
        living = [Worker(address, diaries, one, threads) for one in range(workers)]
        for worker in living:
            worker.wait()
        began = time.monotonic()
        gone: list[Worker] = []
        kill_at, restart_at = (began + chance.uniform(*each) * hurry for each in (BETWEEN_KILLS, BETWEEN_RESTARTS))
        while (now := time.monotonic()) < began + minutes * 60:
            if now >= kill_at:
                which = chance.randrange(workers)
                gone.append(living[which])
                living[which].end(kill=True)
                living[which] = Worker(address, diaries, number, threads)
                number += 1
                figures.kills += 1
                kill_at = time.monotonic() + chance.uniform(*BETWEEN_KILLS) * hurry
            if server is not None and now >= restart_at:
                server.stop("immediate")
                server.start()
                figures.restarts += 1
                restart_at = time.monotonic() + chance.uniform(*BETWEEN_RESTARTS) * hurry
            for worker in living:
                worker.watch()
            time.sleep(min(WATCH_SECONDS, max(0.0, kill_at - time.monotonic())))
        codes = [worker.end(kill=False) for worker in living]
        figures.seconds = time.monotonic() - began
        errors = diaries / "errors"
        if any(codes):
            figures.problems.append(f"workers ended with {codes}: {errors.read_text()[-2000:]}")
        look(figures, address, [path for path in diaries.iterdir() if path != errors])
        measure(figures, [*gone, *living])
    return figures


def look(figures: Figures, address: str, diaries: Sequence[Path]) -> None:
    """Do what was left undone, and hold what clients were told against what there is."""
    done = operations(diaries)
    threads = {one.thread for one in done}
    with store_at(address) as saver, Runtime() as runtime:
        town = graph(saver, runtime)
        figures.taken_up = len(stuck(town, threads))
        wrong = anomalies(done, words(town, threads))
        figures.problems += wrong + [f"saved: {path}" for path in keep(wrong, done, saver)]
        figures.problems += [f"thread {thread} is stuck" for thread in stuck(town, threads)]
        figures.events = sum(head.version + 1 for head in saver.store.heads(limit=1_000_000))
    figures.threads = len(threads)
    figures.outcomes = Counter(one.outcome for one in done)


def measure(figures: Figures, workers: Sequence[Worker]) -> None:
    """What the workers took: those that lived long enough for it to be told."""
    warm = [worker for worker in workers if len(worker.resident) > TOLD_SECONDS / WATCH_SECONDS]
    if warm:
        figures.growth = max(worker.resident[-1] / worker.resident[0] - 1 for worker in warm)
        if figures.growth > GROWTH_MAX:
            figures.problems.append(f"a worker's memory grew by {figures.growth:.1%}: {GROWTH_MAX:.0%} is what it may")
        figures.resident_mb = max(max(worker.resident) for worker in warm) / 1e6
        every = [count for worker in warm for count in worker.descriptors]
        figures.descriptors = (min(every), max(every))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.guarantees.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument(
        "--threads", type=int, default=150, help="of each kind at a time: that talk on, and with one question"
    )
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    figures = soak(given.minutes, store=given.store, workers=given.workers, threads=given.threads, seed=seed)
    for problem in figures.problems:
        print(problem)
    print(f"R16: {given.store}, seed {seed}: {figures}")
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())
