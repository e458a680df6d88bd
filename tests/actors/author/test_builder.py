"""What StateGraph takes and refuses, and what the plan says of it."""

import functools
import logging
import operator
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal, TypedDict

import pytest
from clew.actors.author.builder import StateGraph
from clew.actors.author.managed import IsLastStep, RemainingSteps
from clew.actors.author.plan import Plan
from clew.actors.author.policies import CachePolicy, RetryPolicy
from clew.events.errors import InternalError
from clew.events.stores.saver import InMemorySaver
from clew.events.vocabulary import END, START, Command
from clew.types import TimeoutPolicy
from langchain_core.runnables import RunnableLambda


class State(TypedDict):
    x: int
    log: Annotated[list, operator.add]


def node(state: State) -> dict[str, Any]:
    return {}


def other(state: State) -> dict[str, Any]:
    return {}


async def waits(state: State) -> dict[str, Any]:
    return {}


class Clerk:
    def __call__(self, state: State) -> dict[str, Any]:
        return {}


def graph(*names: str) -> StateGraph:
    """A graph of nodes without edges."""
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, node)
    return builder


def entered(*names: str) -> StateGraph:
    """A graph of nodes, the first of them the entry."""
    return graph(*names).add_edge(START, names[0])


Building = Callable[[], Any]

REFUSED: list[tuple[str, type[Exception], str, Building]] = [
    ("duplicate name", ValueError, "'a' is there already", lambda: graph("a", "a")),
    ("START as a name", ValueError, "'__start__' is reserved", lambda: graph(START)),
    ("END as a name", ValueError, "'__end__' is reserved", lambda: graph(END)),
    ("colon", ValueError, "'a:b' contains ':'", lambda: graph("a:b")),
    ("bar", ValueError, r"'a\|b' contains '\|'", lambda: graph("a|b")),
    ("name without action", RuntimeError, r"add_node\('a', function\)", lambda: graph().add_node("a")),
    ("number as action", TypeError, "node 'a' is 5", lambda: graph().add_node("a", 5)),
    ("number as node", TypeError, "the node is 5", lambda: graph().add_node(5)),
    ("name is no text", TypeError, "must be the node's name", lambda: graph().add_node(5, node)),
    ("unknown keyword", TypeError, "'retries'", lambda: graph().add_node("a", node, retries=3)),
    ("unknown constructor keyword", TypeError, "'state'", lambda: StateGraph(State, state=State)),
    ("timeout of nothing", ValueError, "greater than 0", lambda: graph().add_node("a", waits, timeout=0)),
    ("negative timeout", ValueError, "-1", lambda: graph().add_node("a", waits, timeout=timedelta(seconds=-1))),
    (
        "idle timeout",
        ValueError,
        "idle_timeout",
        lambda: graph().add_node("a", waits, timeout=TimeoutPolicy(idle_timeout=0)),
    ),
    ("timeout as text", TypeError, "'3'", lambda: graph().add_node("a", waits, timeout="3")),
    ("retry policy of another kind", TypeError, "RetryPolicy", lambda: graph().add_node("a", node, retry_policy=["x"])),
    ("edge out of END", ValueError, "cannot leave END", lambda: graph("a").add_edge(END, "a")),
    ("edge into START", ValueError, "cannot lead to START", lambda: graph("a").add_edge("a", START)),
    ("edge to a number", TypeError, "5", lambda: graph("a").add_edge("a", 5)),
    ("join from an unknown node", ValueError, "'b' of the edge", lambda: graph("a").add_edge(["a", "b"], "a")),
    ("join from START", ValueError, "'__start__' of the edge", lambda: graph("a").add_edge([START], "a")),
    ("join to an unknown node", ValueError, "'b', where", lambda: graph("a").add_edge(["a"], "b")),
    ("join of nothing", ValueError, "empty list", lambda: graph("a").add_edge([], "a")),
    (
        "path that is no callable",
        TypeError,
        "conditional edges from 'a'",
        lambda: graph("a").add_conditional_edges("a", 5),
    ),
    ("path map as text", TypeError, "'b'", lambda: graph("a").add_conditional_edges("a", lambda s: "b", "b")),
    (
        "two unnamed paths",
        ValueError,
        "'condition' already",
        lambda: graph("a").add_conditional_edges("a", lambda s: "a").add_conditional_edges("a", lambda s: "a"),
    ),
    ("empty sequence", ValueError, "at least one node", lambda: graph().add_sequence([])),
    ("same function twice", ValueError, "'node' is there already", lambda: graph().add_sequence([node, node])),
    ("sequence of names", RuntimeError, "no action", lambda: graph("a").add_sequence(["a"])),
    ("no entry", ValueError, "nothing leads from START", lambda: graph("a").plan()),
    ("edge from an unknown node", ValueError, "starts at 'z'", lambda: entered("a").add_edge("z", "a").plan()),
    ("edge to an unknown node", ValueError, "from 'a' leads to 'z'", lambda: entered("a").add_edge("a", "z").plan()),
    (
        "path from an unknown node",
        ValueError,
        "starts at 'z'",
        lambda: entered("a").add_conditional_edges("z", lambda s: "a").plan(),
    ),
    (
        "path from END",
        ValueError,
        "starts at '__end__'",
        lambda: entered("a").add_conditional_edges(END, lambda s: "a").plan(),
    ),
    (
        "path map to an unknown node",
        ValueError,
        "'condition' at 'a' leads to 'z'",
        lambda: entered("a").add_conditional_edges("a", lambda s: 1, {1: "z"}).plan(),
    ),
    (
        "path map to START",
        ValueError,
        "leads to '__start__'",
        lambda: entered("a").add_conditional_edges("a", lambda s: 1, {1: START}).plan(),
    ),
    (
        "unknown destination",
        ValueError,
        "declared Command of node 'b' leads to 'z'",
        lambda: entered("a").add_node("b", node, destinations=("z",)).plan(),
    ),
    ("unknown breakpoint", ValueError, "interrupt_before names 'z'", lambda: entered("a").plan(interrupt_before=["z"])),
    ("breakpoint at START", ValueError, "'__start__'", lambda: entered("a").plan(interrupt_after=[START])),
    ("breakpoint as text", TypeError, "give a list", lambda: entered("a").plan(interrupt_before="a")),
    ("alias to nowhere", ValueError, "'old' to 'z'", lambda: entered("a").plan(aliases={"old": "z"})),
    ("alias of a living node", ValueError, "renames 'b'", lambda: entered("a", "b").plan(aliases={"b": "a"})),
    (
        "timeout on a sync node",
        ValueError,
        "'b' is sync",
        lambda: entered("a").add_node("b", node, timeout=1).plan(),
    ),
    (
        "default timeout on a sync node",
        ValueError,
        "'a' is sync",
        lambda: entered("a").set_node_defaults(timeout=1).plan(),
    ),
    (
        "timeout on a wrapped sync function",
        ValueError,
        "'b' is sync",
        lambda: entered("a").add_node("b", RunnableLambda(node), timeout=1).plan(),
    ),
    ("checkpointer of another kind", TypeError, "checkpointer is 5", lambda: entered("a").compile(5)),
    ("a saver's class", TypeError, "give a saver", lambda: entered("a").compile(InMemorySaver)),
    ("unknown answer rule", ValueError, "'luck'", lambda: entered("a").compile(answers="luck")),
    (
        "default timeout on a sync handler",
        ValueError,
        "'__error_handler__b' is sync",
        lambda: (
            StateGraph(State)
            .add_node("b", waits, error_handler=node)
            .set_node_defaults(timeout=1)
            .set_entry_point("b")
            .plan()
        ),
    ),
]


@pytest.mark.parametrize(("error", "says", "build"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_wrong_use_is_refused_and_named(error: type[Exception], says: str, build: Building) -> None:
    with pytest.raises(error, match=says):
        build()


ALLOWED: list[tuple[str, Building]] = [
    ("unreachable node", lambda: entered("a", "b")),
    ("dead end", lambda: entered("a")),
    ("cycle", lambda: entered("a", "b").add_edge("a", "b").add_edge("b", "a")),
    ("START to END", lambda: graph().add_edge(START, END)),
    ("node named like a key", lambda: entered("x")),
    ("join to END", lambda: entered("a").add_edge(["a"], END)),
    ("only a conditional entry", lambda: graph("a").set_conditional_entry_point(lambda s: "a")),
    (
        "nodes after their edges",
        lambda: graph().add_edge(START, "a").add_edge("a", "b").add_node("b", node).add_node("a", node),
    ),
    ("timeout on an async node", lambda: graph().add_node("a", waits, timeout=1).set_entry_point("a")),
    (
        "timeout on an async Runnable",
        lambda: graph().add_node("a", RunnableLambda(waits), timeout=1).set_entry_point("a"),
    ),
]


@pytest.mark.parametrize("build", [row[1] for row in ALLOWED], ids=[row[0] for row in ALLOWED])
def test_what_is_unusual_but_sound_makes_a_plan(build: Building) -> None:
    assert isinstance(build().plan(), Plan)


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (node, "node"),
        (lambda s: {}, "<lambda>"),
        (functools.partial(node), "partial"),
        (Clerk(), "Clerk"),
        (RunnableLambda(node), "node"),
        ({"x": node}, "dict"),
    ],
)
def test_a_node_without_a_name_takes_its_action_s(action: Any, name: str) -> None:
    assert list(StateGraph(State).add_node(action).nodes) == [name]


def test_a_refused_node_leaves_the_builder_as_it_was() -> None:
    class Clashing(TypedDict):
        own: int
        x: Annotated[int, operator.add]

    builder = graph("a")
    with pytest.raises(ValueError, match="key 'x'"):
        builder.add_node("b", node, input_schema=Clashing)
    assert list(builder.nodes) == ["a"]
    assert set(builder.channels) == {"x", "log"}


def test_edges_keep_their_order_and_END_is_left_out() -> None:
    plan = (
        entered("a", "d", "c", "b").add_edge("a", "c").add_edge("a", END).add_edge("a", "b").add_edge("a", "c").plan()
    )
    assert plan.nodes["a"].targets == ("c", "b")
    assert plan.start.targets == ("a",)
    assert plan.node(START) is plan.start


def test_a_join_is_known_to_its_sources() -> None:
    plan = entered("b", "c", "d").add_edge(["c", "b"], "d").add_edge(["b", "c"], "d").plan()
    assert list(plan.joins) == ["b+c:d"]
    assert plan.joins["b+c:d"].sources == {"b", "c"}
    assert plan.nodes["b"].joins == plan.nodes["c"].joins == ("b+c:d",)
    assert plan.nodes["d"].joins == ()


def test_joins_of_names_with_a_plus_stay_apart() -> None:
    plan = entered("a", "b", "a+b", "c").add_edge(["a", "b"], "c").add_edge(["a+b"], "c").plan()
    assert {join.sources for join in plan.joins.values()} == {frozenset({"a", "b"}), frozenset({"a+b"})}


def test_a_sequence_is_chained_and_has_no_entry() -> None:
    builder = StateGraph(State).add_sequence([("first", node), other, RunnableLambda(waits)])
    assert builder.edges == {("first", "other"), ("other", "RunnableLambda")}


def test_entry_and_finish_points_are_edges() -> None:
    builder = graph("a").set_entry_point("a").set_finish_point("a")
    assert builder.edges == {(START, "a"), ("a", END)}


def test_every_method_chains() -> None:
    builder = StateGraph(State)
    assert builder.add_node(node) is builder
    assert builder.add_edge(START, "node") is builder
    assert builder.add_conditional_edges("node", lambda s: END) is builder
    assert builder.set_node_defaults() is builder
    assert builder.validate() is builder


def test_a_path_map_comes_from_a_dict_a_list_or_the_return_annotation() -> None:
    def chosen(state: State) -> Literal["a", "__end__"]:
        return "a"

    plan = (
        entered("a", "b")
        .add_conditional_edges("a", lambda s: True, {True: "b", False: END})
        .add_conditional_edges("b", lambda s: "a", ["a", "b"])
        .add_conditional_edges(START, chosen)
        .plan()
    )
    assert plan.nodes["a"].branches[0].path_map == {True: "b", False: END}
    assert plan.nodes["b"].branches[0].path_map == {"a": "a", "b": "b"}
    assert plan.start.branches[0].path_map == {"a": "a", END: END}
    assert plan.start.branches[0].name == "chosen"


def test_a_path_reads_what_it_is_annotated_with_else_what_its_node_reads() -> None:
    class Narrow(TypedDict):
        x: int

    class Private(TypedDict):
        hidden: str

    def narrow(state: Narrow) -> dict[str, Any]:
        return {}

    def by_private(state: Private) -> str:
        return END

    plan = (
        StateGraph(State)
        .add_node(narrow)
        .set_entry_point("narrow")
        .add_conditional_edges("narrow", lambda s: END)
        .add_conditional_edges("narrow", by_private)
        .plan()
    )
    unannotated, annotated = plan.nodes["narrow"].branches
    assert unannotated.view.keys == ("x",)
    assert annotated.view.keys == ("hidden",)
    assert "hidden" in plan.channels


@pytest.mark.parametrize(
    ("returns", "destinations"),
    [
        (Command[Literal["b", "c"]], ("b", "c")),
        (Command[Literal["b"]] | Command[Literal["c"]] | None, ("b", "c")),
        ("Command[Literal['b']] | dict", ("b",)),
        (Command[str], ()),
        (dict, ()),
    ],
)
def test_destinations_come_from_the_return_annotation(returns: Any, destinations: tuple[str, ...]) -> None:
    def routes(state: State) -> Any:
        return {}

    routes.__annotations__["return"] = returns
    assert StateGraph(State).add_node(routes).nodes["routes"].destinations == destinations


def test_destinations_given_win_over_the_annotation() -> None:
    def routes(state: State) -> Command[Literal["b"]]:
        return Command()

    assert StateGraph(State).add_node(routes, destinations={"c": "label"}).nodes["routes"].destinations == {
        "c": "label"
    }


def test_private_keys_come_from_a_node_s_annotation() -> None:
    class Private(TypedDict):
        secret: str

    def keeper(state: Private) -> dict[str, Any]:
        return {}

    plan = (
        StateGraph(State).add_node(keeper).add_node("open", keeper, input_schema=State).set_entry_point("keeper").plan()
    )
    assert plan.nodes["keeper"].view.keys == ("secret",)
    assert plan.nodes["open"].view.keys == ("x", "log")
    assert plan.input_view.keys == plan.output_view.keys == ("x", "log")
    assert plan.state_view.keys == ("x", "log", "secret")


def test_breakpoints_are_names_and_a_star_is_every_node() -> None:
    builder = entered("a", "b")
    assert builder.plan(interrupt_before=["b"]).interrupt_before == {"b"}
    assert builder.plan(interrupt_after="*").interrupt_after == {"a", "b"}
    assert builder.plan(interrupt_after=["*"]).interrupt_after == {"a", "b"}
    assert builder.plan().interrupt_before == frozenset()


def test_a_star_leaves_error_handlers_out() -> None:
    plan = entered("a").add_node("b", node, error_handler=other).plan(interrupt_before="*")
    assert plan.interrupt_before == {"a", "b"}
    assert plan.nodes["__error_handler__b"].hidden


def test_defaults_fill_what_a_node_left_open() -> None:
    first, second, cache = RetryPolicy(max_attempts=9), RetryPolicy(max_attempts=2), CachePolicy(ttl=5)
    plan = (
        StateGraph(State)
        .add_node("own", waits, retry_policy=second, timeout=7, error_handler=waits)
        .add_node("open", waits)
        .add_node("none", waits, retry_policy=[])
        .set_node_defaults(retry_policy=[first], cache_policy=cache, timeout=timedelta(minutes=1), error_handler=waits)
        .set_entry_point("own")
        .plan()
    )
    assert plan.nodes["own"].retry_policy == (second,)
    assert plan.nodes["own"].timeout == TimeoutPolicy(run_timeout=7.0)
    assert plan.nodes["own"].error_handler == "__error_handler__own"
    assert plan.nodes["open"].retry_policy == (first,)
    assert plan.nodes["open"].timeout == TimeoutPolicy(run_timeout=60.0)
    assert plan.nodes["open"].cache_policy is cache
    assert plan.nodes["open"].error_handler == "__default_error_handler__"
    assert plan.nodes["none"].retry_policy == ()
    for name in ("__error_handler__own", "__default_error_handler__"):
        handler = plan.nodes[name]
        assert handler.retry_policy == (first,)
        assert handler.timeout == TimeoutPolicy(run_timeout=60.0)
        assert handler.cache_policy is None
        assert handler.error_handler is None
        assert handler.hidden


def test_a_default_error_handler_does_not_break_a_second_plan() -> None:
    builder = entered("a").set_node_defaults(error_handler=other)
    first, second = builder.plan(), builder.plan()
    assert list(builder.nodes) == ["a"]
    assert first.fingerprint == second.fingerprint
    assert list(first.nodes) == list(second.nodes) == ["a", "__default_error_handler__"]


def test_a_plan_does_not_see_later_edits_and_the_edit_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    builder = entered("a")
    plan = builder.plan()
    with caplog.at_level(logging.WARNING):
        builder.add_node("b", node).add_edge("a", "b").add_conditional_edges("b", lambda s: END)
    assert [record.getMessage().split(" to a graph")[0] for record in caplog.records] == [
        "adding a node",
        "adding an edge",
        "adding conditional edges",
    ]
    assert list(plan.nodes) == ["a"]
    assert plan.nodes["a"].targets == ()
    assert set(plan.channels) == {"x", "log"}
    assert builder.plan().nodes["a"].targets == ("b",)


def test_an_edit_before_the_first_plan_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        entered("a").add_node("b", node).validate()
    assert caplog.records == []


def test_names_metadata_and_context_reach_the_plan() -> None:
    class Context(TypedDict):
        user: str

    builder = StateGraph(State, Context).add_node("a", node, metadata={"k": 1}, defer=True).set_entry_point("a")
    plan = builder.plan(name="shop", aliases={"old": "a"})
    assert (plan.name, builder.plan().name) == ("shop", "LangGraph")
    assert plan.context_schema is Context
    assert plan.nodes["a"].metadata == {"k": 1}
    assert plan.nodes["a"].defer
    assert plan.aliases == {"old": "a"}


def test_old_keywords_work_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="is deprecated: write") as warned:
        builder = StateGraph(State, config_schema=dict, input=State, output=State)
    assert [str(w.message).split(" is ")[0] for w in warned] == [
        "StateGraph(config_schema=)",
        "StateGraph(input=)",
        "StateGraph(output=)",
    ]
    assert builder.context_schema is dict
    policy = RetryPolicy()
    with pytest.warns(DeprecationWarning, match=r"add_node\((retry|input)=\)"):
        builder.add_node("a", node, retry=policy, input=State)
    assert builder.nodes["a"].retry_policy == (policy,)
    assert builder.nodes["a"].input_schema is State


def test_input_and_output_schemas_narrow_the_border() -> None:
    class Question(TypedDict):
        question: str

    class Answer(TypedDict):
        answer: str

    plan = StateGraph(State, input_schema=Question, output_schema=Answer).add_node(node).set_entry_point("node").plan()
    assert plan.input_view.keys == ("question",)
    assert plan.output_view.keys == ("answer",)
    assert set(plan.channels) == {"x", "log", "question", "answer"}
    assert plan.nodes["node"].view.keys == ("x", "log")


def test_managed_values_are_for_nodes_only() -> None:
    class Managed(TypedDict):
        x: int
        last: IsLastStep
        left: RemainingSteps

    with pytest.raises(ValueError, match="last, left"):
        StateGraph(State, input_schema=Managed)
    with pytest.raises(ValueError, match="'Managed'"):
        StateGraph(State, output_schema=Managed)
    plan = StateGraph(Managed, input_schema=Managed).add_node("a", node).set_entry_point("a").plan()
    assert plan.managed == {"last": "is_last_step", "left": "remaining_steps"}
    assert list(plan.channels) == ["x", "log"]
    own = StateGraph(Managed).add_node("a", lambda s: {}).set_entry_point("a").plan().nodes["a"].view
    assert own.managed == (("last", "is_last_step"), ("left", "remaining_steps"))


def test_a_compiled_graph_as_node_is_its_subgraph() -> None:
    class Compiled(RunnableLambda):
        plan = entered("inner").plan(name="child")

    compiled = Compiled(node)
    plan = StateGraph(State).add_node("child", compiled).set_entry_point("child").plan()
    assert plan.nodes["child"].subgraph is compiled
    assert plan.nodes["child"].callee.fingerprint == Compiled.plan.fingerprint[:8]


def test_START_is_never_called() -> None:
    with pytest.raises(InternalError, match="report"):
        entered("a").plan().start.callee.call({})


def test_the_fingerprint_follows_topology_code_and_channels_but_not_the_order_of_adding() -> None:
    base = entered("a", "b").add_edge("a", "b").plan().fingerprint

    class More(State):
        more: str

    assert len(base) == 16
    assert entered("a", "b").add_edge("a", "b").plan(name="x", interrupt_before="*").fingerprint == base
    assert graph("b", "a").add_edge("a", "b").add_edge(START, "a").plan().fingerprint == base
    assert entered("a", "b").plan().fingerprint != base
    assert entered("a", "b").add_edge("a", "b").add_edge("b", "a").plan().fingerprint != base
    assert entered("a").add_node("b", lambda s: {"x": 1}).add_edge("a", "b").plan().fingerprint != base
    assert (
        StateGraph(More)
        .add_node("a", node)
        .add_node("b", node)
        .add_edge(START, "a")
        .add_edge("a", "b")
        .plan()
        .fingerprint
        != base
    )


@pytest.mark.parametrize("checkpointer", [None, True, False, InMemorySaver()])
def test_a_compiled_graph_has_the_plan_and_the_saver(checkpointer: Any) -> None:
    builder = entered("a")
    compiled = builder.compile(checkpointer, name="shop", interrupt_after="*", answers="position", debug=True)
    assert compiled.plan.interrupt_after == {"a"}
    assert compiled.name == compiled.plan.name == "shop"
    assert compiled.builder is builder
    assert compiled.checkpointer is checkpointer
    assert (compiled.answers, compiled.debug) == ("position", True)


def test_compiling_twice_makes_two_graphs() -> None:
    builder = entered("a")
    assert builder.compile().plan is not builder.compile().plan


def test_planning_twice_with_a_default_error_handler_makes_two_plans() -> None:
    builder = entered("a").set_node_defaults(error_handler=other)
    assert builder.plan() is not builder.plan()


def test_a_graph_can_be_written_with_type_parameters() -> None:
    builder: StateGraph[State] = StateGraph[State](State)
    assert isinstance(builder, StateGraph)
    assert StateGraph[State, None, State, State](State).add_node(node).nodes
