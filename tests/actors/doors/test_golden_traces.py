"""The golden traces of the authoring API, on every store: what people see who move over."""

from __future__ import annotations

import pytest
from clew import START, Command, Send, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import AlreadyAnsweredError, AmbiguousAnswerError

from .graphs import THREAD, State, asking, chain, named, parallel_questions


def rows(graph) -> list[tuple]:
    return [
        (row.metadata["source"], row.metadata["step"], row.next, row.values.get("names"))
        for row in graph.get_state_history(THREAD)
    ]


def test_a_a_chains_history(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    assert graph.invoke({"x": 1, "names": []}, THREAD) == {"x": 1, "names": ["a", "b", "c"]}
    assert rows(graph) == [
        ("loop", 3, (), ["a", "b", "c"]),
        ("loop", 2, ("c",), ["a", "b"]),
        ("loop", 1, ("b",), ["a"]),
        ("loop", 0, ("a",), []),
        ("input", -1, ("__start__",), []),
    ]
    history = list(graph.get_state_history(THREAD))
    assert [row.parent_config for row in history] == [*(row.config for row in history[1:]), None]
    first = history[-1]
    assert "x" not in first.values
    assert first.tasks[0].name == "__start__"
    assert first.tasks[0].result == {"x": 1, "names": []}


def test_b_a_second_turn_continues_the_list(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    graph.invoke({"x": 1, "names": []}, THREAD)
    graph.invoke({"x": 2, "names": ["t2"]}, THREAD)
    steps = [(row.metadata["source"], row.metadata["step"]) for row in graph.get_state_history(THREAD)]
    assert steps[:5] == [("loop", 8), ("loop", 7), ("loop", 6), ("loop", 5), ("input", 4)]
    assert graph.get_state(THREAD).values["names"] == ["a", "b", "c", "t2", "a", "b", "c"]


def test_c_two_questions_in_one_node(saver: BaseCheckpointSaver) -> None:
    graph = asking().compile(checkpointer=saver)
    first = graph.invoke({"x": 1, "names": []}, THREAD)
    (question,) = first.pop("__interrupt__")
    assert first == {"x": 1, "names": []}
    assert question.value == "q1"
    snapshot = graph.get_state(THREAD)
    assert snapshot.next == ("ask",)
    assert snapshot.tasks[0].interrupts == (question,)
    assert (snapshot.metadata["source"], snapshot.metadata["step"]) == ("loop", 0)

    second = graph.invoke(Command(resume="A"), THREAD)
    assert second["__interrupt__"][0].value == {"q": "q2"}
    assert second["__interrupt__"][0].id != question.id
    assert graph.get_state(THREAD).config == snapshot.config

    assert graph.invoke(Command(resume="B"), THREAD) == {"x": 2, "names": ["A", "B"]}


def test_c_the_streams_of_a_pause(saver: BaseCheckpointSaver) -> None:
    graph = asking().compile(checkpointer=saver)
    chunks = list(graph.stream({"x": 1, "names": []}, THREAD, stream_mode=["values", "updates"]))
    assert [(mode, sorted(payload)) for mode, payload in chunks] == [
        ("values", ["names", "x"]),
        ("updates", ["__interrupt__"]),
        ("values", ["__interrupt__", "names", "x"]),
    ]
    assert isinstance(chunks[1][1]["__interrupt__"], tuple)


def test_d_questions_in_parallel_nodes(saver: BaseCheckpointSaver) -> None:
    runs: list[str] = []
    graph = parallel_questions(runs).compile(checkpointer=saver)
    first = graph.invoke({"x": 0, "names": []}, THREAD)
    assert first["names"] == ["pc"]
    ids = {question.value: question.id for question in first["__interrupt__"]}
    with pytest.raises(AmbiguousAnswerError, match=ids["pa"]):
        graph.invoke(Command(resume="V"), THREAD)
    second = graph.invoke(Command(resume={ids["pa"]: "A"}), THREAD)
    assert second["names"] == ["pa:A", "pc"]
    assert [question.value for question in second["__interrupt__"]] == ["pb"]
    assert graph.get_state(THREAD).next == ("pb",)
    assert graph.invoke(Command(resume="V"), THREAD)["names"] == ["pa:A", "pb:V", "pc"]
    assert runs == ["pc", "join"]


def test_e_a_failure_keeps_the_finished_sibling(saver: BaseCheckpointSaver) -> None:
    broken = [True]
    ok_runs: list[int] = []

    def ok(state: State) -> dict:
        ok_runs.append(1)
        return {"names": ["ok"]}

    def bad(state: State) -> dict:
        if broken[0]:
            raise ValueError("boom")
        return {"names": ["bad-ok"]}

    builder = StateGraph(State).add_node("ok", ok).add_node("bad", bad).add_node("z", named("z"))
    graph = builder.add_edge(START, "ok").add_edge(START, "bad").add_edge(["ok", "bad"], "z").compile(saver)
    with pytest.raises(ValueError, match="boom") as raised:
        graph.invoke({"x": 0, "names": []}, THREAD)
    assert any("'bad'" in note for note in raised.value.__notes__)
    snapshot = graph.get_state(THREAD)
    if snapshot.values["names"]:  # ok had finished before bad failed: with two threads either may be first
        assert snapshot.values["names"] == ["ok"]
        assert snapshot.next == ("bad",)
    assert {task.name: task.error for task in snapshot.tasks}["bad"] == "ValueError('boom')"
    broken[0] = False
    assert graph.invoke(None, THREAD)["names"] == ["bad-ok", "ok", "z"]
    assert len(ok_runs) == 1


def test_f_static_breakpoints(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["b"])
    assert list(graph.stream({"x": 1, "names": []}, THREAD)) == [{"a": {"names": ["a"]}}, {"__interrupt__": ()}]
    assert graph.get_state(THREAD).next == ("b",)
    config = graph.update_state(THREAD, {"names": ["U"], "x": 5})
    snapshot = graph.get_state(THREAD)
    assert snapshot.config == config
    assert (snapshot.metadata["source"], snapshot.metadata["step"]) == ("update", 2)
    assert snapshot.next == ("b",)
    assert snapshot.values == {"x": 5, "names": ["a", "U"]}
    assert graph.invoke(None, THREAD)["names"] == ["a", "U", "b", "c"]


def test_f_an_update_in_a_nodes_name_skips_it_and_end_clears(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["b"])
    graph.invoke({"x": 1, "names": []}, THREAD)
    graph.update_state(THREAD, {"names": ["asb"]}, as_node="b")
    assert graph.get_state(THREAD).next == ("c",)
    graph.update_state(THREAD, None, as_node="__end__")
    assert graph.get_state(THREAD).next == ()


def test_g_time_travel(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    graph.invoke({"x": 1, "names": []}, THREAD)
    before_b = next(row for row in graph.get_state_history(THREAD) if row.next == ("b",))
    assert graph.invoke(None, before_b.config)["names"] == ["a", "b", "c"]
    newest = list(graph.get_state_history(THREAD))[:3]
    assert [(row.metadata["source"], row.metadata["step"]) for row in newest] == [("loop", 4), ("loop", 3), ("fork", 2)]
    assert newest[2].parent_config == before_b.config
    assert len(list(graph.get_state_history(THREAD))) == 8

    assert graph.invoke({"x": 7, "names": ["new"]}, before_b.config)["names"] == ["a", "new", "a", "b", "c"]

    graph.update_state(before_b.config, {"names": ["FORK"]})
    assert graph.invoke(None, THREAD)["names"] == ["a", "FORK", "b", "c"]


def test_h_rerunning_a_question_asks_again_and_an_old_answer_is_not_replaced(saver: BaseCheckpointSaver) -> None:
    graph = asking().compile(checkpointer=saver)
    first = graph.invoke({"x": 1, "names": []}, THREAD)
    graph.invoke(Command(resume="A1"), THREAD)
    graph.invoke(Command(resume="B1"), THREAD)
    asked = next(row for row in graph.get_state_history(THREAD) if row.next == ("ask",))
    with pytest.raises(AlreadyAnsweredError):
        graph.invoke(Command(resume="A3"), asked.config)
    again = graph.invoke(None, asked.config)
    assert again["__interrupt__"][0].value == "q1"
    assert again["__interrupt__"][0].id != first["__interrupt__"][0].id
    graph.invoke(Command(resume="A2"), THREAD)
    assert graph.invoke(Command(resume="B2"), THREAD)["names"] == ["A2", "B2"]


def test_i_sends_get_their_argument_and_show_one_chunk_each(saver: BaseCheckpointSaver) -> None:
    given: list[dict] = []

    def w(state: dict) -> dict:
        given.append(state)
        return {"names": [state["i"]]}

    builder = StateGraph(State).add_node("w", w).add_node("z", named("z")).add_edge("w", "z")
    builder.add_conditional_edges(START, lambda state: [Send("w", {"i": i}) for i in range(3)], ["w"])
    chunks = list(builder.compile(saver).stream({"x": 0, "names": []}, THREAD))
    assert sorted(given, key=lambda state: state["i"]) == [{"i": 0}, {"i": 1}, {"i": 2}]
    assert [next(iter(chunk)) for chunk in chunks] == ["w", "w", "w", "z"]
    assert builder.compile(saver).get_state(THREAD).values["names"] == [0, 1, 2, "z"]


def fan_in(**defer: bool) -> StateGraph:
    builder = StateGraph(State)
    for name in ("a", "b", "b2", "c"):
        builder.add_node(name, named(name))
    builder.add_node("d", named("d"), **defer)
    return builder.add_edge(START, "a").add_edge("a", "b").add_edge("b", "b2").add_edge("a", "c")


def test_j_fan_in() -> None:
    twice = fan_in().add_edge("b2", "d").add_edge("c", "d").compile()
    assert twice.invoke({"x": 0, "names": []})["names"].count("d") == 2
    once = fan_in().add_edge(["b2", "c"], "d").compile()
    assert once.invoke({"x": 0, "names": []})["names"].count("d") == 1
    deferred = fan_in(defer=True).add_edge("b2", "d").add_edge("c", "d").compile()
    assert deferred.invoke({"x": 0, "names": []})["names"] == ["a", "b", "c", "b2", "d"]
