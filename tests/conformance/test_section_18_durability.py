"""Section 18: durability, and what is written when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from clew import END, START, Command, Runtime, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import GraphDrained, GraphRecursionError, StaleVersionError
from clew.func import entrypoint, task
from clew.runtime import RunControl
from clew.warnings import LangGraphDeprecatedSinceV10

from tests.support.stories import commits

from .callers import Caller, run
from .programs import ONE, State, asking, chain, failing, rows, side_by_side, signing, single

GIVEN: dict[str, Any] = {"x": 1}
EXIT: dict[str, Any] = {"durability": "exit"}


@pytest.fixture
def elsewhere() -> Iterator[Runtime]:
    """What another process has: none of the threads in memory."""
    with Runtime() as runtime:
        yield runtime


def beside_a_failure(first: Any = failing) -> StateGraph:
    """a, then p beside one that fails or asks, then z."""
    builder = StateGraph(State).add_node("a", signing("a")).add_node("p", signing("p"))
    builder.add_node("q", first).add_node("z", signing("z")).add_edge(START, "a")
    return builder.add_edge("a", "p").add_edge("a", "q").add_edge(["p", "q"], "z")


def fails(caller: Caller, graph: Any, given: Any = None, config: Any = None, **options: Any) -> BaseException:
    """What the call raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011  # looked at by the tests
        caller.invoke(graph, given, config or ONE, **options)
    return raised.value


# -- sync, async


@pytest.mark.parametrize("durability", [None, "sync", "async"])
def test_sync_and_async_store_every_super_step(
    durability: str | None, saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    assert caller.invoke(graph, GIVEN, ONE, durability=durability)["l"] == ["a", "b"]
    assert rows(caller.history(graph, ONE)) == [
        ("loop", 2, (), ["a", "b"]),
        ("loop", 1, ("b",), ["a"]),
        ("loop", 0, ("a",), []),
        ("input", -1, ("__start__",), []),
    ]


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_a_step_is_durable_before_the_next_one_begins(durability: str, saver: BaseCheckpointSaver) -> None:
    # of "async" LangGraph says less: the write may overlap the next step
    seen: list[int] = []

    def look(state: State) -> dict[str, Any]:
        seen.append(len(commits(saver, "1")))
        return {"l": ["look"]}

    graph = chain("a").add_node("look", look).add_edge("a", "look").compile(checkpointer=saver)
    graph.invoke(GIVEN, ONE, durability=durability)
    assert seen == [2]


# -- exit: one commit, one checkpoint


def test_exit_stores_one_checkpoint_at_the_end(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    assert caller.invoke(graph, GIVEN, ONE, **EXIT) == {"x": 1, "l": ["a", "b", "c"]}
    (only,) = caller.history(graph, ONE)
    assert (rows([only]), only.parent_config) == ([("loop", 3, (), ["a", "b", "c"])], None)
    assert only.metadata == {"source": "loop", "step": 3, "parents": {}}
    assert len(commits(saver, "1")) == 1
    assert caller.state(graph, ONE) == only


def test_its_parent_is_the_last_checkpoint_before_the_run_and_steps_go_on(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    (first,) = caller.history(graph, ONE)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    second, earlier = caller.history(graph, ONE)
    assert (second.metadata["step"], second.parent_config, earlier) == (6, first.config, first)
    caller.invoke(graph, GIVEN, ONE)
    steps = [row.metadata["step"] for row in caller.history(graph, ONE)]
    assert steps == [10, 9, 8, 7, 6, 2]
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    last, before, *_ = caller.history(graph, ONE)
    assert (last.metadata["step"], last.parent_config) == (14, before.config)


def test_others_see_what_is_stored_while_the_run_goes(
    saver: BaseCheckpointSaver, caller: Caller, elsewhere: Runtime
) -> None:
    seen: list[Any] = []

    def look(state: State) -> dict[str, Any]:
        for other in (graph, far):
            seen.append((other.get_state(ONE).values.get("l"), len(list(other.get_state_history(ONE)))))
        seen.append(saver.get_tuple(ONE) is not None)
        return {"l": ["look"]}

    builder = chain("a").add_node("look", look).add_edge("a", "look")
    graph = builder.compile(checkpointer=saver)
    far = builder.compile(checkpointer=saver, runtime=elsewhere)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    assert seen == [(None, 0), (None, 0), False, (["a", "look"], 1), (["a", "look"], 1), True]


def test_the_checkpoint_is_made_when_the_run_ends(saver: BaseCheckpointSaver) -> None:
    between: list[datetime] = []

    def look(state: State) -> dict[str, Any]:
        between.append(datetime.now().astimezone())
        return {}

    graph = single(look).compile(checkpointer=saver)
    graph.invoke(GIVEN, ONE, **EXIT)
    assert datetime.fromisoformat(graph.get_state(ONE).created_at) >= between[0]


def test_what_others_read_is_what_the_run_worked_on(
    saver: BaseCheckpointSaver, caller: Caller, elsewhere: Runtime
) -> None:
    builder = beside_a_failure(asking("sure?"))
    graph = builder.compile(checkpointer=saver)
    far = builder.compile(checkpointer=saver, runtime=elsewhere)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    assert caller.history(far, ONE) == caller.history(graph, ONE)
    caller.invoke(far, Command(resume="yes"), ONE, **EXIT)
    assert caller.history(graph, ONE) == caller.history(far, ONE)
    assert caller.state(graph, ONE).values["l"] == ["a", "p", "yes", "z"]


# -- exit: every end of a run


def test_a_failure_keeps_finished_siblings_writes(saver: BaseCheckpointSaver, caller: Caller) -> None:
    failed: list[int] = []

    def fails_once(state: State) -> dict[str, Any]:
        if not failed:
            failed.append(1)
            raise ValueError("boom")
        return {"l": ["q"]}

    # one after the other, so that p has finished
    graph = beside_a_failure(fails_once).compile(checkpointer=saver)
    assert str(fails(caller, graph, GIVEN, {**ONE, "max_concurrency": 1}, **EXIT)) == "boom"
    (only,) = caller.history(graph, ONE)
    assert rows([only]) == [("loop", 1, ("p", "q"), ["a"])]
    assert [(one.name, one.error, one.result) for one in only.tasks] == [
        ("p", None, {"l": ["p"]}),
        ("q", "ValueError('boom')", None),
    ]
    state = caller.state(graph, ONE)
    assert (state.values["l"], state.next) == (["a", "p"], ("q",))
    assert caller.invoke(graph, None, ONE, **EXIT)["l"] == ["a", "p", "q", "z"]
    assert [row.metadata["step"] for row in caller.history(graph, ONE)] == [3, 1]


def test_a_question_is_stored_and_its_answer_is_another_commit(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = beside_a_failure(asking("one", "two")).compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    caller.invoke(graph, Command(resume="1"), ONE, **EXIT)
    assert [row.metadata["step"] for row in caller.history(graph, ONE)] == [1]
    state = caller.state(graph, ONE)
    assert ([one.value for one in state.interrupts], state.next) == (["two"], ("q",))
    assert caller.invoke(graph, Command(resume="2"), ONE, **EXIT)["l"] == ["a", "p", "1", "2", "z"]
    after, before = caller.history(graph, ONE)
    assert (after.metadata["step"], after.parent_config) == (3, before.config)
    assert len(commits(saver, "1")) == 3


@pytest.mark.parametrize(
    ("stop", "step", "due"), [({"interrupt_before": ["b"]}, 1, ("b",)), ({"interrupt_after": ["b"]}, 2, ("c",))]
)
def test_a_breakpoint_ends_the_run(
    stop: dict[str, Any], step: int, due: tuple[str, ...], saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE, **stop, **EXIT)
    (only,) = caller.history(graph, ONE)
    assert (only.metadata["step"], only.next) == (step, due)
    assert caller.invoke(graph, None, ONE, **EXIT)["l"] == ["a", "b", "c"]
    assert [row.metadata["step"] for row in caller.history(graph, ONE)] == [3, step]


def test_a_used_up_limit_ends_the_run(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    assert isinstance(fails(caller, graph, GIVEN, {**ONE, "recursion_limit": 2}, **EXIT), GraphRecursionError)
    assert rows(caller.history(graph, ONE)) == [("loop", 2, ("c",), ["a", "b"])]


def test_a_drain_ends_the_run(saver: BaseCheckpointSaver, caller: Caller) -> None:
    control = RunControl()

    def drains(state: State) -> dict[str, Any]:
        control.request_drain("deploy")
        return {"l": ["d"]}

    builder = single(drains, "d").add_node("z", signing("z")).add_edge("d", "z")
    graph = builder.compile(checkpointer=saver)
    assert isinstance(fails(caller, graph, GIVEN, control=control, **EXIT), GraphDrained)
    assert rows(caller.history(graph, ONE)) == [("loop", 1, ("z",), ["d"])]


def test_closing_a_stream_stores_the_run_up_to_its_last_step(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    stream = graph.stream(GIVEN, ONE, **EXIT)
    assert next(stream) == {"a": {"l": ["a"]}}
    assert list(graph.get_state_history(ONE)) == []
    stream.close()
    assert rows(list(graph.get_state_history(ONE))) == [("loop", 1, ("b",), ["a"])]


def test_cancelling_a_call_stores_the_run_up_to_its_last_step(saver: BaseCheckpointSaver) -> None:
    async def story() -> None:
        reached = asyncio.Event()

        async def waits(state: State) -> dict[str, Any]:
            reached.set()
            await asyncio.Event().wait()
            return {}

        graph = chain("a").add_node("waits", waits).add_edge("a", "waits").compile(checkpointer=saver)
        call = asyncio.create_task(graph.ainvoke(GIVEN, ONE, **EXIT))
        await reached.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert rows(list(graph.get_state_history(ONE))) == [("loop", 1, ("waits",), ["a"])], "stored before it returned"

    run(story())


def test_closing_an_async_stream_stores_the_run_before_it_returns(saver: BaseCheckpointSaver) -> None:
    async def story() -> None:
        graph = chain("a", "b").compile(checkpointer=saver)
        stream = graph.astream(GIVEN, ONE, **EXIT)
        assert await anext(stream) == {"a": {"l": ["a"]}}
        await stream.aclose()  # type: ignore[attr-defined]
        assert rows(list(graph.get_state_history(ONE))) == [("loop", 1, ("b",), ["a"])]

    run(story())


# -- exit: other writers


def test_a_faster_writer_wins_and_the_run_is_lost(
    saver: BaseCheckpointSaver, caller: Caller, elsewhere: Runtime
) -> None:
    def overtaken(state: State) -> dict[str, Any]:
        if state["x"] == 2:
            far.update_state(ONE, {"l": ["by hand"]}, as_node="a")
        return {"l": ["n"]}

    builder = chain("a").add_node("n", overtaken).add_edge("a", "n")
    graph = builder.compile(checkpointer=saver)
    far = builder.compile(checkpointer=saver, runtime=elsewhere)
    caller.invoke(graph, GIVEN, ONE)
    error = fails(caller, graph, {"x": 2}, **EXIT)
    assert isinstance(error, StaleVersionError)
    assert any("nothing of run" in note for note in error.__notes__)
    for one in (graph, far):
        assert caller.state(one, ONE).values == {"x": 1, "l": ["a", "n", "by hand"]}
    assert caller.history(graph, ONE) == caller.history(far, ONE)
    assert caller.invoke(graph, {"x": 3}, ONE, **EXIT)["l"] == ["a", "n", "by hand", "a", "n"]


def test_what_others_stored_before_the_run_began_is_seen(
    saver: BaseCheckpointSaver, caller: Caller, elsewhere: Runtime
) -> None:
    builder = chain("a")
    graph = builder.compile(checkpointer=saver)
    far = builder.compile(checkpointer=saver, runtime=elsewhere)
    caller.invoke(graph, GIVEN, ONE)
    caller.update(far, ONE, {"l": ["far"]}, as_node="a")
    assert caller.invoke(graph, GIVEN, ONE, **EXIT)["l"] == ["a", "far", "a"]


def test_a_deleted_threads_id_begins_anew(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    saver.delete_thread("1")
    assert caller.invoke(graph, GIVEN, ONE, **EXIT)["l"] == ["a"]
    assert caller.invoke(graph, GIVEN, ONE, **EXIT)["l"] == ["a", "a"]
    # the first run of a new life stores each step
    assert [row.metadata["step"] for row in caller.history(graph, ONE)] == [4, 1, 0]


def test_the_error_that_ended_a_lost_run_is_the_conflicts_cause(saver: BaseCheckpointSaver, elsewhere: Runtime) -> None:
    def overtaken_and_failing(state: State) -> dict[str, Any]:
        far.update_state(ONE, {"l": ["by hand"]}, as_node="f")
        raise ValueError("boom")

    builder = single(overtaken_and_failing)
    graph = builder.compile(checkpointer=saver)
    far = builder.compile(checkpointer=saver, runtime=elsewhere)
    with pytest.raises(StaleVersionError) as raised:
        graph.invoke(GIVEN, ONE, **EXIT)
    assert str(raised.value.__cause__) == "boom"


def test_an_update_by_hand_stands_between_two_such_runs(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver, interrupt_before=["b"])
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    caller.update(graph, ONE, {"l": ["by hand"]}, as_node="a")
    assert caller.invoke(graph, None, ONE, **EXIT)["l"] == ["a", "by hand", "b"]
    history = caller.history(graph, ONE)
    assert [(row.metadata["source"], row.metadata["step"]) for row in history] == [
        ("loop", 3),
        ("update", 2),
        ("loop", 1),
    ]
    assert [row.parent_config for row in history] == [history[1].config, history[2].config, None]


# -- exit: going back in time


def test_a_branch_hangs_below_the_checkpoint_it_began_at(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE, interrupt_before=["b"], **EXIT)
    (origin,) = caller.history(graph, ONE)
    caller.invoke(graph, None, ONE, **EXIT)
    caller.invoke(graph, None, origin.config, **EXIT)
    caller.invoke(graph, {"l": ["new"]}, origin.config, **EXIT)
    history = caller.history(graph, ONE)
    assert [(row.metadata["source"], row.metadata["step"], row.values["l"]) for row in history] == [
        ("loop", 5, ["a", "new", "a", "b"]),
        ("loop", 3, ["a", "b"]),
        ("loop", 2, ["a", "b"]),
        ("loop", 1, ["a"]),
    ]
    assert [row.parent_config for row in history] == [origin.config] * 3 + [None]


# -- exit: streams


def shown(chunks: list[Any]) -> list[Any]:
    """Checkpoints as (source, step, next), the rest as it is but for ids."""
    found: list[Any] = []
    for mode, payload in chunks:
        if mode == "checkpoints":
            found.append((mode, payload["metadata"]["source"], payload["metadata"]["step"], payload["next"]))
        elif mode == "tasks":
            found.append((mode, payload["name"], "result" in payload))
        else:
            found.append((mode, payload))
    return found


def test_streams_show_every_step_as_it_is_made(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    modes = ["checkpoints", "values", "tasks", "updates"]
    expected = [
        ("checkpoints", "input", -1, ["__start__"]),
        ("values", {"x": 1, "l": []}),
        ("checkpoints", "loop", 0, ["a"]),
        ("tasks", "a", False),
        ("updates", {"a": {"l": ["a"]}}),
        ("tasks", "a", True),
        ("values", {"x": 1, "l": ["a"]}),
        ("checkpoints", "loop", 1, ["b"]),
        ("tasks", "b", False),
        ("updates", {"b": {"l": ["b"]}}),
        ("tasks", "b", True),
        ("values", {"x": 1, "l": ["a", "b"]}),
        ("checkpoints", "loop", 2, []),
    ]
    assert shown(caller.stream(graph, GIVEN, ONE, stream_mode=modes, **EXIT)) == expected
    assert shown(list(graph.join_stream(ONE, stream_mode=modes))) == expected


def test_all_its_checkpoints_name_the_one_before_the_run_as_parent(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph's stream names that one's parent instead; its history is as this one
    graph = chain("a", "b").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    (before,) = caller.history(graph, ONE)
    made = caller.stream(graph, GIVEN, ONE, stream_mode="checkpoints", **EXIT)
    ids = {payload["parent_config"]["configurable"]["checkpoint_id"] for payload in made}
    assert ids == {before.config["configurable"]["checkpoint_id"]}
    last = made[-1]["config"]["configurable"]["checkpoint_id"]
    assert caller.state(graph, ONE).config["configurable"]["checkpoint_id"] == last


def test_debug_shows_the_same_wrapped(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    chunks = caller.stream(graph, GIVEN, ONE, stream_mode="debug", **EXIT)
    assert [(chunk["type"], chunk["step"]) for chunk in chunks] == [
        ("checkpoint", -1),
        ("checkpoint", 0),
        ("task", 1),
        ("task_result", 1),
        ("checkpoint", 1),
    ]


# -- exit: graphs inside, entrypoints, other doors


def inner(*names: str, checkpointer: Any = None, last: Any = None) -> Any:
    """A graph to be called in a node."""
    builder = chain(*names)
    if last is not None:
        builder.add_node("last", last).add_edge(names[-1], "last")
    return builder.compile(checkpointer=checkpointer)


def around(sub: Any) -> StateGraph:
    """a, the graph, z."""
    builder = StateGraph(State).add_node("a", signing("a")).add_node("sub", sub).add_node("z", signing("z"))
    return builder.add_edge(START, "a").add_edge("a", "sub").add_edge("sub", "z")


@pytest.mark.parametrize("checkpointer", [None, True])
def test_graphs_inside_are_stored_with_the_run_around_them(
    checkpointer: bool | None, saver: BaseCheckpointSaver, caller: Caller, elsewhere: Runtime
) -> None:
    builder = around(inner("i", checkpointer=checkpointer, last=asking("sure?")))
    graph = builder.compile(checkpointer=saver)
    far = builder.compile(checkpointer=saver, runtime=elsewhere)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    assert len(commits(saver, "1")) == 1
    for one in (graph, far):
        state = caller.state(one, ONE, subgraphs=True)
        inside = state.tasks[0].state
        assert (state.next, state.values["l"]) == (("sub",), ["a"])
        assert (inside.next, inside.values["l"], inside.metadata["step"]) == (("last",), ["a", "i"], 1)
        assert len(caller.history(one, inside.config)) == 1
    assert caller.invoke(far, Command(resume="yes"), ONE, **EXIT)["l"] == ["a", "a", "i", "yes", "z"]
    assert [row.metadata["step"] for row in caller.history(graph, ONE)] == [3, 1]
    assert len(commits(saver, "1")) == 2


def test_a_history_that_goes_on_has_one_checkpoint_for_each_call(
    saver: BaseCheckpointSaver, caller: Caller, elsewhere: Runtime
) -> None:
    sub = inner("i", checkpointer=True)

    def more(state: State) -> str:
        return "sub" if len(state["l"]) < 3 else END

    builder = StateGraph(State).add_node("sub", sub).add_edge(START, "sub").add_conditional_edges("sub", more)
    graph = builder.compile(checkpointer=saver)
    far = builder.compile(checkpointer=saver, runtime=elsewhere)
    caller.invoke(graph, GIVEN, ONE, **EXIT)
    place = {"configurable": {"thread_id": "1", "checkpoint_ns": "sub"}}
    steps = [row.metadata["step"] for row in caller.history(far, place)]
    assert steps == [row.metadata["step"] for row in caller.history(graph, place)]
    assert steps == [4, 1]


@pytest.mark.parametrize("said", ["sync", "async"])
def test_a_call_inside_cannot_store_what_its_caller_does_not(said: str, saver: BaseCheckpointSaver) -> None:
    sub = inner("i")
    graph = single(lambda state: {"l": sub.invoke({"x": 1}, durability=said)["l"]}).compile(checkpointer=saver)
    graph.invoke(GIVEN, ONE, **EXIT)
    assert len(commits(saver, "1")) == 1


def test_an_entrypoint_and_what_it_saves(saver: BaseCheckpointSaver, caller: Caller) -> None:
    calls: list[int] = []

    @task
    def add(number: int) -> int:
        calls.append(number)
        return number + 1

    @entrypoint(checkpointer=saver)
    def flow(number: int, *, previous: int | None = None) -> Any:
        added = add(number).result()
        answer = interrupt("how many?") if previous is None else 0
        return entrypoint.final(value=added + answer, save=added)

    assert [one.value for one in caller.invoke(flow, 1, ONE, **EXIT)["__interrupt__"]] == ["how many?"]
    assert caller.invoke(flow, Command(resume=5), ONE, **EXIT) == 7
    assert (calls, len(commits(saver, "1"))) == ([1], 2)
    assert caller.invoke(flow, 3, ONE, **EXIT) == 4
    assert [row.metadata["step"] for row in caller.history(flow, ONE)] == [2, 0, -1]


def test_batches_and_the_newer_forms_take_it(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    configs: list[Any] = [{"configurable": {"thread_id": name}} for name in ("b1", "b2", "v2", "v3")]
    graph.batch([GIVEN, GIVEN], configs[:2], **EXIT)
    assert graph.invoke(GIVEN, configs[2], version="v2", **EXIT).value["l"] == ["a", "b"]
    assert graph.stream_events(GIVEN, configs[3], version="v3", **EXIT).output["l"] == ["a", "b"]
    assert [len(list(graph.get_state_history(config))) for config in configs] == [1, 1, 1, 1]


def test_values_are_stored_as_they_were_written(saver: BaseCheckpointSaver, elsewhere: Runtime) -> None:
    def writes(state: State) -> dict[str, Any]:
        return {"l": [kept]}

    def changes_in_place(state: State) -> dict[str, Any]:
        kept.append("changed")
        return {"l": ["b"]}

    kept = ["as written"]
    builder = single(writes, "a").add_node("b", changes_in_place).add_edge("a", "b")
    builder.compile(checkpointer=saver).invoke(GIVEN, ONE, **EXIT)
    far = builder.compile(checkpointer=saver, runtime=elsewhere)
    assert far.get_state(ONE).values["l"] == [["as written"], "b"]


# -- what a call may say


def test_the_older_name_is_taken_with_a_warning(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    for during, checkpoints in ((False, 1), (True, 3), (None, 3)):
        config = {"configurable": {"thread_id": f"{during}"}}
        if during is None:
            caller.invoke(graph, GIVEN, config, checkpoint_during=None)
        else:
            with pytest.warns(LangGraphDeprecatedSinceV10, match="durability"):
                caller.invoke(graph, GIVEN, config, checkpoint_during=during)
        assert len(caller.history(graph, config)) == checkpoints


def test_both_names_at_once_are_refused(caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=InMemorySaver())
    for call in (caller.invoke, caller.stream):
        with pytest.warns(LangGraphDeprecatedSinceV10), pytest.raises(ValueError, match="checkpoint_during"):
            call(graph, GIVEN, ONE, durability="sync", checkpoint_during=True)


def test_an_unknown_durability_is_refused(caller: Caller) -> None:
    # LangGraph takes it for "async"
    with pytest.raises(ValueError, match=r"'often'.*exit"):
        caller.invoke(chain("a").compile(checkpointer=InMemorySaver()), GIVEN, ONE, durability="often")


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_without_a_checkpointer_it_has_no_effect_and_says_so(durability: str, caller: Caller) -> None:
    with pytest.warns(UserWarning, match="has no effect"):
        assert caller.invoke(chain("a").compile(), GIVEN, durability=durability)["l"] == ["a"]


def test_an_input_that_changes_nothing_gives_the_state_all_the_same(caller: Caller) -> None:
    graph = side_by_side(a=lambda state: {"l": []}).compile(checkpointer=InMemorySaver())
    caller.invoke(graph, {"x": 1, "l": ["in"]}, ONE)
    assert caller.invoke(graph, {"l": []}, ONE, **EXIT) == {"x": 1, "l": ["in"]}
