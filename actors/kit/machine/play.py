"""One thread, two processes, and everything that people and machines do to it: a step at a time, each a JSON value.

So a failure is a list of steps, which is saved beside the log that it led to and taken again by a later test.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, final

from ....events.errors import (
    EffectNotReproducibleError,
    GraphChangedError,
    QuestionNotReproducibleError,
    RefusedError,
    StaleVersionError,
    is_invalid_resume,
)
from ....events.vocabulary import Command, Resumed, RunStarted
from ..recorded_log import RecordedLog
from ..simulation.simulation import Client, Graph, Simulation, SimulationFailed

PROCESSES = 2
NOBODY = "0" * 32
"""The id of a question that nobody asked."""
UNREPEATABLE = (QuestionNotReproducibleError, EffectNotReproducibleError)
"""Refusals that tell of a node which does something else when it is run again: a bug of the graph's."""

Step = Mapping[str, Any]
Invariant = Callable[[Simulation], Any]


class MachineFailed(AssertionError):
    """A graph, or clew, did not keep what must hold. The message has the steps that led there, and the log."""

    def __init__(self, problem: str, log: RecordedLog, saved: Path | None = None) -> None:
        self.problem = problem
        self.log = log
        """The thread's log, with the steps."""
        self.saved = saved
        """The file with both; None where no folder was given."""
        taken = "\n".join(f"    {step_text(step)}" for step in log.steps)
        where = "" if saved is None else f"\n\nsaved to {saved}: a test replays it with replay_failure(...)"
        lines = "\n".join(f"    {line}" for line in log.lines())
        super().__init__(f"{problem}\n\nsteps:\n{taken}\n\nlog:\n{lines}{where}")


@final
@dataclass(frozen=True)
class Rules:
    """What a machine is made for."""

    graphs: Sequence[Graph]
    """The graph, then the versions that may be deployed in its place."""
    invariants: Sequence[Invariant] = ()
    errors: tuple[type[BaseException], ...] = ()
    """What nodes may raise."""
    begin: Callable[[], None] | None = None
    save_to: Path | None = None
    name: str = "graph"


@final
@dataclass
class Call:
    """A call that somebody made, and what must become of it."""

    client: Client
    refused: str = ""
    """Why it must be refused; "" where it need not."""
    seen: int = 0
    """Results that were looked at."""
    about: Any = field(default=None)


@final
class Play:
    """Takes steps, and checks after each."""

    def __init__(self, rules: Rules) -> None:
        if rules.begin is not None:
            rules.begin()
        self.rules = rules
        self.steps: list[Step] = []
        self.simulation = Simulation(rules.graphs[0], processes=PROCESSES)
        self.calls: list[Call] = []
        self._seen = -1
        """Version at which the questions were last looked up."""
        self._open: list[Any] = []
        self._answered: list[str] = []

    # -- what can be done now

    @property
    def possible(self) -> list[str]:
        """Steps of the engine that are possible: nodes to run, reports to make, time to pass, calls to repeat."""
        return self.simulation.steps()

    @property
    def busy(self) -> list[int]:
        """Numbers of the processes in which a call is under way."""
        return sorted({client.process for client in self.simulation.clients if client.waits})

    @property
    def open_questions(self) -> list[Any]:
        """The open questions."""
        self._look()
        return self._open

    @property
    def answered_questions(self) -> list[str]:
        """Ids of questions that have an answer."""
        self._look()
        return self._answered

    def _look(self) -> None:
        simulation = self.simulation
        head = simulation.store.head(simulation.thread)
        version = -1 if head is None else head.version
        if version != self._seen:
            self._seen = version
            self._open = list(simulation.state.interrupts)
            self._answered = [event.question for event in simulation.events if isinstance(event, Resumed)]

    # -- steps

    def value(self, value: Any) -> dict[str, str]:
        """A value as a step holds it: in words, and in bytes of the codec."""
        encoded = self.simulation.processes[0].graph.codec.encode_value(value)
        return {"shown": repr(value)[:200], "value": b64encode(encoded).decode()}

    def take(self, step: Step, *, passing_over: bool = False) -> bool:
        """Take a step and check; False for one that is not possible now, where those are passed over.

        Raises:
            MachineFailed: something does not hold.
        """
        self.steps.append(step)
        try:
            if not self._do(step):
                if passing_over:
                    self.steps.pop()
                    return False
                raise LookupError(f"the step {step_text(step)} is not possible here")
            self._check()
        except MachineFailed:
            raise
        except SimulationFailed as error:
            raise self._failed(error.problem) from error
        except Exception as error:
            raise self._failed(f"{type(error).__name__}: {error}") from error
        return True

    def _do(self, step: Step) -> bool:
        simulation, process = self.simulation, step.get("process", 0)
        match step["do"]:
            case "input":
                self._say(self.value_of(step), process)
            case "continue":
                self._say(None, process)
            case "go back":
                places = simulation.checkpoints
                if not places:
                    return False
                self._say(None, process, checkpoint_id=places[step["checkpoint"] % len(places)])
            case "answer":
                questions = self.open_questions
                if not questions:
                    return False
                question = questions[step["question"] % len(questions)]
                self._say(Command(resume={question.id: self.value_of(step)}), process)
            case "answer late":
                answered = self.answered_questions
                if not answered:
                    return False
                late = answered[step["question"] % len(answered)]
                self._say(Command(resume={late: self.value_of(step)}), process, "the question had its answer")
            case "answer nobody":
                self._say(Command(resume={NOBODY: self.value_of(step)}), process, "nobody asked that question")
            case "repeat":
                return self._repeat(step["call"])
            case "step":
                possible = simulation.steps()
                alike = [name for name in possible if _gist(name) == _gist(step["name"])]
                if not alike:
                    return False
                simulation.take(step["name"] if step["name"] in possible else alike[0])
            case "rest":
                self._rest()
            case "crash":
                simulation.crash(process)
            case "deploy":
                version = self.rules.graphs[step["version"] % len(self.rules.graphs)]
                simulation.deploy(version, process)
            case "clock":
                simulation.clock.jump(step["seconds"])
            case other:
                raise ValueError(f"there is no step {other!r}")
        return True

    def _say(self, given: Any, process: int, refused: str = "", **configurable: Any) -> None:
        client = self.simulation.client(given, process=process, **configurable)
        self.calls.append(Call(client, refused))
        self.simulation.take(f"{client.name} makes call 1")

    def _repeat(self, which: int) -> bool:
        """Somebody sends a call again, though it has come to its end: under the same command id."""
        over = [call for call in self.calls if not call.client.waits and not call.client.lost]
        if not over:
            return False
        call = over[which % len(over)]
        call.client.lost = True
        self.simulation.take(f"{call.client.name} repeats call {call.client.made}")
        return True

    def _rest(self) -> None:
        """Let everything that goes on come to its end, in the order in which nothing is late."""
        simulation = self.simulation
        for _ in range(1_000):
            steps = simulation.steps()
            if not steps:
                return
            simulation.take(steps[0])
        raise AssertionError("a thousand steps, and the thread does not rest")

    def value_of(self, step: Step) -> Any:
        """The value that a step holds."""
        codec = self.simulation.processes[0].graph.codec
        return codec.decode_value(b64decode(step["value"]["value"]))

    # -- what must hold

    def _check(self) -> None:
        self.simulation.check()
        self._check_results()
        self._check_commands()
        for invariant in self.rules.invariants:
            if invariant(self.simulation) is False:
                raise self._failed(f"{getattr(invariant, '__name__', invariant)} does not hold")

    def _check_results(self) -> None:
        for call in self.calls:
            results = call.client.results[call.seen :]
            call.seen += len(results)
            for result in results:
                if isinstance(result, BaseException):
                    self._check_error(result)
                elif call.refused:
                    raise self._failed(f"{call.refused}, and {call.client.name}'s answer was taken: {result}")

    def _check_error(self, error: BaseException) -> None:
        if isinstance(error, UNREPEATABLE):
            raise self._failed(f"{type(error).__name__}: {error}") from error
        changed = isinstance(error, GraphChangedError) and len(self.rules.graphs) == 1
        refusal = isinstance(error, (RefusedError, StaleVersionError)) and not changed
        if not (refusal or is_invalid_resume(error) or isinstance(error, self.rules.errors)):
            raise self._failed(f"a call raised {type(error).__name__}: {error}") from error

    def _check_commands(self) -> None:
        """A command that was sent twice was done once."""
        begun: dict[str, int] = {}
        for commit in self.simulation.commits:
            for event in commit.events:
                if isinstance(event, RunStarted) and not event.ns and commit.command:
                    begun[commit.command] = begun.get(commit.command, 0) + 1
        twice = [command for command, count in begun.items() if count > 1]
        if twice:
            raise self._failed(f"the input of {twice[0]!r} was taken twice")

    def _failed(self, problem: str) -> MachineFailed:
        log = RecordedLog.of(self.simulation.store, self.simulation.thread, note=problem, steps=self.steps)
        return MachineFailed(problem, log)


def _gist(name: str) -> str:
    """A step's name without the numbers of attempts and clients: they change when earlier steps are left out."""
    return re.sub(r" \(\d+\)|(?<=^client) \d+|(?<=call) \d+", "", name)


def step_text(step: Step) -> str:
    """A step in words."""
    words = [
        f"{key} {value['shown'] if isinstance(value, Mapping) else value}" for key, value in step.items() if key != "do"
    ]
    return " ".join([str(step["do"]), *(f"({word})" for word in words)])


def replay_failure(
    path: str | PathLike[str],
    graph: Graph,
    *versions: Graph,
    invariants: Sequence[Invariant] = (),
    errors: tuple[type[BaseException], ...] = (),
    begin: Callable[[], None] | None = None,
) -> Simulation:
    """Take the steps of a failure that `graph_machine` saved, and check as it did: the test that a bug stays mended.

    Steps that the mended graph does not come to any more are passed over; in the end everything is let rest.

    Args:
        path: the file.
        graph: the graph as it is now.
        versions: as `graph_machine` had them.
        invariants: what must hold after each step.
        errors: what nodes may raise.
        begin: called first.

    Returns:
        The simulation at its end.

    Raises:
        MachineFailed: it still fails.
        ValueError: the file has no steps.
    """
    log = RecordedLog.load(path)
    if not log.steps:
        raise ValueError(f"{path} has a log and no steps: replay it with load_log(path).replay(graph)")
    play = Play(Rules([graph, *versions], invariants, errors, begin))
    for step in log.steps:
        play.take(step, passing_over=True)
    play.take({"do": "rest"})
    return play.simulation
