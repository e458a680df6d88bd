"""`Replay`: the states that a thread had, from its log alone, byte for byte; and what cannot be known without code."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from clew import END, START, Command, InMemorySaver, Overwrite, Send, StateGraph, add_messages, interrupt
from clew.actors.engine.log import ThreadLog
from clew.actors.kit.laws import portrait
from clew.archive import export_threads
from clew.audit import ABSENT, NotFolded, Replay
from clew.channels import LastValueAfterFinish
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import ArchiveError, CorruptCommitError, ThreadErasedError, UnknownThreadError, UnknownVersionError
from clew.events.codec import Codec
from clew.events.stores.memory import MemoryStore
from clew.testing import save_log

from tests.guarantees.graphs import STORIES

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "t"}}


class State(TypedDict):
    log: Annotated[list[str], operator.add]
    total: Annotated[int, operator.add]
    messages: Annotated[list[Any], add_messages]
    last: str
    shown: Annotated[str, LastValueAfterFinish]


def conversation(saver: Any) -> Any:
    """A graph with built-in rules of many kinds; its thread asks, is forked, updated by hand and asked again."""
    inner = StateGraph(State).add_node("deep", lambda state: {"log": [interrupt("deep?")]}).add_edge(START, "deep")
    builder = StateGraph(State)
    builder.add_node("fan", lambda state: {"log": ["fan"], "messages": [("ai", "hello")], "shown": "early"})
    builder.add_node("leaf", lambda state: {"log": [f"leaf {state['n']}"], "total": state["n"]})
    builder.add_node("sub", inner.compile())
    builder.add_node("end", lambda state: {"last": "over", "log": Overwrite([*state["log"], "end"])})
    builder.add_edge(START, "fan").add_edge("leaf", "sub").add_edge("sub", "end")
    builder.add_conditional_edges("fan", lambda state: [Send("leaf", {"n": n}) for n in (1, 2)])
    return builder.compile(checkpointer=saver)


def recorded(saver: Any) -> Any:
    graph = conversation(saver)
    graph.invoke({"log": ["in"], "messages": ["hi"]}, CONFIG)
    graph.invoke(Command(resume="yes"), CONFIG)
    earlier = next(state for state in graph.get_state_history(CONFIG) if state.next == ("sub",))
    graph.update_state(earlier.config, {"log": ["by hand"]}, as_node="leaf")
    graph.invoke(None, CONFIG)
    return graph


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """Version to what the live run had after it, looked at as it was appended."""
    states: dict[int, Any] = {}
    entry = ThreadLog.entry

    def looked_at(log: ThreadLog, commit: Any, before: Any, after: Any, *rest: Any) -> Any:
        made = entry(log, commit, before, after, *rest)
        if log.thread == CONFIG["configurable"]["thread_id"]:  # not another test's late append
            states[after.version] = after
        return made

    monkeypatch.setattr(ThreadLog, "entry", looked_at)
    return states


def encoded(values: Any) -> bytes:
    return Codec().encode_value(values)


def same_as_live(replay: Replay, live: dict[int, Any], channels: Any, own: Any = None) -> None:
    assert sorted(live) == list(range(len(live)))
    assert replay.last == len(live) - 1
    for version, state in live.items():
        again = replay.at(version).folded
        rules = channels if own is None else replay.timeline.rules_at(version)
        assert portrait(again, rules) == portrait(state, channels), version
        assert (again.digest, again.status) == (state.digest, state.status)


async def converse(graph: Any, moves: Sequence[Any]) -> None:
    for move in moves:
        given = move(await graph.aget_state(CONFIG)) if callable(move) else move
        await graph.ainvoke(given, CONFIG)


# --- the states


@pytest.mark.parametrize("story", STORIES)
def test_every_graph_replays_as_it_was_live(story: str, live: dict[int, Any]) -> None:
    make, moves = STORIES[story]
    saver = InMemorySaver()
    graph = make().copy({"checkpointer": saver})
    asyncio.run(converse(graph, moves))
    same_as_live(Replay("t", saver, graph=graph), live, graph.channels)
    same_as_live(Replay("t", saver.store), live, graph.channels, own=True)


def test_each_version_is_what_get_state_showed_on_every_store(saver: BaseCheckpointSaver) -> None:
    graph = conversation(saver)
    shown: dict[int, Any] = {}
    for given in ({"log": ["in"], "messages": ["hi"]}, Command(resume="yes")):
        for _ in graph.stream(given, CONFIG):
            head = saver.store.head("t")
            assert head is not None
            shown[head.version] = graph.get_state(CONFIG)
    replay = Replay("t", graph)
    assert len(shown) > 3
    for version, state in shown.items():
        assert replay.at(version).state == state
        assert encoded(replay.at(version).values) == encoded(state.values)


def test_a_thread_replays_alike_from_every_store_and_file(
    saver: BaseCheckpointSaver, tmp_path: Path, live: dict[int, Any]
) -> None:
    graph = recorded(saver)
    archive, log = tmp_path / "threads.jsonl.gz", tmp_path / "t.jsonl"
    export_threads(saver.store, archive)
    save_log(saver, "t", log)
    with_code = [moment.digest for moment in Replay("t", graph)]
    for source in (saver, saver.store, archive, str(log)):
        replay = Replay("t", source)
        same_as_live(replay, live, graph.channels, own=True)
        assert [moment.digest for moment in replay] == with_code
        assert replay.not_folded == {}


def test_a_moment_inside_a_commit_lies_between_the_versions(saver: BaseCheckpointSaver) -> None:
    replay = Replay("t", recorded(saver))
    for moment in replay:
        others = [other for other in replay if other.version == moment.version]
        if moment.index == len(others) - 1:
            assert moment.digest == replay.at(moment.version).digest
    answered = next(moment for moment in replay if moment.name == "Resumed")
    before = next(moment for moment in replay if (moment.version, moment.index) == (answered.version, 0))
    assert [one.value for one in before.state.interrupts] == ["deep?"]
    assert answered.state.interrupts == ()


def test_moments_may_be_looked_at_in_any_order() -> None:
    replay = Replay("t", recorded(InMemorySaver()))
    forwards = [moment.digest for moment in replay]
    backwards = [moment.digest for moment in reversed([*replay])]
    assert backwards == forwards[::-1]
    assert len(forwards) == len(replay)


def test_a_moment_says_what_when_where_and_who() -> None:
    saver = InMemorySaver()
    graph = StateGraph(State).add_node("ask", lambda state: {"last": interrupt("sure?")}).add_edge(START, "ask")
    graph = graph.compile(checkpointer=saver)
    begun = datetime.now(UTC)
    graph.invoke({"log": []}, CONFIG)
    graph.invoke(Command(resume="yes"), {"configurable": {"thread_id": "t", "who": "ada"}})
    answered = next(moment for moment in Replay("t", saver) if moment.name == "Resumed")
    assert answered.line.node == "ask"
    assert answered.line.what == "answer 'yes'"
    assert answered.line.who == "ada"
    assert begun - timedelta(seconds=1) < answered.time < datetime.now(UTC) + timedelta(seconds=1)
    assert repr(answered).startswith(f"<Moment {answered.version}.{answered.index} Resumed 'ask'")


def test_a_graph_inside_has_its_own_state() -> None:
    graph = conversation(InMemorySaver())
    graph.invoke({"log": ["in"]}, CONFIG)
    moment = Replay("t", graph).at(-1)
    (task,) = moment.state.tasks
    namespace = task.state["configurable"]["checkpoint_ns"]
    inner = moment.state_of(namespace)
    assert inner == graph.get_state(task.state)
    assert inner.next == ("deep",)
    without = Replay("t", graph.checkpointer.store).at(-1)
    assert without.state_of(namespace).values == inner.values
    assert without.state.tasks == moment.state.tasks
    assert moment.state_of("nowhere:1").values == {}


# --- points


def test_a_version_and_its_time_are_one_point() -> None:
    replay = Replay("t", recorded(InMemorySaver()))
    times = [commit.commit.time for commit in replay.timeline.commits]
    for version, micros in enumerate(times):
        time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
        assert replay.at(time).version == version == replay.at(version).version
    assert replay.at(datetime.now(UTC)).version == replay.last == replay.at(-1).version


def test_between_gives_the_events_of_both_ends() -> None:
    replay = Replay("t", recorded(InMemorySaver()))
    assert {moment.version for moment in replay.between(2, 4)} == {2, 3, 4}
    assert [repr(one) for one in replay.between(0, -1)] == [repr(one) for one in replay]
    start = replay.at(2).folded.time
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start)
    assert {moment.version for moment in replay.between(time, replay.last)} == set(range(2, replay.last + 1))
    later = time + timedelta(microseconds=1)
    assert {moment.version for moment in replay.between(later, replay.last)} == set(range(3, replay.last + 1))
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    assert [repr(one) for one in replay.between(long_ago, -1)] == [repr(one) for one in replay]


@pytest.mark.parametrize("point", [99, -99, datetime(2000, 1, 1, tzinfo=UTC)])
def test_a_point_that_the_thread_does_not_have_is_refused_with_its_range(point: Any) -> None:
    replay = Replay("t", recorded(InMemorySaver()))
    with pytest.raises(UnknownVersionError, match=f"versions are 0 to {replay.last}"):
        replay.at(point)
    with pytest.raises(ValueError, match="no time zone"):
        replay.at(datetime(2026, 1, 1))


# --- changes


def test_changes_name_keys_what_is_due_and_what_is_asked() -> None:
    saver = InMemorySaver()
    graph = conversation(saver)
    graph.invoke({"log": ["in"], "messages": ["hi"]}, CONFIG)
    asking = Replay("t", saver).last
    graph.invoke(Command(resume="yes"), CONFIG)
    replay = Replay("t", graph)
    asked = replay.changes(0, asking)
    assert [question.value for question in asked.asked] == ["deep?"]
    assert asked.next == (("fan",), ("sub",))
    changed = replay.changes(asking, -1)
    assert set(changed.keys) == {"log", "last", "shown", "total"}
    assert changed.keys["last"].kind == "added"
    assert changed.keys["last"].before is ABSENT
    assert changed.keys["log"].more[-1] == "end"
    assert changed.keys["log"].kind == "extended"
    assert [question.value for question in changed.settled] == ["deep?"]
    assert "last: (nothing) -> 'over'" in changed.lines()
    assert "no longer asked: 'deep?'" in changed.lines()
    assert not replay.changes(-1, -1)
    assert replay.changes(datetime(2000, 1, 1, tzinfo=UTC), 0).keys["log"].kind == "added"


def test_equal_values_of_other_types_are_changes() -> None:
    class Loose(TypedDict):
        value: Any

    saver = InMemorySaver()
    graph = StateGraph(Loose).add_node("set", lambda state: {"value": True}).add_edge(START, "set")
    graph.compile(checkpointer=saver).invoke({"value": 1}, CONFIG)
    assert Replay("t", saver).changes(0, -1).keys["value"].words() == "value: 1 -> True"


# --- what cannot be folded


def united(old: set[str] | None, new: set[str]) -> set[str]:
    return (old or set()) | new


def own_reducer(saver: Any) -> Any:
    class Tagged(TypedDict):
        tags: Annotated[set[str], united]
        count: Annotated[int, operator.add]

    builder = StateGraph(Tagged).add_node("one", lambda state: {"tags": {"one"}, "count": 1})
    return builder.add_edge(START, "one").compile(checkpointer=saver)


def test_a_value_whose_reducer_is_not_at_hand_says_so() -> None:
    saver = InMemorySaver()
    graph = own_reducer(saver)
    graph.invoke({"tags": {"in"}}, CONFIG)
    replay = Replay("t", saver.store)
    assert replay.not_folded == {"tags": "user:united"}
    values = replay.at(-1).values
    assert values == {"tags": NotFolded("user:united", ({"in"}, {"one"})), "count": 1}
    assert repr(values["tags"]) == "<not folded: 2 writes by 'user:united'; give the graph>"
    assert replay.at(-1).digest != replay.at(0).digest
    for known in (Replay("t", saver), Replay("t", saver.store, graph=graph)):
        assert known.not_folded == {}
        assert known.at(-1).values == {"tags": {"in", "one"}, "count": 1}


def test_an_overwrite_needs_no_reducer() -> None:
    saver = InMemorySaver()
    graph = own_reducer(saver)
    graph.invoke({"tags": {"in"}}, CONFIG)
    graph.update_state(CONFIG, {"tags": Overwrite({"only"})}, as_node="one")
    assert Replay("t", saver.store).at(-1).values["tags"] == {"only"}


def test_a_rule_of_a_graph_inside_says_so_too() -> None:
    inner = own_reducer(None)
    saver = InMemorySaver()
    outer = StateGraph(State).add_node("call", lambda state: {"last": str(inner.invoke({"tags": {"in"}}))})
    graph = outer.add_edge(START, "call").compile(checkpointer=saver, interrupt_after=["call"])
    graph.invoke({"log": []}, CONFIG)
    folded = Replay("t", saver.store).at(-1).folded
    (line,) = [line for line in (*folded.closed, *folded.lines.values()) if line.ns]
    shown = Replay("t", saver.store).at(-1).state_of(line.ns)
    assert shown.values == {"tags": NotFolded("user:united", ({"in"}, {"one"})), "count": 1}


def test_each_version_is_shown_by_the_rules_of_its_time() -> None:
    def with_rule(rule: Callable[..., Any] | None) -> Any:
        state = TypedDict("S", {"log": Annotated[list, rule] if rule else list})  # noqa: UP013
        builder = StateGraph(state).add_node("one", lambda state: {"log": ["one"]}).add_edge(START, "one")
        return builder.compile(checkpointer=BaseCheckpointSaver(store))

    store = MemoryStore()
    first = with_rule(operator.add)
    first.invoke({"log": ["in"]}, CONFIG)
    second = with_rule(None)
    second.invoke({"log": ["again"]}, CONFIG)
    replay = Replay("t", store)
    assert replay.at(1).values == {"log": ["in", "one"]}
    assert replay.at(-1).values == {"log": ["one"]}
    assert second.get_state(CONFIG).values == {"log": ["one"]}
    assert Replay("t", store, graph=second).at(1).values == {"log": ["one"]}


# --- what is not there


def test_an_unknown_thread_is_named(saver: BaseCheckpointSaver, tmp_path: Path) -> None:
    recorded(saver)
    with pytest.raises(UnknownThreadError, match="no thread 'other' in the store"):
        Replay("other", saver)
    export_threads(saver.store, tmp_path / "a.jsonl")
    with pytest.raises(UnknownThreadError, match=r"no thread 'other' in the file '.*a\.jsonl'"):
        Replay("other", tmp_path / "a.jsonl")
    saver.delete_thread("t")
    with pytest.raises(ThreadErasedError):
        Replay("t", saver)


def test_a_damaged_thread_is_refused_with_the_version() -> None:
    store = MemoryStore()
    recorded(BaseCheckpointSaver(store))
    rows = store.read("t")
    rows[2] = type(rows[2])("t", 2, rows[2].position, rows[2].digest, rows[1].body)
    store.read = lambda *_, **__: rows  # type: ignore[method-assign]
    with pytest.raises(CorruptCommitError, match="version 2: its content does not match its digest"):
        Replay("t", store)


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of the kind\n")
    with pytest.raises(ArchiveError, match="line 1"):
        Replay("t", tmp_path / "notes.txt")


def test_replaying_runs_no_node_and_writes_nothing() -> None:
    ran: list[str] = []
    saver = InMemorySaver()
    builder = StateGraph(State).add_node("one", lambda state: ran.append("one") or {"last": "x"})
    builder.add_edge(START, "one").add_conditional_edges("one", lambda state: ran.append("path") or END)
    graph = builder.compile(checkpointer=saver)
    graph.invoke({"log": []}, CONFIG)
    before, rows = list(ran), len(saver.store.read("t"))
    assert [moment.state for moment in Replay("t", graph)]
    assert ran == before
    assert len(saver.store.read("t")) == rows
