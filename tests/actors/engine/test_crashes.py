"""A crash, or a store that fails, at every append of every conversation: the next process brings it to the same end.

No acknowledged commit is lost or doubled, no question answered twice, no recorded effect done again.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from clew import Runtime
from clew.checkpoint import BaseCheckpointSaver
from clew.events.chain.verify import verify
from clew.events.stores.memory import MemoryStore
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import Store
from clew.events.vocabulary import EffectRecorded, InterruptRaised, Resumed

from ...guarantees.sizes import NIGHTLY
from ...support.faulty_store import CRASHES, ERRORS, Crash, FaultyStore, Site, faulty_saver
from ...support.stories import commits, events
from ...support.thread_script import portrait
from ...support.watchdog import within
from .conversations import STORIES, Person, Story, comparable
from .effects import Ledger
from .graphs import on

DEPTH = int(os.environ.get("CLEW_CRASHES", "1"))
"""How many processes in a row die; the nightly run sets two."""

ON_SQLITE = ("chain", "parallel questions one by one", "tools", "nested graph", "async", "time travel")
"""Stories told over a file, too, at a commit: what dies here is the process as the store sees it, and whole processes
are killed over SQLite by tests/guarantees/test_r01_crash_at_every_event.py."""
CASES = [
    (kind, name)
    for kind in ("memory", "sqlite")
    for name in STORIES
    if kind == "memory" or DEPTH > 1 or NIGHTLY or name in ON_SQLITE
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A crash is a bug of ours to the actor that meets it, and is logged as one."""
    logging.getLogger("clew").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("clew").setLevel(logging.NOTSET)


@pytest.fixture
def inner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """What outlives the processes of one test: a store with a thread for each run."""
    opened = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "threads.db"), durability="os")
    yield opened
    opened.close()


@contextmanager
def process(
    story: Story, ledger: Ledger, inner: Store, site: Site = "before", at: int | None = None
) -> Iterator[tuple[FaultyStore, Any]]:
    """A process with nothing in memory: a runtime, a store that may fail, and the graph."""
    store, saver = faulty_saver(inner, site, at)
    with Runtime() as runtime:
        yield store, story.build(ledger).compile(checkpointer=saver, runtime=runtime, **story.options)


class World:
    """One conversation from its first process to its end, and what must hold of it."""

    def __init__(self, story: Story, inner: Store, thread: str, *, repeats: bool) -> None:
        self.story = story
        self.inner = inner
        self.thread = thread
        self.ledger = Ledger()
        self.person = Person(story, thread, repeats=repeats)
        self.saver = BaseCheckpointSaver(inner)

    def live(self, *faults: tuple[Site, int]) -> int:
        """Converse to the end, through a process for each fault and one without; how many faults were met."""
        (site, at), *more = faults or [("before", None)]
        recorded, done = self.recorded_effects(), len(self.ledger.done)
        store = within(lambda: self._one_process(site, at))
        self.keeps_what_it_said(store)
        again = recorded & set(self.ledger.done[done:])
        assert not again, f"recorded, and done again: {again}"
        return len(store.met) + (self.live(*more) if store.dead else 0)

    def _one_process(self, site: Site, at: int | None) -> FaultyStore:
        with process(self.story, self.ledger, self.inner, site, at) as (store, graph), suppress(Crash):
            self.person.converse(graph)
        return store

    def keeps_what_it_said(self, store: FaultyStore) -> None:
        """Every acknowledged append is in the log, once, where it was said to be; and the chain holds."""
        rows = self.inner.read(self.thread)
        assert [row.version for row in rows] == list(range(len(rows)))
        assert verify(rows, self.thread) == []
        for thread, version, digest in store.acknowledged:
            assert thread == self.thread
            assert rows[version].digest == digest
        ids = Counter(commit.id for commit in commits(self.saver, self.thread))
        assert max(ids.values(), default=1) == 1

    def recorded_effects(self) -> set[str]:
        """What the log says was done: receipts of the nodes, and outputs of the tools."""
        values = [
            event.value.value for event in events(self.saver, self.thread, EffectRecorded) if event.value is not None
        ]
        texts = [value if isinstance(value, str) else str(getattr(value, "content", value)) for value in values]
        return {text.removeprefix("receipt for ") for text in texts}

    def end(self) -> Any:
        """How it ended, as another process finds it."""
        with process(self.story, self.ledger, self.inner) as (_, graph):
            state = graph.get_state(on(self.thread))
            list(graph.get_state_history(on(self.thread)))
            assert graph.invoke(None, on(self.thread)) is not None
            actor = graph.runtime.known(graph.saver, self.thread)
            fresh = actor.log.load(graph.codec, graph.channels)
            assert portrait(fresh, graph.channels) == portrait(graph.peek(actor), graph.channels)
        return comparable(state.values), state.next, self.answered()

    def answered(self) -> Counter[str]:
        """Each question with its answer; none has two."""
        given = Counter(event.question for event in events(self.saver, self.thread, Resumed))
        assert max(given.values(), default=1) == 1, "a question was answered twice"
        asked = {event.question: event.value.value for event in events(self.saver, self.thread, InterruptRaised)}
        return Counter(str(asked[question]) for question in given)


def every_fault(
    story: Story, inner: Store, sites: tuple[Site, ...], *, repeats: bool, first: tuple[tuple[Site, int], ...] = ()
) -> int:
    """Run the story with a fault at each append and site, after those given first; how many faults were met."""
    calm = World(story, inner, f"{first} and calm", repeats=repeats)
    calm.live()
    expected = within(calm.end)
    met = 0
    for site in sites:
        for at in count():
            faults = (*first, (site, at))
            world = World(story, inner, str(faults), repeats=repeats)
            try:
                if world.live(*faults) < len(faults):
                    break
                assert within(world.end) == expected
                if repeats:
                    assert world.person.moves <= calm.person.moves, "a repeated call did not do all that it stands for"
                if len(faults) < DEPTH and site in CRASHES:
                    met += every_fault(story, inner, sites, repeats=repeats, first=faults)
            except BaseException as error:
                error.add_note(f"with the faults {faults}")
                raise
            met += 1
    return met


@pytest.mark.slow
@pytest.mark.parametrize("repeats", [True, False], ids=["repeats", "looks"])
@pytest.mark.parametrize(("inner", "name"), CASES, indirect=["inner"])
def test_a_crash_at_any_append_changes_nothing_but_the_process(inner: Store, name: str, repeats: bool) -> None:
    story = STORIES[name]
    met = every_fault(story, inner, CRASHES, repeats=repeats)
    assert met >= 2 * 3


@pytest.mark.slow
@pytest.mark.parametrize("repeats", [True, False], ids=["repeats", "looks"])
@pytest.mark.parametrize("name", STORIES)
def test_a_store_that_fails_at_any_append_is_told_of_and_harmless(name: str, repeats: bool) -> None:
    story = STORIES[name]
    met = every_fault(story, MemoryStore(), ERRORS, repeats=repeats)
    assert met >= 4 * 3
