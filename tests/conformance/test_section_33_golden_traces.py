"""Section 33: the golden traces A to J and N, for sync and async callers on every store."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from clew import END, START, Command, Send, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import AlreadyAnsweredError, AmbiguousAnswerError

from .callers import Caller
from .programs import ONE, State, asked, asking, chain, rows, side_by_side, signing

ABC = [
    ("loop", 3, (), ["a", "b", "c"]),
    ("loop", 2, ("c",), ["a", "b"]),
    ("loop", 1, ("b",), ["a"]),
    ("loop", 0, ("a",), []),
    ("input", -1, ("__start__",), []),
]


def at_b(caller: Caller, graph: Any) -> Any:
    """The config of the checkpoint with next=("b",)."""
    return next(row.config for row in caller.history(graph, ONE) if row.next == ("b",))


def test_a_a_chain(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1, "l": []}, ONE)
    history = caller.history(graph, ONE)
    assert rows(history) == ABC
    assert "x" not in history[-1].values
    assert [(task.name, task.result) for task in history[-1].tasks] == [("__start__", {"x": 1, "l": []})]
    assert [row.parent_config for row in history] == [*(row.config for row in history[1:]), None]


def test_b_a_second_turn(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1, "l": []}, ONE)
    caller.invoke(graph, {"x": 2, "l": ["t2"]}, ONE)
    history = caller.history(graph, ONE)
    assert [row[:3] for row in rows(history)[:5]] == [
        ("loop", 8, ()),
        ("loop", 7, ("c",)),
        ("loop", 6, ("b",)),
        ("loop", 5, ("a",)),
        ("input", 4, ("__start__",)),
    ]
    assert history[0].values == {"x": 2, "l": ["a", "b", "c", "t2", "a", "b", "c"]}


def test_c_two_questions_of_one_node(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = StateGraph(State).add_node("ask", asking("q1", {"q": "q2"}))
    builder.add_node("after", lambda state: {"x": state["x"] + 1}).add_edge(START, "ask").add_edge("ask", "after")
    graph = builder.compile(checkpointer=saver)
    first = caller.invoke(graph, {"x": 1, "l": []}, ONE)
    assert (first["x"], first["l"], asked(first)) == (1, [], ["q1"])
    state = caller.state(graph, ONE)
    assert (state.next, [one.value for one in state.tasks[0].interrupts]) == (("ask",), ["q1"])
    assert (state.metadata["source"], state.metadata["step"]) == ("loop", 0)
    second = caller.invoke(graph, Command(resume="A"), ONE)
    assert asked(second) == [{"q": "q2"}]
    assert second["__interrupt__"][0].id != first["__interrupt__"][0].id
    assert caller.state(graph, ONE).config == state.config
    assert caller.invoke(graph, Command(resume="B"), ONE) == {"x": 2, "l": ["A", "B"]}
    record = caller.state(graph, state.config)
    assert record.tasks[0].result == {"l": ["A", "B"]}
    # LangGraph's row shows only the last question (section 30.4)
    assert [one.value for one in record.tasks[0].interrupts] == ["q1", {"q": "q2"}]


def test_d_questions_side_by_side(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []

    def pc(state: State) -> dict[str, Any]:
        ran.append("pc")
        return {"l": ["pc"]}

    def join(state: State) -> dict[str, Any]:
        ran.append("join")
        return {}

    def signed(name: str) -> Any:
        return lambda state: {"l": [f"{name}:{asking(name)(state)['l'][0]}"]}

    builder = side_by_side(pa=signed("pa"), pb=signed("pb"), pc=pc).add_node("join", join)
    graph = builder.add_edge(["pa", "pb", "pc"], "join").compile(checkpointer=saver)
    first = caller.invoke(graph, {"x": 1, "l": []}, ONE)
    assert (first["l"], sorted(asked(first))) == (["pc"], ["pa", "pb"])
    assert caller.state(graph, ONE).values["l"] == ["pc"]
    with pytest.raises(AmbiguousAnswerError):
        caller.invoke(graph, Command(resume="A"), ONE)
    pa = next(one.id for one in first["__interrupt__"] if one.value == "pa")
    second = caller.invoke(graph, Command(resume={pa: "A"}), ONE)
    assert (second["l"], asked(second)) == (["pa:A", "pc"], ["pb"])
    assert caller.state(graph, ONE).next == ("pb",)
    assert caller.invoke(graph, Command(resume="V"), ONE)["l"] == ["pa:A", "pb:V", "pc"]
    assert ran == ["pc", "join"]


def test_e_a_failure_beside_success(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []
    broken = [True]

    def ok(state: State) -> dict[str, Any]:
        ran.append("ok")
        return {"l": ["ok"]}

    def bad(state: State) -> dict[str, Any]:
        if broken and broken.pop():
            raise ValueError("boom")
        return {"l": ["bad-ok"]}

    def joined(state: State) -> None:
        ran.append("join")

    builder = side_by_side(ok=ok, bad=bad).add_node("join", joined).add_edge(["ok", "bad"], "join")
    graph = builder.compile(checkpointer=saver)
    with pytest.raises(ValueError, match="boom"):
        caller.invoke(graph, {"x": 1, "l": []}, ONE)
    assert caller.invoke(graph, None, ONE)["l"] == ["bad-ok", "ok"]
    assert ran.count("join") == 1


def test_f_static_breakpoints(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["b"])
    assert caller.stream(graph, {"x": 1, "l": []}, ONE) == [{"a": {"l": ["a"]}}, {"__interrupt__": ()}]
    assert caller.state(graph, ONE).next == ("b",)
    caller.update(graph, ONE, {"l": ["U"], "x": 5})
    assert rows(caller.history(graph, ONE))[0] == ("update", 2, ("b",), ["a", "U"])
    assert caller.invoke(graph, None, ONE) == {"x": 5, "l": ["a", "U", "b", "c"]}
    two = {"configurable": {"thread_id": "2"}}
    assert caller.invoke(graph, {"x": 1, "l": []}, two) == {"x": 1, "l": ["a"]}
    caller.update(graph, two, {"l": ["asb"]}, as_node="b")
    assert caller.state(graph, two).next == ("c",)
    caller.update(graph, two, None, as_node=END)
    assert caller.state(graph, two).next == ()


def test_g_time_travel(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1, "l": []}, ONE)
    origin = at_b(caller, graph)
    assert caller.invoke(graph, None, origin)["l"] == ["a", "b", "c"]
    history = caller.history(graph, ONE)
    assert rows(history)[:3] == [
        ("loop", 4, (), ["a", "b", "c"]),
        ("loop", 3, ("c",), ["a", "b"]),
        ("fork", 2, ("b",), ["a"]),
    ]
    assert history[2].parent_config == origin
    assert rows(history)[3:] == ABC
    caller.invoke(graph, None, history[0].config)
    assert rows(caller.history(graph, ONE))[0] == ("fork", 5, (), ["a", "b", "c"])
    assert caller.invoke(graph, {"x": 7, "l": ["new"]}, origin) == {"x": 7, "l": ["a", "new", "a", "b", "c"]}
    caller.update(graph, origin, {"l": ["FORK"]})
    assert caller.invoke(graph, None, ONE)["l"] == ["a", "FORK", "b", "c"]


def test_h_a_question_replayed(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = StateGraph(State).add_node("ask", asking("q")).add_edge(START, "ask").compile(checkpointer=saver)
    first = caller.invoke(graph, {"x": 1, "l": []}, ONE)
    origin = caller.state(graph, ONE).config
    caller.invoke(graph, Command(resume="A1"), ONE)
    again = caller.invoke(graph, None, origin)
    assert again["__interrupt__"][0].id != first["__interrupt__"][0].id
    assert caller.invoke(graph, Command(resume="A2"), ONE)["l"] == ["A2"]
    # LangGraph reuses A1 and drops the new answer (section 30.3)
    with pytest.raises(AlreadyAnsweredError):
        caller.invoke(graph, Command(resume="A3"), origin)


def test_i_sends(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = StateGraph(State).add_node("w", lambda state: {"l": [state]}).add_node("z", signing("z"))
    builder.add_conditional_edges(START, lambda state: [Send("w", {"i": place}) for place in range(3)], ["w"])
    graph = builder.add_edge("w", "z").compile(checkpointer=saver)
    chunks = caller.stream(graph, {"x": 1, "l": []}, ONE)
    given = sorted(chunk["w"]["l"][0]["i"] for chunk in chunks[:3])
    assert (given, chunks[3:]) == ([0, 1, 2], [{"z": {"l": ["z"]}}])
    assert caller.state(graph, ONE).values["l"] == [{"i": 0}, {"i": 1}, {"i": 2}, "z"]


@pytest.mark.parametrize(("how", "count"), [("edges", 2), ("join", 1), ("defer", 1)])
def test_j_fan_in(how: str, count: int, saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = chain("a", "b", "b2").add_node("c", signing("c")).add_edge("a", "c")
    builder.add_node("d", signing("d"), defer=how == "defer")
    if how == "join":
        builder.add_edge(["b2", "c"], "d")
    else:
        builder.add_edge("b2", "d").add_edge("c", "d")
    output = caller.invoke(builder.compile(checkpointer=saver), {"x": 1, "l": []}, ONE)
    assert output["l"].count("d") == count


def test_n_three_inputs_at_once_run_one_after_the_other(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph leaves two of the three as side branches (section 30.7)
    graph = chain("a").compile(checkpointer=saver)
    together = threading.Barrier(3)
    outputs: list[Any] = []

    def call(name: str) -> None:
        together.wait(10)
        outputs.append(caller.invoke(graph, {"l": [name]}, ONE))

    threads = [threading.Thread(target=call, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    final = caller.state(graph, ONE).values["l"]
    assert sorted(final) == ["a", "a", "a", "one", "three", "two"]
    assert sorted(len(output["l"]) for output in outputs) == [2, 4, 6]


def test_n_two_answers_at_once_run_the_node_once(saver: BaseCheckpointSaver, caller: Caller) -> None:
    paid: list[Any] = []

    def pay(state: State) -> dict[str, Any]:
        answer = asking("pay?")(state)
        paid.append(answer)
        return answer

    graph = StateGraph(State).add_node("pay", pay).add_edge(START, "pay").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    together = threading.Barrier(2)
    results: list[Any] = []

    def answer(value: str) -> None:
        together.wait(10)
        try:
            results.append(caller.invoke(graph, Command(resume=value), ONE)["l"])
        except AlreadyAnsweredError as refused:
            results.append(type(refused))

    threads = [threading.Thread(target=answer, args=(value,)) for value in ("yes", "no")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(paid) == 1
    assert AlreadyAnsweredError in results
