"""Given what has happened to a thread, when something is said to it, then these events follow. For any compiled graph.

No store to set up, no threads, no waiting: the decider decides, and nodes run on the calling thread, one after the
other, or not at all where a test says what they return.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, final

from msgspec.structs import replace

from ...events.errors import RefusedError
from ...events.stores.memory import MemoryStore
from ...events.vocabulary import EVENT_TYPES, Commit
from ...events.vocabulary import Command as Order
from ...projections.state.views import StateSnapshot
from ..author.callee import callee_of
from ..author.plan import Callee, Node
from ..doors.compiled import CompiledStateGraph
from ..engine.question import interrupt
from ..engine.run import Run
from ..engine.work.jobs import Job
from .laws import comparable
from .readable import Names, Said, diff, event_lines, expected, facts, fits
from .recorded_log import RecordedLog
from .simulation.clock import VirtualClock
from .simulation.simulation import Simulation

THREAD = "given"
STEPS_MAX = 10_000
"""Jobs that one `when` runs before it gives up."""


@final
class Fact:
    """Something that happened, as a test tells it: see `started`, `returned`, `asked` and the others."""

    def __init__(self, words: str, play: Callable[[Scenario], None]) -> None:
        self._words = words
        self.play = play
        """Makes it happen."""

    def __repr__(self) -> str:
        return self._words


def started(input: Any, **configurable: Any) -> Fact:
    """A run began with this input; its first nodes are due and have not run."""
    return Fact(f"started({input!r})", lambda scenario: scenario.call(input, **configurable))


def returned(node: str, value: Any) -> Fact:
    """A node that was due returned this; its own code did not run. Path functions behind it do."""
    return Fact(f"returned({node!r}, {value!r})", lambda scenario: scenario.stand_in(node, lambda _: value))


def asked(node: str, question: Any, **options: Any) -> Fact:
    """A node that was due asked this, as by `interrupt(question)`, and waits."""
    return Fact(
        f"asked({node!r}, {question!r})",
        lambda scenario: scenario.stand_in(node, lambda _: interrupt(question, **options)),
    )


def raised(node: str, error: BaseException) -> Fact:
    """A node that was due raised this."""

    def body(_: Any) -> Any:
        raise error

    return Fact(f"raised({node!r}, {error!r})", lambda scenario: scenario.stand_in(node, body))


def answered(answer: Any, *, question: Any = None, **configurable: Any) -> Fact:
    """A person answered the open question, or the one that asks `question`; the node is due again."""

    def play(scenario: Scenario) -> None:
        scenario.call(
            Order(resume=answer if question is None else {scenario.question(question): answer}), **configurable
        )

    return Fact(f"answered({answer!r})", play)


def updated(values: Any, as_node: str | None = None) -> Fact:
    """The state was changed by hand, as by `update_state`, while the thread was at rest."""

    def play(scenario: Scenario) -> None:
        if scenario.busy:
            raise AssertionError(
                "the thread is running, and a change by hand would wait for it: let its nodes end first"
            )
        process = scenario.simulation.processes[0]
        config: Any = process.config
        process.graph.update_state(config, values, as_node)

    return Fact(f"updated({values!r})", play)


def crashed() -> Fact:
    """The process died; what it had not recorded is gone. The next `when` is another process's."""
    return Fact("crashed()", lambda scenario: scenario.crash())


def passed(seconds: float) -> Fact:
    """So much time passed."""
    return Fact(f"passed({seconds!r})", lambda scenario: scenario.let_pass(seconds))


class Scenario:
    """A thread, what was said to it last, and what followed. Made by `given`."""

    def __init__(self, graph: CompiledStateGraph, nodes: Mapping[str, Any] | None = None) -> None:
        stand_ins = {name: _stand_in(graph, name, body) for name, body in (nodes or {}).items()}
        if stand_ins:
            plan = replace(graph.plan, nodes={**graph.plan.nodes, **stand_ins})
            graph = graph.copy({"plan": plan})
        self.simulation = Simulation(graph, store=MemoryStore(), thread=THREAD)
        self._run: Run | None = None
        self._since = 0
        """Number of events before the last `when`."""
        self._refusal: Exception | None = None
        """Why the last call was refused, until a test has looked at it."""

    # -- given and when

    def given(self, *history: Any) -> Self:
        """What happened first: facts, or events and commits as they are in a log, or a `RecordedLog`."""
        recorded: list[Commit] = []
        for item in history:
            if isinstance(item, Fact):
                item.play(self)
            elif isinstance(item, RecordedLog):
                recorded += item.commits(self.graph.codec)
            elif isinstance(item, Commit):
                recorded.append(item)
            elif isinstance(item, Sequence) and not isinstance(item, str):
                recorded.append(self._commit(item))
            else:
                recorded.append(self._commit([item]))
        if recorded:
            log = RecordedLog.of_commits(recorded, THREAD, self.graph.codec)
            log.put_into(self.simulation.store, self.graph)
            # Chance goes on from there: the ids that made these commits are taken.
            self.simulation.surroundings.chance.seed(log.rows[-1].digest)
            self.simulation.clock.now = max(self.simulation.clock.now, recorded[-1].time)
        self._since = len(self.simulation.events)
        return self

    def when(self, said: Any, **configurable: Any) -> Self:
        """Say something to the thread, and let its nodes run until it rests; or have one fact happen and no more.

        Args:
            said: what `invoke` takes (input, `Command`, `None`), or a fact such as `returned("draft", {...})`.
            configurable: more for `config["configurable"]`: `who`, `command_id`, `checkpoint_id`.
        """
        self._ask_about_refusal()
        self._since = len(self.simulation.events)
        if isinstance(said, Fact):
            said.play(self)
        else:
            self.call(said, **configurable)
            self._run_to_rest()
        self.simulation.check()
        return self

    # -- then

    def then(self, *wanted: Any) -> Self:
        """Exactly these events followed, in this order: classes, `said(...)` with some facts, or whole events.

        Raises:
            AssertionError: others did; the message is a diff.
        """
        self._ask_about_refusal()
        items = [expected(item) for item in wanted]
        _check_kinds(items)
        shown = diff(items, self.events, self._names())
        if any(line[0] != " " for line in shown):
            raise AssertionError("\n".join(["other events followed (- wanted, + happened):", *shown]))
        return self

    def then_includes(self, *wanted: Any) -> Self:
        """These events followed in this order, whatever came between."""
        self._ask_about_refusal()
        items = [expected(item) for item in wanted]
        _check_kinds(items)
        names, left = self._names(), list(items)
        for event in self.events:
            names.follow(event)
            if left and fits(left[0], event, facts(event, names)):
                left.pop(0)
        if left:
            happened = [f"+ {line}" for line in event_lines(self.events, self._names())]
            raise AssertionError("\n".join([f"{left[0]!r} did not follow where it should:", *happened]))
        return self

    def then_values(self, **wanted: Any) -> Self:
        """The thread's values of these keys are these; ids of messages do not count."""
        self._ask_about_refusal()
        values = self.state.values
        found = {key: comparable(values.get(key)) for key in wanted} if isinstance(values, Mapping) else values
        if found != comparable(wanted):
            raise AssertionError(f"the values are {found!r}, not {wanted!r}")
        return self

    def then_next(self, *nodes: str) -> Self:
        """These nodes are due, and no others."""
        self._ask_about_refusal()
        if self.state.next != nodes:
            raise AssertionError(f"due are {self.state.next}, not {nodes}")
        return self

    def then_asks(self, *questions: Any) -> Self:
        """These questions are open, in this order, and no others."""
        self._ask_about_refusal()
        found = [question.value for question in self.state.interrupts]
        if found != list(questions):
            raise AssertionError(f"the thread asks {found!r}, not {list(questions)!r}")
        return self

    def then_raises(self, kind: type[BaseException], match: str = "") -> Self:
        """The call raised this, to whoever made it; `match` is found in the message as a regular expression."""
        result = self._refusal or self.result
        self._refusal = None
        if not isinstance(result, kind):
            raise AssertionError(f"the call came to {result!r}, it did not raise {kind.__name__}") from (
                result if isinstance(result, BaseException) else None
            )
        if not re.search(match, str(result)):
            raise AssertionError(f"{match!r} is not in {str(result)!r}")
        return self

    # -- what there is to see

    @property
    def graph(self) -> CompiledStateGraph:
        """The graph, with the stand-ins that the test gave it."""
        return self.simulation.processes[0].graph

    @property
    def events(self) -> list[Any]:
        """The events since the last `when`."""
        return self.simulation.events[self._since :]

    @property
    def state(self) -> StateSnapshot:
        """The thread as it stands."""
        return self.simulation.state

    @property
    def result(self) -> BaseException | str | None:
        """How the last call ended: its status, or what it raised; None while its nodes are due."""
        run = self._run
        return None if run is None or run.ending is None else run.ending.error or run.ending.status

    @property
    def clock(self) -> VirtualClock:
        """The scenario's clock, which stands still unless a fact or a wait in a node moves it."""
        return self.simulation.clock

    def log(self) -> RecordedLog:
        """The whole log, to be saved or replayed."""
        return RecordedLog.of(self.simulation.store, THREAD)

    # -- for facts

    def call(self, said: Any, **configurable: Any) -> None:
        """Call the graph; its nodes become due and do not run."""
        self._run = None
        try:
            self._run = self.simulation.processes[0].begin(said, **configurable)
        except Exception as refusal:
            self._refusal = refusal
            return
        ending = self._run.ending
        if ending is not None and isinstance(ending.error, RefusedError):
            self._refusal = ending.error

    def stand_in(self, node: str, body: Callable[[Any], Any]) -> None:
        """Have a node that is due end as this function does, and report it."""
        run = self._run
        jobs = [] if run is None else [job for job in run.jobs if isinstance(job, Job)]
        job = next((job for job in jobs if job.task.node == node), None)
        if run is None or job is None:
            raise AssertionError(f"node {node!r} is not due; due are {[job.task.node for job in jobs]}")
        run.jobs.remove(job)
        job.node = replace(job.node, callee=Callee(body, name=job.node.name, fingerprint=job.node.callee.fingerprint))
        process = self.simulation.processes[0]
        process.report(process.perform(job))
        self._merge()

    @property
    def busy(self) -> bool:
        """True while nodes of the last call are due or run."""
        return self._run is not None and not self._run.over

    def question(self, asks: Any) -> str:
        """The id of the open question that asks this."""
        found = [question.id for question in self.state.interrupts if question.value == asks]
        if not found:
            raise AssertionError(
                f"nothing asks {asks!r}; open: {[question.value for question in self.state.interrupts]}"
            )
        return found[0]

    def crash(self) -> None:
        """Have the process die; another one takes its place."""
        self.simulation.crash()
        self._run = None

    def let_pass(self, seconds: float) -> None:
        """Move the clock, and let happen what is due until then."""
        until = self.clock.seconds + seconds
        process = self.simulation.processes[0]
        while process.next_due is not None and process.next_due <= until:
            process.pass_time()
        self.clock.advance(until - self.clock.seconds)

    # -- how it is done

    def _commit(self, events: Sequence[Any]) -> Commit:
        for event in events:
            if not isinstance(event, EVENT_TYPES):
                raise TypeError(f"given() takes facts, events and commits, got {event!r}")
        self.clock.advance(0.001)
        return Commit(self.simulation.surroundings.entropy(), self.clock.now, list(events))

    def _run_to_rest(self) -> None:
        process = self.simulation.processes[0]
        for _ in range(STEPS_MAX):
            run = self._run
            if run is None or run.over:
                return
            if run.jobs:
                process.report(process.perform(run.jobs.pop(0)))
            elif process.waits:
                process.pass_time()
            else:
                return
        raise AssertionError(f"{STEPS_MAX} nodes ran and the thread does not rest")

    def _merge(self) -> None:
        """Do the merges that are due: they are nobody's fact."""
        run = self._run
        while run is not None and (merge := next((job for job in run.jobs if not isinstance(job, Job)), None)):
            run.jobs.remove(merge)
            self.simulation.processes[0].report(self.simulation.processes[0].perform(merge))

    def _names(self) -> Names:
        names = Names()
        for event in self.simulation.events[: self._since]:
            names.follow(event)
        return names

    def _ask_about_refusal(self) -> None:
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            raise AssertionError(f"the thread refused: {type(refusal).__name__}: {refusal}") from refusal


def given(graph: CompiledStateGraph, *history: Any, nodes: Mapping[str, Any] | None = None) -> Scenario:
    """A thread of the graph with this history, to say something to and to see what follows.

    ```python
    given(graph, started({"text": "hi"}), asked("review", "Send it?")).when(Command(resume="yes")).then(...)
    ```

    Args:
        graph: any compiled graph, with or without a checkpointer, which is not used.
        history: facts (`started`, `returned`, `asked`, `raised`, `answered`, `updated`, `crashed`, `passed`), events
            and lists of events as they stand in a log, one commit each, or a `RecordedLog`.
        nodes: what runs in the place of nodes: name to a function, as `add_node` takes it.

    Raises:
        AssertionError: the history cannot happen: a node that is said to have returned is not due.
        CorruptCommitError: events that no thread can have.
        KeyError: the graph has no such node.
    """
    return Scenario(graph, nodes).given(*history)


def _stand_in(graph: CompiledStateGraph, name: str, body: Any) -> Node:
    node = graph.plan.nodes[name]
    callee, _ = callee_of(body, role=f"the stand-in for node {name!r}")
    return replace(node, callee=replace(callee, fingerprint=node.callee.fingerprint))


def _check_kinds(items: Sequence[Any]) -> None:
    for item in items:
        if not isinstance(item, (Said, *EVENT_TYPES)):
            raise TypeError(f"then() takes events, their classes and said(...), got {item!r}")
