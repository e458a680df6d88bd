"""`update_state` reads values as if a node had returned them; what is due elsewhere stays due. On every store."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from clew import END, START, Command, Send, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import InvalidUpdateError

from .graphs import THREAD, State, chain, named


def paused_before_b(saver: BaseCheckpointSaver):
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["b"])
    graph.invoke({"x": 1}, THREAD)
    return graph


@pytest.mark.parametrize(
    ("values", "due", "names"),
    [
        (Command(goto="c"), ("b", "c"), ["a"]),
        (Command(goto="c", update={"names": ["U"]}), ("b", "c"), ["a", "U"]),
        ([Command(update={"names": ["1"]}), Command(update={"names": ["2"]})], ("b",), ["a", "1", "2"]),
        (Send("c", {"x": 5}), ("c", "b"), ["a"]),
        (None, ("b",), ["a"]),
    ],
    ids=["goto", "goto and update", "commands", "send", "none"],
)
def test_an_update_takes_every_form_that_a_node_may_return(
    saver: BaseCheckpointSaver, values: Any, due: tuple[str, ...], names: list[str]
) -> None:
    graph = paused_before_b(saver)
    graph.update_state(THREAD, values)
    snapshot = graph.get_state(THREAD)
    assert (snapshot.next, snapshot.values["names"]) == (due, names)
    assert snapshot.metadata["source"] == "update"


@pytest.mark.parametrize("values", [3, [], [("x", 1)], [{"x": 1}], Command(graph=Command.PARENT, update={"x": 1})])
def test_what_no_node_may_return_is_refused_and_changes_nothing(saver: BaseCheckpointSaver, values: Any) -> None:
    graph = paused_before_b(saver)
    before = graph.get_state(THREAD)
    with pytest.raises(InvalidUpdateError):
        graph.update_state(THREAD, values)
    assert graph.get_state(THREAD) == before


def test_a_node_that_waits_for_a_full_join_stays_due(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("a", named("a")).add_node("b", named("b")).add_node("j", named("j"))
    builder.add_edge(START, "a").add_edge(START, "b").add_edge(["a", "b"], "j")
    graph = builder.compile(checkpointer=saver, interrupt_before=["j"])
    graph.invoke({"x": 1}, THREAD)
    with pytest.raises(InvalidUpdateError, match=r"\['a', 'b'\] wrote last"):
        graph.update_state(THREAD, {"x": 2})
    graph.update_state(THREAD, {"names": ["A"]}, as_node="a")
    assert graph.get_state(THREAD).next == ("j",)
    assert graph.invoke(None, THREAD)["names"] == ["a", "b", "A", "j"]
    graph.update_state(THREAD, None, as_node="j")
    assert graph.get_state(THREAD).next == ()


def test_async_path_functions_say_what_follows_from_an_update(saver: BaseCheckpointSaver) -> None:
    async def path(state: State) -> str:
        await asyncio.sleep(0)
        return "c" if state["x"] == 2 else END

    builder = StateGraph(State).add_node("a", named("a")).add_node("c", named("c")).add_edge(START, "a")
    graph = builder.add_conditional_edges("a", path, ["c", END]).compile(checkpointer=saver)

    async def scenario() -> tuple[str, ...]:
        await graph.ainvoke({"x": 1}, THREAD)
        await graph.aupdate_state(THREAD, {"x": 2}, as_node="a")
        return (await graph.aget_state(THREAD)).next

    assert asyncio.run(scenario()) == ("c",)


def test_an_input_recorded_by_hand_runs_when_the_thread_goes_on(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.update_state(THREAD, {"x": 5, "names": ["i"]}, as_node="__input__")
    snapshot = graph.get_state(THREAD)
    assert (snapshot.next, snapshot.metadata["source"], snapshot.metadata["step"]) == (("__start__",), "input", -1)
    assert graph.invoke(None, THREAD) == {"x": 5, "names": ["i", "a", "b"]}


def test_a_checkpoint_copied_by_hand_is_a_branch_of_its_own(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    chosen = next(row for row in graph.get_state_history(THREAD) if row.next == ("b",))
    graph.update_state(chosen.config, None, as_node="__copy__")
    copied = graph.get_state(THREAD)
    assert (copied.metadata["source"], copied.next, copied.values) == ("fork", ("b",), chosen.values)
    assert graph.invoke(None, THREAD)["names"] == ["a", "b"]


def test_a_threads_first_update_is_step_zero(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.update_state(THREAD, {"x": 1}, as_node=START)
    snapshot = graph.get_state(THREAD)
    assert (snapshot.metadata["step"], snapshot.next, snapshot.parent_config) == (0, ("a",), None)


def test_going_on_from_an_update_makes_no_second_branch(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    chosen = next(row for row in graph.get_state_history(THREAD) if row.next == ("b",))
    edited = graph.update_state(chosen.config, {"names": ["E"]})
    assert graph.invoke(None, edited)["names"] == ["a", "E", "b"]
    assert [row.metadata["source"] for row in graph.get_state_history(THREAD)][:3] == ["loop", "update", "loop"]
    assert graph.invoke(None, edited)["names"] == ["a", "E", "b"]
    assert [row.metadata["source"] for row in graph.get_state_history(THREAD)][:3] == ["loop", "fork", "loop"]


def test_running_a_finished_checkpoint_anew_makes_one_row(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    last = graph.get_state(THREAD)
    assert graph.invoke(None, last.config) == {"x": 1, "names": ["a"]}
    assert [row.metadata["source"] for row in graph.get_state_history(THREAD)] == ["fork", "loop", "loop", "input"]


def test_running_an_input_anew_shows_the_state_before_and_after_it(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    first = list(graph.get_state_history(THREAD))[-1]
    chunks = list(graph.stream(None, first.config, stream_mode="values"))
    assert chunks == [{"names": []}, {"x": 1, "names": []}, {"x": 1, "names": ["a"]}]


def test_tasks_are_listed_as_their_nodes_were_added(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("z", named("z")).add_node("a", named("a"))
    builder.add_edge(START, "z").add_edge(START, "a").add_conditional_edges(START, lambda state: [Send("a", {})], ["a"])
    graph = builder.compile(checkpointer=saver, interrupt_before="*")
    graph.invoke({"x": 1}, THREAD)
    snapshot = graph.get_state(THREAD)
    assert snapshot.next == ("a", "z", "a")
    assert [task.path[0] for task in snapshot.tasks] == ["__pregel_push", "__pregel_pull", "__pregel_pull"]


def test_several_writes_of_a_task_to_one_key_are_all_shown(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("a", lambda state: Command(update=[("names", ["1"]), ("names", ["2"])]))
    graph = builder.add_edge(START, "a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    assert list(graph.get_state_history(THREAD))[1].tasks[0].result == {"names": {"$writes": [["1"], ["2"]]}}


def test_a_thread_id_that_is_no_text_is_shown_as_text(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, {"configurable": {"thread_id": 7}})
    config = graph.get_state({"configurable": {"thread_id": 7}}).config
    assert config["configurable"]["thread_id"] == "7"
    assert graph.get_state(config).values["names"] == ["a"]


def test_only_a_node_that_its_join_made_due_stays_due(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State)
    for name in ("a", "b", "c", "j"):
        builder.add_node(name, named(name))
    builder.add_edge(START, "a").add_edge("a", "j").add_edge("a", "b").add_edge(["b", "c"], "j")
    graph = builder.compile(checkpointer=saver, interrupt_before=["j"])
    graph.invoke({"x": 1}, THREAD)
    assert graph.get_state(THREAD).next == ("b", "j")
    graph.update_state(THREAD, None, as_node="c")
    assert graph.get_state(THREAD).next == ()
    graph.update_state(THREAD, None, as_node="b")
    assert graph.get_state(THREAD).next == ("j",)
    graph.update_state(THREAD, None, as_node="c")
    assert graph.get_state(THREAD).next == ("j",)


def test_a_deferred_node_that_is_due_stays_due(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("a", named("a")).add_node("late", named("late"), defer=True)
    graph = builder.add_edge(START, "a").add_edge("a", "late").compile(checkpointer=saver, interrupt_before=["late"])
    graph.invoke({"x": 1}, THREAD)
    graph.update_state(THREAD, {"names": ["again"]}, as_node="a")
    assert graph.get_state(THREAD).next == ("late",)
    graph.update_state(THREAD, {"names": ["by hand"]}, as_node="late")
    assert graph.get_state(THREAD).next == ()


def test_a_branch_that_waits_at_its_first_checkpoint_is_gone_on_from(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("ask", lambda state: {"names": [interrupt("?")]}).add_edge(START, "ask")
    graph = builder.compile(checkpointer=saver)
    first = graph.invoke({"x": 1}, THREAD)["__interrupt__"][0]
    chosen = graph.get_state(THREAD)
    again = graph.invoke(None, chosen.config)["__interrupt__"][0]
    branch = graph.get_state(THREAD)
    assert (branch.metadata["source"], again.id != first.id) == ("fork", True)
    assert graph.invoke(None, branch.config)["__interrupt__"][0] == again
    assert graph.get_state(THREAD).config == branch.config


def test_a_commands_update_of_a_finished_thread_shows_in_its_stream(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    chunks = list(graph.stream(Command(update={"names": ["C"]}), THREAD, stream_mode="values"))
    assert chunks == [{"x": 1, "names": ["a", "C"]}]


def test_a_branch_with_an_answer_on_it_is_run_anew_from_its_first_checkpoint(saver: BaseCheckpointSaver) -> None:
    builder = StateGraph(State).add_node("ask", lambda state: {"names": [interrupt("1"), interrupt("2")]})
    graph = builder.add_edge(START, "ask").compile(checkpointer=saver)
    graph.invoke({"x": 1}, THREAD)
    graph.invoke(None, graph.get_state(THREAD).config)
    branch = graph.get_state(THREAD)
    graph.invoke(Command(resume="A"), THREAD)
    assert graph.invoke(None, branch.config)["__interrupt__"][0].value == "1"
    assert graph.get_state(THREAD).parent_config == branch.config
