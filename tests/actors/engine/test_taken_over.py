"""Another process writes between a decision and its append: what is decided anew, how often, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clew import START, Runtime, StateGraph
from clew.actors.engine.work.lives import _CONFLICTS_MAX as DELETIONS_MAX
from clew.actors.engine.work.writer import CONFLICTS_MAX
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import OutcomeUnknownError, StaleVersionError, StoreBusyError, ThreadErasedError
from clew.testing import Fault, FaultyStore, RecordedLog

from .graphs import GIVEN, State, chain, named, on, side_by_side


@pytest.fixture
def saver() -> BaseCheckpointSaver:
    return InMemorySaver()


@pytest.fixture
def other() -> Iterator[Runtime]:
    """What another process would have."""
    with Runtime() as opened:
        yield opened


class Between:
    """A saver's store that lets somebody else act before appends of thread "1"; what they do is not met by it."""

    def __init__(self, saver: BaseCheckpointSaver, act: Callable[[], Any], times: int = 1_000_000) -> None:
        self.appends = 0
        inner = saver.store

        class Store:
            durable = inner.durable

            def append(_, entry: Any) -> int:
                self.appends += 1
                if self.appends <= times:
                    act()
                return inner.append(entry)

            def __getattr__(_, name: str) -> Any:
                return getattr(inner, name)

        self.saver = BaseCheckpointSaver(Store())


@pytest.mark.parametrize("times", [1, CONFLICTS_MAX])
def test_a_command_is_decided_anew_on_what_others_wrote(
    saver: BaseCheckpointSaver, runtime: Runtime, other: Runtime, times: int
) -> None:
    there = chain(a=named("there")).compile(checkpointer=saver, runtime=other)
    between = Between(saver, lambda: there.invoke(GIVEN, on("1")), times)
    here = chain(a=named("here")).compile(checkpointer=between.saver, runtime=runtime)
    assert here.invoke(GIVEN, on("1")) == {"names": ["there"] * times + ["here"]}


def test_who_is_always_second_is_told_in_the_end(saver: BaseCheckpointSaver, runtime: Runtime, other: Runtime) -> None:
    there = chain(a=named("there")).compile(checkpointer=saver, runtime=other)
    between = Between(saver, lambda: there.invoke(GIVEN, on("1")))
    here = chain(a=named("here")).compile(checkpointer=between.saver, runtime=runtime)
    with pytest.raises(StaleVersionError) as told:
        here.invoke(GIVEN, on("1"))
    assert between.appends == 1 + CONFLICTS_MAX
    assert told.value.thread == "1"
    assert here.get_state(on("1")).values == {"names": ["there"] * between.appends}


def test_the_outcome_of_a_step_that_others_did_is_refused_and_says_where_they_are(
    saver: BaseCheckpointSaver, runtime: Runtime, other: Runtime
) -> None:
    builder = chain(a=named("a"), b=named("b"), c=named("c"))
    here = builder.compile(checkpointer=saver, runtime=runtime)
    there = builder.compile(checkpointer=saver, runtime=other)
    overtaken = here.stream(GIVEN, on("1"))
    next(overtaken)
    before = saver.store.head("1")
    there.invoke(None, on("1"))
    after = saver.store.head("1")
    assert before is not None
    assert after is not None
    with pytest.raises(StaleVersionError) as told:
        list(overtaken)
    assert (told.value.thread, told.value.expected, told.value.actual) == ("1", before.version, after.version)


def test_the_outcome_of_a_step_that_others_are_at_is_refused(
    saver: BaseCheckpointSaver, runtime: Runtime, other: Runtime
) -> None:
    taken, refused = threading.Event(), threading.Event()
    theirs: list[Any] = []

    def b(state: State) -> dict[str, Any]:
        if threading.current_thread() is thief:
            taken.set()
            assert refused.wait(30)
            return {"names": ["there"]}
        thief.start()
        assert taken.wait(30)
        return {"names": ["here"]}

    builder = chain(a=named("a"), b=b, c=named("c"))
    here = builder.compile(checkpointer=saver, runtime=runtime)
    there = builder.compile(checkpointer=saver, runtime=other)
    thief = threading.Thread(target=lambda: theirs.append(there.invoke(None, on("1"))))
    with pytest.raises(StaleVersionError):
        here.invoke(GIVEN, on("1"))
    refused.set()
    thief.join(30)
    assert theirs == [{"names": ["a", "there", "c"]}]


def test_late_work_does_not_come_between_another_process_and_its_step(
    saver: BaseCheckpointSaver, runtime: Runtime, other: Runtime
) -> None:
    late, done, first = threading.Event(), threading.Event(), threading.Event()

    def slow(state: State) -> dict[str, Any]:
        if not first.is_set():
            first.set()
            assert late.wait(30)
            return {"names": ["late"]}
        late.set()
        assert done.wait(30)
        return {"names": ["second"]}

    builder = side_by_side(fast=named("fast"), slow=slow)
    there = builder.compile(checkpointer=saver, runtime=other)
    here = builder.compile(checkpointer=saver, runtime=runtime)
    left = there.stream(GIVEN, on("1"))
    assert next(left) == {"fast": {"names": ["fast"]}}
    assert first.wait(30)
    left.close()

    def tell_when_done() -> None:
        assert late.wait(30)
        assert other.drain(30)
        done.set()

    teller = threading.Thread(target=tell_when_done)
    teller.start()
    assert here.invoke(None, on("1")) == {"names": ["fast", "second"]}
    teller.join(30)


# --- threads that are deleted


def test_a_call_begins_a_deleted_thread_anew_as_often_as_is_said(saver: BaseCheckpointSaver, runtime: Runtime) -> None:
    writes = chain(a=named("a")).compile(checkpointer=saver)

    def live_and_die() -> None:
        writes.invoke(GIVEN, on("1"))
        saver.delete_thread("1")

    between = Between(saver, live_and_die, 1 + DELETIONS_MAX)
    here = chain(a=named("a")).compile(checkpointer=between.saver, runtime=runtime)
    assert here.invoke(GIVEN, on("1")) == {"names": ["a"]}


@pytest.mark.parametrize("tenant", ["", "acme"])
def test_a_run_that_is_stored_at_its_end_begins_a_deleted_thread_anew(
    saver: BaseCheckpointSaver, runtime: Runtime, tenant: str
) -> None:
    own = BaseCheckpointSaver(saver.store, tenant=tenant)
    here = chain(a=named("a"), b=named("b")).compile(checkpointer=own, runtime=runtime)
    here.invoke(GIVEN, on("1"))
    own.delete_thread("1")
    with Runtime() as elsewhere:
        there = chain(a=named("a"), b=named("b")).compile(checkpointer=own, runtime=elsewhere)
        assert there.invoke(GIVEN, on("1"), durability="exit") == {"names": ["a", "b"]}
    assert here.invoke(GIVEN, on("1"))["names"] == ["a", "b"] * 2


def test_who_never_gets_to_write_a_life_is_told(saver: BaseCheckpointSaver, runtime: Runtime) -> None:
    writes = chain(a=named("a")).compile(checkpointer=saver)

    def live_and_die() -> None:
        writes.invoke(GIVEN, on("1"))
        saver.delete_thread("1")

    between = Between(saver, live_and_die)
    here = chain(a=named("a")).compile(checkpointer=between.saver, runtime=runtime)
    with pytest.raises(ThreadErasedError):
        here.invoke(GIVEN, on("1"))
    assert between.appends == 2 + DELETIONS_MAX


def test_a_thread_whose_proof_was_kept_is_not_begun_anew(saver: BaseCheckpointSaver, runtime: Runtime) -> None:
    here = chain(a=named("a")).compile(checkpointer=saver, runtime=runtime)
    here.invoke(GIVEN, on("1"))
    saver.store.retire("1")
    with pytest.raises(ThreadErasedError, match="start another thread id") as told:
        here.invoke(GIVEN, on("1"))
    assert told.value.epoch is None


def test_a_graph_inside_does_not_begin_the_deleted_thread_around_it_anew(
    saver: BaseCheckpointSaver, runtime: Runtime
) -> None:
    inner = chain(a=named("inside")).compile(checkpointer=True)

    def outer(state: State) -> dict[str, Any]:
        saver.delete_thread("1")
        return inner.invoke(GIVEN)

    here = (
        StateGraph(State).add_node("outer", outer).add_edge(START, "outer").compile(checkpointer=saver, runtime=runtime)
    )
    with pytest.raises(ThreadErasedError):
        here.invoke(GIVEN, on("1"))
    assert saver.store.read("1") == []


# --- a call that has nothing to write


def test_a_repeated_command_shows_the_values_that_stand(saver: BaseCheckpointSaver, runtime: Runtime) -> None:
    here = chain(a=named("a")).compile(checkpointer=saver, runtime=runtime)
    here.invoke(GIVEN, on("1", command_id="once"))
    again = list(here.stream(GIVEN, on("1", command_id="once"), stream_mode="values"))
    assert again == [{"names": ["a"]}]
    assert saver.store.read("1")[-1].version == 1


@pytest.mark.parametrize("asked", [None, GIVEN])
def test_a_call_with_nothing_to_write_fails_with_its_store(
    saver: BaseCheckpointSaver, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, asked: Any
) -> None:
    here = chain(a=named("a")).compile(checkpointer=saver, runtime=runtime)
    here.invoke(GIVEN, on("1", command_id="once"))

    def busy(*_: Any, **__: Any) -> Any:
        raise StoreBusyError("locked")

    with monkeypatch.context() as patched:
        patched.setattr(saver.store, "read", busy)
        with pytest.raises(StoreBusyError, match="locked"):
            here.invoke(asked, on("1", command_id="once"))
    assert here.invoke(asked, on("1", command_id="once")) == {"names": ["a"]}


@pytest.mark.parametrize("kind", ["keep", "lose"])
def test_after_an_unknown_outcome_the_log_is_read_from_its_beginning(
    saver: BaseCheckpointSaver, runtime: Runtime, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FaultyStore(saver.store, Fault(kind, at=3))
    here = chain(a=named("a")).compile(checkpointer=BaseCheckpointSaver(store), runtime=runtime)
    here.invoke(GIVEN, on("1"))
    with pytest.raises(OutcomeUnknownError):
        here.invoke(GIVEN, on("1"))
    read, looks = store.read, list[int]()

    def watched(thread: str, after: int = -1, until: int | None = None, tenant: str = "") -> Any:
        looks.append(after)
        return read(thread, after, until, tenant)

    monkeypatch.setattr(store, "read", watched)
    assert here.invoke(None, on("1")) == {"names": ["a", "a"]}
    assert looks[0] == -1


def test_time_goes_on_within_a_thread_where_the_clock_stands_or_is_set_back(
    saver: BaseCheckpointSaver, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = chain(a=named("a"), b=named("b")).compile(checkpointer=saver, runtime=runtime)
    for seconds in (1_700_000_000, 1_700_000_000, 1_600_000_000):
        monkeypatch.setattr("time.time_ns", lambda seconds=seconds: seconds * 1_000_000_000)
        here.invoke(GIVEN, on("1"))
    times = [commit.time for commit in RecordedLog.of(saver, "1").commits(here.codec)]
    assert times == sorted(set(times))
    assert times[0] == 1_700_000_000_000_000
