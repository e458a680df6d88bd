"""Clients who talk with one thread, the processes that serve them, and crashes: in one order of the many possible.

A step is a client's call, a node's body, the report of what it came to, a wait, or a crash. A chooser picks the next
one; nothing else decides, so the same choices give the same log, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

from ....events.codec.commits import decode_commit
from ....events.stores.memory import MemoryStore
from ....events.stores.store import Row, Store
from ....events.vocabulary import Commit
from ....projections.state.views import StateSnapshot
from ...doors.compiled import CompiledStateGraph
from ...engine.log import ThreadLog
from ...engine.run import Run
from ...engine.work.jobs import Job, MergeJob
from ...engine.work.messages import Finished, MergeFinished
from ..laws import broken_laws, portrait
from ..readable import log_lines
from .choosing import AsRecorded, AtRandom, Chooser, InOrder, ScheduleMismatch
from .clock import VirtualClock
from .processes import Crash, Process, Surroundings

STEPS_MAX = 10_000
"""A simulation that takes more steps does not come to an end."""

Graph = CompiledStateGraph | Callable[[], CompiledStateGraph]
"""A compiled graph, or a function that makes one for each process."""
Move = Any
"""What a client gives to the graph: what `invoke` takes, or a function from the thread's `StateSnapshot` to that."""


class SimulationFailed(AssertionError):
    """A law was broken, or a check of the caller's failed. The message has the schedule and the log."""

    def __init__(self, message: str, schedule: Sequence[str], problem: str = "") -> None:
        super().__init__(message)
        self.schedule = list(schedule)
        self.problem = problem or message
        """What is wrong, without schedule and log."""


@final
class Client:
    """Somebody who calls the graph, one call after the other, and repeats a call that was lost in a crash."""

    def __init__(self, name: str, moves: Sequence[Move], process: int) -> None:
        self.name = name
        self.moves = list(moves)
        self.process = process
        """Number of the process that serves the client."""
        self.configurable: Mapping[str, Any] = {}
        """More for `config["configurable"]` of its calls."""
        self.made = 0
        """Calls that were begun; a repeated one counts once."""
        self.given: Any = None
        """The present call's input."""
        self.lost = False
        """True when the present call died with its process, and is to be made again."""
        self.run: Run | None = None
        """The present call; None between calls."""
        self.results: list[BaseException | str] = []
        """How each call ended: its status, or the error that the caller got raised."""

    @property
    def waits(self) -> bool:
        """True while a call is under way."""
        return self.run is not None and not self.run.over

    @property
    def command_id(self) -> str:
        """The present call's id: the same when it is repeated."""
        return f"{self.name} {self.made}"


@final
class Simulation:
    """One thread of a graph, and everything that happens to it, on the calling thread, on a virtual clock."""

    def __init__(
        self,
        graph: Graph,
        *clients: Sequence[Move],
        processes: int = 1,
        crashes_max: int = 0,
        store: Store | None = None,
        thread: str = "simulated",
        seed: int = 0,
    ) -> None:
        """Prepare one; nothing runs yet.

        Args:
            graph: any compiled graph, with or without a checkpointer of its own, which is not used; or a function that
                makes one for each process, so that what its nodes remember outside the state dies with the process.
            clients: what each of them says, in order: inputs, `Command`s, `None`, or functions from the thread's
                `StateSnapshot` to one of these.
            processes: how many serve the clients, who are shared out among them in turn.
            crashes_max: how many crashes there may be in all.
            store: where the thread is kept; by default in memory.
            thread: its id.
            seed: what ids are made of; the order of steps does not depend on it.
        """
        self.graph = graph
        self.clock = VirtualClock()
        self.surroundings = Surroundings(self.clock, seed)
        self.store: Store = MemoryStore() if store is None else store
        self.thread = thread
        before = self.store.read(thread)
        if before:
            # Chance goes on from there: the ids that made these commits are taken.
            self.surroundings.chance.seed(before[-1].digest + str(seed).encode())
        self.crashes_max = crashes_max
        self.crashes = 0
        self._commits: list[tuple[bytes, Commit]] = []
        """(digest, commit) of what was decoded before."""
        self._reader: Process | None = None
        """A process that only reads."""
        self._sound: Any = None
        """What the log and the processes were when the laws were last found to hold."""
        self.schedule: list[str] = []
        """The names of the steps taken so far: give them to `run` to take them again."""
        self.processes = [self.started(graph) for _ in range(processes)]
        self.clients = [
            Client(f"client {number}" if len(clients) > 1 else "client", moves, number % processes)
            for number, moves in enumerate(clients)
        ]
        self.done: list[tuple[Process, str, Finished | MergeFinished]] = []
        """What jobs came to that was not reported yet: process, name of the job, report."""
        self.buried: list[Process] = []
        """Processes that died."""
        self._chooser: Chooser = InOrder()

    # -- running

    def run(self, schedule: Chooser | Iterable[str] | int | None = None) -> Simulation:
        """Take steps until there are none left, checking the laws after each; returns itself.

        Args:
            schedule: the names of the steps (what a failure printed), a seed for a random order, a chooser, or None for
                the order in which nothing is late and nobody dies.

        Raises:
            SimulationFailed: a law does not hold; the message has the schedule.
            ScheduleMismatch: a recorded step is not possible.
        """
        self._chooser = as_chooser(schedule)
        for _ in range(STEPS_MAX):
            steps = self.steps()
            if not steps:
                return self
            self._take(self._choose(steps))
        raise self.failure(f"{STEPS_MAX} steps and no end")

    def steps(self) -> list[str]:
        """The names of the steps that are possible now; the first is the one that makes nobody wait."""
        reports = [f"report {name}" for _, name, _ in self.done]
        bodies, waits, crashes = [], [], []
        for number, process in enumerate(self.processes):
            bodies += [f"run {self._name(job, number)}" for job in self._jobs(number)]
            if process.waits:
                waits.append(f"time passes{self._of(number)}")
            if self.crashes < self.crashes_max and self._busy(number):
                crashes.append(f"crash{self._of(number)}")
        calls = [
            f"{client.name} {'repeats' if client.lost else 'makes'} call {client.made + (not client.lost)}"
            for client in self.clients
            if client.lost or (not client.waits and client.made < len(client.moves))
        ]
        return [*reports, *bodies, *calls, *waits, *crashes]

    def take(self, step: str) -> None:
        """Take one step, by name, and check the laws. Raises `ScheduleMismatch` for one that is not possible now."""
        possible = self.steps()
        if step not in possible:
            raise ScheduleMismatch(f"step {step!r} is not possible here; possible: {possible}")
        self._take(step)

    def _take(self, step: str) -> None:
        self.schedule.append(step)
        kind = step.partition(" ")[0]
        if kind == "report":
            self._report(step.removeprefix("report "))
        elif kind == "run":
            self._perform(step.removeprefix("run "))
        elif kind == "time":
            self._on(step.removeprefix("time passes"), Process.pass_time)
        elif kind == "crash":
            self.crash(self._number(step.removeprefix("crash")))
        else:
            self._call(step)
        self._note_results()
        self.check()

    # -- what there is to see

    @property
    def commits(self) -> list[Commit]:
        """The thread's log, decoded."""
        return self._decoded(self.store.read(self.thread))

    def _decoded(self, rows: Sequence[Row]) -> list[Commit]:
        known = self._commits
        if not all(digest == row.digest for (digest, _), row in zip(known, rows, strict=False)):
            known.clear()  # a store that changed what it had: the laws will tell
        codec = self.processes[0].graph.codec
        for row in rows[len(known) :]:
            known.append((row.digest, decode_commit(row.body, codec, thread=self.thread, version=row.version)))
        return [commit for _, commit in known[: len(rows)]]

    @property
    def events(self) -> list[Any]:
        """The thread's events in order."""
        return [event for commit in self.commits for event in commit.events]

    @property
    def state(self) -> StateSnapshot:
        """The thread as a process with nothing in memory sees it."""
        if self._reader is None:
            self._reader = self.started(self.graph)
        return self._reader.graph.get_state({"configurable": {"thread_id": self.thread}})

    @property
    def checkpoints(self) -> list[str]:
        """Ids of the thread's checkpoints, newest first."""
        graph = (self._reader or self.processes[0]).graph
        state = ThreadLog(self.store, self.thread).load(graph.codec, graph.channels)
        return [checkpoint.id for checkpoint in state.root.checkpoints()]

    @property
    def values(self) -> Any:
        """The thread's values."""
        return self.state.values

    @property
    def results(self) -> list[list[BaseException | str]]:
        """How each client's calls ended."""
        return [client.results for client in self.clients]

    # -- laws

    def check(self) -> None:
        """Check what holds at every moment. Raises `SimulationFailed`."""
        rows = self.store.read(self.thread)
        repeated = sum(len(process.repeated) for process in (*self.processes, *self.buried))
        now = ([row.digest for row in rows], [id(process) for process in self.processes], repeated)
        if now == self._sound:
            return
        commits = self._decoded(rows)
        found = broken_laws(rows, commits, self.thread)
        kept = {(row.version, row.digest) for row in rows}
        for process in (*self.processes, *self.buried):
            found += [f"{effect} is on record and was done again" for effect in process.repeated]
            found += [
                f"version {version} was acknowledged and is not in the log"
                for thread, version, digest in process.acknowledged
                if thread == self.thread and (version, digest) not in kept
            ]
        found += self._unlike_the_log()
        if found:
            raise self.failure("; ".join(found))
        self._sound = now

    def _unlike_the_log(self) -> list[str]:
        """Processes whose memory is not what the log says."""
        found = []
        for number, process in enumerate(self.processes):
            actor, graph = process.runtime.known(process.saver, self.thread), process.graph
            if actor is None or actor.plan is not graph.plan:
                continue
            fresh = process.log.load(graph.codec, graph.channels)
            if fresh.version != actor.stored.version:
                continue
            replayed, live = portrait(fresh, graph.channels), portrait(actor.stored, graph.channels)
            if replayed != live:
                parts = [key for key in live if live[key] != replayed[key]]
                found.append(f"replaying the log gives other {', '.join(parts)} than process {number} has")
        return found

    def failure(self, what: str) -> SimulationFailed:
        """The error that says what is wrong, in which schedule, and what the log has."""
        schedule = "\n".join(f"    {step!r}," for step in self.schedule)
        log = "\n".join(f"    {line}" for line in log_lines(self.commits))
        return SimulationFailed(
            f"{what}\n\nschedule, for Simulation(...).run([...]):\n{schedule}\n\nlog:\n{log}", self.schedule, what
        )

    # -- steps

    def client(self, *moves: Move, process: int = 0, **configurable: Any) -> Client:
        """Have somebody else come who says this, served by that process, with more in `config["configurable"]`."""
        made = Client(f"client {len(self.clients)}", moves, process)
        made.configurable = configurable
        self.clients.append(made)
        return made

    def started(self, graph: Graph) -> Process:
        """A process with nothing in memory."""
        made = graph if isinstance(graph, CompiledStateGraph) else graph()
        return Process(made, self.store, self.surroundings, self.thread, at_effect=self._at_effect)

    def crash(self, number: int = 0) -> None:
        """A process dies, with all that it had in memory; another one takes its place."""
        self.crashes += 1
        dead = self.processes[number]
        self.buried.append(dead)
        self.surroundings.alive.discard(dead.name)
        self.processes[number] = self.started(self.graph)
        self.done = [entry for entry in self.done if entry[0] is not dead]
        for client in self.clients:
            if client.process == number and client.waits:
                client.lost, client.run = True, None

    def deploy(self, graph: Graph, number: int = 0) -> None:
        """A process is replaced by one with this graph; what it was doing is lost as in a crash."""
        self.crash(number)
        self.graph, self._reader = graph, None
        self.processes[number] = self.started(graph)

    def _call(self, step: str) -> None:
        client = next(one for one in self.clients if step.startswith((f"{one.name} makes ", f"{one.name} repeats ")))
        if not client.lost:
            move = client.moves[client.made]
            client.given = move(self.state) if callable(move) else move
            client.made += 1
        client.lost = False
        process = self.processes[client.process]
        try:
            client.run = process.begin(client.given, client.command_id, **client.configurable)
        except Exception as error:
            client.results.append(error)

    def _perform(self, name: str) -> None:
        number, job = next(
            (number, job)
            for number in range(len(self.processes))
            for job in self._jobs(number)
            if self._name(job, number) == name
        )
        process = self.processes[number]
        job.run.jobs.remove(job)
        try:
            report = process.perform(job)
        except Crash:
            return
        if process in self.processes:
            self.done.append((process, name, report))

    def _report(self, name: str) -> None:
        entry = next(entry for entry in self.done if entry[1] == name)
        self.done.remove(entry)
        process, _, report = entry
        process.report(report)

    def _at_effect(self, name: str) -> None:
        """An effect was done in a body that goes on: it may be recorded now, and the process may die here."""
        if not self.crashes_max:
            return
        busy = [number for number in range(len(self.processes)) if self._busy(number)]
        steps = [f"goes on after {name}", f"records {name}"]
        if self.crashes < self.crashes_max and len(busy) == 1:
            steps += [f"dies after {name}", f"records {name} and dies"]
        step = self._choose(steps)
        self.schedule.append(step)
        if step.startswith("records"):
            self.processes[busy[0]].pass_time()
        if step.endswith("dies") or step.startswith("dies"):
            self.crash(busy[0])
            raise Crash(name)

    def _choose(self, steps: Sequence[str]) -> str:
        return self._chooser.choose(steps)

    def _on(self, which: str, act: Callable[[Process], None]) -> None:
        act(self.processes[self._number(which)])

    def _note_results(self) -> None:
        for client in self.clients:
            run = client.run
            if run is not None and run.ending is not None:
                client.results.append(run.ending.error or run.ending.status)
                client.run = None

    # -- names

    def _jobs(self, number: int) -> list[Job | MergeJob]:
        runs = [client.run for client in self.clients if client.process == number and client.run is not None]
        return [job for run in runs for job in run.jobs]

    def _busy(self, number: int) -> bool:
        return any(client.process == number and client.waits for client in self.clients)

    def _name(self, job: Job | MergeJob, number: int) -> str:
        if isinstance(job, MergeJob):
            return f"the merge{self._of(number)}"
        send = f"#{job.task.send}" if job.task.send >= 0 else ""
        attempt = f" ({job.attempt})" if job.attempt > 1 else ""
        return f"{job.task.runs}{send}{attempt}{self._of(number)}"

    def _of(self, number: int) -> str:
        return f" in process {number}" if len(self.processes) > 1 else ""

    def _number(self, which: str) -> int:
        return int(which.rpartition(" ")[2]) if which else 0


def as_chooser(schedule: Chooser | Iterable[str] | int | None) -> Chooser:
    """The chooser that is meant by names of steps, a seed, or None."""
    if schedule is None:
        return InOrder()
    if isinstance(schedule, int):
        return AtRandom(schedule)
    return AsRecorded(schedule) if isinstance(schedule, Iterable) else schedule
