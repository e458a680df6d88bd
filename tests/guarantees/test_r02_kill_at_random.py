"""R2: `kill -9` at any moment, not only at an append: the next process comes to the same end, and loses nothing.

A server that has no threads forks every process; one goes on with what the one before it left, begins a conversation
of its own, and is killed somewhere in it. The store is one for all of them, so each also meets what a kill left of it.
"""

from __future__ import annotations

import random
import selectors
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from clew.actors.kit.crash.lives import Case, Left, Life, OpenStore, Story, whole_end
from clew.actors.kit.crash.processes import Child, Say, serve
from clew.checkpoint import PostgresSaver, SqliteSaver
from clew.testing import SqliteFiles

from .found import FOUND
from .graphs import STORIES
from .sizes import sized

# One test kills hundreds of processes: on a loaded machine that outlasts the limit of an ordinary one.
pytestmark = [pytest.mark.slow, pytest.mark.forks, pytest.mark.timeout(sized(600, 4 * 3600))]
ON_SQLITE = sized(40, 100_000)
ON_POSTGRES = sized(20, 20_000)
A_FILE = 1_000
"""Cases that share a SQLite file."""
CALM_TIMES = 4
"""How often each conversation is had to learn how fast it can be."""
DIED_MIN = 0.7
"""The part that must die in the middle of its conversation: the others come to its end first."""
SILENCE_MAX_SECONDS = 60.0
SEED = 2


class Deaths:
    """The server's part: one process after the other, each killed at a moment that chance gives."""

    def __init__(self, kills: int, open_store: OpenStore, say: Say) -> None:
        self.kills = kills
        self.open_store = open_store
        self.say = say
        self.chance = random.Random(SEED)
        self.wanted: dict[str, tuple[str, str]] = {}
        self.seconds: dict[str, float] = {}
        """How long each conversation took when it was fastest: within it is when a process dies."""

    def run(self) -> None:
        for number, name in enumerate(STORIES):
            said = self.heard(Child(self.calm(name, f"calm-{number}")))
            if "error" in said[-1]:
                raise RuntimeError(said[-1]["traceback"])
            self.wanted[name] = said[-1]["end"][0], said[-1]["end"][1]
        left: tuple[str, Left] | None = None
        for number in range(self.kills):
            name = self.chance.choice(list(STORIES))
            said = self.heard(Child(self.life(left, (name, f"case-{number}"))))
            lines = [line["acknowledged"].split() for line in said if "acknowledged" in line]
            left = name, Left(Case(f"case-{number}"), [(int(version), digest) for version, digest in lines])
        self.heard(Child(self.life(left, None)))

    def heard(self, child: Child) -> list[Any]:
        """Listen to a process until its end, and say what came of it."""
        said: list[Any] = []
        with selectors.DefaultSelector() as selector:
            selector.register(child.reading, selectors.EVENT_READ)
            while True:
                if not selector.select(SILENCE_MAX_SECONDS):
                    child.kill()
                    said.append({"error": "a process hangs"})
                elif not child.read():
                    break
                said += child.said()
        killed_by = child.end()
        for line in said:
            if "problems" in line or "error" in line:
                self.say(line)
            if "lived" in line:
                name, seconds = line["lived"]
                self.seconds[name] = min(self.seconds.get(name, seconds), seconds)
        if any("begins" in line for line in said):
            self.say({"died" if killed_by else "outlived": 1})
        return said

    def part(self, name: str, case: Case, stack: ExitStack, say: Say) -> Life:
        graph, moves = STORIES[name]
        return Life(Story(graph, moves, self.open_store, whole_end), case, stack, say)

    def calm(self, name: str, case: str) -> Callable[[Say], None]:
        """Nobody dies: the conversation's end, and how long it takes a process that has had one before, as here all."""

        def live(say: Say) -> None:
            with ExitStack() as stack:
                for number in range(CALM_TIMES):
                    life = self.part(name, Case(f"{case}-{number}"), stack, lambda _: None)
                    began = time.perf_counter()
                    life.converse()
                    say({"lived": (name, time.perf_counter() - began)})
                say({"end": life.end()})

        return live

    def life(self, left: tuple[str, Left] | None, begins: tuple[str, str] | None) -> Callable[[Say], None]:
        """Finish what a process left, and look; then begin, with a timer that kills."""
        die_after = self.chance.uniform(0, self.seconds[begins[0]]) if begins is not None else 0.0

        def live(say: Say) -> None:
            if left is not None:
                name, what = left
                with ExitStack() as stack:
                    life = self.part(name, what.case, stack, lambda _: None)
                    life.converse()
                    problems = life.problems(what, self.wanted[name])
                    if problems:
                        file = FOUND / name.replace(" ", "-") / f"killed-at-random-{what.case.name}.jsonl"
                        life.recorded("; ".join(problems)).save(file)
                        say({"problems": problems, "graph": name, "log": life.log_words()})
            if begins is not None:
                name, case = begins
                with ExitStack() as stack:
                    life = self.part(name, Case(case), stack, say)
                    say({"begins": case})
                    # The kernel ends the process when the time is up, whatever it is doing, as by `kill -9`: nothing
                    # handles the signal. A parent that sends one comes too late, most of the time.
                    signal.setitimer(signal.ITIMER_REAL, max(die_after, 1e-6))
                    began = time.perf_counter()
                    life.converse()
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    say({"lived": (name, time.perf_counter() - began)})

        return live


def check(kills: int, open_store: OpenStore) -> str:
    died, began, found = 0, time.monotonic(), []
    with closing(serve(lambda say: Deaths(kills, open_store, say).run(), SILENCE_MAX_SECONDS * 2)) as told:
        for said in told:
            died += "died" in said
            if "problems" in said or "error" in said:
                found.append(said)
    assert found == []
    assert died > kills * DIED_MIN
    seconds = time.monotonic() - began
    return f"{died} processes killed of {kills}, the others came to their end first; {seconds:.0f} s; 0 lost, 0 twice"


def test_a_kill_at_any_moment_is_survived_by_sqlite(tmp_path: Path, report_figure: Callable[[str], None]) -> None:
    folder = SqliteFiles(tmp_path).folder

    def open_store(case: str) -> SqliteSaver:
        number = int(case.partition("-")[2]) // A_FILE if case.startswith("case") else -1
        return SqliteSaver(str(folder / f"{number}.db"), durability="os")

    report_figure(f"R2: SQLite: {check(ON_SQLITE, open_store)}")


def test_a_kill_at_any_moment_is_survived_by_postgres(postgres_dsn: str, report_figure: Callable[[str], None]) -> None:
    with PostgresSaver.from_conn_string(postgres_dsn) as saver:
        saver.setup()
    report_figure(f"R2: Postgres: {check(ON_POSTGRES, lambda case: PostgresSaver.from_conn_string(postgres_dsn))}")
