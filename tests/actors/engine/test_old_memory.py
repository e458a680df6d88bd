"""A process whose memory of a thread is old: another one went on. What it finds is the store's, never its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clew import Command, Runtime, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import AlreadyAnsweredError, StaleVersionError, StoreBusyError
from clew.events.stores.store import RUNNING

from .graphs import GIVEN, State, chain, named, on

Process = Callable[[StateGraph], Any]


@pytest.fixture
def saver() -> BaseCheckpointSaver:
    return InMemorySaver()


@pytest.fixture
def processes(saver: BaseCheckpointSaver) -> Iterator[tuple[Process, Process]]:
    """Two runtimes on one store: what they share is what two processes share."""
    with Runtime() as one, Runtime() as other:
        yield (
            lambda builder: builder.compile(checkpointer=saver, runtime=one),
            lambda builder: builder.compile(checkpointer=saver, runtime=other),
        )


def abc() -> StateGraph:
    return chain(a=named("a"), b=named("b"), c=named("c"))


def test_continuing_a_thread_that_another_process_left_open(processes: tuple[Process, Process]) -> None:
    here, there = (process(abc()) for process in processes)
    here.invoke(GIVEN, on("1"))
    there.invoke(GIVEN, on("1"), interrupt_before=["b"])
    assert here.invoke(None, on("1")) == {"names": ["a", "b", "c"] * 2}
    assert there.invoke(None, on("1")) == {"names": ["a", "b", "c"] * 2}


def test_closing_a_stream_that_another_process_took_over_stops_nobody(
    processes: tuple[Process, Process], saver: BaseCheckpointSaver
) -> None:
    here, there = (process(abc()) for process in processes)
    overtaken = here.stream(GIVEN, on("1"))
    assert next(overtaken) == {"a": {"names": ["a"]}}
    going_on = there.stream(None, on("1"))
    assert next(going_on) == {"b": {"names": ["b"]}}
    overtaken.close()
    head = saver.store.head("1")
    assert head is not None
    assert head.head.status == RUNNING
    assert list(going_on) == [{"c": {"names": ["c"]}}]


def test_a_run_that_was_overtaken_says_so(processes: tuple[Process, Process]) -> None:
    here, there = (process(abc()) for process in processes)
    overtaken = here.stream(GIVEN, on("1"))
    next(overtaken)
    assert there.invoke(None, on("1")) == {"names": ["a", "b", "c"]}
    with pytest.raises(StaleVersionError):
        list(overtaken)
    assert here.get_state(on("1")).values == {"names": ["a", "b", "c"]}
    assert here.invoke(GIVEN, on("1"))["names"] == ["a", "b", "c"] * 2


def test_the_second_answer_from_another_process_learns_who_was_first(processes: tuple[Process, Process]) -> None:
    def asks(state: State) -> dict[str, Any]:
        return {"names": [interrupt("one?"), interrupt("two?")]}

    here, there = (process(chain(asks=asks)) for process in processes)
    question = here.invoke(GIVEN, on("1"))["__interrupt__"][0].id
    there.invoke(Command(resume={question: "first"}), on("1", who="ann"))
    with pytest.raises(AlreadyAnsweredError, match="ann"):
        here.invoke(Command(resume={question: "second"}), on("1"))
    assert here.invoke(Command(resume="third"), on("1")) == {"names": ["first", "third"]}


def test_a_call_that_writes_nothing_does_not_hide_that_the_store_is_gone(
    processes: tuple[Process, Process], saver: BaseCheckpointSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = processes[0](abc())
    here.invoke(GIVEN, on("1"))

    def locked(*args: Any, **options: Any) -> Any:
        raise StoreBusyError("locked")

    monkeypatch.setattr(saver.store, "read", locked)
    with pytest.raises(StoreBusyError):
        here.invoke(None, on("1"))
