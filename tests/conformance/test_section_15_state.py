"""Section 15: get_state, get_state_history, update_state, bulk_update_state."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any, TypedDict

import pytest
from clew import END, START, Command, Send, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import EmptyInputError, InvalidUpdateError, UnknownCheckpointError
from clew.types import PregelTask, StateSnapshot, StateUpdate

from .callers import Caller
from .programs import ONE, State, asked, asking, chain, failing, rows, side_by_side, signing, single

UNKNOWN = {"configurable": {"thread_id": "1", "checkpoint_id": "1ef00000-0000-6000-8000-000000000000"}}


def tasks(snapshot: StateSnapshot) -> list[tuple[Any, ...]]:
    """(name, result, values of its questions) of each task."""
    return [(task.name, task.result, [one.value for one in task.interrupts]) for task in snapshot.tasks]


# -- what all of them need


def test_without_a_checkpointer_every_state_call_is_a_value_error() -> None:
    graph = chain("a").compile()
    with pytest.raises(ValueError, match="checkpointer"):
        graph.get_state(ONE)
    with pytest.raises(ValueError, match="checkpointer"):
        list(graph.get_state_history(ONE))
    with pytest.raises(ValueError, match="checkpointer"):
        graph.update_state(ONE, {"x": 1})
    with pytest.raises(ValueError, match="checkpointer"):
        graph.bulk_update_state(ONE, [[StateUpdate({"x": 1})]])


@pytest.mark.parametrize("config", [{}, {"configurable": {}}, {"configurable": {"user": "u"}}])
def test_without_a_thread_id_every_state_call_is_a_key_error(config: Any) -> None:
    graph = chain("a").compile(checkpointer=InMemorySaver())
    with pytest.raises(KeyError, match="thread_id"):
        graph.get_state(config)
    with pytest.raises(KeyError, match="thread_id"):
        list(graph.get_state_history(config))
    with pytest.raises(KeyError, match="thread_id"):
        graph.update_state(config, {})


# -- 15.1


def test_the_fields_of_a_snapshot_and_of_a_task() -> None:
    assert StateSnapshot._fields == (
        *("values", "next", "config", "metadata", "created_at", "parent_config", "tasks", "interrupts"),
    )
    assert PregelTask._fields == ("id", "name", "path", "error", "interrupts", "state", "result")
    assert StateUpdate({"x": 1}) == ({"x": 1}, None, None)


def test_an_unknown_thread_or_checkpoint_is_an_empty_snapshot(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    for config in ({"configurable": {"thread_id": "nobody"}}, UNKNOWN):
        assert caller.state(graph, config) == StateSnapshot({}, (), config, None, None, None, (), ())
    assert caller.history(graph, {"configurable": {"thread_id": "nobody"}}) == []


def test_the_live_view_has_what_finished_siblings_wrote_and_the_record_does_not(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = side_by_side(ok=signing("ok"), ask=asking("q")).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    live = caller.state(graph, ONE)
    assert live.values == {"x": 1, "l": ["ok"]}
    assert live.next == ("ask",)
    assert tasks(live) == [("ok", {"l": ["ok"]}, []), ("ask", None, ["q"])]
    assert [one.value for one in live.interrupts] == ["q"]
    record = caller.state(graph, live.config)
    assert record.values == {"x": 1, "l": []}
    assert record.next == ("ok", "ask")
    assert tasks(record) == tasks(live)


def test_a_failed_task_shows_its_error(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(failing).compile(checkpointer=saver)
    with pytest.raises(ValueError, match="boom"):
        graph.invoke({"x": 1}, ONE)
    (task,) = caller.state(graph, ONE).tasks
    assert "ValueError('boom')" in str(task.error)
    assert (task.result, task.interrupts) == (None, ())


def test_an_answered_question_stays_in_the_record_and_leaves_the_live_view(saver: BaseCheckpointSaver) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    asking_at = graph.get_state(ONE).config
    graph.invoke(Command(resume="A"), ONE)
    assert graph.get_state(ONE).interrupts == ()
    assert tasks(graph.get_state(asking_at)) == [("f", {"l": ["A"]}, ["q"])]


def test_metadata_is_source_step_parents_and_the_scalars_of_the_config(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    metadata = {"m": 1, "list": [2], "dict": {}, "yes": True, "half": 0.5, "none": None}
    configurable = {"thread_id": "1", "user": "u", "__private": 1, "object": [1]}
    graph.invoke({"x": 1}, {"configurable": configurable, "metadata": metadata, "run_id": uuid.uuid4()})
    kept = {"m": 1, "yes": True, "half": 0.5, "user": "u"}
    assert [row.metadata for row in graph.get_state_history(ONE)] == [
        {"source": "loop", "step": 1, "parents": {}, **kept},
        {"source": "loop", "step": 0, "parents": {}, **kept},
        {"source": "input", "step": -1, "parents": {}, **kept},
    ]


def test_created_at_is_an_iso_time_with_its_offset(saver: BaseCheckpointSaver) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", graph.get_state(ONE).created_at)


def test_values_are_those_of_the_graphs_schema_today(saver: BaseCheckpointSaver) -> None:
    class Later(TypedDict):
        l: Annotated[list, lambda old, new: old + new]  # noqa: E741
        y: int

    chain("a").compile(checkpointer=saver).invoke({"x": 1}, ONE)
    later = StateGraph(Later).add_node("a", lambda state: {"y": 1}).add_edge(START, "a").compile(checkpointer=saver)
    assert later.get_state(ONE).values == {"l": ["a"]}
    assert later.invoke({"l": ["n"]}, ONE) == {"l": ["a", "n"], "y": 1}


# -- 15.2


def test_history_is_newest_first_and_each_row_names_its_parent(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    history = caller.history(graph, ONE)
    assert rows(history)[-2:] == [("loop", 0, ("a",), []), ("input", -1, ("__start__",), [])]
    assert len(history) == 5
    assert [row.parent_config for row in history] == [*(row.config for row in history[1:]), None]
    assert [sorted(row.config["configurable"]) for row in history[:1]] == [
        ["checkpoint_id", "checkpoint_ns", "thread_id"]
    ]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"filter": {"source": "input"}}, 2),
        ({"filter": {"m": 1}}, 4),
        ({"filter": {"source": "loop", "m": 2}}, 3),
        ({"filter": {"step": 0}}, 1),
        ({"filter": {"nothing": 1}}, 0),
        ({"limit": 3}, 3),
        ({"limit": 0}, 0),
        ({}, 8),
    ],
)
def test_history_is_filtered_by_metadata_and_limited(options: dict, count: int, saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, {**ONE, "metadata": {"m": 1}})
    graph.invoke({"x": 2}, {**ONE, "metadata": {"m": 2}})
    assert len(list(graph.get_state_history(ONE, **options))) == count


def test_before_excludes_its_checkpoint_and_a_checkpoint_id_gives_that_row_alone(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    history = caller.history(graph, ONE)
    assert caller.history(graph, ONE, before=history[1].config) == history[2:]
    assert caller.history(graph, ONE, before=history[0].config, limit=1) == history[1:2]
    assert caller.history(graph, history[2].config) == history[2:3]


# -- 15.3


def test_an_update_stands_for_the_node_that_wrote_last(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver, interrupt_before=["b"])
    graph.invoke({"x": 1}, ONE)
    config = caller.update(graph, ONE, {"l": ["U"], "x": 5})
    state = caller.state(graph, ONE)
    assert config == state.config
    assert (state.metadata["source"], state.metadata["step"], state.next) == ("update", 2, ("b",))
    assert state.values == {"x": 5, "l": ["a", "U"]}
    assert caller.invoke(graph, None, ONE) == {"x": 5, "l": ["a", "U", "b"]}


def test_an_update_as_the_node_that_is_due_takes_its_place(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["b"])
    graph.invoke({"x": 1}, ONE)
    caller.update(graph, ONE, {"l": ["by hand"]}, as_node="b")
    history = caller.history(graph, ONE)
    assert (history[0].next, history[0].values["l"]) == (("c",), ["a", "by hand"])
    assert tasks(history[1]) == [("b", {"l": ["by hand"]}, [])]
    assert caller.invoke(graph, None, ONE)["l"] == ["a", "by hand", "c"]


def test_none_as_values_writes_nothing_and_fires_the_edges(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver, interrupt_before=["b"])
    graph.invoke({"x": 1}, ONE)
    caller.update(graph, ONE, None, as_node="b")
    assert caller.state(graph, ONE).next == ("c",)
    assert caller.state(graph, ONE).values["l"] == ["a"]


def test_an_update_runs_the_path_functions_of_its_node(saver: BaseCheckpointSaver, caller: Caller) -> None:
    seen: list[int] = []

    def path(state: State) -> str:
        seen.append(state["x"])
        return "b" if state["x"] > 3 else END

    builder = chain("a").add_node("b", signing("b")).add_conditional_edges("a", path)
    graph = builder.compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    caller.update(graph, ONE, {"x": 9}, as_node="a")
    assert seen == [1, 9]
    assert caller.state(graph, ONE).next == ("b",)


def test_two_nodes_that_wrote_last_make_it_ambiguous(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = side_by_side(p=signing("p"), q=signing("q")).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    with pytest.raises(InvalidUpdateError, match="as_node"):
        caller.update(graph, ONE, {"x": 1})
    caller.update(graph, ONE, {"x": 2}, as_node="p")
    assert caller.state(graph, ONE).values["x"] == 2


@pytest.mark.parametrize(
    ("values", "as_node"), [({"x": 1}, "nobody"), (5, "a"), ([{"x": 1}], "a"), ({"x": 1}, END), ("text", None)]
)
def test_an_unknown_node_and_values_that_are_no_update_are_refused(
    values: Any, as_node: str | None, saver: BaseCheckpointSaver
) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    before = list(graph.get_state_history(ONE))
    with pytest.raises(InvalidUpdateError):
        graph.update_state(ONE, values, as_node=as_node)
    assert list(graph.get_state_history(ONE)) == before


def test_none_as_end_drops_what_is_planned_and_keeps_what_siblings_did(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = side_by_side(ok=signing("ok"), ask=asking("q")).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    caller.update(graph, ONE, None, as_node=END)
    state = caller.state(graph, ONE)
    assert (state.next, state.values, state.interrupts) == ((), {"x": 1, "l": ["ok"]}, ())


def test_as_input_an_update_waits_for_start_to_copy_it(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    caller.update(graph, ONE, {"x": 7, "l": ["i"]}, as_node="__input__")
    state = caller.state(graph, ONE)
    assert (state.next, state.values, tasks(state)) == (
        ("__start__",),
        {"x": 1, "l": ["a", "b"]},
        [("__start__", None, [])],
    )
    assert (state.metadata["source"], state.metadata["step"]) == ("input", 3)
    assert caller.invoke(graph, None, ONE) == {"x": 7, "l": ["a", "b", "i", "a", "b"]}


def test_as_start_an_update_is_in_the_state_and_starts_targets_are_due(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.update(graph, ONE, {"x": 7, "l": ["i"]}, as_node=START)
    state = caller.state(graph, ONE)
    assert (state.next, state.values, state.metadata["step"]) == (("a",), {"x": 7, "l": ["i"]}, 0)
    assert caller.invoke(graph, None, ONE) == {"x": 7, "l": ["i", "a", "b"]}


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_on_a_new_thread_an_update_without_a_node_is_starts(names: tuple[str, ...], saver: BaseCheckpointSaver) -> None:
    graph = chain(*names).compile(checkpointer=saver)
    graph.update_state(ONE, {"x": 7})
    state = graph.get_state(ONE)
    assert (state.next, state.values["x"], state.metadata["source"]) == (("a",), 7, "update")


def test_copy_duplicates_a_checkpoint_beside_itself(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    origin = caller.history(graph, ONE)[1]
    caller.update(graph, origin.config, None, as_node="__copy__")
    copied = caller.state(graph, ONE)
    assert (copied.metadata["source"], copied.metadata["step"]) == ("fork", origin.metadata["step"] + 1)
    assert (copied.values, copied.next, copied.parent_config) == (origin.values, origin.next, origin.parent_config)
    assert copied.config != origin.config
    assert caller.invoke(graph, None, ONE) == {"x": 1, "l": ["a", "b"]}


def test_an_update_shows_the_metadata_of_its_own_config(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    graph.invoke({"x": 1}, {**ONE, "metadata": {"m": 5}})
    caller.update(graph, {"configurable": {"thread_id": "1", "user": "u"}, "metadata": {"n": 1}}, {"x": 2})
    assert caller.state(graph, ONE).metadata == {"source": "update", "step": 2, "parents": {}, "n": 1, "user": "u"}


def test_an_update_at_an_earlier_checkpoint_is_a_branch_and_becomes_the_latest(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    origin = next(row for row in caller.history(graph, ONE) if row.next == ("b",))
    config = caller.update(graph, origin.config, {"l": ["F"]})
    state = caller.state(graph, ONE)
    assert (state.config, state.parent_config) == (config, origin.config)
    assert caller.invoke(graph, None, ONE)["l"] == ["a", "F", "b", "c"]
    with pytest.raises(UnknownCheckpointError):
        caller.update(graph, UNKNOWN, {"x": 3})


def test_a_task_id_says_which_of_a_nodes_tasks_an_update_stands_for(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = StateGraph(State).add_node("w", lambda state: {"l": [interrupt(state["i"])]})
    builder.add_node("z", signing("z")).add_edge("w", "z")
    builder.add_conditional_edges(START, lambda state: [Send("w", {"i": place}) for place in range(2)], ["w"])
    graph = builder.compile(checkpointer=saver)
    graph.invoke({"x": 0}, ONE)
    second = caller.state(graph, ONE).tasks[1]
    caller.update(graph, ONE, {"l": ["by hand"]}, as_node="w", task_id=second.id)
    history = caller.history(graph, ONE)
    assert (history[0].next, history[0].values["l"]) == (("z",), ["by hand"])
    assert [task.result for task in history[1].tasks] == [None, {"l": ["by hand"]}]
    with pytest.raises(InvalidUpdateError, match="task_id"):
        caller.update(graph, ONE, {"l": ["lost"]}, task_id="no such task")


def test_a_command_as_values_updates_and_leads_on(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    caller.update(graph, ONE, Command(update={"x": 4}, goto="a"), as_node="b")
    assert (caller.state(graph, ONE).values["x"], caller.state(graph, ONE).next) == (4, ("a",))


def test_a_thread_updated_while_it_asks_asks_no_more_until_it_runs(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    caller.update(graph, ONE, {"x": 7})
    state = caller.state(graph, ONE)
    assert (state.next, state.interrupts, state.values["x"]) == (("f",), (), 7)
    assert asked(caller.invoke(graph, None, ONE)) == ["q"]


# -- 15.4


def test_bulk_makes_a_super_step_of_each_list(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    steps = [
        [StateUpdate({"x": 1, "l": ["i"]}, START)],
        [StateUpdate({"l": ["A"]}, "a")],
        [StateUpdate({"l": ["B"]}, "b")],
    ]
    config = caller.bulk_update(graph, ONE, steps)
    history = caller.history(graph, ONE)
    assert history[0].config == config
    assert rows(history) == [
        ("update", 2, (), ["i", "A", "B"]),
        ("update", 1, ("b",), ["i", "A"]),
        ("update", 0, ("a",), ["i"]),
    ]
    assert tasks(history[2]) == [("a", {"l": ["A"]}, [])]


def test_updates_of_one_super_step_are_applied_together_in_the_order_given(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    builder = side_by_side(p=signing("p"), q=signing("q")).add_node("z", signing("z")).add_edge(["p", "q"], "z")
    graph = builder.compile(checkpointer=saver)
    both = [StateUpdate({"l": ["Q"]}, "q"), StateUpdate({"l": ["P"]}, "p")]
    caller.bulk_update(graph, ONE, [[StateUpdate({"x": 1, "l": ["i"]}, START)], both])
    assert rows(caller.history(graph, ONE))[0] == ("update", 1, ("z",), ["i", "Q", "P"])
    assert caller.invoke(graph, None, ONE)["l"] == ["i", "Q", "P", "z"]


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([], ValueError),
        ([[]], ValueError),
        ([[StateUpdate({"x": 1}, "a"), StateUpdate({"l": [1]})]], InvalidUpdateError),
        ([[StateUpdate({"x": 1}, "__input__"), StateUpdate({"l": [1]}, "a")]], InvalidUpdateError),
        ([[StateUpdate(None, END), StateUpdate({"l": [1]}, "a")]], InvalidUpdateError),
        ([[StateUpdate(None, "__copy__"), StateUpdate({"l": [1]}, "a")]], InvalidUpdateError),
        ([[StateUpdate({"x": 1}, "a"), StateUpdate({"x": 2}, "b")]], InvalidUpdateError),
        ([[StateUpdate({"x": 9}, "a")], [StateUpdate({"x": 1}, "nobody")]], InvalidUpdateError),
    ],
)
def test_a_series_that_cannot_be_is_refused_whole(
    steps: Any, error: type[Exception], saver: BaseCheckpointSaver
) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    before = list(graph.get_state_history(ONE))
    with pytest.raises(error):
        graph.bulk_update_state(ONE, steps)
    assert list(graph.get_state_history(ONE)) == before


def test_an_input_in_a_series_loses_its_values_to_the_node_after_it(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.bulk_update(graph, ONE, [[StateUpdate({"x": 1}, "__input__")], [StateUpdate({"l": ["A"]}, "a")]])
    assert caller.state(graph, ONE).values == {"l": ["A"]}


def test_a_series_without_nodes_goes_on_from_who_wrote_last(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    caller.bulk_update(graph, ONE, [[StateUpdate({"x": 4})], [StateUpdate({"x": 5})]])
    history = caller.history(graph, ONE)
    assert [row.values["x"] for row in history[:3]] == [5, 4, 1]
    assert [row.metadata["step"] for row in history[:3]] == [4, 3, 2]


def test_a_copy_is_changed_by_a_list_of_updates(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = side_by_side(a=signing("a"), b=signing("b"))
    graph = builder.add_node("c", signing("c")).add_edge(["a", "b"], "c").compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    joined = next(one for one in graph.get_state_history(ONE) if one.next == ("c",))
    caller.update(graph, joined.config, [({"l": ["A"]}, "a"), ({"l": ["B"]}, "b", None)], as_node="__copy__")
    made = caller.history(graph, ONE, limit=2)
    assert [(one.metadata["source"], one.metadata["step"], one.values["l"], one.next) for one in made] == [
        ("update", 3, ["a", "b", "A", "B"], ("c",)),
        ("fork", 2, ["a", "b"], ("c",)),
    ]
    caller.update(graph, joined.config, [({"l": ["A"]}, "a")], as_node="__copy__")
    assert caller.state(graph, ONE).next == ("c",)
    with pytest.raises(InvalidUpdateError, match="update of a copy"):
        caller.update(graph, joined.config, [{"l": ["A"]}], as_node="__copy__")


def test_the_record_of_an_updated_checkpoint_keeps_its_question(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q?")).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    asked_at = graph.get_state(ONE).config
    updated = caller.update(graph, asked_at, {"x": 5})
    assert [one.value for one in caller.state(graph, asked_at).interrupts] == ["q?"]
    assert caller.state(graph, updated).interrupts == ()
    assert len(caller.history(graph, ONE)) == 3


def test_a_root_state_without_a_value_is_none(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = StateGraph(int).add_node("a", lambda state: state + 1).add_edge(START, "a").compile(checkpointer=saver)
    graph.invoke(1, ONE)
    assert [one.values for one in caller.history(graph, ONE)] == [2, 1, None]
    assert caller.state(graph, {"configurable": {"thread_id": "nobody"}}).values == {}


@pytest.mark.parametrize("as_node", ["b", END])
def test_an_update_that_writes_nothing_and_leads_nowhere_leaves_a_new_thread_nothing_to_continue(
    as_node: str, saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.update(graph, ONE, None, as_node=as_node)
    with pytest.raises(EmptyInputError):
        caller.invoke(graph, None, ONE)
    assert [row.metadata["source"] for row in caller.history(graph, ONE)] == ["update"]
    caller.update(graph, ONE, {"x": 5}, as_node=as_node if as_node != END else "b")
    assert caller.invoke(graph, None, ONE) == {"x": 5, "l": []}
