"""Section 19.1: the modes `values`, `updates` and `custom`, several at once, sub-graphs, and the order of it all."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from clew import END, START, Command, InMemorySaver, StateGraph, interrupt
from clew.cache.memory import InMemoryCache
from clew.checkpoint import BaseCheckpointSaver
from clew.config import get_stream_writer
from clew.func import entrypoint, task
from clew.runtime import Runtime
from clew.types import CachePolicy, Overwrite, Send, StreamWriter
from pydantic import BaseModel

from .callers import AsyncCaller, Caller
from .programs import ONE, State, asking, chain, side_by_side, signing, single

GIVEN: dict[str, Any] = {"x": 1}
MODES = ["values", "updates"]


def ns_named(chunks: list[Any]) -> list[Any]:
    """The chunks with the nodes' names alone in their namespaces."""
    return [(tuple(part.split(":")[0] for part in ns), *rest) for ns, *rest in chunks]


# -- the shape of a chunk


def test_one_mode_gives_bare_payloads_and_a_list_pairs(caller: Caller) -> None:
    graph = chain("a", "b").compile()
    values = [{"x": 1, "l": []}, {"x": 1, "l": ["a"]}, {"x": 1, "l": ["a", "b"]}]
    updates = [{"a": {"l": ["a"]}}, {"b": {"l": ["b"]}}]
    assert caller.stream(graph, GIVEN, stream_mode="values") == values
    assert caller.stream(graph, GIVEN, stream_mode="updates") == updates
    assert caller.stream(graph, GIVEN, stream_mode="custom") == []
    assert caller.stream(graph, GIVEN, stream_mode=["values"]) == [("values", value) for value in values]
    assert caller.stream(graph, GIVEN, stream_mode=["updates"]) == [("updates", update) for update in updates]


def test_subgraphs_puts_the_namespace_in_front(caller: Caller) -> None:
    graph = chain("a").compile()
    assert caller.stream(graph, GIVEN, subgraphs=True) == [((), {"a": {"l": ["a"]}})]
    assert caller.stream(graph, GIVEN, subgraphs=True, stream_mode=["updates"]) == [
        ((), "updates", {"a": {"l": ["a"]}})
    ]


def test_the_order_of_modes_is_that_of_what_happens_not_of_the_list(caller: Caller) -> None:
    graph = chain("a", "b").compile()
    expected = [
        ("values", {"x": 1, "l": []}),
        ("updates", {"a": {"l": ["a"]}}),
        ("values", {"x": 1, "l": ["a"]}),
        ("updates", {"b": {"l": ["b"]}}),
        ("values", {"x": 1, "l": ["a", "b"]}),
    ]
    assert caller.stream(graph, GIVEN, stream_mode=MODES) == expected
    assert caller.stream(graph, GIVEN, stream_mode=MODES[::-1]) == expected
    assert caller.stream(graph, GIVEN, stream_mode=[*MODES, "values"]) == expected


def test_a_tuple_of_modes_is_a_list_of_modes(caller: Caller) -> None:
    # LangGraph gives bare payloads of both, which nobody can tell apart
    chunks = caller.stream(chain("a").compile(), GIVEN, stream_mode=("values", "updates"))
    assert [mode for mode, _ in chunks] == ["values", "updates", "values"]


def test_an_unknown_mode_is_refused(caller: Caller) -> None:
    # LangGraph yields nothing (section 30.18)
    for mode in ("nope", ["values", "nope"]):
        with pytest.raises(ValueError, match="nope"):
            caller.stream(chain("a").compile(), GIVEN, stream_mode=mode)


def test_the_default_is_updates_for_a_graph_that_is_called(caller: Caller) -> None:
    assert caller.stream(chain("a").compile(), GIVEN) == [{"a": {"l": ["a"]}}]


def test_the_default_is_values_for_a_node_that_hands_its_config_on(caller: Caller) -> None:
    inner, seen = chain("s1", "s2").compile(), list[Any]()

    def with_config(state: State, config: Any) -> None:
        seen.append(list(inner.stream(GIVEN, config)))

    def without(state: State) -> None:
        seen.append(list(inner.stream(GIVEN)))

    caller.invoke(single(with_config).compile(), GIVEN)
    caller.invoke(single(without).compile(), GIVEN)
    assert seen == [
        [{"x": 1, "l": []}, {"x": 1, "l": ["s1"]}, {"x": 1, "l": ["s1", "s2"]}],
        [{"s1": {"l": ["s1"]}}, {"s2": {"l": ["s2"]}}],
    ]


# -- values


def test_values_are_the_states_after_the_input_and_each_step_that_wrote(caller: Caller) -> None:
    def values(node: Any, **options: Any) -> list[Any]:
        return caller.stream(single(node).compile(), GIVEN, stream_mode="values", **options)

    start = {"x": 1, "l": []}
    assert values(lambda state: None) == [start]
    assert values(lambda state: {"x": 1}) == [start, start]
    assert values(lambda state: {"l": [1]}, output_keys=["x"]) == [{"x": 1}]
    assert values(lambda state: {"x": 3, "l": [1]}, output_keys=["x"]) == [{"x": 1}, {"x": 3}]
    assert values(lambda state: {"x": 3}, output_keys="x") == [1, 3]
    assert values(lambda state: {"l": [1]}, output_keys="l") == [[1]]


class Output(TypedDict):
    """What a graph returns."""

    x: int


class Private(TypedDict):
    """What one node tells another."""

    secret: str


def keeping_a_secret() -> StateGraph:
    """`a` tells `b` something that is in no schema of the graph's."""

    def b(state: Private) -> dict[str, Any]:
        return {"x": len(state["secret"])}

    builder = StateGraph(State, output_schema=Output).add_node("a", lambda state: {"secret": "s", "l": ["a"]})
    return builder.add_node("b", b).add_edge(START, "a").add_edge("a", "b")


def test_values_show_every_channel_whatever_the_output_schema_says(caller: Caller) -> None:
    graph = keeping_a_secret().compile()
    assert caller.invoke(graph, GIVEN) == {"x": 1}
    assert caller.stream(graph, GIVEN, stream_mode="values") == [
        {"x": 1, "l": []},
        {"x": 1, "l": ["a"], "secret": "s"},
        {"x": 1, "l": ["a"], "secret": "s"},
    ]
    assert caller.stream(graph, GIVEN) == [{"a": {"secret": "s", "l": ["a"]}}, {"b": {"x": 1}}]
    assert caller.stream(graph, GIVEN, stream_mode="values", output_keys=["secret"]) == [{"secret": "s"}]


def test_a_turn_begins_with_the_state_and_its_input(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, GIVEN, ONE)
    assert caller.stream(graph, {"x": 2}, ONE, stream_mode=MODES) == [
        ("values", {"x": 2, "l": ["a"]}),
        ("updates", {"a": {"l": ["a"]}}),
        ("values", {"x": 2, "l": ["a", "a"]}),
    ]
    assert caller.stream(graph, {}, ONE, stream_mode="values")[-1] == {"x": 2, "l": ["a", "a", "a"]}
    assert caller.stream(graph, None, ONE, stream_mode=MODES) == [("values", {"x": 2, "l": ["a", "a", "a"]})]


def test_a_question_is_a_values_chunk_of_its_own(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).add_node("g", signing("g")).add_edge("f", "g").compile(checkpointer=saver)
    shown = caller.stream(graph, GIVEN, ONE, stream_mode=MODES)
    questions = caller.state(graph, ONE).interrupts
    assert shown == [
        ("values", {"x": 1, "l": []}),
        ("updates", {"__interrupt__": questions}),
        ("values", {"x": 1, "l": [], "__interrupt__": questions}),
    ]
    assert [question.value for question in questions] == ["q"]
    assert caller.stream(graph, Command(resume="A"), ONE, stream_mode=MODES) == [
        ("values", {"x": 1, "l": []}),
        ("updates", {"f": {"l": ["A"]}}),
        ("values", {"x": 1, "l": ["A"]}),
        ("updates", {"g": {"l": ["g"]}}),
        ("values", {"x": 1, "l": ["A", "g"]}),
    ]


@pytest.mark.parametrize(("keys", "state"), [("x", {}), (["x"], {"x": 1}), (["l"], {"l": []})], ids=repr)
def test_a_question_comes_with_the_keys_that_were_asked_for(
    keys: Any, state: dict[str, Any], saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    shown = caller.stream(graph, GIVEN, ONE, stream_mode="values", output_keys=keys)[-1]
    assert shown == {**state, "__interrupt__": caller.state(graph, ONE).interrupts}


def test_a_static_breakpoint_is_an_empty_interrupt_in_updates_alone(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver, interrupt_before=["b"])
    assert caller.stream(graph, GIVEN, ONE, stream_mode=MODES) == [
        ("values", {"x": 1, "l": []}),
        ("updates", {"a": {"l": ["a"]}}),
        ("values", {"x": 1, "l": ["a"]}),
        ("updates", {"__interrupt__": ()}),
    ]
    assert caller.stream(graph, None, ONE, stream_mode=MODES) == [
        ("values", {"x": 1, "l": ["a"]}),
        ("updates", {"b": {"l": ["b"]}}),
        ("values", {"x": 1, "l": ["a", "b"]}),
    ]


# -- updates


def updates(caller: Caller, node: Any, **options: Any) -> list[Any]:
    """The updates of a graph of one node."""
    return caller.stream(single(node).compile(), GIVEN, **options)


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        (None, None),
        ({}, None),
        ({"no key of the state": 1}, None),
        ({"x": 3, "l": [1]}, {"x": 3, "l": [1]}),
        (Command(update={"x": 2}), {"x": 2}),
        (Command(), None),
        (Command(goto=END), None),
        (Command(update=[("l", [1]), ("l", [2])]), [{"l": [1]}, {"l": [2]}]),
        ([Command(update={"x": 2}), {"l": [1]}], {"x": 2, "l": [1]}),
        ([Command(update={"l": [2]}), {"l": [1]}], [{"l": [2]}, {"l": [1]}]),
        ([Command(), Command()], None),
        ({"l": Overwrite([9])}, {"l": Overwrite([9])}),
    ],
    ids=repr,
)
def test_updates_are_what_each_task_wrote(returned: Any, shown: Any, caller: Caller) -> None:
    assert updates(caller, lambda state: returned) == [{"f": shown}]


@pytest.mark.parametrize(
    ("keys", "returned", "shown"),
    [
        (["x"], {"x": 3, "l": [1]}, {"x": 3}),
        (["x"], {"l": [1]}, None),
        ("x", {"x": 3, "l": [1]}, 3),
        ("x", {"l": [1]}, None),
        ("x", None, None),
    ],
    ids=repr,
)
def test_updates_are_restricted_too(keys: Any, returned: Any, shown: Any, caller: Caller) -> None:
    assert updates(caller, lambda state: returned, output_keys=keys) == [{"f": shown}]


def test_there_is_an_update_for_each_send(caller: Caller) -> None:
    builder = StateGraph(State).add_node("w", lambda state: {"l": [state["i"]]}).add_node("z", lambda state: {})
    builder.add_conditional_edges(START, lambda state: [Send("w", {"i": i}) for i in range(3)], ["w"])
    chunks = caller.stream(builder.add_edge("w", "z").compile(), GIVEN, {"max_concurrency": 1})
    assert chunks == [{"w": {"l": [0]}}, {"w": {"l": [1]}}, {"w": {"l": [2]}}, {"z": None}]


def test_updates_come_as_tasks_finish_and_values_after_the_step(caller: Caller) -> None:
    done = threading.Event()

    def slow(state: State) -> dict[str, Any]:
        assert done.wait(20)
        return {"l": ["a"]}

    graph, seen = side_by_side(a=slow, z=signing("z")).compile(checkpointer=InMemorySaver()), list[Any]()

    def takes(chunk: Any) -> None:
        seen.append(chunk)
        if chunk == ("updates", {"z": {"l": ["z"]}}):
            done.set()  # the other one is still at it

    async def atakes() -> None:
        async for chunk in graph.astream(GIVEN, ONE, stream_mode=MODES):
            takes(chunk)

    if caller.is_async:
        asyncio.run(atakes())
    else:
        for chunk in graph.stream(GIVEN, ONE, stream_mode=MODES):
            takes(chunk)
    assert seen == [
        ("values", {"x": 1, "l": []}),
        ("updates", {"z": {"l": ["z"]}}),
        ("updates", {"a": {"l": ["a"]}}),
        ("values", {"x": 1, "l": ["a", "z"]}),
    ]


def test_what_came_from_a_cache_says_so(caller: Caller) -> None:
    builder = StateGraph(State).add_node("f", signing("f"), cache_policy=CachePolicy()).add_edge(START, "f")
    graph = builder.compile(cache=InMemoryCache())
    assert caller.stream(graph, GIVEN) == [{"f": {"l": ["f"]}}]
    assert caller.stream(graph, GIVEN) == [{"f": {"l": ["f"]}, "__metadata__": {"cached": True}}]


def test_an_error_handler_is_shown_under_its_hidden_name(caller: Caller) -> None:
    def bad(state: State) -> None:
        raise ValueError("boom")

    builder = StateGraph(State).add_node("f", bad, error_handler=lambda state: {"l": ["h"]}).add_edge(START, "f")
    assert caller.stream(builder.compile(), GIVEN) == [{"__error_handler__f": {"l": ["h"]}}]


def test_root_states_are_bare(caller: Caller) -> None:
    builder = StateGraph(Annotated[list, operator.add]).add_sequence(
        [("a", lambda state: ["a"]), ("b", lambda _: None)]
    )
    graph = builder.add_edge(START, "a").compile()
    assert caller.stream(graph, ["i"]) == [{"a": ["a"]}, {"b": None}]
    assert caller.stream(graph, ["i"], stream_mode="values") == [["i"], ["i", "a"]]


class Model(BaseModel):
    """A state that is a pydantic model."""

    x: int = 0
    l: Annotated[list[Any], operator.add] = []  # noqa: E741  # the specification's name; pydantic copies it


def test_values_are_dicts_whatever_the_schema_and_instances_in_version_2(caller: Caller) -> None:
    graph = StateGraph(Model).add_node("f", lambda state: {"x": state.x + 1}).add_edge(START, "f").compile()
    assert caller.stream(graph, {"x": "5"}, stream_mode=MODES) == [
        ("values", {"x": "5", "l": []}),
        ("updates", {"f": {"x": 6}}),
        ("values", {"x": 6, "l": []}),
    ]
    assert caller.stream(graph, {"x": "5"}, stream_mode=MODES, version="v2") == [
        {"type": "values", "ns": (), "data": Model(x=5, l=[]), "interrupts": ()},
        {"type": "updates", "ns": (), "data": {"f": {"x": 6}}},
        {"type": "values", "ns": (), "data": Model(x=6, l=[]), "interrupts": ()},
    ]


def test_functional_tasks_and_then_the_entrypoint(caller: Caller) -> None:
    @task
    def plus_one(number: int) -> int:
        get_stream_writer()("custom")
        return number + 1

    @entrypoint()
    def twice(number: int) -> int:
        return plus_one(number).result() * 2

    assert caller.stream(twice, 1) == [{"plus_one": 2}, {"twice": 4}]
    assert caller.stream(twice, 1, stream_mode="values") == [4]
    assert caller.stream(twice, 1, stream_mode=["updates", "values", "custom"]) == [
        ("custom", "custom"),
        ("updates", {"plus_one": 2}),
        ("updates", {"twice": 4}),
        ("values", 4),
    ]


# -- custom


def by_parameter(state: State, writer: StreamWriter) -> None:
    for value in ({"a": 1}, "two", None, [3]):
        writer(value)


def by_runtime(state: State, runtime: Runtime[Any]) -> None:
    for value in ({"a": 1}, "two", None, [3]):
        runtime.stream_writer(value)


def by_context(state: State) -> None:
    for value in ({"a": 1}, "two", None, [3]):
        get_stream_writer()(value)


@pytest.mark.parametrize("node", [by_parameter, by_runtime, by_context])
def test_custom_is_whatever_nodes_write(node: Callable[..., None], caller: Caller) -> None:
    assert updates(caller, node, stream_mode="custom") == [{"a": 1}, "two", None, [3]]
    assert updates(caller, node, stream_mode=["custom"])[1] == ("custom", "two")
    assert updates(caller, node, stream_mode="custom", subgraphs=True)[1] == ((), "two")
    assert updates(caller, node) == [{"f": None}]  # nobody reads it
    assert caller.invoke(single(node).compile(), GIVEN, stream_mode="custom") == [{"a": 1}, "two", None, [3]]


def test_async_nodes_write_too() -> None:
    async def node(state: State, writer: StreamWriter) -> None:
        writer(1)
        await asyncio.sleep(0)
        get_stream_writer()(2)

    assert updates(AsyncCaller(), node, stream_mode=["custom", "updates"]) == [
        ("custom", 1),
        ("custom", 2),
        ("updates", {"f": None}),
    ]


def test_custom_chunks_come_while_the_node_runs(caller: Caller) -> None:
    taken, seen = threading.Event(), list[Any]()

    def node(state: State, writer: StreamWriter) -> None:
        writer("first")
        writer(taken.wait(20))

    graph = single(node).compile()

    async def atakes() -> None:
        async for chunk in graph.astream(GIVEN, stream_mode="custom"):
            seen.append(chunk)
            taken.set()

    if caller.is_async:
        asyncio.run(atakes())
    else:
        for chunk in graph.stream(GIVEN, stream_mode="custom"):
            seen.append(chunk)
            taken.set()
    assert seen == ["first", True]


def test_custom_comes_before_the_update_of_its_node_and_that_before_the_values(caller: Caller) -> None:
    def node(state: State) -> dict[str, Any]:
        get_stream_writer()("written")
        return {"l": ["n"]}

    graph = single(node).compile()
    assert caller.stream(graph, GIVEN, stream_mode=["values", "updates", "custom"]) == [
        ("values", {"x": 1, "l": []}),
        ("custom", "written"),
        ("updates", {"f": {"l": ["n"]}}),
        ("values", {"x": 1, "l": ["n"]}),
    ]


def test_path_functions_write_before_the_update_of_their_node(caller: Caller) -> None:
    def path(state: State) -> str:
        get_stream_writer()("on the way")
        return END

    graph = single(signing("f")).add_conditional_edges("f", path, [END]).compile()
    assert caller.stream(graph, GIVEN, stream_mode=["custom", "updates"]) == [
        ("custom", "on the way"),
        ("updates", {"f": {"l": ["f"]}}),
    ]


def test_what_was_written_before_a_failure_or_a_question_is_out(saver: BaseCheckpointSaver, caller: Caller) -> None:
    def node(state: State) -> None:
        get_stream_writer()("before")
        get_stream_writer()(interrupt("q"))

    graph = single(node).compile(checkpointer=saver)
    shown = caller.stream(graph, GIVEN, ONE, stream_mode=["custom", "updates"])
    assert shown == [("custom", "before"), ("updates", {"__interrupt__": caller.state(graph, ONE).interrupts})]
    # The node runs again from its first line.
    assert caller.stream(graph, Command(resume="A"), ONE, stream_mode=["custom", "updates"]) == [
        ("custom", "before"),
        ("custom", "A"),
        ("updates", {"f": None}),
    ]

    def failing(state: State) -> None:
        get_stream_writer()("before")
        raise ValueError("boom")

    chunks = single(failing).compile().stream(GIVEN, stream_mode="custom")
    assert next(chunks) == "before"
    with pytest.raises(ValueError, match="boom"):
        next(chunks)


# -- graphs inside


def around(inner: Any) -> StateGraph:
    """p -> inner -> z."""
    builder = chain("p").add_node("inner", inner).add_node("z", signing("z"))
    return builder.add_edge("p", "inner").add_edge("inner", "z")


def test_chunks_of_a_graph_inside_come_with_its_namespace_before_those_of_its_node(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = around(chain("s1", "s2").compile()).compile(checkpointer=saver)
    grown = ["p", "p", "s1", "s2"]  # the list inside begins with the list outside, and comes back with it
    assert ns_named(caller.stream(graph, GIVEN, ONE, subgraphs=True)) == [
        ((), {"p": {"l": ["p"]}}),
        (("inner",), {"s1": {"l": ["s1"]}}),
        (("inner",), {"s2": {"l": ["s2"]}}),
        ((), {"inner": {"x": 1, "l": ["p", "s1", "s2"]}}),
        ((), {"z": {"l": ["z"]}}),
    ]
    two: Any = {"configurable": {"thread_id": "2"}}
    assert ns_named(caller.stream(graph, GIVEN, two, subgraphs=True, stream_mode="values")) == [
        ((), {"x": 1, "l": []}),
        ((), {"x": 1, "l": ["p"]}),
        (("inner",), {"x": 1, "l": ["p"]}),
        (("inner",), {"x": 1, "l": ["p", "s1"]}),
        (("inner",), {"x": 1, "l": ["p", "s1", "s2"]}),
        ((), {"x": 1, "l": grown}),
        ((), {"x": 1, "l": [*grown, "z"]}),
    ]
    three: Any = {"configurable": {"thread_id": "3"}}
    both = ns_named(caller.stream(graph, GIVEN, three, subgraphs=True, stream_mode=MODES))
    assert [(ns, mode) for ns, mode, _ in both] == [
        ((), "values"),
        ((), "updates"),
        ((), "values"),
        (("inner",), "values"),
        (("inner",), "updates"),
        (("inner",), "values"),
        (("inner",), "updates"),
        (("inner",), "values"),
        ((), "updates"),
        ((), "values"),
        ((), "updates"),
        ((), "values"),
    ]


def test_without_subgraphs_nothing_of_it_is_shown(caller: Caller) -> None:
    def node(state: State) -> dict[str, Any]:
        get_stream_writer()("inner")
        return {"l": ["s"]}

    graph = single(single(node).compile(), "inner").compile()
    assert caller.stream(graph, GIVEN, stream_mode=["custom", "updates"]) == [
        ("updates", {"inner": {"x": 1, "l": ["s"]}})
    ]
    shown = caller.stream(graph, GIVEN, stream_mode="custom", subgraphs=True)
    assert ns_named(shown) == [(("inner",), "inner")]


def test_a_graph_that_a_node_calls_is_inside_too(caller: Caller) -> None:
    def leaf(state: State) -> dict[str, Any]:
        get_stream_writer()("inner")
        return {"l": ["s"]}

    inner = single(leaf).compile()

    def node(state: State) -> dict[str, Any]:
        get_stream_writer()("outer")
        return {"l": inner.invoke(GIVEN)["l"]}

    graph = single(node, "n").compile()
    assert caller.stream(graph, GIVEN, stream_mode="custom") == ["outer"]
    shown = caller.stream(graph, GIVEN, stream_mode=["custom", "updates"], subgraphs=True)
    assert ns_named(shown) == [
        ((), "custom", "outer"),
        (("n",), "custom", "inner"),
        (("n",), "updates", {"f": {"l": ["s"]}}),
        ((), "updates", {"n": {"l": ["s"]}}),
    ]


def test_who_reads_a_graphs_custom_chunks_has_them_alone(caller: Caller) -> None:
    def leaf(state: State) -> None:
        get_stream_writer()("inner")

    inner = single(leaf).compile()

    def node(state: State) -> None:
        for chunk in inner.stream(GIVEN, stream_mode="custom"):
            get_stream_writer()(("handed on", chunk))

    graph = single(node, "n").compile()
    assert caller.stream(graph, GIVEN, stream_mode="custom") == [("handed on", "inner")]
    assert caller.stream(graph, GIVEN, stream_mode="custom", subgraphs=True) == [((), ("handed on", "inner"))]


@pytest.mark.parametrize("subgraphs", [False, True])
def test_custom_chunks_from_further_below_are_the_nearest_readers_alone(subgraphs: bool) -> None:
    got: list[Any] = []

    def leaf(state: State) -> dict[str, Any]:
        get_stream_writer()("leaf")
        return {"l": ["leaf"]}

    third = single(leaf, "leaf").compile()

    def calls_third(state: State) -> dict[str, Any]:
        got.extend(("third", chunk) for chunk in third.stream(state, stream_mode="updates"))
        return {}

    second = single(calls_third, "b").compile()

    def calls_second(state: State) -> dict[str, Any]:
        got.extend(("second", chunk) for chunk in second.stream(state, stream_mode="custom", subgraphs=subgraphs))
        return {}

    first = single(calls_second, "a").compile()
    assert list(first.stream(GIVEN, stream_mode="custom", subgraphs=True)) == []
    chunks = {name: chunk for name, chunk in got}
    assert len(got) == 2
    assert chunks["third"] == {"leaf": {"l": ["leaf"]}}
    assert (ns_named([chunks["second"]]) if subgraphs else chunks["second"]) == (
        [(("a", "b"), "leaf")] if subgraphs else "leaf"
    )


def test_a_command_to_the_parent_leaves_no_update_of_its_node(caller: Caller) -> None:
    inner = single(lambda state: Command(graph=Command.PARENT, update={"l": ["up"]}, goto="z"), "s").compile()
    graph = single(inner, "inner").add_node("z", signing("z")).compile()
    assert ns_named(caller.stream(graph, GIVEN, stream_mode=MODES, subgraphs=True)) == [
        ((), "values", {"x": 1, "l": []}),
        (("inner",), "values", {"x": 1, "l": []}),
        ((), "updates", {"inner": {"l": ["up"]}}),
        ((), "values", {"x": 1, "l": ["up"]}),
        ((), "updates", {"z": {"l": ["z"]}}),
        ((), "values", {"x": 1, "l": ["up", "z"]}),
    ]


def test_a_question_inside_shows_at_each_level(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(single(asking("q"), "s").compile(), "inner").compile(checkpointer=saver)
    shown = ns_named(caller.stream(graph, GIVEN, ONE, subgraphs=True))
    questions = caller.state(graph, ONE).interrupts
    assert sorted(shown) == [((), {"__interrupt__": questions}), (("inner",), {"__interrupt__": questions})]


# -- the end of a stream


def test_closing_a_stream_stops_the_run_at_its_last_step(saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    chunks = graph.stream(GIVEN, ONE)
    assert next(chunks) == {"a": {"l": ["a"]}}
    chunks.close()  # type: ignore[attr-defined]
    assert graph.get_state(ONE).next == ("b",)
    assert graph.invoke(None, ONE)["l"] == ["a", "b", "c"]


def test_the_next_step_begins_when_the_last_ones_chunks_were_taken(saver: BaseCheckpointSaver) -> None:
    ran: list[str] = []

    def noting(name: str) -> Callable[[State], None]:
        return lambda state: ran.append(name)

    builder = StateGraph(State).add_sequence([("a", noting("a")), ("b", noting("b"))]).add_edge(START, "a")
    chunks = builder.compile(checkpointer=saver).stream(GIVEN, ONE)
    assert ran == []
    next(chunks)
    assert ran == ["a"]
    next(chunks)
    assert ran == ["a", "b"]
