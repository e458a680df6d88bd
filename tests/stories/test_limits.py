"""Every limit at its edge: what is just allowed works, one more is refused by name, and nothing is lost."""

from __future__ import annotations

import asyncio
import operator
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypedDict

import pytest
from clew import END, START, Command, InMemorySaver, Runtime, Send, SqliteSaver, StateGraph, interrupt
from clew.actors.engine import call, thread
from clew.actors.engine.work import writer
from clew.errors import EncodeError, GraphRecursionError, InboxFullError, LimitError
from clew.events.codec import refusals
from clew.events.stores import stream
from clew.projections.inbox import summary
from clew.projections.state import fold, open_step
from clew.projections.state import thread as thread_state

from tests.support.stories import until

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class Counted(TypedDict):
    done: Annotated[list[int], operator.add]


def versions(saver: Any) -> int:
    return len(saver.store.read("t"))


def count_to(last: int, saver: Any) -> Any:
    def count(state: Counted) -> dict[str, list[int]]:
        return {"done": [len(state["done"])]}

    built = StateGraph(Counted).add_node(count).add_edge(START, "count")
    built.add_conditional_edges("count", lambda state: "count" if len(state["done"]) < last else END)
    return built.compile(checkpointer=saver)


# -- commits of a run


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_run_ends_at_its_last_commit_and_goes_on_with_the_next_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, is_async: bool
) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "t.sqlite")) as saver:
        for module in (writer, thread):
            monkeypatch.setattr(module, "RUN_COMMITS_MAX", 4)
        assert count_to(3, saver).invoke({"done": []}, CONFIG)["done"] == [0, 1, 2]
        assert versions(saver) == 4
        graph, config = count_to(5, saver), {"configurable": {"thread_id": "longer"}}
        with pytest.raises(LimitError, match=r"too many commits.*None as input \(RUN_COMMITS_MAX = 4\)") as raised:
            asyncio.run(graph.ainvoke({"done": []}, config)) if is_async else graph.invoke({"done": []}, config)
        assert (raised.value.limit, raised.value.value) == ("RUN_COMMITS_MAX", 4)
        state = graph.get_state(config)
        assert (state.values["done"], state.next) == ([0, 1, 2], ("count",))
        assert graph.invoke(None, config)["done"] == [0, 1, 2, 3, 4]


def test_graphs_inside_count_for_the_run_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (writer, thread):
        monkeypatch.setattr(module, "RUN_COMMITS_MAX", 6)
    inner = StateGraph(Counted).add_node("one", lambda state: {"done": [1]}).add_edge(START, "one").compile()

    def calls(state: Counted) -> dict[str, list[int]]:
        for _ in range(100):
            inner.invoke({"done": []})
        return {"done": [1]}

    saver = InMemorySaver()
    graph = StateGraph(Counted).add_node(calls).add_edge(START, "calls").compile(saver)
    with pytest.raises(LimitError, match="RUN_COMMITS_MAX"):
        graph.invoke({"done": []}, CONFIG)
    assert versions(saver) < 20
    assert graph.get_state(CONFIG).next == ("calls",)


# -- questions


def asking(saver: Any, count: int) -> Any:
    def ask(number: int) -> dict[str, list[int]]:
        return {"done": [interrupt(f"{number}?")]}

    built = StateGraph(Counted).add_node(ask)
    built.add_conditional_edges(START, lambda state: [Send("ask", number) for number in range(count)], ["ask"])
    return built.compile(checkpointer=saver)


def test_a_thread_has_as_many_open_questions_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "QUESTIONS_MAX", 3)
    saver = InMemorySaver()
    graph = asking(saver, 3)
    questions = graph.invoke({"done": []}, CONFIG)["__interrupt__"]
    assert len(questions) == 3
    assert graph.invoke(Command(resume={asked.id: 1 for asked in questions}), CONFIG)["done"] == [1, 1, 1]


def test_one_question_more_is_not_asked_and_the_thread_stays_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "QUESTIONS_MAX", 3)
    saver = InMemorySaver()
    graph = asking(saver, 4)
    with pytest.raises(LimitError, match=r"open at once \(QUESTIONS_MAX = 3\)"):
        graph.invoke({"done": []}, CONFIG)
    assert graph.get_state(CONFIG).next == ("ask",) * 4
    assert len(saver.store.heads()) == 1
    monkeypatch.setattr(summary, "QUESTIONS_MAX", 4)
    assert len(graph.invoke(None, CONFIG)["__interrupt__"]) == 4


def test_a_task_asks_as_many_questions_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "TASK_QUESTIONS_MAX", 2)

    def ask(state: Counted) -> dict[str, list[int]]:
        return {"done": [interrupt(f"{number}?") for number in range(limit)]}

    for limit in (2, 3):
        graph = StateGraph(Counted).add_node(ask).add_edge(START, "ask").compile(InMemorySaver())
        graph.invoke({"done": []}, CONFIG)
        graph.invoke(Command(resume=1), CONFIG)
        if limit == 2:
            assert graph.invoke(Command(resume=2), CONFIG)["done"] == [1, 2]
            continue
        with pytest.raises(LimitError, match=r"node 'ask' asks too many questions.*TASK_QUESTIONS_MAX = 2"):
            graph.invoke(Command(resume=2), CONFIG)
        assert "LimitError" in str(graph.get_state(CONFIG).tasks[0].error)


# -- the inbox


class Gate:
    """A graph whose runs wait to be let through."""

    def __init__(self) -> None:
        self.saver = InMemorySaver()
        self.entered, self.open = threading.Event(), threading.Event()
        built = StateGraph(Counted).add_node("node", self.node).add_edge(START, "node")
        self.runtime = Runtime()
        self.graph = built.compile(checkpointer=self.saver, runtime=self.runtime)

    def node(self, state: Counted) -> dict[str, list[int]]:
        self.entered.set()
        assert self.open.wait(30)
        return {"done": [1]}

    def waiting(self, count: int) -> bool:
        return self.runtime.health().waiting == count


def test_a_full_inbox_pushes_callers_back_and_keeps_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "INBOX_MAX", 3)
    gate = Gate()
    with gate.runtime, ThreadPoolExecutor(4) as callers:
        first = callers.submit(gate.graph.invoke, {"done": [0]}, CONFIG)
        assert gate.entered.wait(30)
        others = [callers.submit(gate.graph.invoke, {"done": [number]}, CONFIG) for number in (1, 2, 3)]
        until(lambda: gate.waiting(3))
        before = versions(gate.saver)
        with pytest.raises(InboxFullError, match=r"'t' has 3 runs waiting; try again later"):
            gate.graph.invoke({"done": [4]}, CONFIG)
        with pytest.raises(InboxFullError):
            asyncio.run(gate.graph.ainvoke({"done": [4]}, CONFIG))
        assert versions(gate.saver) == before
        other = {"configurable": {"thread_id": "other"}}
        gate.open.set()
        assert gate.graph.invoke({"done": [7]}, other)["done"] == [7, 1]
        for run in (first, *others):
            run.result(30)
        assert sorted(gate.graph.invoke({"done": [4]}, CONFIG)["done"]) == [0, 1, 1, 1, 1, 1, 1, 2, 3, 4]


# -- payloads, steps, and what is remembered


def test_a_commit_is_as_long_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    saver = InMemorySaver()
    graph = count_to(1, saver)
    graph.invoke({"done": [0] * 10}, CONFIG)
    longest = max(len(row.body) for row in saver.store.read("t"))
    for size, fits in ((longest, True), (longest - 1, False)):
        monkeypatch.setattr(stream, "COMMIT_BYTES_MAX", size)
        config = {"configurable": {"thread_id": f"of {size}"}}
        if fits:
            assert graph.invoke({"done": [0] * 10}, config)["done"]
        else:
            with pytest.raises(EncodeError, match=str(size)):
                graph.invoke({"done": [0] * 10}, config)


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def test_a_value_is_as_deep_as_it_may_be() -> None:
    graph = count_to(1, InMemorySaver())
    within, beyond = (nested(refusals.DEPTH_MAX + more) for more in (0, 1))
    graph.invoke({"done": within}, CONFIG)
    with pytest.raises(EncodeError, match="levels"):
        graph.invoke({"done": beyond}, {"configurable": {"thread_id": "deeper"}})


def test_a_run_takes_as_many_super_steps_as_it_may() -> None:
    saver = InMemorySaver()
    assert count_to(3, saver).invoke({"done": []}, {**CONFIG, "recursion_limit": 3})["done"] == [0, 1, 2]
    config = {"configurable": {"thread_id": "longer"}, "recursion_limit": 3}
    with pytest.raises(GraphRecursionError):
        count_to(4, saver).invoke({"done": []}, config)
    assert count_to(4, saver).invoke(None, config)["done"] == [0, 1, 2, 3]


def test_a_thread_remembers_as_many_command_ids_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "COMMANDS_MAX", 2)
    assert thread_state.COMMANDS_MAX > 2
    graph = count_to(1, InMemorySaver())
    for command in ("a", "b", "b", "c", "b", "a"):
        graph.invoke({"done": [0]}, {"configurable": {"thread_id": "t", "command_id": command}})
    # a, b, c, and a again, which was forgotten; each brings its input and what the node adds
    assert len(graph.get_state(CONFIG).values["done"]) == 2 * 4


def test_a_late_answer_is_told_the_winner_of_as_many_questions_as_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_step, "ANSWERED_MAX", 2)
    graph = asking(InMemorySaver(), 3)
    questions = graph.invoke({"done": []}, CONFIG)["__interrupt__"]
    for asked in questions:
        graph.invoke(Command(resume={asked.id: 1}), CONFIG)
    refusals_seen = []
    for asked in questions:
        with pytest.raises(Exception, match=r"answer|open") as raised:
            graph.invoke(Command(resume={asked.id: 2}), CONFIG)
        refusals_seen.append(type(raised.value).__name__)
    assert refusals_seen == ["UnknownInterruptError", "AlreadyAnsweredError", "AlreadyAnsweredError"]
