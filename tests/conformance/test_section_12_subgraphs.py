"""Section 12: graphs inside graphs, called as nodes and in functions; what of them is kept; resuming through levels."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from clew import END, START, Command, Send, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.config import get_config, get_stream_writer
from clew.errors import GraphChangedError
from clew.events.codec.commits import decode_commit
from clew.events.codec.values import Codec
from clew.events.vocabulary import RunStarted
from clew.runtime import Runtime
from clew.types import RetryPolicy

from .callers import Caller

THREAD = {"configurable": {"thread_id": "1"}}


class State(TypedDict):
    x: int
    l: Annotated[list, operator.add]  # noqa: E741  # the name in the golden traces


class Names(TypedDict):
    l: Annotated[list, operator.add]  # noqa: E741


class Counter(TypedDict, total=False):
    n: int
    out: list


def named(name: str, ran: list[str] | None = None) -> Callable[[Any], dict[str, Any]]:
    """A node that appends its name, and notes that it ran."""

    def body(state: State) -> dict[str, Any]:
        if ran is not None:
            ran.append(name)
        return {"l": [name]}

    return body


def asks(question: str, ran: list[str] | None = None) -> Callable[[Any], dict[str, Any]]:
    """A node that asks, and appends the answer."""

    def body(state: State) -> dict[str, Any]:
        if ran is not None:
            ran.append(question)
        return {"l": [f"{question}:{interrupt(question)}"]}

    return body


def chain(schema: Any = State, **bodies: Any) -> StateGraph:
    """The nodes one after the other."""
    builder = StateGraph(schema)
    for name, body in bodies.items():
        builder.add_node(name, body)
    for source, target in zip((START, *bodies), bodies, strict=False):
        builder.add_edge(source, target)
    return builder


def beside(schema: Any = State, **bodies: Any) -> StateGraph:
    """The nodes side by side."""
    builder = StateGraph(schema)
    for name, body in bodies.items():
        builder.add_node(name, body).add_edge(START, name)
    return builder


def in_function(inner: Any, caller: Caller, given: Any = None) -> Callable[..., Any]:
    """A node function that calls a graph: of its own kind for each kind of caller."""
    start = {"x": 1, "l": []} if given is None else given
    if caller.is_async:

        async def acall(state: State) -> dict[str, Any]:
            return {"l": (await inner.ainvoke(start))["l"]}

        return acall
    return lambda state: {"l": inner.invoke(start)["l"]}


def counting(checkpointer: Any) -> Any:
    """A graph that counts how often its history was run through."""
    return chain(Counter, bump=lambda state: {"n": state.get("n", 0) + 1}).compile(checkpointer=checkpointer)


def namespaces(graph: Any) -> list[str]:
    """The namespaces that the thread's log has, in the order in which they were first used."""
    commits = (
        decode_commit(row.body, Codec(), thread="1", version=row.version) for row in graph.checkpointer.store.read("1")
    )
    said = (event.ns for commit in commits for event in commit.events if isinstance(event, RunStarted))
    return list(dict.fromkeys(said))


# -- 12.1: two ways


def test_a_graph_as_a_node_shares_keys_by_name_and_writes_all_its_output_back(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = chain(p=named("p"), sub=chain(s=named("s")).compile(), q=named("q")).compile(saver)
    assert caller.invoke(graph, {"x": 1, "l": ["i"]}, THREAD) == {"x": 1, "l": ["i", "p", "i", "p", "s", "q"]}


def test_a_graph_in_a_function_has_a_state_of_its_own(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(p=named("p"), sub=in_function(chain(s=named("s")).compile(), caller)).compile(saver)
    assert caller.invoke(graph, {"x": 5, "l": ["i"]}, THREAD) == {"x": 5, "l": ["i", "p", "s"]}


@pytest.mark.parametrize("form", ["as a node", "in a function"])
def test_golden_trace_k_a_question_inside_and_its_answer(saver: BaseCheckpointSaver, caller: Caller, form: str) -> None:
    ran: list[str] = []
    inner = chain(s1=named("s1", ran), sask=asks("subq", ran)).compile()
    body = inner if form == "as a node" else in_function(inner, caller, {"x": 1, "l": ["i", "p1"]})
    graph = chain(p1=named("p1", ran), sub=body, p2=named("p2", ran)).compile(saver)
    asked = caller.invoke(graph, {"x": 1, "l": ["i"]}, THREAD)
    assert asked["l"] == ["i", "p1"]
    (question,) = asked["__interrupt__"]
    assert question.value == "subq"
    state = caller.state(graph, THREAD)
    (task,) = state.tasks
    assert (state.next, task.interrupts, state.interrupts) == (("sub",), (question,), (question,))
    assert task.state == {"configurable": {"thread_id": "1", "checkpoint_ns": f"sub:{task.id}"}}
    inside = caller.state(graph, task.state)
    assert (inside.next, inside.values["l"], inside.interrupts) == (("sask",), ["i", "p1", "s1"], (question,))
    root = state.config["configurable"]["checkpoint_id"]
    assert inside.metadata == {"source": "loop", "step": 1, "parents": {"": root}}
    assert inside.config["configurable"]["checkpoint_map"] == {
        "": root,
        f"sub:{task.id}": inside.config["configurable"]["checkpoint_id"],
    }
    assert caller.state(graph, THREAD, subgraphs=True).tasks[0].state == inside
    assert namespaces(graph) == ["", f"sub:{task.id}"]
    end = caller.invoke(graph, Command(resume="A"), THREAD)
    assert end["l"] == ["i", "p1", "i", "p1", "s1", "subq:A", "p2"]
    assert ran == ["p1", "s1", "subq", "subq", "p2"]
    history = [(one.metadata["source"], one.metadata["step"], one.next) for one in caller.history(graph, task.state)]
    assert history == [("loop", 2, ()), ("loop", 1, ("sask",)), ("loop", 0, ("s1",)), ("input", -1, ("__start__",))]
    past = next(one for one in caller.history(graph, THREAD) if one.next == ("sub",))
    assert (past.tasks[0].interrupts, past.tasks[0].state) == ((question,), task.state)


def test_graphs_inside_are_found_as_nodes_and_by_the_names_that_functions_use(caller: Caller) -> None:
    leaf = chain(s=named("s")).compile()
    middle = chain(leaf=leaf, plain=named("plain")).compile()
    graph = chain(a=middle, b=in_function(leaf, caller), c=named("c")).compile()
    assert list(graph.get_subgraphs()) == [("a", middle), ("b", leaf)]
    assert [name for name, _ in graph.get_subgraphs(recurse=True)] == ["a", "a|leaf", "b"]
    assert list(graph.get_subgraphs(namespace="a|leaf", recurse=True)) == [("a|leaf", leaf)]
    assert [name for name, _ in graph.get_subgraphs(namespace="a", recurse=True)] == ["a"]
    assert list(graph.get_subgraphs(namespace="a|leaf")) == []
    assert list(graph.get_subgraphs(namespace="nobody")) == []


def test_a_graph_that_is_not_seen_runs_and_is_kept_but_shows_no_state(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    ran: list[str] = []
    held = [chain(s=named("s", ran), ask=asks("q", ran)).compile()]

    def call(state: State) -> dict[str, Any]:
        return {"l": held[0].invoke({"x": 1, "l": []})["l"]}

    graph = chain(call=call).compile(saver)
    (question,) = caller.invoke(graph, {"x": 1, "l": []}, THREAD)["__interrupt__"]
    (task,) = caller.state(graph, THREAD).tasks
    assert (task.interrupts, task.state) == ((question,), None)
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["s", "q:A"]
    assert ran == ["s", "q", "q"]


# -- 12.2: what is kept


@pytest.mark.parametrize(
    ("checkpointer", "counts", "kept"),
    [
        (None, [[1, 1], [1, 1]], ["", "call:ID", "call:ID|1", "call:ID", "call:ID|1"]),
        (True, [[1, 1], [2, 2]], ["", "call", "call|1"]),
        (False, [[1, 1], [1, 1]], [""]),
    ],
    ids=["None", "True", "False"],
)
def test_golden_trace_l_a_graph_called_twice_in_a_function_in_two_runs(
    saver: BaseCheckpointSaver, caller: Caller, checkpointer: Any, counts: list[list[int]], kept: list[str]
) -> None:
    inner = counting(checkpointer)

    def call(state: Counter) -> dict[str, Any]:
        return {"out": [inner.invoke({})["n"], inner.invoke({})["n"]]}

    graph = chain(Counter, call=call).compile(saver)
    assert [caller.invoke(graph, {}, THREAD)["out"] for _ in range(2)] == counts
    shown = ["|".join("call:ID" if ":" in part else part for part in ns.split("|")) for ns in namespaces(graph)]
    assert shown == kept


def test_a_history_of_its_own_goes_on_in_another_process(saver: BaseCheckpointSaver, caller: Caller) -> None:
    def graph() -> Any:
        return chain(Counter, call=counting(True)).compile(saver)

    assert [caller.invoke(graph(), {}, THREAD)["n"] for _ in range(3)] == [1, 2, 3]


def test_a_history_of_its_own_is_for_graphs_inside(caller: Caller) -> None:
    with pytest.raises(RuntimeError, match="checkpointer=True"):
        caller.invoke(counting(True), {}, THREAD)


def taking_turns(saver: BaseCheckpointSaver, ran: list[str]) -> Any:
    """Several Sends to a node whose graph keeps one history, and asks."""

    def ask(state: Counter) -> dict[str, Any]:
        return {"out": [*state.get("out", ()), f"{state['n']}:{interrupt(state['n'])}"]}

    inner = chain(Counter, ask=ask).compile(checkpointer=True)

    def call(state: Counter) -> dict[str, Any]:
        ran.append(f"call {state['n']}")
        return {"l": [inner.invoke({"n": state["n"]})["out"]]}

    sends = [Send("call", {"n": number}) for number in range(3)]
    builder = StateGraph(State).add_node("call", call).add_node("beside", named("beside", ran))
    return builder.add_conditional_edges(START, lambda state: [*sends, "beside"]).compile(saver)


@pytest.mark.parametrize("limit", [None, 1])
def test_calls_side_by_side_take_turns_in_a_history_of_their_own(
    saver: BaseCheckpointSaver, caller: Caller, limit: int | None
) -> None:
    # In LangGraph they overwrite each other's step: one answer reaches both, and the other one nobody
    ran: list[str] = []
    graph = taking_turns(saver, ran)
    config = {**THREAD, "max_concurrency": limit}
    output, answers = caller.invoke(graph, {"x": 1, "l": []}, config), {}
    for _ in range(3):
        (question,) = output["__interrupt__"]
        assert caller.state(graph, THREAD).interrupts == (question,)
        answers[question.value] = f"{question.value}:{len(answers)}"
        output = caller.invoke(taking_turns(saver, ran), Command(resume=len(answers) - 1), config)
    histories = sorted(output["l"][1:] if output["l"][0] == "beside" else output["l"][:-1], key=len)
    assert [len(history) for history in histories] == [1, 2, 3]
    assert histories[2] == sorted(answers.values(), key=lambda answer: answer[2:])
    assert (histories[0], histories[1]) == (histories[2][:1], histories[2][:2])
    assert ran.count("beside") == 1


def test_a_call_that_fails_leaves_its_turn_to_nobody_until_it_is_done(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    broken = [True]

    def body(state: Counter) -> dict[str, Any]:
        if broken[0]:
            raise ValueError("boom")
        return {"out": [*state.get("out", ()), state["n"]]}

    inner = chain(Counter, body=body).compile(checkpointer=True)
    builder = StateGraph(State).add_node("call", lambda state: {"l": [inner.invoke({"n": state["n"]})["out"]]})
    sends = [Send("call", {"n": 1}), Send("call", {"n": 2})]
    graph = builder.add_conditional_edges(START, lambda state: sends, ["call"]).compile(saver)
    with pytest.raises(ValueError, match="boom"):
        caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    broken.clear()
    broken.append(False)
    first, second = sorted(caller.invoke(graph, None, THREAD)["l"], key=len)
    assert (len(first), second[:1], sorted(second)) == (1, first, [1, 2])


def test_a_graph_that_keeps_nothing_begins_anew_when_it_is_answered(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []
    inner = chain(s=named("s", ran), ask=asks("q", ran)).compile(checkpointer=False)
    graph = chain(sub=inner).compile(saver)
    assert caller.invoke(graph, {"x": 1, "l": []}, THREAD)["__interrupt__"][0].value == "q"
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["s", "q:A"]
    assert ran == ["s", "q", "s", "q"]


def test_a_graph_that_keeps_nothing_has_no_state_to_show(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(sub=chain(ask=asks("q")).compile(checkpointer=False)).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    assert caller.state(graph, THREAD, subgraphs=True).tasks[0].state is None
    (task,) = caller.state(graph, THREAD).tasks
    assert (task.state, list(graph.get_subgraphs())) == (None, [])
    assert "sub" in graph.get_graph(xray=True).nodes
    there = {"configurable": {"thread_id": "1", "checkpoint_ns": f"sub:{task.id}"}}
    with pytest.raises(ValueError, match="Subgraph sub not found"):
        caller.update(graph, there, {"x": 9})


def test_a_saver_of_its_own_gives_way_to_the_one_around(saver: BaseCheckpointSaver, caller: Caller) -> None:
    inner = chain(s=named("s"), ask=asks("q")).compile(InMemorySaver())
    graph = chain(sub=inner).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    assert caller.state(inner, THREAD).values == {}
    (task,) = caller.state(graph, THREAD).tasks
    assert caller.state(graph, task.state).next == ("ask",)
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["s", "q:A"]


def test_a_call_on_a_thread_of_its_own_keeps_that_thread(saver: BaseCheckpointSaver, caller: Caller) -> None:
    inner = chain(s=named("s")).compile(saver)

    def call(state: State) -> dict[str, Any]:
        return {"l": inner.invoke({"x": 1, "l": []}, {"configurable": {"thread_id": "own"}})["l"]}

    graph = chain(call=call).compile(saver)
    assert caller.invoke(graph, {"x": 1, "l": []}, THREAD)["l"] == ["s"]
    assert caller.state(inner, {"configurable": {"thread_id": "own"}}).values["l"] == ["s"]
    assert namespaces(graph) == [""]


def test_a_root_call_has_its_namespace_reset(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(s=named("s")).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, {"configurable": {"thread_id": "1", "checkpoint_ns": "somewhere:1"}})
    assert namespaces(graph) == [""]
    assert caller.state(graph, THREAD).values["l"] == ["s"]


# -- 12.3: resuming through levels


def test_three_levels_resume_where_the_innermost_waits(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []
    leaf = chain(f=named("f", ran), ask=asks("q", ran)).compile()
    middle = chain(m=named("m", ran), leaf=in_function(leaf, caller)).compile()
    graph = chain(top=middle, z=named("z", ran)).compile(saver)
    asked = caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    state = caller.state(graph, THREAD, subgraphs=True)
    (top,) = state.tasks
    (inner,) = top.state.tasks
    assert [one.interrupts for one in (top, inner, inner.state.tasks[0])] == [tuple(asked["__interrupt__"])] * 3
    ns = f"top:{top.id}|leaf:{inner.id}"
    assert inner.state.config["configurable"]["checkpoint_ns"] == ns
    assert list(inner.state.metadata["parents"]) == ["", f"top:{top.id}"]
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["m", "f", "q:A", "z"]
    assert ran == ["m", "f", "q", "q", "z"]


def test_a_function_that_calls_twice_resumes_each_call_where_it_was(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []

    def ask(state: State) -> dict[str, Any]:
        return {"l": [interrupt(state["x"])]}

    inner = chain(f=named("f", ran), ask=ask).compile()

    def two(state: State) -> dict[str, Any]:
        ran.append("two")
        return {"l": inner.invoke({"x": 1, "l": []})["l"] + inner.invoke({"x": 2, "l": []})["l"]}

    graph = chain(two=two).compile(saver)
    asked = [caller.invoke(graph, given, THREAD) for given in ({"x": 0, "l": []}, Command(resume="A"))]
    assert [one["__interrupt__"][0].value for one in asked] == [1, 2]
    assert caller.invoke(graph, Command(resume="B"), THREAD)["l"] == ["f", "A", "f", "B"]
    assert ran == ["two", "f", "two", "f", "two"]


def test_a_finished_call_gives_its_result_again_and_runs_nothing(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []
    inner = chain(s=named("s", ran)).compile()

    def call(state: State) -> dict[str, Any]:
        return {"l": [*inner.invoke({"x": 1, "l": []})["l"], interrupt("after")]}

    graph = chain(call=call).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["s", "A"]
    assert ran == ["s"]


def test_graphs_side_by_side_are_answered_one_by_one(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []
    a = chain(f=named("fa", ran), ask=asks("qa", ran)).compile()
    b = chain(f=named("fb", ran), ask=asks("qb", ran)).compile()
    graph = beside(a=a, b=in_function(b, caller), c=named("c", ran)).compile(saver)
    asked = caller.invoke(graph, {"x": 1, "l": []}, THREAD)["__interrupt__"]
    ids = {question.value: question.id for question in asked}
    assert sorted(ids) == ["qa", "qb"]
    rest = caller.invoke(graph, Command(resume={ids["qb"]: "B"}), THREAD)
    assert [question.value for question in rest["__interrupt__"]] == ["qa"]
    assert caller.state(graph, THREAD).next == ("a",)
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["fa", "qa:A", "fb", "qb:B", "c"]
    assert sorted(ran) == sorted(["fa", "fb", "c", "qa", "qa", "qb", "qb"])


def test_graphs_in_a_loop_are_fresh_each_time(saver: BaseCheckpointSaver, caller: Caller) -> None:
    inner = chain(Counter, bump=lambda state: {"n": state["n"] + 1}, ask=lambda state: interrupt(state["n"]) and {})
    builder = StateGraph(Counter).add_node("sub", inner.compile()).add_edge(START, "sub")
    builder.add_conditional_edges("sub", lambda state: "sub" if state["n"] < 3 else END, ["sub", END])
    graph = builder.compile(saver)
    asked = [caller.invoke(graph, given, THREAD) for given in ({"n": 0}, Command(resume=1), Command(resume=1))]
    assert [one["__interrupt__"][0].value for one in asked] == [1, 2, 3]
    assert caller.invoke(graph, Command(resume=1), THREAD) == {"n": 3}
    assert len(namespaces(graph)) == 4


def test_each_send_to_a_graph_has_a_state_of_its_own(saver: BaseCheckpointSaver, caller: Caller) -> None:
    inner = StateGraph(State, output_schema=Names).add_node("ask", lambda state: {"l": [interrupt(state["x"])]})
    builder = StateGraph(State).add_node("sub", inner.add_edge(START, "ask").compile())
    builder.add_conditional_edges(START, lambda state: [Send("sub", {"x": at, "l": []}) for at in range(3)], ["sub"])
    builder.add_node("z", named("z")).add_edge("sub", "z")
    graph = builder.compile(saver)
    asked = caller.invoke(graph, {"x": 9, "l": []}, THREAD)["__interrupt__"]
    answers = {question.id: f"a{question.value}" for question in asked}
    assert caller.invoke(graph, Command(resume=answers), THREAD)["l"] == ["a0", "a1", "a2", "z"]
    assert len(namespaces(graph)) == 4


def test_a_failed_node_inside_is_tried_again_alone(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []

    def fails_once(state: State) -> dict[str, Any]:
        ran.append("f")
        if ran.count("f") == 1:
            raise ValueError("boom")
        return {"l": ["f"]}

    graph = chain(p=named("p", ran), sub=chain(s=named("s", ran), f=fails_once).compile()).compile(saver)
    with pytest.raises(ValueError, match="boom"):
        caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    state = caller.state(graph, THREAD, subgraphs=True)
    assert "boom" in state.tasks[0].error
    assert "boom" in state.tasks[0].state.tasks[0].error
    assert caller.invoke(graph, None, THREAD)["l"] == ["p", "p", "s", "f"]
    assert ran == ["p", "s", "f", "f"]


def test_a_retry_of_the_calling_node_goes_on_inside(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []

    def fails_once(state: State) -> dict[str, Any]:
        ran.append("f")
        if ran.count("f") == 1:
            raise ConnectionError("boom")
        return {"l": ["f"]}

    inner = chain(s=named("s", ran), f=fails_once).compile()
    policy = RetryPolicy(initial_interval=0, jitter=False)
    builder = StateGraph(State).add_node("sub", inner, retry_policy=policy).add_edge(START, "sub")
    assert caller.invoke(builder.compile(saver), {"x": 1, "l": []}, THREAD)["l"] == ["s", "f"]
    assert ran == ["s", "f", "f"]


def test_a_swallowed_question_inside_still_pauses(saver: BaseCheckpointSaver, caller: Caller) -> None:
    inner = chain(ask=asks("q")).compile()

    def call(state: State) -> dict[str, Any]:
        try:
            return {"l": inner.invoke({"x": 1, "l": []})["l"]}
        except BaseException:
            return {"l": ["swallowed"]}

    graph = chain(call=call).compile(saver)
    assert caller.invoke(graph, {"x": 1, "l": []}, THREAD)["__interrupt__"][0].value == "q"
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["q:A"]


def test_new_input_withdraws_what_graphs_inside_asked(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(sub=chain(ask=asks("q")).compile()).compile(saver)
    (first,) = caller.invoke(graph, {"x": 1, "l": []}, THREAD)["__interrupt__"]
    (second,) = caller.invoke(graph, {"x": 1, "l": []}, THREAD)["__interrupt__"]
    assert first.id != second.id
    assert caller.state(graph, THREAD).interrupts == (second,)
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["q:A"]


def test_a_checkpoint_inside_runs_its_call_anew(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []
    inner = chain(s=named("s", ran), ask=asks("q", ran)).compile()
    graph = chain(p=named("p", ran), sub=inner, z=named("z", ran)).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    (task,) = caller.state(graph, THREAD).tasks
    asking, *_ = caller.history(graph, task.state)
    caller.invoke(graph, Command(resume="A"), THREAD)
    ran.clear()
    assert caller.invoke(graph, None, asking.config)["__interrupt__"][0].value == "q"
    sources = [(row.metadata["source"], row.next) for row in caller.history(graph, THREAD)]
    assert (ran, sources[0], len(sources)) == (["s", "q"], ("fork", ("sub",)), 6)
    assert caller.invoke(graph, Command(resume="B"), THREAD)["l"] == ["p", "p", "s", "q:B", "z"]


# -- 12.3: the code of a graph that waits is changed


def waiting_inside(saver: BaseCheckpointSaver, caller: Caller) -> None:
    """A thread that waits for the answer to "q" in node "ask" of the graph in node "sub"."""
    inner = chain(s=named("s"), ask=asks("q")).compile()
    caller.invoke(chain(sub=inner, z=named("z")).compile(saver), {"x": 1, "l": []}, THREAD)


def test_a_graph_that_waits_goes_on_with_the_code_it_has_now(saver: BaseCheckpointSaver, caller: Caller) -> None:
    waiting_inside(saver, caller)
    inner = chain(s=named("other"), ask=asks("q"), more=named("more")).compile()
    graph = chain(sub=inner, z=named("z")).compile(saver)
    assert caller.state(graph, THREAD, subgraphs=True).tasks[0].state.next == ("ask",)
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["s", "q:A", "more", "z"]


def test_a_question_that_changed_inside_does_not_take_the_answer(saver: BaseCheckpointSaver, caller: Caller) -> None:
    waiting_inside(saver, caller)
    ask = lambda state: {"l": [f"else:{interrupt('else')}"]}  # noqa: E731  # other code than that of `asks`
    graph = chain(sub=chain(s=named("s"), ask=ask).compile(), z=named("z")).compile(saver)
    assert caller.invoke(graph, Command(resume="A"), THREAD)["__interrupt__"][0].value == "else"
    assert caller.invoke(graph, Command(resume="B"), THREAD)["l"] == ["s", "else:B", "z"]


@pytest.mark.parametrize("level", ["inside", "outside"])
def test_a_node_that_is_gone_is_refused_with_its_question_kept(
    saver: BaseCheckpointSaver, caller: Caller, level: str
) -> None:
    waiting_inside(saver, caller)
    names = ("sub", "asks") if level == "inside" else ("below", "ask")
    inner = chain(s=named("s"), **{names[1]: asks("q")}).compile()
    graph = chain(**{names[0]: inner}, z=named("z")).compile(saver)
    with pytest.raises(GraphChangedError, match="'ask'" if level == "inside" else "'sub'"):
        caller.invoke(graph, Command(resume="A"), THREAD)
    assert [question.value for question in caller.state(graph, THREAD).interrupts] == ["q"]
    builders = chain(s=named("s"), **{names[1]: asks("q")}), {"ask": names[1]} if level == "inside" else {}
    renamed = builders[0].compile(aliases=builders[1])
    outer = chain(**{names[0]: renamed}, z=named("z")).compile(
        saver, aliases={} if level == "inside" else {"sub": "below"}
    )
    assert caller.invoke(outer, Command(resume="A"), THREAD)["l"] == ["s", "q:A", "z"]


# -- 12.3: state and update through levels


def test_an_update_inside_is_what_the_graph_goes_on_from(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(sub=chain(s=named("s"), ask=asks("q")).compile(), z=named("z")).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    (task,) = caller.state(graph, THREAD).tasks
    edited = caller.update(graph, task.state, {"l": ["edited"]})
    inside = caller.state(graph, THREAD, subgraphs=True).tasks[0].state
    assert inside.config == edited
    assert (inside.values["l"], inside.next, inside.metadata["source"]) == (["s", "edited"], ("ask",), "update")
    assert caller.invoke(graph, None, THREAD)["__interrupt__"][0].value == "q"
    assert caller.invoke(graph, Command(resume="A"), THREAD)["l"] == ["s", "edited", "q:A", "z"]


@pytest.mark.parametrize("levels", [1, 2])
def test_after_an_update_inside_an_answer_is_for_the_first_question_reached(
    saver: BaseCheckpointSaver, caller: Caller, levels: int
) -> None:
    inner: Any = chain(s=named("s"), ask=asks("q"), again=asks("r")).compile()
    for _ in range(levels - 1):
        inner = chain(sub=inner).compile()
    graph = chain(first=asks("p"), sub=inner, z=named("z")).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    caller.invoke(graph, Command(resume="0"), THREAD)
    place = caller.state(graph, THREAD, subgraphs=True).tasks[0].state
    for _ in range(levels - 1):
        place = place.tasks[0].state
    caller.update(graph, place.config, {"x": 5})
    assert [one.value for one in caller.state(graph, place.config).interrupts] == ["q"]
    # The answer is taken once: the second question waits for its own.
    assert caller.invoke(graph, Command(resume="A"), THREAD)["__interrupt__"][0].value == "r"
    assert caller.invoke(graph, None, THREAD)["__interrupt__"][0].value == "r"
    done = caller.invoke(graph, Command(resume="B"), THREAD)
    assert (done["x"], done["l"][-4:]) == (5, ["s", "q:A", "r:B", "z"])


def test_an_update_inside_can_stand_for_the_node_that_asks(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(sub=chain(s=named("s"), ask=asks("q")).compile(), z=named("z")).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    (task,) = caller.state(graph, THREAD).tasks
    caller.update(graph, task.state, {"l": ["by hand"]}, as_node="ask")
    assert caller.state(graph, THREAD, subgraphs=True).tasks[0].state.next == ()
    assert caller.invoke(graph, None, THREAD)["l"] == ["s", "by hand", "z"]


def test_an_update_of_an_unknown_namespace_is_refused(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(sub=chain(s=named("s")).compile()).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    config = {"configurable": {"thread_id": "1", "checkpoint_ns": "nobody:1"}}
    with pytest.raises(ValueError, match=r"Subgraph nobody not found.*'sub'"):
        caller.update(graph, config, {"x": 2})
    assert caller.state(graph, config).values == {}


def test_the_state_of_a_history_of_its_own_is_found_by_either_name(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(Counter, call=counting(True)).compile(saver, interrupt_after=["call"])
    caller.invoke(graph, {}, THREAD)
    for ns in ("call", "call:1"):
        config = {"configurable": {"thread_id": "1", "checkpoint_ns": ns}}
        assert caller.state(graph, config).values == {"n": 1}
    assert len(caller.history(graph, config)) == 3


# -- forks


def test_on_a_fork_of_the_parent_the_graph_starts_anew(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[str] = []
    graph = chain(p=named("p"), sub=chain(s=named("s", ran), ask=asks("q", ran)).compile()).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD)
    caller.invoke(graph, Command(resume="A"), THREAD)
    place = next(one for one in caller.history(graph, THREAD) if one.next == ("sub",))
    asked = caller.invoke(graph, None, place.config)
    assert asked["__interrupt__"][0].id != place.tasks[0].interrupts[0].id
    assert caller.invoke(graph, Command(resume="B"), THREAD)["l"] == ["p", "p", "s", "q:B"]
    assert ran == ["s", "q", "q", "s", "q", "q"]
    assert len(namespaces(graph)) == 3


def test_on_a_replay_a_history_of_its_own_goes_on_from_before(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(Counter, call=counting(True)).compile(saver)
    assert [caller.invoke(graph, {}, THREAD)["n"] for _ in range(3)] == [1, 2, 3]
    places = [one for one in caller.history(graph, THREAD) if one.next == ("call",)]
    assert caller.invoke(graph, None, places[1].config)["n"] == 2
    assert caller.invoke(graph, None, places[2].config)["n"] == 1
    assert caller.invoke(graph, {}, THREAD)["n"] == 2


def test_new_input_on_a_branch_takes_a_history_of_its_own_from_there(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    # LangGraph goes on from the graph's newest checkpoint, which another branch may have written
    graph = chain(Counter, call=counting(True)).compile(saver)
    assert [caller.invoke(graph, {}, THREAD)["n"] for _ in range(3)] == [1, 2, 3]
    after_first = [one for one in caller.history(graph, THREAD) if one.next == ()][-1]
    assert caller.invoke(graph, {}, after_first.config)["n"] == 2


# -- Command.PARENT


@pytest.mark.parametrize("form", ["as a node", "in a function"])
def test_a_command_for_the_parent_is_the_calling_nodes_return(
    saver: BaseCheckpointSaver, caller: Caller, form: str
) -> None:
    def leave(state: State) -> Command:
        return Command(graph=Command.PARENT, update={"l": ["left"]}, goto="z")

    inner = chain(s=named("s"), leave=leave, never=named("never")).compile()
    body = inner if form == "as a node" else in_function(inner, caller)
    builder = StateGraph(State).add_node("sub", body).add_node("z", named("z")).add_edge(START, "sub")
    graph = builder.compile(saver)
    assert caller.invoke(graph, {"x": 1, "l": []}, THREAD)["l"] == ["left", "z"]
    assert all(task.error is None for one in caller.history(graph, THREAD) for task in one.tasks)


def test_a_command_for_a_graph_by_name_stays_where_it_is(saver: BaseCheckpointSaver, caller: Caller) -> None:
    def go(state: State) -> Command:
        return Command(graph="inner", update={"l": ["here"]}, goto="n")

    inner = StateGraph(State).add_node("go", go).add_node("n", named("n")).add_edge(START, "go").compile(name="inner")
    graph = chain(sub=inner).compile(saver)
    assert caller.invoke(graph, {"x": 1, "l": []}, THREAD)["l"] == ["here", "n"]


def test_a_command_for_the_parent_climbs_one_level(saver: BaseCheckpointSaver, caller: Caller) -> None:
    leaf = chain(leave=lambda state: Command(graph=Command.PARENT, update={"l": ["up"]}, goto="m")).compile()
    middle = StateGraph(State).add_node("leaf", leaf).add_node("m", named("m")).add_edge(START, "leaf").compile()
    graph = chain(top=middle, z=named("z")).compile(saver)
    assert caller.invoke(graph, {"x": 1, "l": []}, THREAD)["l"] == ["up", "m", "z"]


# -- breakpoints inside


@pytest.mark.parametrize("form", ["as a node", "in a function"])
@pytest.mark.parametrize("stops", [{"interrupt_before": ["s2"]}, {"interrupt_after": ["s1"]}], ids=["before", "after"])
def test_a_breakpoint_inside_stops_the_parent_too(
    saver: BaseCheckpointSaver, caller: Caller, form: str, stops: dict[str, Any]
) -> None:
    ran: list[str] = []
    inner = chain(s1=named("s1", ran), s2=named("s2", ran)).compile(**stops)
    graph = chain(sub=inner if form == "as a node" else in_function(inner, caller), z=named("z")).compile(saver)
    chunks = caller.stream(graph, {"x": 1, "l": []}, THREAD, subgraphs=True, stream_mode="updates")
    assert [payload for _, payload in chunks] == [{"s1": {"l": ["s1"]}}, {"__interrupt__": ()}]
    assert chunks[-1][0] == ()
    state = caller.state(graph, THREAD, subgraphs=True)
    assert (state.next, state.interrupts, state.tasks[0].state.next) == (("sub",), (), ("s2",))
    assert "__interrupt__" not in caller.invoke(graph, Command(resume="whatever"), THREAD)
    assert caller.state(graph, THREAD).values["l"] == ["s1", "s2", "z"]
    assert ran == ["s1", "s2"]


# -- streams


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept"])
def test_chunks_of_graphs_inside_come_with_their_namespace(
    saver: BaseCheckpointSaver, caller: Caller, kept: bool
) -> None:
    def tells(state: State) -> dict[str, Any]:
        get_stream_writer()("told")
        return {"l": ["s"]}

    graph = chain(p=named("p"), sub=chain(s=tells).compile()).compile(saver if kept else None)
    modes = ["updates", "values", "custom"]
    chunks = caller.stream(graph, {"x": 1, "l": []}, THREAD, stream_mode=modes, subgraphs=True)
    place = next(ns for ns, *_ in chunks if ns)
    assert place[0].startswith("sub:")
    assert chunks == [
        ((), "values", {"x": 1, "l": []}),
        ((), "updates", {"p": {"l": ["p"]}}),
        ((), "values", {"x": 1, "l": ["p"]}),
        (place, "values", {"x": 1, "l": ["p"]}),
        (place, "custom", "told"),
        (place, "updates", {"s": {"l": ["s"]}}),
        (place, "values", {"x": 1, "l": ["p", "s"]}),
        ((), "updates", {"sub": {"x": 1, "l": ["p", "s"]}}),
        ((), "values", {"x": 1, "l": ["p", "p", "s"]}),
    ]
    again = caller.stream(graph, {"x": 1, "l": []}, {"configurable": {"thread_id": "2"}}, stream_mode=modes)
    assert again == [(mode, payload) for ns, mode, payload in chunks if not ns]


def test_a_question_inside_is_streamed_by_every_level(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(top=chain(mid=chain(ask=asks("q")).compile()).compile()).compile(saver)
    chunks = caller.stream(graph, {"x": 1, "l": []}, THREAD, subgraphs=True)
    assert [len(ns) for ns, _ in chunks] == [2, 1, 0]
    assert len({payload["__interrupt__"][0].id for _, payload in chunks}) == 1


# -- what a node inside sees


def test_a_node_inside_is_told_where_it_is(saver: BaseCheckpointSaver, caller: Caller) -> None:
    seen: list[Any] = []

    def look(state: State, runtime: Runtime) -> None:
        seen.append((runtime.execution_info, get_config(), runtime.context))

    graph = chain(sub=chain(look=look).compile()).compile(saver)
    caller.invoke(graph, {"x": 1, "l": []}, THREAD, context={"who": "ann"})
    ((info, config, context),) = seen
    outer, _, own = info.checkpoint_ns.partition("|")
    assert (outer.split(":")[0], own) == ("sub", f"look:{info.task_id}")
    assert config["metadata"]["langgraph_checkpoint_ns"] == info.checkpoint_ns
    assert config["metadata"]["checkpoint_ns"] == outer
    assert config["configurable"]["checkpoint_ns"] == info.checkpoint_ns
    assert list(config["configurable"]["checkpoint_map"]) == ["", outer]
    assert config["configurable"]["checkpoint_map"][outer] == info.checkpoint_id
    assert (info.thread_id, context) == ("1", {"who": "ann"})


def test_the_step_limit_counts_inside_anew(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain(p=named("p"), sub=chain(a=named("a"), b=named("b")).compile()).compile(saver)
    assert caller.invoke(graph, {"x": 1, "l": []}, {**THREAD, "recursion_limit": 2})["l"] == ["p", "p", "a", "b"]
