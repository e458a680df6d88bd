"""Simulated processes: the engine's own actors and runtime, on the calling thread, on a virtual clock.

What the dispatcher, the pool and the committer do beside a caller happens here at once or when the clock is moved.
Jobs are not done by themselves: the simulation does one when its schedule says so. A crash is to throw a process away.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from heapq import heappop, heappush
from itertools import count
from typing import Any, final

from msgspec.structs import replace

from ....events.codec.values import Codec
from ....events.errors import InternalError
from ....events.stores.saver import BaseCheckpointSaver
from ....events.stores.store import Entry, Store
from ...decider.commands import Merged, Moment
from ...decider.request import Request
from ...doors.compiled import CompiledStateGraph
from ...doors.request import Options, open_run
from ...engine.dispatcher import Dispatcher, PooledActor
from ...engine.effects import EffectKept
from ...engine.log import ThreadLog
from ...engine.run import Run
from ...engine.runner import aperform, merge, perform, wants_loop
from ...engine.runtime import Runtime
from ...engine.thread import ThreadActor
from ...engine.work.jobs import Job, MergeJob
from ...engine.work.messages import FLUSH, Finished, MergeFinished
from ...engine.work.progress import Progress
from .clock import VirtualClock
from .loop import run_on_virtual_loop


class Crash(BaseException):
    """Stands for the death of a process: what it had in memory is gone. No `except Exception` survives it."""


class Surroundings:
    """What all processes of a simulation share besides the store."""

    def __init__(self, clock: VirtualClock, seed: int = 0) -> None:
        self.clock = clock
        self.chance = random.Random(seed)
        """Where ids come from: the same seed, the same ids."""
        self.numbers = count(1)
        """Of runs."""
        self.alive: set[str] = set()
        """Names of the processes that live."""
        self._processes = count(1)

    def entropy(self) -> bytes:
        """16 bytes for a commit's id."""
        return self.chance.randbytes(16)

    def process_name(self) -> str:
        """A name for a process, which lives from here on."""
        name = f"process {next(self._processes)}"
        self.alive.add(name)
        return name

    def run_id(self) -> str:
        """An id for a run: a UUID string that tells the order."""
        return f"00000000-0000-4000-8000-{next(self.numbers):012d}"


@final
class _Dispatcher(Dispatcher):
    """Turns are taken at once, on the calling thread; what is for later waits until the clock is there."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.due: list[tuple[float, int, PooledActor, Any]] = []
        """Soonest first: virtual seconds, order of coming, actor, message."""
        self._coming = count()

    def submit(self, actor: PooledActor) -> None:
        """Take the turn here; when one is being taken already, it sees the message that this is about."""
        actor.turn()

    def later(self, seconds: float, actor: PooledActor, message: Any) -> None:
        """Keep a message until that much time has passed."""
        heappush(self.due, (self.clock.seconds + seconds, next(self._coming), actor, message))

    def pass_time(self) -> None:
        """Let time pass until the next message is due, and deliver it."""
        at, _, actor, message = heappop(self.due)
        self.clock.advance(at - self.clock.seconds)
        actor.offer(message)


class _Progress(Progress):
    """A book whose waits are in virtual time."""

    __slots__ = ("clock",)

    def __init__(self, ns: str, clock: VirtualClock) -> None:
        super().__init__(ns)
        self.clock = lambda: clock.seconds  # type: ignore[assignment]


@final
class _Pool(ThreadPoolExecutor):
    """Does at once, on the calling thread, what a pool would do beside it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The future is done."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class WatchedActor(ThreadActor):
    """A thread's actor that tells what it sees of effects that were done although they are on record."""

    repeated: list[str]
    """Names of effects that were done again, for whoever checks."""

    def _finished(self, message: Finished) -> None:
        known = {effect.place for effect in message.job.task.effects if effect.value is not None}
        for effect in message.outcome.effects if known else ():
            if effect.place in known:
                self.repeated.append(f"{effect.name} in node {message.job.task.node!r}")
        super()._finished(message)


@final
class _Actor(WatchedActor):
    """The engine's actor with time and chance of the simulation."""

    process: Process

    def offer(self, message: Any) -> None:
        """As the engine's. An effect that is kept while its node goes on is a point where a process can die."""
        super().offer(message)
        if type(message) is EffectKept:
            self.process.at_effect(message.effect.name)

    def on_receive(self, message: Any) -> None:
        """As the engine's; waits in a run cost no time."""
        if isinstance(message, Run):
            message.wait_apart = self.process.let_pass(message)  # type: ignore[method-assign]
            if message.outer is not None:
                message.terms = replace(message.terms, run=self.process.surroundings.run_id())
        super().on_receive(message)

    def on_trouble(self, message: Any, error: BaseException) -> None:
        """A bug, or the death of the process: the simulation gets it."""
        raise error

    def _lives(self, process: str) -> bool | None:
        return process in self.process.surroundings.alive

    def _book_of(self, ns: str) -> Progress:
        progress = self.open.get(ns)
        if progress is None:
            progress = _Progress(ns, self.process.surroundings.clock)
            self.open = {**self.open, ns: progress}
        return progress

    def _request(self, run: Run, merged: Merged | None) -> Request:
        request, state = super()._request(run, merged), self.state
        if self.gathered:
            # It is said on the draft of the commit that is being made, whose moment that is.
            return request
        surroundings = self.process.surroundings
        earliest = state.time + 1 + state.checkpoints_made // 10
        return replace(request, moment=Moment(max(surroundings.clock.now, earliest), surroundings.entropy()))


@final
class _Runtime(Runtime):
    """The engine's runtime on one thread."""

    actor_type = _Actor

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process
        self.dispatcher: Dispatcher = _Dispatcher(process.surroundings.clock)
        self._pool = _Pool(1)

    def thread(self, saver: BaseCheckpointSaver, thread: str, codec: Codec) -> ThreadActor:
        """As the engine's."""
        return self._mine(super().thread(saver, thread, codec))

    def unkept(self, codec: Codec) -> ThreadActor:
        """As the engine's."""
        return self._mine(super().unkept(codec))

    def _mine(self, actor: ThreadActor) -> ThreadActor:
        if isinstance(actor, _Actor):
            actor.process = self.process
            if actor.journal is not None:
                actor.journal.process = self.process.name
            actor.repeated = self.process.repeated
        return actor


class _Undurable:
    """A store without waits for a disk, as the engine sees it: appends are made at once, wherever they are made."""

    durable = False

    def __init__(self, process: Process, inner: Store) -> None:
        self._process = process
        self._inner = inner

    def append(self, entry: Entry) -> int:
        """See `Store.append`."""
        position = self._inner.append(entry)
        self._process.acknowledged.append((entry.thread, entry.version, entry.digest))
        return position

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@final
class Process:
    """One process: its runtime, its actors, its copy of the graph."""

    def __init__(
        self,
        graph: CompiledStateGraph,
        store: Store,
        surroundings: Surroundings,
        thread: str,
        *,
        at_effect: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.surroundings = surroundings
        self.name = surroundings.process_name()
        """By what others see that it lives."""
        self.thread = thread
        self.at_effect = at_effect
        """Called after each effect that is kept while its node goes on; raises `Crash` to die there."""
        self.acknowledged: list[tuple[str, int, bytes]] = []
        """(thread, version, digest) of every append that the process was told of."""
        self.repeated: list[str] = []
        """Effects that were done although they are on record."""
        self.runtime = _Runtime(self)
        self.saver = BaseCheckpointSaver(_Undurable(self, store))  # type: ignore[arg-type]
        self.graph: CompiledStateGraph = graph.copy({"checkpointer": self.saver, "_runtime": self.runtime})
        self.saver.graphs[graph.plan.fingerprint] = self.graph

    @property
    def config(self) -> dict[str, Any]:
        """The config that names the thread."""
        return {"configurable": {"thread_id": self.thread}}

    @property
    def actor(self) -> ThreadActor:
        """The thread's actor here."""
        return self.runtime.thread(self.saver, self.thread, self.graph.codec)

    @property
    def log(self) -> ThreadLog:
        """The thread's log."""
        return ThreadLog(self.saver.store, self.thread)

    @property
    def waits(self) -> bool:
        """True when something happens here once time has passed."""
        return bool(self._timed.due)

    @property
    def next_due(self) -> float | None:
        """The virtual second at which something happens here; None when nothing waits."""
        return self._timed.due[0][0] if self._timed.due else None

    def begin(self, given: Any, command_id: str = "", options: Options | None = None, **configurable: Any) -> Run:
        """Call the graph: decided and appended at once, its nodes wait to be run.

        Raises what is wrong with the call itself.
        """
        names = {"thread_id": self.thread, **({"command_id": command_id} if command_id else {}), **configurable}
        config = {"configurable": names, "run_id": self.surroundings.run_id()}
        self.graph.know_inside()
        run = open_run(self.graph, given, config, options or Options())
        run.detached = True  # Async nodes are run on a loop of the simulation's.
        self.runtime.begin(run)
        return run

    def perform(self, job: Job | MergeJob) -> Finished | MergeFinished:
        """Run a node's body, or a merge, to its end; nothing is said of it yet."""
        if isinstance(job, MergeJob):
            return MergeFinished(job, merge(job))
        if wants_loop(job):
            return Finished(job, run_on_virtual_loop(self.surroundings.clock, aperform(job)))
        return Finished(job, perform(job))

    def report(self, message: Finished | MergeFinished) -> None:
        """Tell the actor what came of a job: it decides and appends."""
        message.job.run.actor.offer(message)

    def pass_time(self) -> None:
        """Let time pass until the next thing happens here: a limit is reached, what waits is recorded."""
        self._timed.pass_time()

    def flush(self) -> None:
        """Have what waited long enough recorded."""
        self.actor.offer(FLUSH)

    def let_pass(self, run: Run) -> Callable[[float], bool]:
        """What lets time pass in a run: the clock is moved, nobody waits."""

        def wait_apart(seconds: float) -> bool:
            self.surroundings.clock.advance(seconds)
            return not run.given_up

        return wait_apart

    @property
    def _timed(self) -> _Dispatcher:
        dispatcher = self.runtime.dispatcher
        if not isinstance(dispatcher, _Dispatcher):
            raise InternalError("a simulated process lost its dispatcher; please report it")
        return dispatcher
