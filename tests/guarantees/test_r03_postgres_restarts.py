"""R3: PostgreSQL is stopped as by a crash, again and again, under load: nothing is lost, and nobody is stuck."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clew import Runtime
from clew.checkpoint import BaseCheckpointSaver, PostgresSaver

from ..support.postgres_server import PostgresServer, reason_missing
from .found import keep
from .histories import Diary, anomalies, operations
from .sizes import sized
from .town import Inhabitant, graph, stuck, words

RESTARTS = sized(2, 300)
CLIENTS = 4
THREADS = sized(20, 400)
BETWEEN = sized(1, 20)
"""Seconds at most, from one restart to the next."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One that nobody else's test needs."""
    if reason_missing():
        pytest.skip(reason_missing())
    with PostgresServer() as started:
        yield started


def pause(over: threading.Event) -> None:
    """What a client does while its store is away. It tries on even when all is over: so nobody is stuck."""
    if not over.wait(0.05):
        return
    time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(sized(120, 4 * 3600))
def test_a_crash_of_postgres_under_load_loses_nothing_that_was_acknowledged(
    server: PostgresServer, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    over, chance = threading.Event(), random.Random(3)
    with PostgresSaver.from_conn_string(server.dsn) as saver:
        saver.setup()
        runtimes = [Runtime() for _ in range(CLIENTS)]

        def live(number: int) -> None:
            town = graph(BaseCheckpointSaver(saver.store), runtimes[number])
            diary = Diary(tmp_path / f"client {number}", f"client {number}")
            one = Inhabitant(town, diary, random.Random(number), lambda: pause(over))
            one.live(THREADS, lambda: not over.is_set())
            diary.close()

        with ThreadPoolExecutor(CLIENTS) as people:
            lives = [people.submit(live, number) for number in range(CLIENTS)]
            for _ in range(RESTARTS):
                over.wait(chance.uniform(0.3, BETWEEN))
                server.stop("immediate")
                server.start()
            over.wait(BETWEEN)
            over.set()
            for one in lives:
                one.result(60)
        done = operations(tmp_path.iterdir())
        threads = {one.thread for one in done}
        with Runtime() as calm:
            town = graph(BaseCheckpointSaver(saver.store), calm)
            logs = words(town, threads)
            assert stuck(town, threads) == []
        for runtime in runtimes:
            runtime.close()
        wrong = anomalies(done, logs)
        keep(wrong, done, saver)
    assert wrong == []
    outcomes = Counter(one.outcome for one in done)
    assert outcomes["done"] > RESTARTS
    report_figure(
        f"R3: {RESTARTS} restarts under load: {dict(outcomes)} of {len(done)} operations; no anomaly, 0 stuck"
    )
