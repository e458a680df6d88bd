"""Section 4: channels and reducers, as the rules of keys and as objects."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Overwrite, Send, StateGraph, interrupt
from clew.channels import (
    AnyValue,
    BaseChannel,
    BinaryOperatorAggregate,
    DeltaChannel,
    EphemeralValue,
    LastValue,
    LastValueAfterFinish,
    NamedBarrierValue,
    NamedBarrierValueAfterFinish,
    Topic,
    UntrackedValue,
)
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import EmptyChannelError, InvalidUpdateError

from tests.support.labels import steady

from .callers import Caller
from .programs import ONE, State, single

EMPTY = "no value"


def extend(value: list | None, writes: Sequence[list]) -> list:
    """A batch reducer."""
    return [*(value or ()), *(item for write in writes for item in write)]


class Keyed:
    """A graph whose key `k` has the annotation under test: each step's nodes write these values to it."""

    def __init__(self, annotation: Any, *steps: Sequence[Any], saver: BaseCheckpointSaver | None = None) -> None:
        self.seen: list[Any] = []
        fields = {"k": annotation, "t": Annotated[list, operator.add]}
        schema = TypedDict("schema", fields)  # type: ignore[misc]
        builder: Any = StateGraph(schema)
        before: list[str] = []
        for step, values in enumerate(steps):
            names = [f"n{step}{place}" for place in range(len(values))]
            for name, value in zip(names, values, strict=True):
                builder.add_node(name, self._node(value))
                builder.add_edge(before, name) if before else builder.add_edge(START, name)
            before = names
        self.graph = builder.compile(checkpointer=saver)

    def _node(self, value: Any) -> Any:
        def node(state: dict) -> dict:
            self.seen.append(state.get("k", EMPTY))
            return {"t": [len(self.seen)]} if value is None else {"k": value}

        return node

    def run(self, given: Any = None, config: Any = None) -> Any:
        """The value of `k` in the output."""
        return self.graph.invoke({} if given is None else {"k": given}, config).get("k", EMPTY)


# -- rules of keys


@pytest.mark.parametrize(
    ("annotation", "steps", "given", "seen"),
    [
        (int, [[1], [None], [2], [None]], 5, [5, 1, 1, 2]),
        (Annotated[int, LastValue], [[1], [None], [2], [None]], 5, [5, 1, 1, 2]),
        (Annotated[int, "doc", LastValue(int), "more"], [[1], [None]], 5, [5, 1]),
        (Annotated[int, AnyValue], [[1, 2], [None], [None]], 5, [5, 5, 2, EMPTY]),
        (Annotated[int, EphemeralValue], [[1], [None], [None]], 5, [5, 1, EMPTY]),
        (Annotated[int, EphemeralValue(int, guard=False)], [[1, 2], [None]], 5, [5, 5, 2]),
        (Annotated[int, UntrackedValue], [[1], [None], [None]], 5, [5, 1, 1]),
        (Annotated[int, UntrackedValue(int, guard=False)], [[1, 2], [None]], 5, [5, 5, 2]),
        (Annotated[list, Topic], [[1, 2], [None], [None]], 5, [[5], [5], [1, 2], EMPTY]),
        (
            Annotated[list, Topic(int, accumulate=True)],
            [[1, [2, 3]], [None], [4]],
            5,
            [[5], [5], [5, 1, 2, 3], [5, 1, 2, 3]],
        ),
        (Annotated[int, BinaryOperatorAggregate(int, operator.add)], [[1, 2], [3]], 5, [5, 5, 8]),
        (Annotated[list, operator.add], [[[1], [2]], [[3]]], [0], [[0], [0], [0, 1, 2]]),
        (Annotated[list, operator.add], [[[1]]], None, [[]]),
        (Annotated[list, DeltaChannel(extend)], [[[1], [2]], [[3]]], [0], [[0], [0], [0, 1, 2]]),
        (Annotated[list, DeltaChannel(extend, list, snapshot_frequency=1)], [[[1]], [None]], None, [[], [1]]),
        (Annotated[Any, NamedBarrierValue(str, {"a", "b"})], [["a", "b"], [None]], None, [EMPTY, EMPTY, None]),
        (Annotated[int, LastValueAfterFinish], [[1], [None]], 5, [EMPTY, EMPTY]),
    ],
)
def test_what_nodes_see_of_a_key(annotation: Any, steps: Any, given: Any, seen: Any) -> None:
    keyed = Keyed(annotation, *steps)
    keyed.run(given)
    assert keyed.seen == seen


@pytest.mark.parametrize(
    "annotation",
    [int, Annotated[int, LastValue], Annotated[int, EphemeralValue], Annotated[int, UntrackedValue]],
)
def test_two_writes_in_a_step_are_refused_where_one_is_taken(annotation: Any) -> None:
    with pytest.raises(InvalidUpdateError, match=r"takes one.*INVALID_CONCURRENT_GRAPH_UPDATE"):
        Keyed(annotation, [1, 2]).run()


def test_a_value_after_finish_is_there_when_the_run_is_over(saver: BaseCheckpointSaver) -> None:
    keyed = Keyed(Annotated[int, LastValueAfterFinish], [1], [2], saver=saver)
    assert keyed.run(None, ONE) == 2
    assert keyed.graph.get_state(ONE).values["k"] == 2
    keyed.run(None, ONE)
    assert keyed.seen == [EMPTY, EMPTY, 2, EMPTY]


def test_an_untracked_value_is_in_no_state_and_gone_after_a_resume(saver: BaseCheckpointSaver, caller: Caller) -> None:
    class Held(TypedDict):
        client: Annotated[Any, UntrackedValue]
        t: Annotated[list, operator.add]

    seen: list[bool] = []

    def use(state: Held) -> dict:
        seen.append("client" in state)
        return {"t": [interrupt("go?")]}

    builder = StateGraph(Held).add_node("make", lambda state: {"client": lambda: "cannot be stored"})
    builder.add_node("use", use).add_edge(START, "make").add_edge("make", "use")
    graph = builder.compile(checkpointer=saver)
    caller.invoke(graph, {}, ONE)
    assert seen == [True]
    assert "client" not in caller.state(graph, ONE).values
    assert [task.result for task in caller.history(graph, ONE)[1].tasks] == [{}]
    caller.invoke(graph, Command(resume="yes"), ONE)
    assert seen == [True, False]


def test_untracked_keys_of_a_sends_argument_are_not_stored(saver: BaseCheckpointSaver) -> None:
    class Held(TypedDict):
        client: Annotated[Any, UntrackedValue]
        t: Annotated[list, operator.add]

    builder = StateGraph(Held)
    builder.add_node("a", lambda state: Command(goto=[Send("w", {"client": lambda: "cannot be stored", "i": 2})]))
    builder.add_node("w", lambda state: {"t": [state["i"]]}).add_edge(START, "a")
    assert builder.compile(checkpointer=saver).invoke({}, ONE)["t"] == [2]


def test_a_delta_channel_is_rebuilt_from_its_writes(saver: BaseCheckpointSaver, caller: Caller) -> None:
    def merge(value: dict | None, writes: Sequence[dict]) -> dict:
        merged = dict(value or {})
        for write in writes:
            merged.update(write)
        return merged

    keyed = Keyed(Annotated[dict, DeltaChannel(merge)], [{"a": 1}, {"b": 2}], [{"a": 3}], saver=saver)
    assert keyed.run(None, ONE) == {"a": 3, "b": 2}
    again = Keyed(Annotated[dict, DeltaChannel(merge)], [{"a": 1}, {"b": 2}], [{"a": 3}], saver=saver)
    assert [row.values.get("k") for row in caller.history(again.graph, ONE)] == [
        {"a": 3, "b": 2},
        {"a": 1, "b": 2},
        {},
        {},
    ]


def test_a_reducer_and_a_delta_channel_read_each_others_threads(saver: BaseCheckpointSaver) -> None:
    keyed = Keyed(Annotated[list, operator.add], [[1], [2]], saver=saver)
    keyed.run([0], ONE)
    changed = Keyed(Annotated[list, DeltaChannel(extend)], [[1], [2]], saver=saver)
    assert changed.run([5], ONE) == [0, 1, 2, 5, 1, 2]
    assert keyed.graph.get_state(ONE).values["k"] == [0, 1, 2, 5, 1, 2]


def test_a_channel_class_of_ones_own_is_a_rule_too(saver: BaseCheckpointSaver) -> None:
    class Highest(LastValue):
        """Takes any number of writes and keeps the greatest."""

        def update(self, values: Sequence[int]) -> bool:
            if values:
                self.value = max(values)
            return bool(values)

    keyed = Keyed(Annotated[int, Highest], [1, 2], [None], saver=saver)
    assert keyed.run(5, ONE) == 2
    assert keyed.seen == [5, 5, 2]
    assert Keyed(Annotated[int, Highest], [1, 2], [None], saver=saver).graph.get_state(ONE).values["k"] == 2


def test_a_channel_class_that_only_gives_its_value_on_its_own_is_a_rule_too(saver: BaseCheckpointSaver) -> None:
    class Doubled(LastValue):
        """Gives twice what it keeps."""

        def get(self) -> int:
            return 2 * super().get()

    keyed = Keyed(Annotated[int, Doubled], [1], [None], saver=saver)
    assert keyed.run(5, ONE) == 2
    assert keyed.seen == [10, 2]
    assert Keyed(Annotated[int, Doubled], [1], [None], saver=saver).graph.get_state(ONE).values["k"] == 2


def test_a_channel_class_from_the_base_keeps_its_value_where_it_likes(saver: BaseCheckpointSaver) -> None:
    class Longest(BaseChannel):
        """The writes of the longest step; no more than LangGraph asks of a channel class."""

        def __init__(self, typ: Any, key: str = "") -> None:
            super().__init__(typ, key)
            self.found: list[int] = []

        def update(self, values: Sequence[int]) -> bool:
            longer = len(values) > len(self.found)
            if longer:
                self.found[:] = values
            return longer

        def get(self) -> list[int]:
            if not self.found:
                raise EmptyChannelError
            return self.found

        def from_checkpoint(self, checkpoint: Any) -> Longest:
            made = type(self)(self.typ, self.key)
            made.found = list(checkpoint) if isinstance(checkpoint, list) else []
            return made

    keyed = Keyed(Annotated[list, Longest], [1, 2], [3], saver=saver)
    assert keyed.run(5, ONE) == [1, 2]
    assert Keyed(Annotated[list, Longest], [1, 2], [3], saver=saver).graph.get_state(ONE).values["k"] == [1, 2]
    alone = Longest(int)
    assert (alone.is_available(), alone.update([1]), alone.checkpoint()) == (False, True, [1])
    alone.copy().update([1, 2])
    assert alone.get() == [1]


# -- details


def test_parallel_writes_reach_a_reducer_by_node_name_then_by_send() -> None:
    builder = StateGraph(State)
    for name in ("z", "m", "a"):
        builder.add_node(name, lambda state, name=name: {"l": [name]})
    builder.add_node("w", lambda state: {"l": [state]})
    builder.add_conditional_edges(START, lambda state: [Send("w", 1), "z", Send("w", 0), "m", "a"])
    assert builder.compile().invoke({"x": 1})["l"] == ["a", "m", "z", 1, 0]


@pytest.mark.parametrize(
    "form", [Overwrite([7]), {"__overwrite__": [7]}, {"type": "__overwrite__", "value": [7]}], ids=str
)
def test_an_overwrite_wins_over_every_other_write_of_its_step(form: Any) -> None:
    keyed = Keyed(Annotated[list, operator.add], [[1], form, [2]], [[3]])
    assert keyed.run([0]) == [7, 3]


@pytest.mark.parametrize(
    "form", [Overwrite([9]), {"__overwrite__": [9]}, {"type": "__overwrite__", "value": [9]}], ids=str
)
def test_an_overwrite_works_in_the_input(form: Any, saver: BaseCheckpointSaver) -> None:
    keyed = Keyed(Annotated[list, operator.add], [[3]], saver=saver)
    keyed.run([1], ONE)
    assert keyed.run(form, ONE) == [9, 3]


def test_two_overwrites_of_a_key_in_one_step_are_refused() -> None:
    with pytest.raises(InvalidUpdateError, match="2 Overwrite values"):
        Keyed(Annotated[list, operator.add], [Overwrite([7]), Overwrite([8])]).run([0])


def test_an_overwrite_on_a_plain_key_is_unwrapped() -> None:
    # LangGraph stores the Overwrite object itself (section 30.16)
    assert Keyed(int, [Overwrite(7)]).run(1) == 7


def test_a_type_that_cannot_be_empty_starts_with_its_first_write() -> None:
    keyed = Keyed(Annotated[list | None, lambda old, new: old + new], [[1]], [[2]])
    assert keyed.run() == [1, 2]
    assert keyed.seen == [EMPTY, [1]]
    first = Keyed(Annotated[list | None, lambda old, new: old + new], [Overwrite([1])])
    assert first.run() == [1]


def test_an_overwrite_is_equal_by_value_and_says_what_it_is() -> None:
    assert Overwrite([1]) == Overwrite([1])
    assert repr(Overwrite(3)) == "Overwrite(value=3, type='__overwrite__')"
    (chunk,) = Keyed(Annotated[list, operator.add], [Overwrite([5])]).graph.stream({"k": [1]})
    assert chunk == {"n00": {"k": Overwrite([5])}}


# -- channels as objects


def outcome(channel: Any, method: str, *arguments: Any) -> Any:
    """What a method gives, or the name of what it raises."""
    try:
        return getattr(channel, method)(*arguments)
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize(
    ("channel", "story"),
    [
        (
            LastValue(int),
            [
                (("get",), "EmptyChannelError"),
                (("is_available",), False),
                (("update", []), False),
                (("update", [1]), True),
                (("get",), 1),
                (("update", [1, 2]), "InvalidUpdateError"),
                (("checkpoint",), 1),
                (("consume",), False),
                (("finish",), False),
            ],
        ),
        (
            AnyValue(int),
            [
                (("get",), "EmptyChannelError"),
                (("update", [1, 2]), True),
                (("get",), 2),
                (("update", []), True),
                (("update", []), False),
                (("is_available",), False),
            ],
        ),
        (
            EphemeralValue(int),
            [
                (("update", [1]), True),
                (("get",), 1),
                (("update", [1, 2]), "InvalidUpdateError"),
                (("update", []), True),
                (("is_available",), False),
            ],
        ),
        (EphemeralValue(int, guard=False), [(("update", [1, 2]), True), (("get",), 2), (("checkpoint",), 2)]),
        (
            UntrackedValue(int),
            [
                (("update", [1]), True),
                (("get",), 1),
                (("update", [1, 2]), "InvalidUpdateError"),
                (("update", []), False),
                (("is_available",), True),
            ],
        ),
        (
            BinaryOperatorAggregate(int, operator.add),
            [
                (("get",), 0),
                (("update", [1, 2]), True),
                (("get",), 3),
                (("update", []), False),
                (("update", [Overwrite(10), 1]), True),
                (("get",), 10),
                (("update", [Overwrite(10), Overwrite(1)]), "InvalidUpdateError"),
            ],
        ),
        (
            Topic(int),
            [
                (("get",), "EmptyChannelError"),
                (("update", [1, [2, 3]]), True),
                (("get",), [1, 2, 3]),
                (("update", []), True),
                (("get",), "EmptyChannelError"),
                (("update", []), False),
                (("checkpoint",), []),
            ],
        ),
        (
            Topic(int, accumulate=True),
            [
                (("update", [1, [2, 3]]), True),
                (("update", []), False),
                (("update", [4]), True),
                (("get",), [1, 2, 3, 4]),
                (("checkpoint",), [1, 2, 3, 4]),
            ],
        ),
        (
            NamedBarrierValue(str, {"a", "b"}),
            [
                (("update", ["a"]), True),
                (("is_available",), False),
                (("get",), "EmptyChannelError"),
                (("update", ["a"]), False),
                (("update", ["b"]), True),
                (("get",), None),
                (("checkpoint",), {"a", "b"}),
                (("consume",), True),
                (("is_available",), False),
                (("consume",), False),
                (("update", ["stranger"]), "InvalidUpdateError"),
            ],
        ),
        (
            NamedBarrierValueAfterFinish(str, {"a", "b"}),
            [
                (("update", ["a", "b"]), True),
                (("is_available",), False),
                (("finish",), True),
                (("is_available",), True),
                (("checkpoint",), ({"a", "b"}, True)),
                (("finish",), False),
                (("consume",), True),
                (("is_available",), False),
            ],
        ),
        (
            LastValueAfterFinish(int),
            [
                (("update", [1]), True),
                (("get",), "EmptyChannelError"),
                (("finish",), True),
                (("finish",), False),
                (("get",), 1),
                (("checkpoint",), (1, True)),
                (("consume",), True),
                (("is_available",), False),
                (("update", [1, 2]), True),
                (("get",), "EmptyChannelError"),
            ],
        ),
        (
            DeltaChannel(extend, list),
            [
                (("get",), "EmptyChannelError"),
                (("update", [[1], [2]]), True),
                (("get",), [1, 2]),
                (("update", []), False),
                (("update", [Overwrite([5]), [6]]), True),
                (("get",), [5]),
                (("update", [Overwrite([5]), Overwrite([6])]), "InvalidUpdateError"),
            ],
        ),
    ],
    ids=lambda value: steady(value) if isinstance(value, BaseChannel) else "",
)
def test_a_channel_as_an_object(channel: Any, story: list) -> None:
    channel = channel.copy()
    assert [(step, outcome(channel, *step)) for step, _ in story] == story


@pytest.mark.parametrize(
    ("channel", "checkpoint", "value"),
    [
        (LastValue(int), 5, 5),
        (AnyValue(int), 5, 5),
        (EphemeralValue(int), 5, 5),
        (BinaryOperatorAggregate(int, operator.add), 7, 7),
        (Topic(int, True), [1], [1]),
        (NamedBarrierValue(str, {"a"}), {"a"}, None),
        (LastValueAfterFinish(int), (3, True), 3),
        (DeltaChannel(extend), [4], [4]),
    ],
    ids=repr,
)
def test_a_channel_is_restored_from_its_checkpoint_and_the_first_one_stays(
    channel: Any, checkpoint: Any, value: Any
) -> None:
    restored = channel.from_checkpoint(checkpoint)
    assert restored.get() == value
    assert restored.copy().get() == value
    assert type(restored) is type(channel)
    assert outcome(channel, "get") in ("EmptyChannelError", 0)


def test_what_has_no_value_has_a_checkpoint_that_restores_none() -> None:
    empty = LastValue(int).checkpoint()
    assert not LastValue(int).from_checkpoint(empty).is_available()
    untracked = UntrackedValue(int)
    untracked.update([1])
    assert untracked.checkpoint() is empty
    assert not untracked.from_checkpoint(5).is_available()
    assert DeltaChannel(extend).from_checkpoint(empty).get() == []


def test_types_keys_and_equality_of_channels() -> None:
    assert (LastValue(int).ValueType, LastValue(int).UpdateType, LastValue(int, "k").key) == (int, int, "k")
    assert (Topic(int).ValueType, Topic(int).UpdateType) == (Sequence[int], int | list[int])
    assert LastValue(int) == LastValue(str)
    assert LastValue(int) != AnyValue(int)
    assert EphemeralValue(int) != EphemeralValue(int, False)
    assert Topic(int) != Topic(int, True)
    assert NamedBarrierValue(str, {"a"}) != NamedBarrierValue(str, {"b"})
    assert BinaryOperatorAggregate(int, operator.add) != BinaryOperatorAggregate(int, operator.mul)
    with pytest.raises(TypeError, match="base of the channel classes"):
        BaseChannel(int)


def test_a_delta_channel_replays_recorded_writes() -> None:
    channel = DeltaChannel(extend, list).from_checkpoint([1])
    channel.replay_writes([("task", "k", [2]), ("task", "k", Overwrite([7])), ("task", "k", [3])])
    assert channel.get() == [7, 3]
    assert (channel.typ, channel.snapshot_frequency) == (list, 100)
    with pytest.raises(ValueError, match="snapshot_frequency"):
        DeltaChannel(extend, snapshot_frequency=0)


def test_reading_an_empty_channel_is_an_empty_channel_error() -> None:
    with pytest.raises(EmptyChannelError, match="holds no value yet"):
        LastValue(int).get()


def test_a_reducer_error_fails_the_step_and_the_thread_stays_readable(saver: BaseCheckpointSaver) -> None:
    def broken(value: Sequence[int] | None, writes: Sequence[int]) -> list:
        raise ZeroDivisionError("reducer")

    class Broken(TypedDict):
        k: Annotated[list, DeltaChannel(broken)]

    graph = StateGraph(Broken).add_node("a", lambda state: {"k": [1]}).add_edge(START, "a").compile(checkpointer=saver)
    with pytest.raises(ZeroDivisionError):
        graph.invoke({}, ONE)
    assert graph.get_state(ONE).next == ("a",)


def test_a_plain_graph_with_a_reducer_works_without_a_checkpointer() -> None:
    assert single(lambda state: {"l": [1]}).compile(checkpointer=InMemorySaver()).invoke({"l": [0]}, ONE)["l"] == [0, 1]
