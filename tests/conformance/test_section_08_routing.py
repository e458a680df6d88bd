"""Section 8: edges, path functions, Send, Command, joins and defer. Section 6.3 with it: what a node may return."""

from __future__ import annotations

from typing import Any

import pytest
from clew import END, START, Command, Send, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import InvalidUpdateError, ParentCommand
from langchain_core.runnables import RunnableLambda

from .callers import Caller
from .programs import ONE, State, chain, signing, single

GIVEN: dict[str, Any] = {"x": 1}


def fork(path: Any, path_map: Any = None) -> StateGraph:
    """f, then wherever the path leads: a, b or the end."""
    builder = single(lambda state: {"x": 5, "extra": 7}).add_node("a", signing("a")).add_node("b", signing("b"))
    return builder.add_conditional_edges("f", path, path_map)


@pytest.mark.parametrize(
    ("result", "path_map", "signed"),
    [
        ("a", None, ["a"]),
        (["a", "b"], None, ["a", "b"]),
        (("a",), None, ["a"]),
        (["a", "a"], None, ["a"]),
        (Send("a", {}), None, ["a"]),
        ([Send("a", {}), "b"], None, ["b", "a"]),
        (Send("a", 1), {"key": "a"}, ["a"]),
        (END, None, []),
        ([], None, []),
        (True, {True: "a", False: "b"}, ["a"]),
        (1, {1: "b"}, ["b"]),
        (["key", "key"], {"key": "a"}, ["a"]),
        ("a", ["a", "b"], ["a"]),
    ],
)
def test_what_a_path_function_may_return(result: Any, path_map: Any, signed: list, caller: Caller) -> None:
    assert caller.invoke(fork(lambda state: result, path_map).compile(), GIVEN)["l"] == signed


@pytest.mark.parametrize(
    ("result", "path_map", "error"),
    [
        (None, None, ValueError),
        (START, None, ValueError),
        (["a", None], None, ValueError),
        (Send(END, {}), None, InvalidUpdateError),
        ("missing", {"key": "a"}, KeyError),
        ("nobody", None, InvalidUpdateError),
        (Send("nobody", {}), None, InvalidUpdateError),
    ],
)
def test_what_it_may_not(result: Any, path_map: Any, error: type[Exception], caller: Caller) -> None:
    with pytest.raises(error):
        caller.invoke(fork(lambda state: result, path_map).compile(), GIVEN)


def test_a_path_function_sees_what_its_own_node_wrote_and_returned(caller: Caller) -> None:
    assert caller.invoke(fork(lambda state: state["x"], {5: "b"}).compile(), GIVEN)["l"] == ["b"]
    assert caller.invoke(fork(lambda state: state["extra"], {7: "b"}).compile(), GIVEN)["l"] == ["b"]


def test_a_path_may_be_a_runnable_and_static_edges_fire_beside_it(caller: Caller) -> None:
    builder = fork(RunnableLambda(lambda state: "a")).add_edge("f", "b")
    assert caller.invoke(builder.compile(), GIVEN)["l"] == ["a", "b"]


def test_a_send_is_a_run_with_its_argument_as_the_whole_input(caller: Caller) -> None:
    builder = StateGraph(State).add_node("w", lambda state: {"l": [state]}).add_node("z", signing("z"))
    builder.add_conditional_edges(START, lambda state: [Send("w", {"i": i}) for i in range(3)]).add_edge("w", "z")
    assert caller.invoke(builder.compile(), GIVEN)["l"] == [{"i": 0}, {"i": 1}, {"i": 2}, "z"]


def test_what_is_sent_begins_before_the_nodes_beside_it_and_is_merged_after_them(caller: Caller) -> None:
    goto = [Send("b", {}), "a"]
    graph = single(lambda state: Command(goto=goto)).add_node("a", signing("a")).add_node("b", signing("b")).compile()
    assert [*map(list, caller.stream(graph, GIVEN, stream_mode="updates"))] == [["f"], ["b"], ["a"]]
    assert caller.invoke(graph, GIVEN)["l"] == ["a", "b"]


def test_a_goto_may_be_a_set_of_names(caller: Caller) -> None:
    graph = single(lambda state: Command(goto={"a"})).add_node("a", signing("a")).compile()
    assert caller.invoke(graph, GIVEN)["l"] == ["a"]


def test_a_command_updates_and_adds_to_the_static_edges(caller: Caller) -> None:
    node = lambda state: Command(update={"x": 9}, goto=["a", Send("b", {"q": 1})])  # noqa: E731
    builder = single(node).add_node("a", signing("a")).add_node("b", lambda state: {"l": [state]})
    builder.add_node("c", signing("c")).add_edge("f", "c")
    assert caller.invoke(builder.compile(), GIVEN) == {"x": 9, "l": ["a", "c", {"q": 1}]}


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        (None, {"x": 1, "l": []}),
        ({}, {"x": 1, "l": []}),
        (Command(update={"x": 4}, goto=END), {"x": 4, "l": []}),
        (Command(update=[("x", 3), ("l", ["a"]), ("l", ["b"])]), {"x": 3, "l": ["a", "b"]}),
        (Command(resume=5), {"x": 1, "l": []}),
        (Command(update={"x": 4}, graph="LangGraph"), {"x": 4, "l": []}),
        (Command(update={"x": 4}, graph="another"), {"x": 4, "l": []}),
        ([Command(update={"x": 3}), {"l": ["d"]}, Command(update={"l": ["e"]})], {"x": 3, "l": ["d", "e"]}),
        ((Command(update={"x": 3}), None), {"x": 3, "l": []}),
        (RunnableLambda(lambda state: {"x": state["x"] + 10}), {"x": 11, "l": []}),
    ],
)
def test_what_a_node_may_return(returned: Any, output: Any, caller: Caller) -> None:
    assert caller.invoke(single(lambda state: returned).compile(), GIVEN) == output


@pytest.mark.parametrize(
    "returned",
    [
        [{"x": 1}],
        [],
        5,
        "text",
        object(),
        [Send("f", {})],
        [Command(update={"x": 3}), Command(update={"x": 4})],
        Command(goto="nobody"),
        Command(goto=Send("nobody", {})),
    ],
)
def test_what_it_may_not_return(returned: Any, caller: Caller) -> None:
    with pytest.raises(InvalidUpdateError):
        caller.invoke(single(lambda state: returned).compile(), GIVEN)


def test_a_bare_send_leads_to_its_node_and_generators_are_consumed(caller: Caller) -> None:
    builder = single(lambda state: Send("w", {"i": 1})).add_node("w", lambda state: {"l": [state]})
    assert caller.invoke(builder.compile(), GIVEN)["l"] == [{"i": 1}]

    def yields(state: State) -> Any:
        yield {"l": ["a"]}

    assert caller.invoke(single(yields).compile(), GIVEN)["l"] == ["a"]


def test_a_command_for_the_parent_leaves_a_root_graph_as_an_exception(caller: Caller) -> None:
    with pytest.raises(ParentCommand):
        caller.invoke(single(lambda state: Command(graph=Command.PARENT, update={"x": 4})).compile(), GIVEN)


def test_a_join_that_a_branch_skipped_does_not_fire_nor_wait_into_the_next_turn(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    builder = StateGraph(State)
    for name in "bcd":
        builder.add_node(name, signing(name))
    builder.add_conditional_edges(START, lambda state: "b" if state["x"] == 1 else "c", ["b", "c"])
    graph = builder.add_edge(["b", "c"], "d").compile(checkpointer=saver)
    assert caller.invoke(graph, {"x": 1}, ONE)["l"] == ["b"]
    # LangGraph remembers b's arrival and runs d here (section 30.11)
    assert caller.invoke(graph, {"x": 2}, ONE)["l"] == ["b", "c"]


def test_a_deferred_node_runs_when_nothing_else_is_left(caller: Caller) -> None:
    builder = chain("a", "b", "c").add_node("d", signing("d"), defer=True).add_edge("a", "d").add_edge("c", "d")
    assert caller.invoke(builder.compile(), GIVEN)["l"] == ["a", "b", "c", "d"]


def test_sends_are_equal_by_value_and_say_what_they_are() -> None:
    assert Send("a", 1) == Send("a", 1)
    assert repr(Send("a", 1)) == "Send(node='a', arg=1)"
    assert Command(goto="x") == Command(goto="x")
    assert repr(Command(update={"a": 1}, goto="x")) == "Command(update={'a': 1}, goto='x')"
