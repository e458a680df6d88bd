"""R2: `kill -9` at any moment, not only at an append: the next process comes to the same end, and loses nothing.

A server that has no threads forks every process; one goes on with what the one before it left, begins a conversation
of its own, and is killed somewhere in it. The store is one for all of them, so each also meets what a kill left of it.
"""

from __future__ import annotations

import random
import selectors
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from clew.actors.kit.crash.lives import Case, Left, Life, OpenStore, Story, calm, whole_end
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
FIRST_SECONDS = 0.03
"""How long a conversation is taken to be before one was seen to its end."""
SILENCE_MAX_SECONDS = 60.0
SEED = 2


class Deaths:
    """The server's part: one process after the other, each killed at a moment that chance gives."""

    def __init__(self, kills: int, open_store: OpenStore, say: Say) -> None:
        self.kills = kills
        self.open_store = open_store
        self.say = say
        self.chance = random.Random(SEED)
        self.names = list(STORIES)
        self.wanted: dict[str, tuple[str, str]] = {}
        self.seconds: dict[str, float] = {}
        """How long each conversation takes when nobody dies, as far as it was seen."""

    def story(self, name: str) -> Story:
        graph, moves = STORIES[name]
        return Story(graph, moves, self.open_store, whole_end)

    def run(self) -> None:
        for number, name in enumerate(self.names):
            [said] = self.heard(Child(calm(self.story(name), Case(f"calm-{number}"))))
            if "error" in said:
                raise RuntimeError(said["traceback"])
            self.wanted[name], self.seconds[name] = (said["end"][0], said["end"][1]), FIRST_SECONDS
        left: tuple[str, Left] | None = None
        for number in range(self.kills):
            name = self.chance.choice(self.names)
            left = self.life(name, f"case-{number}", left)
        self.heard(Child(self.body(left, None)))

    def life(self, name: str, case: str, left: tuple[str, Left] | None) -> tuple[str, Left]:
        """One process: what it left."""
        child = Child(self.body(left, (name, case)))
        said = self.heard(child, self.chance.uniform(0, self.seconds[name]))
        if said[-1].get("lived"):
            self.seconds[name] = min(self.seconds[name], said[-1]["lived"])
        lines = [line["acknowledged"].split() for line in said if "acknowledged" in line]
        return name, Left(Case(case), [(int(version), digest) for version, digest in lines])

    def heard(self, child: Child, kill_after: float | None = None) -> list[Any]:
        """Listen to a process until its end. Once it has begun its conversation it is killed after that time."""
        said: list[Any] = []
        kill_at, hangs_at = None, time.monotonic() + SILENCE_MAX_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(child.reading, selectors.EVENT_READ)
            while True:
                until = hangs_at if kill_at is None else kill_at
                if not selector.select(max(0.0, until - time.monotonic())):
                    child.kill()
                    if kill_at is None:
                        said.append({"error": "a process hangs"})
                    kill_at = None
                    continue
                more = child.read()
                said += child.said()
                if kill_after is not None and any("begins" in line for line in said):
                    kill_at, kill_after = time.monotonic() + kill_after, None
                if not more:
                    break
        signal = child.end()
        for line in said:
            if "problems" in line or "error" in line:
                self.say(line)
        if any("begins" in line for line in said):
            self.say({"died" if signal else "outlived": 1})
        return said

    def body(self, left: tuple[str, Left] | None, begins: tuple[str, str] | None) -> Callable[[Say], None]:
        def live(say: Say) -> None:
            if left is not None:
                name, what = left
                with ExitStack() as stack:
                    life = Life(self.story(name), what.case, stack, lambda _: None)
                    life.converse()
                    problems = life.problems(what, self.wanted[name])
                    if problems:
                        file = FOUND / name.replace(" ", "-") / f"killed-at-random-{what.case.name}.jsonl"
                        life.recorded("; ".join(problems)).save(file)
                        say({"problems": problems, "graph": name, "log": life.log_words()})
            if begins is not None:
                name, case = begins
                with ExitStack() as stack:
                    life = Life(self.story(name), Case(case), stack, say)
                    began = time.monotonic()
                    say({"begins": case})
                    life.converse()
                    say({"lived": time.monotonic() - began})

        return live


def check(kills: int, open_store: OpenStore) -> str:
    died, began, found = 0, time.monotonic(), []
    with closing(serve(lambda say: Deaths(kills, open_store, say).run(), SILENCE_MAX_SECONDS * 2)) as told:
        for said in told:
            died += "died" in said
            if "problems" in said or "error" in said:
                found.append(said)
    assert found == []
    assert died > kills * 0.25
    seconds = time.monotonic() - began
    return f"{died} processes killed of {kills}, the others came to their end first; {seconds:.0f} s; 0 lost, 0 twice"


def test_a_kill_at_any_moment_is_survived_by_sqlite(tmp_path: Path, report_figure: Callable[[str], None]) -> None:
    folder = SqliteFiles(tmp_path).folder

    def open_store(case: str) -> SqliteSaver:
        number = int(case.rpartition("-")[2]) // A_FILE if case.startswith("case") else -1
        return SqliteSaver(str(folder / f"{number}.db"), durability="os")

    report_figure(f"R2: SQLite: {check(ON_SQLITE, open_store)}")


def test_a_kill_at_any_moment_is_survived_by_postgres(postgres_dsn: str, report_figure: Callable[[str], None]) -> None:
    with PostgresSaver.from_conn_string(postgres_dsn) as saver:
        saver.setup()
    report_figure(f"R2: Postgres: {check(ON_POSTGRES, lambda case: PostgresSaver.from_conn_string(postgres_dsn))}")
