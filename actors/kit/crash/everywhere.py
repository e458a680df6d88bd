"""`crash_everywhere`: every append, every site, and what must hold when another process has gone on from there."""

from __future__ import annotations

import os
import selectors
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGALRM, SIGKILL
from tempfile import TemporaryDirectory
from typing import Any, final

from ....events.stores.saver import BaseCheckpointSaver
from ....events.stores.sqlite_connections import Durability
from ....events.stores.sqlite_saver import SqliteSaver
from ....projections.state.views import StateSnapshot
from ...doors.compiled import CompiledStateGraph
from .lives import Case, Left, OpenStore, Story, between, calm, whole_end
from .processes import Child, Say, serve
from .sites import SITES, Site

LIFE_MAX_SECONDS = 60.0
"""A process that takes longer hangs, and is killed."""
WORKERS_MAX = 4
"""Processes that live at a time, at most; one more than there are processors, since each has a parent to wait for."""
DEATHS = (SIGKILL, SIGALRM)
"""Signals by which a case's process dies: its own, or the kernel's timer inside a transaction."""


class CrashFailed(AssertionError):
    """After a crash the thread did not come to where it comes without one. The message says where the process died."""

    def __init__(self, message: str, failures: Sequence[dict[str, Any]]) -> None:
        super().__init__(message)
        self.failures = list(failures)
        """Of each: site, append, problems, log, and the path of the saved log."""


@final
@dataclass(frozen=True)
class CrashReport:
    """What `crash_everywhere` did."""

    appends: int
    """Appends of the conversation when nobody dies."""
    kills: dict[Site, int]
    """Processes that died, by site."""
    outlived: int
    """Cases in which the process did not come to its site: appends are fewer where siblings share them."""
    seconds: float
    """In all, the runs without a crash included."""

    @property
    def total(self) -> int:
        """Processes that died."""
        return sum(self.kills.values())

    @property
    def kills_per_second(self) -> float:
        """How fast they did."""
        return self.total / self.seconds

    def __str__(self) -> str:
        each = ", ".join(f"{count} {site}" for site, count in self.kills.items())
        return f"{self.total} kills ({each}) in {self.seconds:.1f} s: {self.kills_per_second:.0f} a second"


@final
class SqliteFiles:
    """Opens a SQLite file of its own for each case, in one folder: a store for `crash_everywhere`."""

    def __init__(self, folder: str | os.PathLike[str], *, journal: str = "wal", durability: Durability = "os") -> None:
        """Prepare the folder.

        Args:
            folder: where the files are; made if need be.
            journal: "wal" as clew makes it, or "delete": with a rollback journal instead.
            durability: "os" waits for no disk, since a kill is no loss of power; "sync" does.
        """
        if journal not in ("wal", "delete"):
            raise ValueError(f"journal is {journal!r}: use 'wal' or 'delete'")
        self.folder = Path(folder)
        self.durability: Durability = durability
        self.folder.mkdir(parents=True, exist_ok=True)
        self._empty = self.folder / "empty.db"
        if not self._empty.exists():
            _make_empty(self._empty, journal)

    def __call__(self, case: str) -> BaseCheckpointSaver:
        """The saver on the case's file."""
        path = self.folder / f"{case}.db"
        if not path.exists():
            shutil.copyfile(self._empty, path)
        return SqliteSaver(str(path), durability=self.durability)


@final
@dataclass
class _Worker:
    """One line of processes, each finishing what the one before it left."""

    child: Child
    left: Left | None
    """What the child finishes."""
    begins: Case | None
    """What the child begins."""
    said: list[Any] = field(default_factory=list)


def crash_everywhere(
    graph: CompiledStateGraph | Callable[[], CompiledStateGraph],
    conversation: Sequence[Any],
    store: OpenStore | str | os.PathLike[str] | None = None,
    *,
    sites: Sequence[Site] = SITES,
    end: Callable[[StateSnapshot], Any] = whole_end,
    check: Callable[[StateSnapshot], None] | None = None,
    save_to: str | os.PathLike[str] | None = None,
    workers: int | None = None,
) -> CrashReport:
    """Kill a process at every append of a conversation, at every site, and have another one finish the conversation.

    Processes are real and die by SIGKILL; each is forked by a server that has no threads. In each case it is checked
    that the thread ends as it does when nobody dies, that every acknowledged commit is in the log and the log is whole,
    and that no effect on record was done again. Nodes, and effects that were not recorded yet, may run twice: that is
    what at-least-once means, and `check` sees what it led to.

    Args:
        graph: a compiled graph, or a function that makes one in each process. Its own checkpointer is not used. It must
            depend on nothing but its state and what outlives a process: a fake model that counts its calls does.
        conversation: what is said, in order: inputs, `Command`s, `None`, or functions from the thread's
            `StateSnapshot` to one of these. After a crash the last call is repeated under its command id.
        store: a folder for SQLite files; a function that opens a saver (or a context manager that gives one) in each
            process, by the case's name, which is the thread's id (a store in which nothing is, or a tenant of one); or
            None for SQLite files that are deleted afterwards.
        sites: where to die; all four by default.
        end: what of the thread's end must be the same.
        check: called in the process that has finished, with the thread's end; raises to fail.
        save_to: a folder for the logs of failures, for `load_log`.
        workers: processes at a time; one more than there are processors if not given, four at most.

    Returns:
        How many died, and how fast.

    Raises:
        CrashFailed: something does not hold; all that does not is in the message.
        ValueError: the conversation raises when nobody dies, appends nothing, or two such runs end differently.
    """
    began = time.monotonic()
    with TemporaryDirectory(prefix="crash-", dir=_memory()) as folder:
        files = store if callable(store) else SqliteFiles(folder if store is None else store)
        story = Story(
            graph, list(conversation), files, end, check, None if save_to is None else Path(save_to).resolve()
        )
        count = workers or min(WORKERS_MAX, (os.cpu_count() or 1) + 1)
        appends, killed, outlived, failures = 0, dict.fromkeys(sites, 0), 0, []
        with closing(serve(lambda say: _serve(story, sites, count, say), LIFE_MAX_SECONDS * 2)) as told:
            for said in told:
                if "error" in said:
                    raise ValueError(said["error"])
                appends = said.get("appends", appends)
                if said.get("died"):
                    killed[said["site"]] += 1
                outlived += bool(said.get("outlived"))
                if said.get("problems"):
                    failures.append(said)
    if failures:
        raise CrashFailed(_message(failures), failures)
    return CrashReport(appends, killed, outlived, time.monotonic() - began)


def _serve(story: Story, sites: Sequence[Site], count: int, say: Say) -> None:
    """The server's part: learn how it goes when nobody dies, then have every case lived."""
    first, second = _alone([calm(story, Case(f"calm-{number}")) for number in range(2)])
    for said in (first, second):
        if "error" in said:
            say({"error": f"the conversation raises when nobody dies: {said['error']}\n{said['traceback']}"})
            return
    if first["end"][0] != second["end"][0]:
        say({"error": f"two runs end differently when nobody dies:\n{first['end'][1]}\n{second['end'][1]}"})
        return
    if not first["appends"]:
        say({"error": "the conversation appends nothing, or the store has had it: give each call a store of its own"})
        return
    say({"appends": first["appends"]})
    wanted: tuple[str, str] = (first["end"][0], first["end"][1])
    cases = iter(
        [
            Case(f"{site.replace(' ', '-')}-{append}", site, append)
            for append in range(first["appends"])
            for site in sites
        ]
    )
    _live_all(story, wanted, cases, count, say)


def _live_all(story: Story, wanted: tuple[str, str], cases: Iterator[Case], count: int, say: Say) -> None:
    """Have every case lived, several at a time."""
    with selectors.DefaultSelector() as selector:

        def fork(left: Left | None) -> None:
            begins = next(cases, None)
            if left is not None or begins is not None:
                child = Child(between(story, left, wanted, begins))
                selector.register(child.reading, selectors.EVENT_READ, _Worker(child, left, begins))

        for _ in range(count):
            fork(None)
        while selector.get_map():
            for key, _ in selector.select(LIFE_MAX_SECONDS):
                worker: _Worker = key.data
                if worker.child.read():
                    continue
                selector.unregister(worker.child.reading)
                fork(_ended(worker, say))
            for key in list(selector.get_map().values()):
                if time.monotonic() - key.data.child.began > LIFE_MAX_SECONDS:
                    key.data.child.kill()


def _ended(worker: _Worker, say: Say) -> Left | None:
    """A process has ended: say what became of its case, and what it leaves to the next one."""
    said = worker.child.said()
    killed_by = worker.child.end()
    error = next((line for line in said if "error" in line), None)
    finished = next((line for line in said if "finished" in line), None)
    if worker.left is not None:
        case = worker.left.case
        if finished is None:
            reason = error["traceback"] if error is not None else f"the process ended by signal {killed_by}"
            finished = {"problems": [f"the next process could not finish the conversation: {reason}"], "log": []}
        if finished["problems"]:
            say({**finished, "site": case.site, "append": case.append})
        if error is not None and not finished["problems"]:
            say({"problems": [error["traceback"]], "log": [], "site": case.site, "append": case.append})
    elif error is not None and worker.begins is not None:
        say({"problems": [error["traceback"]], "log": [], "site": worker.begins.site, "append": worker.begins.append})
    if worker.begins is None or killed_by not in DEATHS:
        if worker.begins is not None:
            say({"outlived": worker.begins.name})
        return None
    say({"died": worker.begins.name, "site": worker.begins.site})
    lines = [line["acknowledged"].split() for line in said if "acknowledged" in line]
    return Left(worker.begins, [(int(version), digest) for version, digest in lines])


def _alone(bodies: Sequence[Callable[[Say], None]]) -> list[dict[str, Any]]:
    """What each of some processes said last, which live at once."""
    found: list[dict[str, Any]] = []
    for child in [Child(body) for body in bodies]:
        while child.read():
            pass
        said = child.said()
        killed_by = child.end()
        found.append(said[-1] if said else {"error": f"a process ended by signal {killed_by}", "traceback": ""})
    return found


def _memory() -> str | None:
    """A folder in memory, where there is one: what a kill leaves is the same there, and no disk is waited for."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _make_empty(path: Path, journal: str) -> None:
    saver = SqliteSaver(str(path))
    saver.close()
    if journal == "delete":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")


def _message(failures: Sequence[dict[str, Any]]) -> str:
    parts = [f"{len(failures)} crashes were not survived"]
    for failure in failures[:3]:
        problems = "\n".join(f"  {problem}" for problem in failure["problems"])
        saved = f"\n  the log was saved to {failure['saved']}" if failure.get("saved") else ""
        log = "\n".join(f"    {line}" for line in failure.get("log", ()))
        parts.append(f"killed {failure['site']}, append {failure['append']}:\n{problems}{saved}\n  log:\n{log}")
    if len(failures) > 3:
        parts.append("also: " + ", ".join(f"{one['site']} of append {one['append']}" for one in failures[3:]))
    return "\n\n".join(parts)
