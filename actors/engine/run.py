"""One run as its caller and its thread's actor share it: jobs to do, chunks to take, an end to wait for.

The actor adds jobs and chunks and says when it is over; the caller (a door) does jobs on its own thread or loop, takes
chunks and waits. Neither ever blocks the other.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from ...events.codec.values import Codec
from ...events.vocabulary import EXIT, NOT_KEPT, Forked, GraphSeen, Payload, Route, Write
from ...projections.state.merge import Channels, Reading
from ...projections.state.namespaces import SEPARATOR
from ...projections.state.thread import ThreadState
from ...projections.streams.view import Chunk, RunView
from ..author.plan import Plan
from ..decider.commands import Command, Ending, Terms
from .work.jobs import Job, MergeJob
from .work.progress import Progress

if TYPE_CHECKING:
    from .attempts.control import RunControl
    from .call import Scope
    from .runtime import Runtime
    from .thread import ThreadActor


class Settings(Struct, eq=False):
    """What a caller wants of a run, beyond the terms that the decider reads."""

    config: Mapping[str, Any]
    """The caller's config, completed: configurable, tags, metadata, callbacks."""
    modes: frozenset[str] = frozenset()
    """Stream modes somebody reads; empty for a plain invoke."""
    live: bool = False
    """True when chunks must come out while nodes run: nodes then never run on the caller's thread."""
    debug: bool = False
    """True to find out nodes that change in place what they are given."""
    stepwise: bool = False
    """True for streams: the next step starts when the last one's chunks were taken."""
    message_events: bool = False
    """True for a v3 stream: messages of models come as events of langchain-core's protocol, not as tokens."""
    subgraphs: bool = False
    """True when the stream shows what the graphs called inside commit and emit, too."""
    context: Any = None
    store: Any = None
    cache: Any = None
    """Where results of nodes with a cache policy are kept, or None."""
    control: RunControl | None = None
    """What asks the run to stop at the end of its super-step; None where nobody can."""
    step_timeout: float | None = None
    """Seconds that a super-step may take; None for no limit."""
    command_id: str = ""
    concurrency_max: int | None = None
    output_keys: str | tuple[str, ...] | None = None
    answers: str = "question"
    """What an answer belongs to: "question", "key" or "position"."""
    runtime: Runtime | None = None
    """Whose pool parts of a node may run on: the calls of a ToolNode."""
    watch: Any = None
    """Callbacks of the run (actors/watch), or None when nobody watches."""

    __repr__ = object.__repr__  # see `Job`


LIVE_MODES = frozenset({"custom", "messages", "tools"})
"""Stream modes whose chunks come from running nodes."""


PLACES_MAX = 10_000
"""A `max_concurrency` beyond this is none: no pool has as many threads."""


NO_PROGRESS = Progress("")
"""The book of a run that has not begun."""


class Home(Protocol):
    """What a thread is folded with: its root graph's channels and codec."""

    plan: Plan
    channels: Channels
    codec: Codec
    graph_seen: GraphSeen


class Run:
    """A run from its acceptance to its end. Made by a door; the thread's actor works on it.

    What most runs never change is of the class until it changes: a run is made for every call.
    """

    inside: int = 0
    """How many graphs run inside of this run, in its actor. The actor counts."""
    progress: Progress = NO_PROGRESS
    """The actor's book of the step that the run works on."""
    branched: tuple[tuple[int, int], int] | None = None
    """Address of the earlier checkpoint that the run branched off, and the version at which it did."""
    said: Sequence[Any] = ()
    """For a run that is stored at its end: the events of its commit so far, of graphs around and inside as well."""
    surroundings: Context | None = None
    """The caller's context variables, for nodes that run on other threads."""
    ending: Ending | None = None
    """Set once, last of all: the run is over."""
    state: ThreadState | None = None
    """The thread's state when the run ended."""
    before: ThreadState | None = None
    fresh_jobs: bool = False
    """True when jobs came that the pool was not asked to help with, or a helper left some behind."""
    flush_due: bool = False
    """True while a look at outcomes that wait for their siblings is planned on the caller's loop."""
    starved: bool = False
    """True when the pool did not take the jobs in time: the caller has a spare thread do them."""
    base_step: int = 0
    """Step number at which the run began."""
    cancelled: bool = False
    """True once somebody asked for the run to stop: what nodes raise then is not their own."""
    failing: bool = False
    """True once a node failed for good and those beside it are only waited for: nothing is tried again."""
    detached: bool = False
    """True when no caller drives the run: the runtime's own threads and loop do."""
    places: list[None] | None = None
    """One for each job that may be begun now, under a limit; on a loop the tasks are counted instead."""
    quiet: tuple[int, float] | None = None
    """While it waits for another process: the version that one made last, and since when. The actor has it."""
    unsettled: Command | None = None
    """For a run that waits for another process and let others pass: what is to be decided at its next turn."""
    version_max: int = 0
    """The thread's version at which the run has made as many commits as it may."""
    readers: tuple[tuple[Run, RunView], ...] = ()
    """Who reads chunks of this run, and how they look there: its caller, and streams around that want them."""
    _offered: Payload | None = None
    _signal: threading.Event | None = None

    def __init__(
        self,
        actor: ThreadActor,
        plan: Plan,
        channels: Channels,
        command: Command,
        terms: Terms,
        settings: Settings,
        codec: Codec,
        graph_seen: GraphSeen,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        caller: Scope | None = None,
        ns: str = "",
        inside: bool = False,
        home: Home | None = None,
    ) -> None:
        self.actor = actor
        self.ns = ns
        """Namespace of the graph; "" for a root graph's."""
        self.calling: Job | None = None if caller is None else caller.call.job
        """The job whose node calls the graph, if one does."""
        self.outer: Run | None = self.calling.run if inside and self.calling is not None else None
        """The run of the node that calls the graph, where both run in one actor and share one log."""
        self.reading = Reading()
        """What nodes of the run read of the state."""
        self.home = home
        """For a change by hand inside a thread: the graph that the thread is folded with. None for the run's own."""
        self.plan = plan
        self.channels = channels
        self.command = command
        self.terms = terms
        self.at_end = terms.kept and terms.durability == EXIT
        """True where nothing is stored before the run's end."""
        self.settings = settings
        self.command_id: str = settings.command_id if self.outer is None else self.outer.command_id
        """What a repeated command is told by: that of the command around a graph inside, so that all of it is found."""
        self.graph_seen = graph_seen
        """What the log keeps of the graph's code; one object for all threads."""
        self.codec: Codec = codec
        self.caller = caller
        """The place in a node that makes this call, if one does."""
        self.loop = loop
        """The caller's event loop; None for a sync caller."""
        self.jobs: list[Job | MergeJob] = []
        """Work that nobody has taken yet. Whoever pops an item does it."""
        self.chunks: deque[Chunk] = deque()
        self.tasks: set[asyncio.Task[Any]] = set()
        """Coroutines that run nodes on the caller's loop."""
        self.inner_views: dict[tuple[str, ...], RunView] = {}
        """How chunks of graphs called inside look, by their namespace, where this run's stream shows them."""
        self._ahead: list[Payload] = []
        self._futures: list[asyncio.Future[None]] = []
        """What the caller on a loop waits for, once it waits. Whoever pops it resolves it."""
        self._pauses: list[threading.Event] = []
        """One for each thread that lets time pass, here or in a graph called inside."""
        if settings.concurrency_max is not None and loop is None:
            self.places = [None] * min(settings.concurrency_max, PLACES_MAX)
        if settings.modes:
            self.readers = ((self, self.view),)

    @cached_property
    def view(self) -> RunView:
        """How chunks of this run look: made for who looks, which a plain call does not."""
        settings = self.settings
        view = RunView(self.channels, self.plan.state_view.keys, self.plan.root, settings.modes, settings.output_keys)
        if self.ns:
            view.line, view.ns = self.ns, tuple(self.ns.split(SEPARATOR))
        return view

    def offer_ahead(self, answer: Payload | None) -> None:
        """Hold an answer for the first question of the open step. The actor calls it when it starts tasks."""
        if answer is not self._offered:
            self._offered = answer
            self._ahead = [] if answer is None else [answer]

    def take_ahead(self) -> Payload | None:
        """The answer that was given ahead, to this graph or one around it, once. Any thread."""
        try:
            return self._ahead.pop()
        except IndexError:
            return None if self.caller is None else self.caller.call.job.run.take_ahead()

    @property
    def over(self) -> bool:
        """True once the run has ended; chunks may still wait to be taken."""
        return self.ending is not None

    def payload(self, value: Any, path: str) -> Payload:
        """A payload of a live value, encoded at once where the thread is kept, so that a refusal names its place."""
        payload = Payload(value)
        if self.terms.kept:
            payload.encoded = self.codec.encode_value(value, f"$.{path}")
        return payload

    def encode_writes(self, writes: Iterable[Write]) -> None:
        """Encode writes, so that a refusal names the channel; of an untracked key only that it was written."""
        untracked, encode = self.channels.untracked, self.codec.encode_value
        for write in writes:
            payload = write.payload
            if payload.encoded is None:
                kept = write.channel not in untracked
                payload.encoded = encode(payload.held, f"$.{write.channel}") if kept else NOT_KEPT

    def encode_route(self, route: Route) -> None:
        """Encode a Send's argument, untracked keys left out."""
        payload = route.payload
        if payload is None or payload.encoded is not None:
            return
        argument, untracked = payload.value, self.channels.untracked
        if untracked and isinstance(argument, dict):
            argument = {key: value for key, value in argument.items() if key not in untracked}
        payload.encoded = self.codec.encode_value(argument, f"$.Send({route.node!r})")

    def node_changed(self, node: str, fingerprint: bytes) -> bool:
        """True when the node's code differs from what it was in the graph of this fingerprint."""
        seen = self.actor.state.graph(fingerprint)
        known = self.plan.node(node)
        return seen is not None and known is not None and seen.nodes.get(node) != known.callee.fingerprint

    def emit(self, mode: str, payload: Any) -> None:
        """Add a chunk, from any thread; a mode nobody reads is dropped."""
        for reader, view in self.readers:
            if mode in view.modes:
                reader.show(((view.ns, mode, payload),))

    def show(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks of a commit, of this run or of one inside it. From any thread."""
        if chunks:
            self.chunks.extend(chunks)
            self.wake()

    def note_branch(self, events: Sequence[Any], version: int) -> None:
        """Take note of the checkpoint that the run branched off, if its commit says so. The actor calls it."""
        for event in events:
            if isinstance(event, Forked):
                self.branched = (event.version, event.ordinal), version

    def add_jobs(self, jobs: list[Job | MergeJob]) -> None:
        """Offer work to whoever drives the run. The actor calls it."""
        self.jobs.extend(jobs)
        self.fresh_jobs = True
        self.wake()

    def take_fresh(self) -> bool:
        """True once for each batch of jobs: for whoever hands them out, who looks at the jobs afterwards."""
        # Written only where it was read as True: jobs that come between the two are seen by who gets True here, and
        # where it was False the next look finds what `add_jobs` says.
        if not self.fresh_jobs:
            return False
        self.fresh_jobs = False
        return True

    def call_actor(self) -> None:
        """Have the actor's turn run, soon: on the caller's loop, else on the dispatcher.

        The committer calls it, which must not take a turn itself: a turn appends, and would wait for the committer.
        """
        loop = self.loop
        if loop is not None and not self.cancelled and not self.actor.blocked:
            with suppress(RuntimeError):  # the loop was closed under its run
                loop.call_soon_threadsafe(self.actor.turn)
                return
        # A caller that was cancelled may take its loop with it, callbacks and all.
        self.actor.dispatcher.submit(self.actor)

    def end(self, ending: Ending, state: ThreadState) -> None:
        """Say that the run is over. The actor calls it, once."""
        self.state = state
        self.jobs.clear()
        self.ending = ending
        self._end_pauses()
        self.wake()

    def wake(self) -> None:
        """Tell a waiting caller to look again. From any thread."""
        signal = self._signal
        # Whoever waits clears the signal before looking for what to do: one that is set still has that look before it.
        if signal is not None and not signal.is_set():
            signal.set()
        futures = self._futures
        if not futures or self.loop is None:
            return
        try:
            # Taken and not only read: by now the caller may wait for another one, which must not be forgotten.
            future = futures.pop()
        except IndexError:
            return
        if asyncio._get_running_loop() is self.loop:
            _resolve(future)
        else:
            _call_soon(self.loop, future)

    def _nothing_to_do(self) -> bool:
        return not (self.chunks or self.over or (self.jobs and self.fresh_jobs))

    def wait(self, seconds: float | None = None) -> bool:
        """Block the calling thread until there is something to do; False when the time was up first."""
        if self._signal is None:
            self._signal = threading.Event()
        self._signal.clear()
        return not self._nothing_to_do() or self._signal.wait(seconds)

    @property
    def given_up(self) -> bool:
        """True once this run, or one that called it, is over or fails: nothing is tried again. From any thread."""
        return any(run.over or run.failing for run in self._line())

    def _line(self) -> Iterator[Run]:
        """This run, the one of the node that called it, and so on."""
        run: Run | None = self
        while run is not None:
            yield run
            run = None if run.calling is None else run.calling.run

    def wait_apart(self, seconds: float) -> bool:
        """Let time pass, for a thread that has no other part in the run now; False when the run is given up."""
        pause = threading.Event()
        for run in self._line():
            run._pauses.append(pause)
        try:
            # After the pause is known everywhere: a run that is given up now sees it.
            if not self.given_up:
                pause.wait(seconds)
            return not self.given_up
        finally:
            for run in self._line():
                run._pauses.remove(pause)

    def fail(self) -> None:
        """Say that a node failed for good: who waits for another attempt need not. The actor calls it."""
        self.failing = True
        self._end_pauses()

    def _end_pauses(self) -> None:
        for pause in tuple(self._pauses):
            pause.set()

    def waiting(self) -> asyncio.Future[None]:
        """A future of the running loop that resolves when there is something to do."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._futures.clear()
        self._futures.append(future)
        # Looked at afterwards: who changes something from here on finds the future.
        if not self._nothing_to_do():
            _resolve(future)
        return future

    def pop_job(self, wanted: Callable[[Job | MergeJob], bool] | None = None) -> Job | MergeJob | None:
        """Take a job nobody has taken, or None; under a limit also None while as many as allowed are done. Any thread.

        Whoever takes one under a limit gives its place back when it is done.
        """
        places, jobs = self.places, self.jobs
        if places is None and wanted is None:
            try:
                return jobs.pop(0)
            except IndexError:
                return None
        if places is None:
            return self._pop(wanted)
        while True:
            try:
                places.pop()
            except IndexError:
                return None
            job = self._pop(wanted)
            if job is not None:
                return job
            places.append(None)
            # Who looked meanwhile found no place: a job that came since must not be left lying.
            if not any(wanted is None or wanted(job) for job in tuple(self.jobs)):
                return None

    def _pop(self, wanted: Callable[[Job | MergeJob], bool] | None) -> Job | MergeJob | None:
        jobs = self.jobs
        if wanted is None:
            try:
                return jobs.pop(0)
            except IndexError:
                return None
        return next((job for job in tuple(jobs) if wanted(job) and _removed(jobs, job)), None)

    def give_place_back(self) -> None:
        """Say that a job taken by `pop_job` is done, before its outcome leads to others."""
        if self.places is not None:
            self.places.append(None)

    def take_back(self, keep: int = 0) -> list[Job | MergeJob]:
        """All jobs that nobody has taken, whatever the limit, but for the first `keep`."""
        return [job for job in tuple(self.jobs)[keep:] if _removed(self.jobs, job)]


def _removed(jobs: list[Job | MergeJob], job: Job | MergeJob) -> bool:
    """Take the job out; False when somebody else was faster."""
    try:
        jobs.remove(job)
    except ValueError:
        return False
    return True


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _call_soon(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    try:
        loop.call_soon_threadsafe(_resolve, future)
    except RuntimeError:
        # The caller's loop was closed: nobody waits any more, and the log has what was done.
        return
