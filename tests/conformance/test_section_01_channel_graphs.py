"""Section 1, what its imports are for: `Pregel` and `NodeBuilder`, graphs of channels made by hand."""

from __future__ import annotations

import asyncio
import operator
from typing import Any

import pytest
from clew.channels import BinaryOperatorAggregate, EphemeralValue, LastValue, NamedBarrierValue, Topic
from clew.errors import EmptyInputError
from clew.func import entrypoint
from clew.graph import START, StateGraph
from clew.pregel import ChannelWriteEntry, NodeBuilder, Pregel
from clew.types import Command, RetryPolicy, interrupt

from .callers import Caller
from .programs import ONE

Saver = Any


def doubling(*targets: str) -> NodeBuilder:
    return NodeBuilder().subscribe_only("a").do(lambda text: text + text).write_to(*targets)


def texts(*names: str) -> dict[str, Any]:
    return {name: EphemeralValue(str) for name in names}


def test_a_node_runs_when_the_channel_it_subscribes_to_is_written(caller: Caller) -> None:
    graph = Pregel(nodes={"n": doubling("b")}, channels=texts("a", "b"), input_channels=["a"], output_channels=["b"])
    assert caller.invoke(graph, {"a": "x"}) == {"b": "xx"}


def test_what_it_writes_leads_to_the_subscribers(caller: Caller) -> None:
    marking = NodeBuilder().subscribe_only("b").do(lambda text: text + "!").write_to("c")
    graph = Pregel(
        nodes={"n": doubling("b"), "m": marking},
        channels={"a": EphemeralValue(str), "b": LastValue(str), "c": EphemeralValue(str)},
        input_channels=["a"],
        output_channels=["b", "c"],
    )
    assert caller.invoke(graph, {"a": "x"}) == {"b": "xx", "c": "xx!"}
    assert caller.stream(graph, {"a": "x"}) == [{"b": "xx"}, {"b": "xx", "c": "xx!"}]
    updates = caller.stream(graph, {"a": "x"}, stream_mode="updates")
    assert updates == [{"n": {"b": "xx"}}, {"m": {"c": "xx!"}}]
    tasks = caller.stream(graph, {"a": "x"}, stream_mode="tasks")
    assert [(task["name"], task["input"], task["triggers"]) for task in tasks if "input" in task] == [
        ("n", "x", ("a",)),
        ("m", "xx", ("b",)),
    ]


def test_one_name_in_place_of_a_list_is_the_value_itself(caller: Caller) -> None:
    graph = Pregel(nodes={"n": doubling("b")}, channels=texts("a", "b"), input_channels="a", output_channels="b")
    assert caller.invoke(graph, "x") == "xx"


@pytest.mark.parametrize(
    ("rule", "result"),
    [
        (Topic(str, accumulate=True), ["xx", "xx?"]),
        (BinaryOperatorAggregate(str, operator.add), "xxxx?"),
        (LastValue(str), "xx?"),
    ],
)
def test_channels_keep_their_rules(caller: Caller, rule: Any, result: Any) -> None:
    asking = NodeBuilder().subscribe_to("b").do(lambda given: given["b"] + "?").write_to("c")
    channels = {**texts("a", "b"), "c": rule}
    graph = Pregel(
        nodes={"n": doubling("b", "c"), "m": asking}, channels=channels, input_channels=["a"], output_channels=["c"]
    )
    assert caller.invoke(graph, {"a": "x"}) == {"c": result}


def test_a_cycle_ends_when_a_node_writes_nothing(caller: Caller) -> None:
    growing = NodeBuilder().subscribe_only("value").do(lambda text: text + text if len(text) < 10 else None)
    growing.write_to(ChannelWriteEntry("value", skip_none=True))
    graph = Pregel(nodes={"n": growing}, channels=texts("value"), input_channels=["value"], output_channels=["value"])
    assert caller.invoke(graph, {"value": "a"}) == {"value": "aaaaaaaaaaaaaaaa"}


def test_writes_by_name_take_a_value_or_a_function_of_what_was_made(caller: Caller) -> None:
    node = NodeBuilder().subscribe_only("a").write_to("d", b=lambda text: text * 2, c="constant")
    channels = {"a": EphemeralValue(str), **{name: LastValue(str) for name in "bcd"}}
    graph = Pregel(nodes={"n": node}, channels=channels, input_channels="a", output_channels=["b", "c", "d"])
    assert caller.invoke(graph, "z") == {"b": "zz", "c": "constant", "d": "z"}


def test_a_channel_that_is_only_read_makes_nothing_run(caller: Caller, saver: Saver) -> None:
    node = NodeBuilder().subscribe_to("a").read_from("m").do(lambda given: str(sorted(given.items()))).write_to("b")
    graph = Pregel(
        nodes={"n": node},
        channels={"a": EphemeralValue(str), "b": LastValue(str), "m": LastValue(str)},
        input_channels=["a", "m"],
        output_channels=["b"],
        checkpointer=saver,
    )
    assert caller.invoke(graph, {"a": "z", "m": "kept"}, ONE) == {"b": "[('a', 'z'), ('m', 'kept')]"}
    assert caller.invoke(graph, {"a": "y"}, ONE) == {"b": "[('a', 'y'), ('m', 'kept')]"}
    assert caller.state(graph, ONE).values == {"b": "[('a', 'y'), ('m', 'kept')]", "m": "kept"}
    with pytest.raises(EmptyInputError, match="'q'"):
        caller.invoke(graph, {"q": 1}, ONE)


def test_such_a_graph_asks_and_goes_on(caller: Caller, saver: Saver) -> None:
    node = NodeBuilder().subscribe_only("a").do(lambda text: text + interrupt("more?")).write_to("b")
    channels = {"a": EphemeralValue(str), "b": LastValue(str)}
    graph = Pregel(nodes={"n": node}, channels=channels, input_channels="a", output_channels=["b"], checkpointer=saver)
    assert [one.value for one in caller.invoke(graph, "x", ONE)["__interrupt__"]] == ["more?"]
    assert caller.state(graph, ONE).next == ("n",)
    assert caller.invoke(graph, Command(resume="A"), ONE) == {"b": "xA"}


def test_a_node_has_tags_metadata_and_policies(caller: Caller) -> None:
    tries = []

    def node(text: str, config: Any) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError
        return f"{config['metadata']['k']}"

    builder = NodeBuilder().subscribe_only("a").do(node).write_to("b").meta("tag", k=1)
    builder.add_retry_policies(RetryPolicy(initial_interval=0, jitter=False))
    graph = Pregel(nodes={"n": builder}, channels=texts("a", "b"), input_channels="a", output_channels="b")
    assert caller.invoke(graph, "x") == "1"


def test_several_functions_run_one_on_the_other(caller: Caller) -> None:
    node = NodeBuilder().subscribe_only("a").do(lambda text: text + "1").do(lambda text: text + "2").write_to("b")
    graph = Pregel(nodes={"n": node.build()}, channels=texts("a", "b"), input_channels="a", output_channels="b")
    assert caller.invoke(graph, "x") == "x12"


def test_an_async_node_is_one_here_too() -> None:
    async def node(text: str) -> str:
        return text + text

    builder = NodeBuilder().subscribe_only("a").do(node).write_to("b")
    graph = Pregel(nodes={"n": builder}, channels=texts("a", "b"), input_channels="a", output_channels="b")
    assert asyncio.run(graph.ainvoke("x")) == "xx"


@pytest.mark.parametrize(
    ("nodes", "names", "message"),
    [
        ({"n": NodeBuilder().do(len)}, ("a", "b"), "'n' subscribes to no channel"),
        ({"n": doubling("z")}, ("a", "b"), r"node 'n' names \['z'\]"),
        ({"n": doubling("b")}, ("q", "b"), r"input_channels names \['q'\]"),
        ({"n": doubling("b")}, ("a", "q"), r"output_channels names \['q'\]"),
        ({"n": doubling("b")}, ("b", "b"), r"no node subscribes to an input channel \(b\)"),
        ({"n": NodeBuilder().subscribe_only("j").write_to("b")}, ("a", "b"), r"\['j'\], which has no value"),
    ],
)
def test_what_could_not_run_is_refused_when_it_is_made(nodes: Any, names: tuple[str, str], message: str) -> None:
    channels = {**texts("a", "b"), "j": NamedBarrierValue(str, {"x"})}
    with pytest.raises(ValueError, match=message):
        Pregel(nodes=nodes, channels=channels, input_channels=names[0], output_channels=names[1])


def test_a_node_takes_one_channel_alone_or_several_by_name() -> None:
    with pytest.raises(ValueError, match="subscribes to"):
        NodeBuilder().subscribe_to("a").subscribe_only("b")
    for call in (NodeBuilder.subscribe_to, NodeBuilder.read_from):
        with pytest.raises(ValueError, match="'a' alone"):
            call(NodeBuilder().subscribe_only("a"), "b")


def test_every_graph_is_a_pregel() -> None:
    @entrypoint()
    def workflow(given: int) -> int:
        return given

    compiled = StateGraph(dict).add_node("a", lambda state: {}).add_edge(START, "a").compile()
    assert isinstance(workflow, Pregel)
    assert isinstance(compiled, Pregel)
    drawn = Pregel(nodes={"n": doubling("b")}, channels=texts("a", "b"), input_channels="a", output_channels="b")
    assert drawn.get_graph().draw_mermaid(with_styles=False) == "graph TD;\n\t__start__ -.-> n;\n\tn --> __end__;\n"
