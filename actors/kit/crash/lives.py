"""What one process does with a conversation: begin it, and die at a site; or finish what a dead one left, and look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, final

from ....events.codec.digest import canonical_digest
from ....events.stores.saver import BaseCheckpointSaver
from ....events.stores.store import Row
from ....events.vocabulary import Commit, EffectRecorded, StepCommitted
from ....projections.state.views import StateSnapshot
from ...doors.compiled import CompiledStateGraph
from ...engine.log import ThreadLog
from ..laws import broken_laws, comparable, portrait
from ..readable import log_lines
from ..recorded_log import RecordedLog
from .processes import Say
from .sites import DeadlyRuntime, DeadlyStore, Killer, Site

SHOWN_MAX = 2_000
"""Characters of an end that a failure shows."""

OpenStore = Callable[[str], BaseCheckpointSaver | AbstractContextManager[BaseCheckpointSaver]]
"""Opens the store of one case, in whatever process it is called; the case's name is that of its thread, too."""


@final
@dataclass(frozen=True)
class Case:
    """One kill: a thread, and where its first process dies."""

    name: str
    """The thread's id."""
    site: Site | None = None
    append: int = -1
    """From 0."""


@final
@dataclass(frozen=True)
class Story:
    """What every process of a run is given: it was there before they were forked."""

    graph: CompiledStateGraph | Callable[[], CompiledStateGraph]
    moves: Sequence[Any]
    open_store: OpenStore
    end: Callable[[StateSnapshot], Any]
    """What of the thread's end is compared."""
    check: Callable[[StateSnapshot], None] | None = None
    save_to: Path | None = None


@final
@dataclass
class Left:
    """What a dead process leaves besides the store: what it was told, before it died."""

    case: Case
    acknowledged: list[tuple[int, str]] = field(default_factory=list)
    """(version, digest) of its acknowledged appends."""


@final
class Life:
    """One process's part in a case."""

    def __init__(self, story: Story, case: Case, stack: ExitStack, say: Say, killer: Killer | None = None) -> None:
        opened = story.open_store(case.name)
        saver = opened if isinstance(opened, BaseCheckpointSaver) else stack.enter_context(opened)
        graph = story.graph if isinstance(story.graph, CompiledStateGraph) else story.graph()
        self.story = story
        self.case = case
        self.killer = killer or Killer(case.name)
        self.runtime = DeadlyRuntime(self.killer)
        store = DeadlyStore(saver.store, self.killer, lambda line: say({"acknowledged": line}))
        self.saver = BaseCheckpointSaver(cast("Any", store), tenant=saver.tenant, cipher=saver.cipher)
        self.graph = graph.copy({"checkpointer": self.saver, "_runtime": self.runtime})
        self.graph.know_inside()
        self.by_loop = any(node.callee.is_async for node in graph.plan.nodes.values())
        # Nobody closes the saver: a process that is killed does not, and one that ends has no need to.

    def converse(self) -> None:
        """Make the moves that are left; the last one that the log knows is made again, under its own id.

        Raises what a node raises: a conversation is one that goes well when nobody dies.
        """
        known = self.log.load(self.graph.codec, self.graph.channels).commands
        made = max((number for number in range(1, len(self.story.moves) + 1) if _id(number) in known), default=0)
        for number in range(max(made, 1), len(self.story.moves) + 1):
            move = self.story.moves[number - 1]
            # What the log knows is found by its id; what it said is no longer asked.
            given = None if number == made else move(self.snapshot()) if callable(move) else move
            self._call(given, number)

    def _call(self, given: Any, number: int) -> None:
        config: Any = {"configurable": {"thread_id": self.case.name, "command_id": _id(number)}}
        if self.by_loop:
            asyncio.run(self.graph.ainvoke(given, config))
        else:
            self.graph.invoke(given, config)

    @property
    def log(self) -> ThreadLog:
        """The thread's log."""
        return ThreadLog(self.saver.store, self.case.name, self.saver.tenant, self.saver.cipher)

    def snapshot(self) -> StateSnapshot:
        """The thread as it stands."""
        return self.graph.get_state({"configurable": {"thread_id": self.case.name}})

    def rows(self) -> list[Row]:
        """The thread's commits."""
        return self.saver.store.read(self.case.name, tenant=self.saver.tenant)

    def end(self) -> tuple[str, str]:
        """(digest, words) of how the thread ended."""
        end = self.story.end(self.snapshot())
        return canonical_digest(end, self.graph.codec).hex(), repr(end)[:SHOWN_MAX]

    def problems(self, left: Left, wanted: tuple[str, str]) -> list[str]:
        """What does not hold at the end; empty when all does."""
        rows = self.rows()
        commits = self.recorded().commits(self.graph.codec)
        found = broken_laws(rows, commits, self.case.name, self.saver.tenant)
        digests = {row.version: row.digest.hex() for row in rows}
        found += [
            f"version {version} was acknowledged before the crash and is not in the log"
            for version, digest in left.acknowledged
            if digests.get(version) != digest
        ]
        found += [f"{effect} was on record and was done again" for effect in self.runtime.repeated]
        found += recorded_twice(commits)
        digest, words = self.end()
        if digest != wanted[0]:
            found.append(f"it ended in\n    {words}\n  and without a crash in\n    {wanted[1]}")
        found += self._unlike_the_log()
        if self.story.check is not None:
            try:
                self.story.check(self.snapshot())
            except Exception as error:
                found.append(f"{type(error).__name__}: {error}")
        return found

    def _unlike_the_log(self) -> list[str]:
        actor = self.runtime.known(self.saver, self.case.name)
        if actor is None or actor.log is None or actor.plan is not self.graph.plan:
            return []
        replayed = actor.log.load(self.graph.codec, self.graph.channels)
        same = portrait(replayed, self.graph.channels) == portrait(actor.stored, self.graph.channels)
        return [] if same else ["replaying the log gives another state than the process has"]

    def recorded(self, note: str = "") -> RecordedLog:
        """The log, in plain."""
        return RecordedLog.of(self.saver, self.case.name, note=note, plain=True)

    def log_words(self) -> list[str]:
        """The log, for people."""
        return log_lines(self.recorded().commits(self.graph.codec))

    def save(self, problems: Sequence[str]) -> str:
        """Save the log for a later test, if there is a place for it; its path."""
        if self.story.save_to is None:
            return ""
        name = f"crash-{(self.case.site or 'none').replace(' ', '-')}-{self.case.append}.jsonl"
        return str(self.recorded("; ".join(problems)).save(self.story.save_to / name))


def recorded_twice(commits: Sequence[Commit]) -> list[str]:
    """Effects that are on record twice under one id."""
    found, steps = [], dict[str, int]()
    seen: set[tuple[Any, ...]] = set()
    for event in (event for commit in commits for event in commit.events):
        if isinstance(event, StepCommitted):
            steps[event.ns] = steps.get(event.ns, 0) + 1
        elif isinstance(event, EffectRecorded) and event.error is None:
            place = (event.ns, steps.get(event.ns, 0), event.task, event.scope, event.name, event.digest, event.ordinal)
            if place in seen:
                found.append(f"effect {event.name!r} is on record twice")
            seen.add(place)
    return found


def calm(story: Story, case: Case) -> Callable[[Say], None]:
    """A process in which nobody dies: it tells how many appends there are, and the end."""

    def body(say: Say) -> None:
        with ExitStack() as stack:
            life = Life(story, case, stack, lambda _: None)
            life.converse()
            say({"appends": life.killer.appends, "end": life.end(), "log": life.log_words()})

    return body


def between(story: Story, left: Left | None, wanted: tuple[str, str], begins: Case | None) -> Callable[[Say], None]:
    """A process that finishes what a dead one left, says what it found, and begins a case in which it dies itself."""

    def body(say: Say) -> None:
        if left is not None:
            with ExitStack() as stack:
                finishing = Life(story, left.case, stack, lambda _: None)
                finishing.converse()
                problems = finishing.problems(left, wanted)
                said: dict[str, Any] = {"finished": left.case.name, "problems": problems}
                if problems:
                    said |= {"log": finishing.log_words(), "saved": finishing.save(problems)}
                say(said)
        if begins is not None:
            with ExitStack() as stack:
                killer = Killer(begins.name, begins.site, begins.append)
                Life(story, begins, stack, say, killer).converse()
                say({"outlived": begins.name})

    return body


def _id(number: int) -> str:
    return f"crash_everywhere {number}"


def whole_end(snapshot: StateSnapshot) -> Any:
    """What is compared where the caller does not say: values without ids of messages, what is due, what is asked."""
    asked = [question.value for question in snapshot.interrupts]
    return [comparable(snapshot.values), list(snapshot.next), asked]
