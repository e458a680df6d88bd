"""The same command id again: the work it began is taken up where it was left, and nothing else is done."""

from __future__ import annotations

from typing import Any

import pytest
from clew import Command, Runtime, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import GraphRecursionError, OutcomeUnknownError, StoreBusyError
from clew.testing import Fault, FaultyStore

from .graphs import GIVEN, State, chain, named, on, side_by_side


@pytest.fixture
def saver() -> BaseCheckpointSaver:
    return InMemorySaver()


def test_a_second_click_passes_no_breakpoint(saver: BaseCheckpointSaver, runtime: Runtime) -> None:
    graph = chain(a=named("a"), b=named("b"), c=named("c")).compile(
        checkpointer=saver, runtime=runtime, interrupt_before=["b"], interrupt_after=["b"]
    )
    for _ in range(3):
        assert graph.invoke(GIVEN, on("1", command_id="send")) == {"names": ["a"]}
    for _ in range(3):
        assert graph.invoke(None, on("1", command_id="go on")) == {"names": ["a", "b"]}
    assert graph.invoke(GIVEN, on("1", command_id="send")) == {"names": ["a", "b"]}
    assert graph.invoke(None, on("1", command_id="and on")) == {"names": ["a", "b", "c"]}


def test_a_second_update_by_hand_changes_and_runs_nothing(saver: BaseCheckpointSaver, runtime: Runtime) -> None:
    graph = chain(a=named("a"), b=named("b")).compile(checkpointer=saver, runtime=runtime)
    configs = [graph.update_state(on("1", command_id="fix"), {"names": ["x"]}, as_node="a") for _ in range(3)]
    assert configs == configs[:1] * 3
    assert graph.get_state(on("1")).values == {"names": ["x"]}
    assert graph.get_state(on("1")).next == ("b",)


def test_a_second_click_takes_no_steps_beyond_the_limit(saver: BaseCheckpointSaver, runtime: Runtime) -> None:
    graph = chain(a=named("a"), b=named("b"), c=named("c")).compile(checkpointer=saver, runtime=runtime)
    for _ in range(3):
        with pytest.raises(GraphRecursionError, match=r"\['b'\] are still due"):
            graph.invoke(GIVEN, {**on("1", command_id="send"), "recursion_limit": 1})
    assert graph.get_state(on("1")).values == {"names": ["a"]}


def test_an_old_click_does_not_take_up_what_others_began(saver: BaseCheckpointSaver, runtime: Runtime) -> None:
    failing = [True]

    def b(state: State) -> dict[str, Any]:
        if failing[0]:
            raise ValueError("not now")
        return {"names": ["b"]}

    graph = chain(a=named("a"), b=b).compile(checkpointer=saver, runtime=runtime)
    failing[0] = False
    graph.invoke(GIVEN, on("1", command_id="first"))
    failing[0] = True
    with pytest.raises(ValueError, match="not now"):
        graph.invoke(GIVEN, on("1", command_id="second"))
    failing[0] = False
    assert graph.invoke(GIVEN, on("1", command_id="first")) == {"names": ["a", "b", "a"]}
    assert graph.invoke(GIVEN, on("1", command_id="second")) == {"names": ["a", "b", "a", "b"]}


def test_an_answer_whose_work_was_lost_is_taken_up_though_another_question_is_open(
    saver: BaseCheckpointSaver, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asks(name: str) -> Any:
        return lambda state: {"names": [f"{name}: {interrupt(name)}"]}

    graph = side_by_side(a=asks("a"), b=asks("b")).compile(checkpointer=saver, runtime=runtime)
    questions = {asked.value: asked.id for asked in graph.invoke(GIVEN, on("1"))["__interrupt__"]}
    answer = Command(resume={questions["a"]: "yes"})
    append = saver.store.append

    def loses_the_second(entry: Any) -> int:
        if entry.version == 3:
            raise StoreBusyError("full")
        return append(entry)

    with monkeypatch.context() as patch:
        patch.setattr(saver.store, "append", loses_the_second)
        with pytest.raises(StoreBusyError):
            graph.invoke(answer, on("1", command_id="click"))
    result = graph.invoke(answer, on("1", command_id="click"))
    assert result["names"] == ["a: yes"]
    assert [asked.value for asked in result["__interrupt__"]] == ["b"]


@pytest.mark.parametrize("kind", ["fail", "keep", "lose"])
@pytest.mark.parametrize("version", range(3))
def test_what_is_left_of_a_command_may_write_nothing_and_it_is_told_the_values_all_the_same(
    saver: BaseCheckpointSaver, runtime: Runtime, kind: Any, version: int
) -> None:
    store = FaultyStore(saver.store, Fault(kind, at=version))
    quiet = chain(a=lambda state: {}, b=lambda state: {}).compile(
        checkpointer=BaseCheckpointSaver(store), runtime=runtime
    )
    with pytest.raises((StoreBusyError, OutcomeUnknownError)):
        quiet.invoke({"names": ["said"]}, on("1", command_id="say"))
    assert store.met == [(kind, version)]
    for _ in range(2):
        assert quiet.invoke({"names": ["said"]}, on("1", command_id="say")) == {"names": ["said"]}
    assert quiet.get_state(on("1")).next == ()
