"""Given events, when a command, then events: the decider and the fold without actors, stores, clocks or sleeping.

A `ThreadScript` holds a thread's state. `when` decides a command at the next tick of a clock that only it moves, keeps
the commit, and checks the law that every decision must keep: replaying the log gives the state that the decider saw.
With `durability="exit"` a run's decisions are held, and become one commit at its end.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from clew.actors.author.builder import StateGraph
from clew.actors.author.plan import Plan
from clew.actors.author.returns import input_writes, interpret
from clew.actors.decider.commands import (
    Answer,
    Command,
    Continue,
    Decision,
    Edit,
    Merged,
    MergeWanted,
    Moment,
    Outcome,
    Report,
    Start,
    Terms,
    UpcastWanted,
)
from clew.actors.decider.decide import decide
from clew.actors.decider.request import Request, describe
from clew.actors.engine.attempts.upcasts import upcast
from clew.actors.engine.work.held import Held
from clew.actors.kit.laws import portrait
from clew.events.codec.commits import decode_commit, encode_commit
from clew.events.codec.values import Codec
from clew.events.vocabulary import EXIT, Commit, InterruptRaised, Payload, Recorded, Route, Write
from clew.projections.state import ids
from clew.projections.state.fold import Draft, fold
from clew.projections.state.merge import Channels, merge_writes, read_values
from clew.projections.state.thread import ThreadState


def channels_of(plan: Plan) -> Channels:
    """The plan's channels as a compiled graph has them."""
    return Channels(plan.channels, schema=plan.schema, earlier=plan.earlier)


class ThreadScript:
    """One thread, played by hand."""

    def __init__(self, graph: StateGraph | Plan, **terms: Any) -> None:
        self.plan = graph if isinstance(graph, Plan) else graph.plan()
        self.channels = channels_of(self.plan)
        self.codec = Codec()
        self.terms = Terms(run=str(uuid.UUID(int=1)), **terms)
        self.state = ThreadState()
        self.log: list[Recorded] = []
        self.tick = 1_000_000
        self.running: set[int] = set()
        self.decision = Decision()
        self.held: Held | None = None
        """What a run has said that is stored at its end."""

    # -- when

    def when(self, command: Command) -> list[Any]:
        """Decide the command; the events it led to. Merges that want a user's reducer are done on the way."""
        decision = self._decide(command, None)
        while decision.merge is not None:
            decision = self._decide(command, self._merged(decision.merge))
        self.decision = decision
        if decision.draft is None:
            return []
        draft = decision.draft
        state = draft.finish()
        if self.terms.durability == EXIT and not isinstance(command, Edit):
            self._hold(draft, state, ended=decision.ending is not None)
        else:
            self._record(Commit(draft.entropy, draft.time, list(draft.events)))
        self.state = state
        self.running = (self.running - self._reported(command)) | set(decision.start)
        if self.held is None:
            self.check_replay()
        return list(draft.events)

    def _merged(self, wanted: MergeWanted | UpcastWanted) -> Merged:
        if isinstance(wanted, UpcastWanted):
            return Merged(upcast=upcast(self, wanted))
        cells = merge_writes(self.channels, wanted.cells, wanted.writes, settle=True)
        return Merged(cells, upcast=wanted.upcast)

    def deploy(self, graph: StateGraph | Plan) -> None:
        """Another process with other code goes on with the thread: it has what the log says."""
        self.plan = graph if isinstance(graph, Plan) else graph.plan()
        self.channels = channels_of(self.plan)
        self.running = set()
        self.state = self.replayed()

    # -- what an upcast needs of a run

    def payload(self, value: Any, path: str) -> Payload:
        """See `Encoding.payload`."""
        return Payload(value)

    def encode_writes(self, writes: Iterable[Write]) -> None:
        """See `Encoding.encode_writes`: the commit is encoded as a whole."""

    def encode_route(self, route: Route) -> None:
        """See `Encoding.encode_route`."""

    def start(self, given: Any, **options: Any) -> list[Any]:
        """New input."""
        return self.when(Start(tuple(input_writes(self.plan, given)), **options))

    def proceed(self, checkpoint: str = "") -> list[Any]:
        """`None` as input."""
        return self.when(Continue(checkpoint))

    def answer(self, value: Any = None, **by_id: Any) -> list[Any]:
        """An answer: one value, or `question id=value`."""
        if by_id:
            return self.when(Answer({question: Payload(answer) for question, answer in by_id.items()}))
        return self.when(Answer({}, Payload(value)))

    def done(self, *tasks: int, returns: Any = None) -> list[Any]:
        """Tasks completed, each returning `returns` (a dict), or {task ordinal: return value} for several."""
        return self.report(*(self.completed(task, returns) for task in tasks))

    def asks(self, task: int, value: Any, **options: Any) -> list[Any]:
        """A task asked a question."""
        return self.report(self.asked(task, value, **options))

    def fails(self, task: int, error: BaseException) -> list[Any]:
        """A task raised."""
        return self.report(Outcome(task, "failed", error=error))

    def report(self, *outcomes: Outcome) -> list[Any]:
        """What the node runner says."""
        done = {outcome.task for outcome in outcomes}
        return self.when(Report(outcomes, frozenset(self.running - done)))

    # -- what tasks do

    def completed(self, task: int, returns: Any) -> Outcome:
        """The outcome of a task that returned this."""
        node = self.plan.node(self.state.root.tasks[task].node)
        if node is None:
            raise LookupError(self.state.root.tasks[task].node)
        understood = interpret(self.plan, node, returns)
        return Outcome(task, "completed", writes=tuple(understood.writes), routes=tuple(understood.routes))

    def routed(self, task: int, *routes: Route, writes: Sequence[Write] = ()) -> Outcome:
        """The outcome of a task whose path functions lead there."""
        return Outcome(task, "completed", writes=tuple(writes), routes=routes)

    def asked(self, task: int, value: Any, *, scope: str = "", ordinal: int = 0, who: Sequence[str] = ()) -> Outcome:
        """The outcome of a task that asked something new."""
        head = self.state.root.head
        if head is None:
            raise LookupError("no step is open")
        known = self.state.root.tasks[task]
        asking = ids.task_id(head.id, "", known.node, known.send)
        digest = repr(value).encode().ljust(16, b"\0")[:16]
        question = ids.question_id(asking, scope, ordinal, digest)
        raised = InterruptRaised(
            task=task,
            question=question,
            scope=scope,
            ordinal=ordinal,
            digest=digest,
            value=Payload(value),
            who=list(who),
        )
        return Outcome(task, "asked", questions=(raised,))

    # -- then

    @property
    def values(self) -> dict[str, Any]:
        """The committed state."""
        return read_values(self.channels, self.state.root.cells, self.channels)

    @property
    def next(self) -> list[str]:
        """Nodes that are due and not finished."""
        return [task.node for task in self.state.root.unfinished]

    @property
    def questions(self) -> dict[str, Any]:
        """Open questions: id to value."""
        return {asked.raised.question: asked.raised.value.value for asked in self.state.root.open_questions}

    def question(self, value: Any) -> str:
        """The id of the open question with this value."""
        return next(question for question, asked in self.questions.items() if asked == value)

    def replayed(self) -> ThreadState:
        """The state that the log gives, through the codec."""
        state = ThreadState()
        for recorded in self.log:
            body = encode_commit(recorded.commit, self.codec)
            commit = decode_commit(body, self.codec, thread="t", version=recorded.version)
            state = fold(state, Recorded("t", recorded.version, recorded.position, b"", commit), self.channels)
        return state

    def check_replay(self) -> None:
        """Replay equals live: the law that every decision keeps."""
        replayed = self.replayed()
        if portrait(replayed, self.channels) != portrait(self.state, self.channels):
            raise AssertionError(
                f"replay differs from live:\n{portrait(replayed, self.channels)}\n{portrait(self.state, self.channels)}"
            )

    def _decide(self, command: Command, merged: Merged | None) -> Decision:
        self.tick += 1000
        moment = Moment(self.tick, self.tick.to_bytes(16, "big"))
        if self.held is not None:
            moment = Moment(self.tick, self.held.entropy, self.held.began)
        request = Request(
            self.plan,
            self.channels,
            self.terms,
            self.state,
            moment,
            "t",
            describe(self.plan),
            frozenset(self.running - self._reported(command)),
            merged,
        )
        return decide(request, command)

    def _reported(self, command: Command) -> set[int]:
        return {outcome.task for outcome in command.outcomes} if isinstance(command, Report) else set()

    def _hold(self, draft: Draft, state: ThreadState, *, ended: bool) -> None:
        if self.held is None:
            self.held = Held(self.state, draft.time, draft.entropy)
        self.held.add(draft.events, draft.time)
        state.stored = None if ended else self.held.stored
        if ended:
            self._record(self.held.commit("", ""))
            self.held = None

    def _record(self, commit: Commit) -> None:
        version = len(self.log)
        self.log.append(Recorded("t", version, version, b"", commit))
