"""Section 9: how many super-steps a run may take, and the values that tell a node how many are left."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from clew import END, START, InMemorySaver, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import GraphRecursionError
from clew.func import entrypoint
from clew.managed import IsLastStep, RemainingSteps

from .callers import Caller
from .programs import ONE, State, chain, rows, signing, single

GIVEN: dict[str, Any] = {"x": 1, "l": []}


def limited(limit: Any, **more: Any) -> Any:
    """A config with a limit."""
    return {"recursion_limit": limit, **more}


# -- the limit


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_is_at_least_one(limit: int, caller: Caller) -> None:
    with pytest.raises(ValueError, match="recursion_limit"):
        caller.invoke(chain("a").compile(), GIVEN, limited(limit))


def test_none_is_the_default_limit(caller: Caller) -> None:
    assert caller.invoke(chain("a").compile(), GIVEN, limited(None))["l"] == ["a"]


def test_the_default_is_ten_thousand_and_seven(caller: Caller) -> None:
    seen: list[int] = []
    counting = managed("a", seen=lambda state: seen.append(state["left"]))
    caller.invoke(counting.compile(), {"l": []})
    assert seen == [10_006]


def test_a_chain_of_n_nodes_needs_a_limit_of_n(caller: Caller) -> None:
    # LangGraph needs one more: it looks at the limit before it notices that nothing is left (section 30.12)
    graph = chain("a", "b", "c").compile()
    assert caller.invoke(graph, GIVEN, limited(3))["l"] == ["a", "b", "c"]
    with pytest.raises(GraphRecursionError, match=r"2 super-steps.*'c'"):
        caller.invoke(graph, GIVEN, limited(2))


def test_the_error_is_a_recursion_error_with_its_code(caller: Caller) -> None:
    with pytest.raises(RecursionError, match="GRAPH_RECURSION_LIMIT"):
        caller.invoke(chain("a", "b").compile(), GIVEN, limited(1))


def test_parallel_nodes_and_sends_count_as_one_step(caller: Caller) -> None:
    builder = chain("a")
    for name in ("b", "c"):
        builder.add_node(name, signing(name)).add_edge("a", name)
    assert caller.invoke(builder.compile(), GIVEN, limited(2))["l"] == ["a", "b", "c"]


def test_a_deferred_node_takes_a_step(caller: Caller) -> None:
    builder = chain("a").add_node("d", signing("d"), defer=True).add_edge(START, "d")
    assert caller.invoke(builder.compile(), GIVEN, limited(2))["l"] == ["a", "d"]
    with pytest.raises(GraphRecursionError):
        caller.invoke(builder.compile(), GIVEN, limited(1))


def test_a_stream_gives_what_was_done_before_the_error(saver: BaseCheckpointSaver) -> None:
    chunks = chain("a", "b", "c").compile(checkpointer=saver).stream(GIVEN, limited(2, **ONE))
    assert [next(chunks), next(chunks)] == [{"a": {"l": ["a"]}}, {"b": {"l": ["b"]}}]
    with pytest.raises(GraphRecursionError):
        next(chunks)


def test_what_was_done_is_kept_and_none_goes_on_with_a_fresh_budget(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c", "d", "e").compile(checkpointer=saver)
    with pytest.raises(GraphRecursionError):
        caller.invoke(graph, GIVEN, limited(2, **ONE))
    state = caller.state(graph, ONE)
    assert (state.values["l"], state.next, state.tasks[0].error) == (["a", "b"], ("c",), None)
    with pytest.raises(GraphRecursionError):
        caller.invoke(graph, None, limited(2, **ONE))
    assert caller.state(graph, ONE).next == ("e",)
    assert caller.invoke(graph, None, limited(1, **ONE))["l"] == ["a", "b", "c", "d", "e"]
    assert [row[:3] for row in rows(caller.history(graph, ONE))] == [
        ("loop", 5, ()),
        ("loop", 4, ("e",)),
        ("loop", 3, ("d",)),
        ("loop", 2, ("c",)),
        ("loop", 1, ("b",)),
        ("loop", 0, ("a",)),
        ("input", -1, ("__start__",)),
    ]


def test_a_turn_has_a_budget_of_its_own(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver)
    for _ in range(3):
        caller.invoke(graph, GIVEN, limited(2, **ONE))
    assert caller.state(graph, ONE).next == ()


def test_a_loop_ends_at_its_limit(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = single(lambda state: {"x": state["x"] + 1}, "a").add_edge("a", "a")
    graph = builder.compile(checkpointer=saver)
    with pytest.raises(GraphRecursionError):
        caller.invoke(graph, {"x": 0}, limited(7, **ONE))
    assert caller.state(graph, ONE).values["x"] == 7


def test_a_limit_can_be_bound_to_the_graph_and_the_calls_own_wins(caller: Caller) -> None:
    graph = chain("a", "b", "c").compile().with_config(recursion_limit=2)
    with pytest.raises(GraphRecursionError):
        caller.invoke(graph, GIVEN)
    assert caller.invoke(graph, GIVEN, limited(3))["l"] == ["a", "b", "c"]


def test_a_graph_inside_has_the_limit_to_itself(caller: Caller) -> None:
    builder = chain("p").add_node("inner", chain("s1", "s2", "s3").compile()).add_edge("p", "inner")
    assert caller.invoke(builder.compile(), GIVEN, limited(3))["l"][-3:] == ["s1", "s2", "s3"]
    with pytest.raises(GraphRecursionError, match="'s3'"):
        caller.invoke(builder.compile(), GIVEN, limited(2))


def test_an_entrypoint_is_one_step(caller: Caller) -> None:
    @entrypoint()
    def plus_one(number: int) -> int:
        return number + 1

    assert caller.invoke(plus_one, 1, limited(1)) == 2


# -- managed values


class Managed(TypedDict):
    """A list, and what the run itself knows."""

    l: Annotated[list[Any], operator.add]  # noqa: E741  # the specification's name
    left: RemainingSteps
    last: IsLastStep


def managed(*names: str, seen: Callable[[Any], Any]) -> StateGraph:
    """START -> each of the nodes in turn, which show what they see."""

    def looking(name: str) -> Callable[[Managed], dict[str, Any]]:
        def node(state: Managed) -> dict[str, Any]:
            seen(state)
            return {"l": [name]}

        return node

    builder, before = StateGraph(Managed), START
    for name in names:
        builder.add_node(name, looking(name)).add_edge(before, name)
        before = name
    return builder


class Seen(list[Any]):
    """(steps left, the last one?) of each node that looked."""

    def __call__(self, state: Any) -> None:
        self.append((state["left"], state["last"]))


def test_remaining_steps_count_down_and_the_last_but_one_is_called_last(caller: Caller) -> None:
    seen = Seen()
    caller.invoke(managed("a", "b", "c", seen=seen).compile(), {"l": []}, limited(4))
    assert seen == [(3, False), (2, False), (1, True)]


def test_a_turn_counts_from_the_start(saver: BaseCheckpointSaver, caller: Caller) -> None:
    seen = Seen()
    graph = managed("a", "b", seen=seen).compile(checkpointer=saver)
    for _ in range(2):
        caller.invoke(graph, {"l": []}, limited(5, **ONE))
    assert seen == [(4, False), (3, False)] * 2


def test_a_run_that_goes_on_counts_from_the_start_too(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph counts two more on the way on: 6 and 5, so that the limit is another one than at first
    seen = Seen()
    graph = managed("a", "b", "c", seen=seen).compile(checkpointer=saver, interrupt_before=["b"])
    caller.invoke(graph, {"l": []}, limited(5, **ONE))
    caller.invoke(graph, None, limited(5, **ONE))
    assert seen == [(4, False), (4, False), (3, False)]


def test_the_tasks_of_a_stream_show_what_their_nodes_are_given(saver: BaseCheckpointSaver, caller: Caller) -> None:
    seen = Seen()
    graph = managed("a", "b", "c", seen=seen).compile(checkpointer=saver, interrupt_before=["b"])
    for given, limit in (({"l": []}, 5), (None, 20), ({"l": []}, 6), (None, 2)):
        tasks = caller.stream(graph, given, limited(limit, **ONE), stream_mode="tasks")
        inputs = [task["input"] for task in tasks if "input" in task]
        assert [(given["left"], given["last"]) for given in inputs] == seen
        seen.clear()


def test_they_are_not_part_of_the_state(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = managed("a", seen=Seen()).compile(checkpointer=saver)
    assert caller.invoke(graph, {"l": []}, ONE) == {"l": ["a"]}
    assert caller.state(graph, ONE).values == {"l": ["a"]}
    assert caller.stream(graph, {"l": []}, ONE, stream_mode="values")[-1] == {"l": ["a", "a"]}


def test_writing_them_is_ignored_with_a_warning(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    def node(state: Managed) -> dict[str, Any]:
        return {"l": [(state["left"], state["last"])], "left": 77, "last": True}

    graph = (
        StateGraph(Managed).add_node("a", node).add_node("b", node).add_edge(START, "a").add_edge("a", "b").compile()
    )
    assert caller.invoke(graph, {"l": []}, limited(9)) == {"l": [(8, False), (7, False)]}
    assert "left" in caplog.text
    assert caller.stream(graph, {"l": []}, limited(9)) == [{"a": {"l": [(8, False)]}}, {"b": {"l": [(7, False)]}}]


def test_giving_them_as_input_or_by_hand_is_ignored(saver: BaseCheckpointSaver, caller: Caller) -> None:
    seen = Seen()
    graph = managed("a", seen=seen).compile(checkpointer=saver)
    assert caller.invoke(graph, {"l": [], "left": 5, "last": True}, limited(9, **ONE)) == {"l": ["a"]}
    assert seen == [(8, False)]
    caller.update(graph, ONE, {"l": ["u"], "left": 3})
    assert caller.state(graph, ONE).values == {"l": ["a", "u"]}


def test_path_functions_see_them(caller: Caller) -> None:
    seen = Seen()

    def again(state: Managed) -> str:
        seen(state)
        return END if state["last"] else "a"

    builder = StateGraph(Managed).add_node("a", lambda state: {"l": ["a"]}).add_edge(START, "a")
    graph = builder.add_conditional_edges("a", again, ["a", END]).compile()
    assert caller.invoke(graph, {"l": []}, limited(4))["l"] == ["a", "a", "a"]
    assert seen == [(3, False), (2, False), (1, True)]


def test_a_graph_inside_counts_its_own_steps(caller: Caller) -> None:
    seen = Seen()
    builder = StateGraph(Managed).add_node("p", lambda state: seen(state)).add_edge(START, "p")
    builder.add_node("inner", managed("s1", "s2", seen=seen).compile()).add_edge("p", "inner")
    caller.invoke(builder.compile(), {"l": []}, limited(5))
    assert seen == [(4, False), (4, False), (3, False)]


def test_a_nodes_own_schema_may_name_them(caller: Caller) -> None:
    class Careful(TypedDict):
        x: int
        left: RemainingSteps

    seen: list[Any] = []

    def node(state: Careful) -> None:
        seen.append(dict(state))

    caller.invoke(single(node).compile(), GIVEN, limited(9))
    assert seen == [{"x": 1, "left": 8}]


def test_schemas_of_input_and_output_may_not(caller: Caller) -> None:
    for schemas in ({"input_schema": Managed}, {"output_schema": Managed}):
        with pytest.raises(ValueError, match=r"left.*last"):
            StateGraph(State, **schemas)  # type: ignore[arg-type]


@dataclass
class Record:
    """A state that is a dataclass."""

    l: Annotated[list[Any], operator.add]  # noqa: E741  # the specification's name
    left: RemainingSteps = 0
    last: IsLastStep = False


def test_they_are_fields_of_a_dataclass_too(caller: Caller) -> None:
    builder = StateGraph(Record).add_node("a", lambda state: {"l": [(state.left, state.last)]}).add_edge(START, "a")
    assert caller.invoke(builder.compile(), {"l": []}, limited(2))["l"] == [(1, True)]


def test_a_resumed_thread_has_the_limit_of_the_call_that_resumes_it(caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=InMemorySaver(), interrupt_before=["b"])
    caller.invoke(graph, GIVEN, limited(1, **ONE))
    with pytest.raises(GraphRecursionError):
        caller.invoke(graph, None, limited(1, **ONE))
    assert caller.invoke(graph, None, limited(1, **ONE))["l"] == ["a", "b", "c"]
