"""Section 2: StateGraph, its nodes and edges, and what compile checks."""

from __future__ import annotations

import functools
import logging
import typing
from typing import Any, Literal, TypedDict

import pytest
from clew import END, START, Command, StateGraph
from clew.checkpoint import InMemorySaver
from clew.graph import MessageGraph
from clew.pregel import Pregel
from clew.types import RetryPolicy
from clew.warnings import LangGraphDeprecatedSinceV05, LangGraphDeprecatedSinceV10
from langchain_core.runnables import RunnableLambda

from .programs import State, chain, signing


def a(state: State) -> dict[str, Any]:
    return {"l": ["a"]}


def b(state: State) -> dict[str, Any]:
    return {"l": ["b"]}


async def waits(state: State) -> None:
    """An async node."""


def routes(state: State) -> Literal["a", "__end__"]:
    return "a"


class Callable:
    """An object that can be called."""

    def __call__(self, state: State) -> dict[str, Any]:
        return {}


def graph() -> StateGraph:
    return StateGraph(State)


GIVEN = {"x": 1, "l": []}


# -- 2.1


def test_a_node_is_named_after_what_it_runs() -> None:
    builder = graph().add_node(a).add_node(lambda state: {}).add_node(functools.partial(b)).add_node(Callable())
    builder.add_node(RunnableLambda(a, name="runs"))
    assert list(builder.nodes) == ["a", "<lambda>", "partial", "Callable", "runs"]
    assert list(graph().add_node("named", functools.partial(b)).nodes) == ["named"]


@pytest.mark.parametrize(
    ("error", "build"),
    [
        (ValueError, lambda: graph().add_node(a).add_node(a)),
        (ValueError, lambda: graph().add_node("__start__", a)),
        (ValueError, lambda: graph().add_node("__end__", a)),
        (ValueError, lambda: graph().add_node("a:b", a)),
        (ValueError, lambda: graph().add_node("a|b", a)),
        (RuntimeError, lambda: graph().add_node("a")),
        (TypeError, lambda: graph().add_node("a", 5)),
        (TypeError, lambda: graph().add_node(5)),
        (ValueError, lambda: graph().add_node("a", waits, timeout=0)),
        (ValueError, lambda: graph().add_node("a", waits, timeout=-1)),
        (ValueError, lambda: graph().add_edge(END, "a")),
        (ValueError, lambda: graph().add_edge("a", START)),
        (ValueError, lambda: graph().add_node(a).add_edge(["a", "b"], "a")),
        (ValueError, lambda: graph().add_node(a).add_edge([START], "a")),
        (ValueError, lambda: graph().add_node(a).add_edge(["a"], "nobody")),
        (ValueError, lambda: two_unnamed_paths()),
        (ValueError, lambda: graph().add_sequence([])),
        (ValueError, lambda: graph().add_sequence([a, a])),
        (ValueError, lambda: graph().add_node(a).compile()),
        (ValueError, lambda: one().add_edge("nobody", "a").compile()),
        (ValueError, lambda: one().add_edge("a", "nobody").compile()),
        (ValueError, lambda: one().add_conditional_edges("nobody", lambda state: END).compile()),
        (ValueError, lambda: one().add_conditional_edges("a", lambda state: 1, {1: "nobody"}).compile()),
        (ValueError, lambda: one(destinations=("nobody",)).compile()),
        (ValueError, lambda: one(destinations={"nobody": "label"}).compile()),
        (ValueError, lambda: one().compile(interrupt_before=["nobody"])),
        (ValueError, lambda: one().compile(interrupt_after=["nobody"])),
        (ValueError, lambda: one().validate(interrupt=["nobody"])),
        (TypeError, lambda: one().compile(checkpointer=5)),
    ],
)
def test_what_is_refused(error: type[Exception], build: typing.Callable[[], Any]) -> None:
    with pytest.raises(error) as refused:
        build()
    assert type(refused.value) is error
    assert str(refused.value)


def one(**options: Any) -> StateGraph:
    return graph().add_node("a", a, **options).add_edge(START, "a")


def two_unnamed_paths() -> StateGraph:
    builder = graph().add_node(a)
    return builder.add_conditional_edges("a", lambda state: END).add_conditional_edges("a", lambda state: END)


def test_a_node_may_have_a_state_keys_name() -> None:
    assert graph().add_node("x", a).add_edge(START, "x").compile().invoke(GIVEN)["l"] == ["a"]


def test_what_is_added_after_compile_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    builder = one()
    compiled = builder.compile()
    with caplog.at_level(logging.WARNING):
        builder.add_node(b).add_edge("a", "b").add_conditional_edges("b", lambda state: END)
    assert len(caplog.records) == 3
    assert compiled.invoke(GIVEN)["l"] == ["a"]
    assert builder.compile().invoke(GIVEN)["l"] == ["a", "b"]


def test_a_nodes_input_schema_is_inferred_and_adds_private_keys() -> None:
    class Private(TypedDict):
        secret: str

    def reads(state: Private) -> dict[str, Any]:
        return {"l": [dict(state)]}

    builder = graph().add_node("writes", lambda state: {"secret": "s"}).add_node(reads)
    builder.add_edge(START, "writes").add_edge("writes", "reads")
    assert sorted(builder.channels) == ["l", "secret", "x"]
    assert builder.compile().invoke(GIVEN) == {"x": 1, "l": [{"secret": "s"}]}
    explicit = graph().add_node("reads", reads, input_schema=State).add_edge(START, "reads")
    assert explicit.compile().invoke(GIVEN)["l"] == [{"x": 1, "l": []}]


def test_destinations_are_drawn_and_checked_and_change_nothing() -> None:
    def jumps(state: State) -> Command[Literal["a", "nobody"]]:
        return Command(goto="a")

    def may_jump(state: State) -> Command[Literal["a"]] | dict:
        return Command(goto="b")

    with pytest.raises(ValueError, match="nobody"):
        graph().add_node(jumps).add_node(a).add_edge(START, "jumps").compile()
    compiled = graph().add_node(may_jump).add_node(a).add_node(b).add_edge(START, "may_jump").compile()
    assert ("may_jump", "a") in [(edge.source, edge.target) for edge in compiled.get_graph().edges]
    assert compiled.invoke(GIVEN)["l"] == ["b"]


def test_a_nodes_metadata_is_merged_into_its_runs() -> None:
    seen: list[dict] = []

    def node(state: State, config: Any) -> None:
        seen.append(dict(config["metadata"]))

    graph().add_node("n", node, metadata={"m": 1}).add_edge(START, "n").compile().invoke(GIVEN, {"metadata": {"u": 2}})
    task_id = seen[0].pop("langgraph_checkpoint_ns").removeprefix("n:")
    assert len(task_id) == 36
    assert seen == [
        {
            "u": 2,
            "m": 1,
            "langgraph_step": 1,
            "langgraph_node": "n",
            "langgraph_triggers": ("branch:to:n",),
            "langgraph_path": ("__pregel_pull", "n"),
        }
    ]


def test_older_keywords_are_taken_with_a_warning() -> None:
    class Context(TypedDict):
        y: int

    with pytest.warns(LangGraphDeprecatedSinceV10, match="context_schema"):
        assert StateGraph(State, config_schema=Context).context_schema is Context
    with pytest.warns(LangGraphDeprecatedSinceV05, match="input_schema"):
        assert StateGraph(State, input=State).input_schema is State
    with pytest.warns(LangGraphDeprecatedSinceV05, match="retry_policy"):
        graph().add_node("a", a, retry=RetryPolicy())
    with pytest.raises(TypeError, match="unheard"):
        StateGraph(State, unheard=1)


# -- 2.2


def test_node_defaults_hold_for_nodes_that_set_none_and_compile_may_be_called_twice() -> None:
    tries: list[int] = []

    def flaky(state: State) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 2:
            raise ConnectionError("down")
        return {"x": len(tries)}

    policy = RetryPolicy(max_attempts=2, initial_interval=0.001, jitter=False)
    builder = graph().set_node_defaults(retry_policy=policy).add_node(flaky).add_edge(START, "flaky")
    builder.compile()
    assert builder.compile().invoke(GIVEN)["x"] == 2


# -- 2.3


def test_single_edges_are_a_set_and_may_be_added_twice() -> None:
    builder = one().add_edge(START, "a").add_node(b).add_edge(["a", "b"], END)
    assert builder.edges == {("__start__", "a")}
    assert builder.waiting_edges == {(("a", "b"), "__end__")}
    assert builder.compile().invoke(GIVEN)["l"] == ["a"]


def test_a_branch_is_named_after_its_path_function() -> None:
    builder = one().add_conditional_edges("a", lambda state: END).add_conditional_edges("a", routes)
    builder.add_conditional_edges("a", RunnableLambda(routes, name="runs"))
    assert list(builder.branches["a"]) == ["condition", "routes", "runs"]


def test_a_path_map_is_a_dict_a_list_or_a_literal_annotation() -> None:
    builder = graph().add_node(a).add_conditional_edges(START, routes)
    assert builder.branches[START]["routes"].ends == {"a": "a", "__end__": "__end__"}
    listed = graph().add_node(a).add_conditional_edges(START, lambda state: "a", ["a", END])
    assert listed.branches[START]["condition"].ends == {"a": "a", "__end__": "__end__"}
    mapped = graph().add_node(a).add_conditional_edges(START, lambda state: True, {True: "a"})
    assert mapped.compile().invoke(GIVEN)["l"] == ["a"]


def test_a_sequence_chains_its_nodes_and_begins_nowhere() -> None:
    builder = graph().add_sequence([a, ("second", b)])
    with pytest.raises(ValueError, match="START"):
        builder.compile()
    assert builder.add_edge(START, "a").compile().invoke(GIVEN)["l"] == ["a", "b"]


def test_a_sequence_names_a_runnable_after_its_class() -> None:
    step = RunnableLambda(lambda state: None, name="step")
    assert list(StateGraph(State).add_sequence([step]).nodes) == ["RunnableLambda"]
    assert list(StateGraph(State).add_node(step).nodes) == ["step"]


def test_entry_and_finish_points_are_edges() -> None:
    builder = graph().add_node(a).add_node(b).set_entry_point("a").add_edge("a", "b").set_finish_point("b")
    assert builder.edges == {(START, "a"), ("a", "b"), ("b", END)}
    chosen = graph().add_node(a).add_node(b).set_conditional_entry_point(lambda state: "k", {"k": "b"})
    assert chosen.compile().invoke(GIVEN)["l"] == ["b"]


# -- 2.4


def test_unreachable_nodes_dead_ends_and_cycles_are_no_errors() -> None:
    assert one().add_node(b).compile().invoke(GIVEN)["l"] == ["a"]
    cycle = graph().add_node("n", lambda state: {"x": state["x"] + 1}).add_edge(START, "n")
    cycle.add_conditional_edges("n", lambda state: "n" if state["x"] < 4 else END)
    assert cycle.compile().invoke(GIVEN)["x"] == 4


def test_a_compiled_graph_shows_what_it_was_compiled_with() -> None:
    saver = InMemorySaver()
    compiled = chain("a", "b").compile(saver, interrupt_before=["a"], interrupt_after="*", debug=False, name="named")
    assert (compiled.name, compiled.get_name()) == ("named", "named")
    assert chain("a").compile().name == "LangGraph"
    assert (compiled.checkpointer, compiled.store, compiled.cache) == (saver, None, None)
    assert (compiled.interrupt_before_nodes, compiled.interrupt_after_nodes) == (["a"], "*")
    assert list(compiled.nodes) == ["__start__", "a", "b"]
    assert (compiled.stream_mode, compiled.input_channels) == ("updates", "__start__")
    assert (compiled.output_channels, compiled.stream_channels) == (["x", "l"], ["x", "l"])
    assert isinstance(compiled, Pregel)
    assert compiled.validate() is compiled


def test_each_compile_makes_an_independent_graph() -> None:
    builder = one()
    first, second = builder.compile(name="first"), builder.compile(InMemorySaver(), name="second")
    assert (first.name, first.checkpointer, second.name) == ("first", None, "second")


def test_what_a_builder_keeps_of_a_node() -> None:
    spec = graph().add_node("n", a, metadata={"m": 1}, defer=True, destinations={"n": "label"}).nodes["n"]
    assert (spec.runnable, spec.metadata, spec.defer, spec.ends) == (a, {"m": 1}, True, {"n": "label"})


def test_validate_checks_as_compile_does_and_returns_the_builder() -> None:
    builder = one()
    assert builder.validate() is builder
    assert not builder.compiled
    builder.compile()
    assert builder.compiled


def test_a_message_graphs_state_is_a_list_of_messages() -> None:
    with pytest.warns(LangGraphDeprecatedSinceV10, match="MessagesState"):
        builder = MessageGraph()
    builder.add_node("bot", lambda messages: [("ai", f"{len(messages)}")]).set_entry_point("bot")
    builder.set_finish_point("bot")
    said = builder.compile().invoke([("user", "hello")])
    assert [(message.type, message.content) for message in said] == [("human", "hello"), ("ai", "1")]


def test_a_dict_of_runnables_is_a_node() -> None:
    compiled = graph().add_node("d", {"x": RunnableLambda(lambda state: 7)}).add_edge(START, "d").compile()
    assert compiled.invoke(GIVEN)["x"] == 7
    assert signing("z")({"x": 0, "l": []}) == {"l": ["z"]}
