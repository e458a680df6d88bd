"""A process dies at every append of a workflow: what is on record is not done again, and the end is the same."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from clew import Command, Runtime, interrupt
from clew.checkpoint import BaseCheckpointSaver, PostgresSaver
from clew.errors import OutcomeUnknownError
from clew.events.chain.verify import verify
from clew.events.stores.memory import MemoryStore
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import Store
from clew.events.vocabulary import EffectRecorded
from clew.func import entrypoint, task

from ...support.faulty_store import CRASHES, Crash, Site, faulty_saver
from ...support.stories import events, on

END = {"paid": ["paid a", "paid b", "paid c"], "answer": "yes", "last": "paid yes"}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A crash is a bug of ours to the actor that meets it, and is logged as one."""
    logging.getLogger("clew").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("clew").setLevel(logging.NOTSET)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def inner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """What outlives the processes of one test."""
    if request.param == "postgres":
        with PostgresSaver.from_conn_string(request.getfixturevalue("postgres_dsn")) as saver:
            saver.setup()
            yield saver.store
        return
    opened = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "threads.db"), durability="os")
    yield opened
    opened.close()


class Shop:
    """A workflow that pays three times, asks, and pays again; and what it really paid, in every process."""

    def __init__(self, inner: Store, thread: str, *, is_async: bool) -> None:
        self.inner = inner
        self.thread = thread
        self.is_async = is_async
        self.done: list[str] = []

    def workflow(self, saver: BaseCheckpointSaver, runtime: Runtime) -> Any:
        """The entrypoint, made anew as in a new process."""

        def pay(what: str) -> str:
            self.done.append(what)
            return f"paid {what}"

        async def apay(what: str) -> str:
            return pay(what)

        options = {"checkpointer": saver, "runtime": runtime}
        if self.is_async:
            step = task(name="pay")(apay)

            @entrypoint(**options)
            async def ashop(x: str) -> dict[str, Any]:
                paid = [await step("a"), *await asyncio.gather(step("b"), step("c"))]
                answer = interrupt("again?")
                return {"paid": paid, "answer": answer, "last": await step(answer)}

            return ashop
        step = task(name="pay")(pay)

        @entrypoint(**options)
        def shop(x: str) -> dict[str, Any]:
            paid = [step("a").result(), *(future.result() for future in [step("b"), step("c")])]
            answer = interrupt("again?")
            return {"paid": paid, "answer": answer, "last": step(answer).result()}

        return shop

    def process(self, site: Site = "before", at: int | None = None) -> bool:
        """A process that brings the workflow on until it ends or dies; True when it died."""
        recorded, before = self.recorded(), len(self.done)
        store, saver = faulty_saver(self.inner, site, at)
        with Runtime() as runtime:
            try:
                self._go_on(self.workflow(saver, runtime))
            except (Crash, OutcomeUnknownError):
                # A loop's appends go through the committer, which takes a death for a store that does not answer.
                assert store.dead
        assert recorded.isdisjoint(self.done[before:]), "on record, and done again"
        rows = self.inner.read(self.thread)
        assert verify(rows, self.thread) == []
        return store.dead

    def recorded(self) -> set[str]:
        """What the log says was paid."""
        recorded = events(BaseCheckpointSaver(self.inner), self.thread, EffectRecorded)
        return {str(event.value.value).removeprefix("paid ") for event in recorded if event.value is not None}

    def _go_on(self, graph: Any) -> None:
        config = on(self.thread)
        state = graph.get_state(config)
        while state.next or state.created_at is None:
            given = "go" if state.created_at is None else Command(resume="yes") if state.interrupts else None
            if self.is_async:
                asyncio.run(graph.ainvoke(given, config))
            else:
                graph.invoke(given, config)
            state = graph.get_state(config)
        assert state.values == END


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("site", CRASHES)
def test_a_crash_at_any_append_leads_to_the_same_end(inner: Store, site: Site, is_async: bool) -> None:
    met = 0
    while True:
        shop = Shop(inner, f"{site} {is_async} {met}", is_async=is_async)
        died = shop.process(site, met)
        if died:
            assert not shop.process()
        if not died:
            break
        met += 1
    # The input, the payments, the question, the answer and the end make at least four appends.
    assert met >= 4
    assert sorted(set(shop.done)) == ["a", "b", "c", "yes"]


def test_a_finished_task_is_durable_while_a_slower_one_goes_on(inner: Store) -> None:
    done: list[str] = []
    store, saver = faulty_saver(inner)
    appended = threading.Event()
    append = store.append

    def tell(entry: Any) -> int:
        position = append(entry)
        if store.appends == 2:
            # The input is durable, and now the first task is: here the process dies, with the slower one at work.
            store.dead = True
            appended.set()
        return position

    store.append = tell  # type: ignore[method-assign]

    def workflow(saver: BaseCheckpointSaver, runtime: Runtime) -> Any:
        @task
        def fast(x: str) -> str:
            done.append(f"fast {x}")
            return "f"

        @task
        def slow(x: str) -> str:
            appended.wait(10)
            done.append(f"slow {x}")
            return "s"

        @entrypoint(checkpointer=saver, runtime=runtime)
        def flow(x: str) -> str:
            return "".join(future.result() for future in [fast(x), slow(x)])

        return flow

    with Runtime() as runtime, suppress(Crash):
        workflow(saver, runtime).invoke("x", on("t"))
    assert store.dead
    assert [event.name for event in events(BaseCheckpointSaver(inner), "t", EffectRecorded)] == ["fast"]
    with Runtime() as runtime:
        assert workflow(BaseCheckpointSaver(inner), runtime).invoke(None, on("t")) == "fs"
    assert sorted(done) == ["fast x", "slow x", "slow x"]
