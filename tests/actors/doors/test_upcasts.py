"""A state whose schema changed under paused threads: upcasters bring it up, or the thread is refused by name."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from clew import END, START, Command, InMemorySaver, Runtime, Send, StateGraph, interrupt
from clew.audit import Replay
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import InvalidValueError, UpcastError
from clew.events.codec import Codec, decode_commit
from clew.events.vocabulary import StateUpcast
from clew.types import Upcaster

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class Named(TypedDict):
    name: str
    said: Annotated[list[str], operator.add]


class Split(TypedDict):
    first: str
    last: str
    said: Annotated[list[str], operator.add]


class Greeted(TypedDict):
    greeting: str
    said: Annotated[list[str], operator.add]


def ask(state: Any) -> dict[str, Any]:
    return {"said": [interrupt("ok?")]}


def split(old: Named) -> dict[str, Any]:
    first, _, last = old["name"].partition(" ")
    return {"first": first, "last": last}


def greet(old: Split) -> dict[str, Any]:
    return {"greeting": f"Dear {old['first']} {old['last']}"}


def graph(
    schema: Any, saver: BaseCheckpointSaver | None, upcasters: Any = None, node: Any = ask, **options: Any
) -> Any:
    built = StateGraph(schema).add_node("ask", node).add_edge(START, "ask")
    return built.compile(checkpointer=saver, upcasters=upcasters, **options)


def paused(saver: BaseCheckpointSaver, schema: Any = Named, **options: Any) -> Any:
    """The earlier code, with a thread that waits for its answer."""
    earlier = graph(schema, saver, **options)
    earlier.invoke({"name": "Ada Lovelace", "said": ["hello"]}, CONFIG)
    return earlier


def upcasts(saver: BaseCheckpointSaver) -> list[StateUpcast]:
    commits = (decode_commit(row.body, Codec(), thread="t", version=row.version) for row in saver.store.read("t"))
    return [event for commit in commits for event in commit.events if isinstance(event, StateUpcast)]


def versions(saver: BaseCheckpointSaver) -> int:
    return len(saver.store.read("t"))


# -- what goes on


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_paused_thread_goes_on_in_the_new_form(saver: BaseCheckpointSaver, is_async: bool) -> None:
    paused(saver)
    now = graph(Split, saver, {0: split})
    if is_async:
        ended = asyncio.run(now.ainvoke(Command(resume="yes"), CONFIG))
    else:
        ended = now.invoke(Command(resume="yes"), CONFIG)
    assert ended == {"first": "Ada", "last": "Lovelace", "said": ["hello", "yes"]}
    (event,) = upcasts(saver)
    assert [(write.channel, write.payload.value) for write in event.writes] == [("first", "Ada"), ("last", "Lovelace")]


def test_until_then_it_shows_what_is_recorded_and_is_listed(saver: BaseCheckpointSaver) -> None:
    paused(saver)
    now, before = graph(Split, saver, {0: split}), versions(saver)
    state = now.get_state(CONFIG)
    assert state.values == {"name": "Ada Lovelace", "said": ["hello"]}
    assert state.next == ("ask",)
    assert [asked.value for asked in state.interrupts] == ["ok?"]
    assert [head.thread for head in saver.store.heads()] == ["t"]
    assert versions(saver) == before


def test_what_was_recorded_earlier_is_shown_as_it_was_recorded(saver: BaseCheckpointSaver) -> None:
    earlier = paused(saver)
    earlier.invoke(Command(resume="yes"), CONFIG)
    now = graph(Split, saver, {0: split})
    now.invoke({"said": ["again"]}, CONFIG)
    shown = [state.values for state in now.get_state_history(CONFIG)]
    assert shown[0] == {"first": "Ada", "last": "Lovelace", "said": ["hello", "yes", "again"]}
    assert shown[-2] == {"name": "Ada Lovelace", "said": ["hello"]}
    assert [saved.checkpoint["channel_values"] for saved in saver.list(CONFIG)][-2] == shown[-2]
    old = [chunk for chunk in now.join_stream(CONFIG, stream_mode="values", after=-1)]
    assert {"name": "Ada Lovelace", "said": ["hello"]} in [values for values in old if isinstance(values, dict)]


def test_versions_are_taken_one_after_the_other_and_the_one_between_alone() -> None:
    one_behind, two_behind = InMemorySaver(), InMemorySaver()
    paused(two_behind)
    paused(one_behind)
    between = graph(Split, one_behind, {0: split})
    between.update_state(CONFIG, {"said": ["between"]}, as_node=START)
    for saver, said in ((one_behind, ["hello", "between"]), (two_behind, ["hello"])):
        now = graph(Greeted, saver, {0: split, 1: greet})
        now.invoke(None, CONFIG)
        assert now.invoke(Command(resume="yes"), CONFIG) == {"greeting": "Dear Ada Lovelace", "said": [*said, "yes"]}
    only_last = graph(Greeted, two_behind, {1: greet})
    assert only_last.get_state(CONFIG).values["greeting"] == "Dear Ada Lovelace"
    assert only_last.plan.schema == 2


def test_an_upcaster_runs_once_a_thread_and_never_at_replay(saver: BaseCheckpointSaver) -> None:
    calls: list[str] = []

    def counted(old: Named) -> dict[str, Any]:
        calls.append(old["name"])
        return split(old)

    paused(saver)
    now = graph(Split, saver, {0: counted})
    for _ in range(3):
        now.get_state(CONFIG)
    assert calls == []
    now.invoke(Command(resume="yes"), CONFIG)
    now.invoke({"said": ["again"]}, CONFIG)
    with Runtime() as elsewhere:
        later = graph(Split, saver, {0: counted}, runtime=elsewhere)
        later.invoke(Command(resume="yes"), CONFIG)
        assert later.get_state(CONFIG).values["first"] == "Ada"
    assert calls == ["Ada Lovelace"]


def test_the_same_graph_with_upcasters_and_a_thread_that_began_with_it_calls_none(saver: BaseCheckpointSaver) -> None:
    now = graph(Split, saver, {0: lambda old: pytest.fail(f"called with {old}")})
    now.invoke({"first": "Ada", "last": "Lovelace", "said": []}, CONFIG)
    assert now.invoke(Command(resume="yes"), CONFIG)["first"] == "Ada"
    assert upcasts(saver) == []


def test_new_input_withdraws_the_question_and_is_taken_in_the_new_form(saver: BaseCheckpointSaver) -> None:
    paused(saver)
    now = graph(Split, saver, {0: split})
    assert now.invoke({"said": ["other"]}, CONFIG)["__interrupt__"]
    assert now.invoke(Command(resume="yes"), CONFIG)["said"] == ["hello", "other", "yes"]


def test_a_resting_thread_that_has_nothing_to_do_is_shown_in_the_new_form() -> None:
    saver = InMemorySaver()
    paused(saver).invoke(Command(resume="yes"), CONFIG)
    now = graph(Split, saver, {0: split})
    assert now.invoke(None, CONFIG) == {"first": "Ada", "last": "Lovelace", "said": ["hello", "yes"]}
    assert now.get_state(CONFIG).next == ()


def test_an_earlier_checkpoint_is_gone_on_from_in_the_new_form(saver: BaseCheckpointSaver) -> None:
    paused(saver).invoke(Command(resume="yes"), CONFIG)
    now = graph(Split, saver, {0: split})
    asking = next(state for state in now.get_state_history(CONFIG) if state.next == ("ask",))
    now.invoke(None, asking.config)
    assert now.invoke(Command(resume="no"), CONFIG) == {"first": "Ada", "last": "Lovelace", "said": ["hello", "no"]}
    assert now.get_state(asking.config).values == {"name": "Ada Lovelace", "said": ["hello"]}


def test_a_run_that_is_stored_at_its_end_is_brought_up_in_its_commit(saver: BaseCheckpointSaver) -> None:
    paused(saver)
    before = versions(saver)
    now = graph(Split, saver, {0: split})
    assert now.invoke(Command(resume="yes"), CONFIG, durability="exit")["first"] == "Ada"
    assert versions(saver) == before + 1
    with Runtime() as elsewhere:
        again = graph(Split, saver, {0: split}, runtime=elsewhere)
        assert again.get_state(CONFIG).values == {"first": "Ada", "last": "Lovelace", "said": ["hello", "yes"]}


@pytest.mark.parametrize("at_checkpoint", [False, True], ids=["head", "checkpoint"])
def test_an_update_by_hand_is_made_on_the_new_form(saver: BaseCheckpointSaver, at_checkpoint: bool) -> None:
    earlier = paused(saver)
    config = earlier.get_state(CONFIG).config if at_checkpoint else CONFIG
    if at_checkpoint:
        earlier.invoke(Command(resume="yes"), CONFIG)
    now = graph(Split, saver, {0: split})
    now.update_state(config, {"first": "Augusta", "said": ["by hand"]}, as_node=START)
    assert now.get_state(CONFIG).values == {"first": "Augusta", "last": "Lovelace", "said": ["hello", "by hand"]}


def test_an_input_recorded_by_hand_is_on_the_new_form() -> None:
    saver = InMemorySaver()
    paused(saver)
    now = graph(Split, saver, {0: split})
    now.update_state(CONFIG, {"said": ["by hand"]}, as_node="__input__")
    assert now.invoke(None, CONFIG)["first"] == "Ada"


def test_a_thread_that_began_with_an_update_by_hand_has_its_version() -> None:
    saver = InMemorySaver()
    graph(Named, saver).update_state(CONFIG, {"name": "Ada Lovelace"}, as_node=START)
    now = graph(Split, saver, {0: split})
    now.update_state(CONFIG, {"said": ["x"]}, as_node=START)
    with Runtime() as elsewhere:
        again = graph(Split, saver, {0: split}, runtime=elsewhere)
        assert again.get_state(CONFIG).values == {"first": "Ada", "last": "Lovelace", "said": ["x"]}
    fresh = {"configurable": {"thread_id": "fresh"}}
    now.update_state(fresh, {"first": "Grace"}, as_node=START)
    now.update_state(fresh, {"last": "Hopper"}, as_node=START)
    assert now.get_state(fresh).values == {"first": "Grace", "last": "Hopper", "said": []}


def test_a_state_that_is_one_value_is_given_bare() -> None:
    saver = InMemorySaver()
    earlier = graph(Annotated[list[str], operator.add], saver, node=lambda state: [interrupt("ok?")])
    earlier.invoke(["hello"], CONFIG)
    now = graph(Named, saver, {0: lambda old: {"name": old[0], "said": old}})
    assert now.invoke(Command(resume="yes"), CONFIG) == {"name": "hello", "said": ["hello", "yes"]}
    back = graph(Annotated[list[str], operator.add], saver, {0: dict, 1: lambda old: [*old["said"], old["name"]]})
    assert back.invoke(None, CONFIG) == ["hello", "yes", "hello"]


def test_an_answer_is_repeated_safely_under_its_command_id() -> None:
    saver = InMemorySaver()
    paused(saver)
    now, config = graph(Split, saver, {0: split}), {"configurable": {"thread_id": "t", "command_id": "c"}}
    once = now.invoke(Command(resume="yes"), config)
    assert now.invoke(Command(resume="yes"), config) == once
    assert len(upcasts(saver)) == 1


def test_a_graph_inside_has_upcasters_of_its_own(saver: BaseCheckpointSaver) -> None:
    def code(inner: Any, upcasters: Any) -> Any:
        below = StateGraph(inner).add_node("ask", ask).add_edge(START, "ask").compile(upcasters=upcasters)
        return StateGraph(Said).add_node("below", below).add_edge(START, "below").compile(checkpointer=saver)

    class Said(TypedDict):
        said: Annotated[list[str], operator.add]

    class Inner(TypedDict):
        said: Annotated[list[str], operator.add]
        count: int

    class Counted(TypedDict):
        said: Annotated[list[str], operator.add]
        counts: list[int]

    code(Inner, None).invoke({"said": ["hello"]}, CONFIG)
    now = code(Counted, {0: lambda old: {"counts": [old.get("count", 7)]}})
    now.invoke(None, CONFIG)
    (below,) = now.get_state(CONFIG, subgraphs=True).tasks
    assert below.state.values == {"said": ["hello"], "counts": [7]}
    assert now.invoke(Command(resume="yes"), CONFIG)["said"][-1] == "yes"
    assert [event.ns.partition(":")[0] for event in upcasts(saver)] == ["below"]


def test_a_replay_shows_each_state_in_the_form_of_its_time() -> None:
    saver = InMemorySaver()
    paused(saver)
    graph(Split, saver, {0: split}).invoke(Command(resume="yes"), CONFIG)
    for source in (saver, saver.store, graph(Split, saver, {0: split})):
        replay = Replay("t", source)
        assert replay.at(1).values == {"name": "Ada Lovelace", "said": ["hello"]}
        assert replay.at(-1).values == {"first": "Ada", "last": "Lovelace", "said": ["hello", "yes"]}
        forms = [tuple(moment.values) for moment in replay if moment.name in ("InterruptRaised", "StateUpcast")]
        assert forms == [("name", "said"), ("first", "last", "said")]


# -- reducers


def longest(kept: str, written: str) -> str:
    return max(kept, written, key=len)


class Merged(TypedDict):
    note: Annotated[str, longest]
    said: Annotated[list[str], operator.add]


class Plain(TypedDict):
    note: str
    said: Annotated[list[str], operator.add]


def merged_thread() -> BaseCheckpointSaver:
    saver = InMemorySaver()
    earlier = graph(Merged, saver)
    earlier.invoke({"note": "the longest"}, CONFIG)
    earlier.invoke({"note": "short"}, CONFIG)
    return saver


def test_a_key_whose_reducer_is_gone_is_refused_and_brought_up_where_it_is_declared() -> None:
    saver = merged_thread()
    with pytest.raises(UpcastError, match=r"merged by 'user:longest'.*annotate the parameter"):
        graph(Plain, saver, {0: lambda old: {}}).invoke(None, CONFIG)

    def declared(old: Merged) -> dict[str, Any]:
        return {"note": old["note"].title()}

    now = graph(Plain, saver, {0: declared})
    assert now.get_state(CONFIG).values["note"] == "the longest"
    now.invoke(None, CONFIG)
    assert now.get_state(CONFIG).values["note"] == "The Longest"


def test_a_key_that_keeps_its_value_under_another_rule_is_carried_over() -> None:
    saver = merged_thread()

    def declared(old: Merged) -> None:
        return None

    now = graph(Plain, saver, {0: declared})
    now.invoke(None, CONFIG)
    assert now.get_state(CONFIG).values["note"] == "the longest"


# -- the open step


class Wide(TypedDict):
    total: int
    said: Annotated[list[str], operator.add]
    items: Annotated[list[Any], operator.add]


def wide(saver: BaseCheckpointSaver, upcasters: Any = None) -> Any:
    built = StateGraph(Wide).add_node("ask", ask).add_node("beside", lambda state: {"items": [1]})
    return built.add_edge(START, "ask").add_edge(START, "beside").compile(checkpointer=saver, upcasters=upcasters)


def texts(old: Any) -> dict[str, Any]:
    return {"items": [str(item) for item in old["items"]]}


def test_what_a_finished_task_wrote_is_left_where_its_keys_stay_as_they_were() -> None:
    saver = InMemorySaver()
    wide(saver).invoke({"total": 3, "items": [0]}, CONFIG)
    now = wide(saver, {0: lambda old: {"total": old["total"] + 1}})
    assert now.invoke(Command(resume="yes"), CONFIG) == {"total": 4, "said": ["yes"], "items": [0, 1]}


def test_what_a_finished_task_wrote_of_a_key_that_changes_needs_a_function() -> None:
    saver = InMemorySaver()
    wide(saver).invoke({"total": 3, "items": [0]}, CONFIG)
    before = versions(saver)
    with pytest.raises(UpcastError, match=r"what node 'beside' wrote.*\['items'\].*updates=function"):
        wide(saver, {0: texts}).invoke(Command(resume="yes"), CONFIG)
    assert versions(saver) == before
    now = wide(saver, {0: Upcaster(texts, updates=texts)})
    assert now.invoke(Command(resume="yes"), CONFIG)["items"] == ["0", "1"]


def test_what_a_finished_task_wrote_of_a_key_that_is_gone_needs_a_function() -> None:
    saver = InMemorySaver()
    wide(saver).invoke({"total": 3, "items": [0]}, CONFIG)

    class Narrow(TypedDict):
        total: int
        said: Annotated[list[str], operator.add]

    def narrow(updates: Any) -> Any:
        built = StateGraph(Narrow).add_node("ask", ask).add_node("beside", lambda state: None)
        built.add_edge(START, "ask").add_edge(START, "beside")
        return built.compile(checkpointer=saver, upcasters={0: Upcaster(lambda old: {}, updates=updates)})

    with pytest.raises(UpcastError, match="key 'items', which is no longer there"):
        narrow(None).invoke(Command(resume="yes"), CONFIG)
    now = narrow(lambda update: {"total": sum(update["items"])})
    assert now.invoke(Command(resume="yes"), CONFIG) == {"total": 1, "said": ["yes"]}


def sending(saver: BaseCheckpointSaver, upcasters: Any = None) -> Any:
    def each(sent: Any) -> dict[str, Any]:
        return {"said": [f"{sent} {interrupt(f'ok {sent}?')}"]}

    built = StateGraph(Named).add_node("each", each)
    built.add_conditional_edges(START, lambda state: [Send("each", 1), Send("each", 2)], ["each"])
    return built.compile(checkpointer=saver, upcasters=upcasters)


def test_what_a_task_was_sent_needs_a_function() -> None:
    saver = InMemorySaver()
    questions = sending(saver).invoke({"name": "Ada"}, CONFIG)["__interrupt__"]
    answers = Command(resume={asked.id: "yes" for asked in questions})
    with pytest.raises(UpcastError, match=r"node 'each' was sent an argument.*sends="):
        sending(saver, {0: lambda old: {}}).invoke(answers, CONFIG)
    now = sending(saver, {0: Upcaster(lambda old: {}, sends={"each": lambda sent: sent})})
    assert now.invoke(answers, CONFIG)["said"] == ["1 yes", "2 yes"]


def test_what_a_finished_task_sends_next_needs_a_function() -> None:
    saver = InMemorySaver()

    def code(upcasters: Any = None) -> Any:
        built = StateGraph(Named).add_node("ask", ask).add_node("each", lambda sent: {"said": [f"each {sent}"]})
        built.add_node("beside", lambda state: Command(goto=Send("each", 1)), destinations=("each",))
        return built.add_edge(START, "ask").add_edge(START, "beside").compile(saver, upcasters=upcasters)

    code().invoke({"name": "Ada"}, CONFIG)
    with pytest.raises(UpcastError, match="node 'each' was sent an argument"):
        code({0: lambda old: {}}).invoke(Command(resume="yes"), CONFIG)
    now = code({0: Upcaster(lambda old: {}, sends={"each": lambda sent: sent + 1})})
    assert now.invoke(Command(resume="yes"), CONFIG)["said"] == ["yes", "each 2"]


# -- what is refused


def raises(old: Any) -> Any:
    return {"first": old["surname"]}


REFUSED: list[tuple[str, Any, str]] = [
    ("an upcaster raised", {0: raises}, "upcaster 'raises' from version 0 raised KeyError: 'surname'"),
    ("one is missing", {1: greet}, r"no upcaster leads from version 0.*compile\(upcasters="),
    ("it gives no dict", {0: lambda old: "Ada"}, "gave 'Ada'; return a dict"),
    ("it gives an unknown key", {0: lambda old: {"frist": "Ada"}}, r"give \['frist'\], no keys of this graph"),
    ("it cannot be stored", {0: lambda old: {"first": object()}}, r"\$.first"),
]


@pytest.mark.parametrize(("upcasters", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_cannot_be_brought_up_is_refused_and_loses_nothing(
    saver: BaseCheckpointSaver, upcasters: Any, message: str
) -> None:
    earlier = paused(saver)
    before = versions(saver)
    now = graph(Split, saver, upcasters)
    with pytest.raises(Exception, match=message) as raised:
        now.invoke(Command(resume="yes"), CONFIG)
    if isinstance(raised.value, UpcastError):
        assert (raised.value.thread, raised.value.version, raised.value.expected) == ("t", 0, max(upcasters) + 1)
    with pytest.raises(Exception, match=message):
        now.update_state(CONFIG, {"said": ["by hand"]}, as_node=START)
    assert versions(saver) == before
    assert now.get_state(CONFIG).interrupts == earlier.get_state(CONFIG).interrupts
    assert len(saver.store.heads()) == 1
    assert earlier.invoke(Command(resume="yes"), CONFIG)["name"] == "Ada Lovelace"


@pytest.mark.parametrize("command", [Command(resume="no"), None, {"said": ["x"]}], ids=["answer", "none", "input"])
def test_earlier_code_is_refused_on_a_thread_of_later_code(saver: BaseCheckpointSaver, command: Any) -> None:
    earlier = paused(saver)
    now = graph(Split, saver, {0: split})
    now.invoke(None, CONFIG)
    before = versions(saver)
    with pytest.raises(UpcastError, match="version 1, the graph has version 0: later code wrote it"):
        earlier.invoke(command, CONFIG)
    assert versions(saver) == before
    assert earlier.get_state(CONFIG).values == {"first": "Ada", "last": "Lovelace", "said": ["hello"]}
    assert now.invoke(Command(resume="yes"), CONFIG)["said"] == ["hello", "yes"]


def test_values_are_checked_where_the_graph_checks_them() -> None:
    saver = InMemorySaver()
    paused(saver)
    now = graph(Split, saver, {0: lambda old: {"first": 7, "last": "x"}}, validate=True)
    with pytest.raises(UpcastError, match="InvalidValueError") as raised:
        now.invoke(Command(resume="yes"), CONFIG)
    assert isinstance(raised.value.__cause__, InvalidValueError)


async def later(old: Any) -> dict[str, Any]:
    return {}


@pytest.mark.parametrize(
    ("upcasters", "error", "message"),
    [
        ({0: split, 2: greet}, ValueError, "lacks one from version 1"),
        ({-1: split}, ValueError, "whole numbers"),
        ({"0": split}, ValueError, "whole numbers"),
        ({0: "split"}, TypeError, "'split'"),
        ({0: Upcaster(split, updates=3)}, TypeError, "is 3"),  # type: ignore[arg-type]
        ({0: later}, ValueError, "async"),
    ],
)
def test_upcasters_that_are_none_are_refused_at_compile(upcasters: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        graph(Split, None, upcasters)


def test_a_graph_without_upcasters_has_the_fingerprint_that_it_had() -> None:
    fingerprint: Callable[..., bytes] = lambda upcasters: graph(Split, None, upcasters).plan.fingerprint  # noqa: E731
    assert fingerprint(None) == fingerprint({})
    assert len({fingerprint(None), fingerprint({0: split}), fingerprint({0: split, 1: greet})}) == 3
    assert END not in graph(Split, None).plan.nodes
