"""Section 30: what LangGraph 1.2.22 was seen to do wrong, line by line, and what happens here instead."""

from __future__ import annotations

import logging
import threading
from typing import Any, TypedDict

import pytest
from clew import START, Command, Send, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import (
    AlreadyAnsweredError,
    EffectNotReproducibleError,
    EmptyInputError,
    GraphChangedError,
    GraphRecursionError,
    InvalidUpdateError,
    InvalidValueError,
    NothingToResumeError,
    UnknownCheckpointError,
)
from clew.func import entrypoint, task
from clew.graph import MessagesState
from clew.prebuilt import ToolNode
from clew.types import Overwrite
from langchain_core.messages import AIMessage, ToolCall
from pydantic import BaseModel

from .callers import Caller
from .programs import ONE, State, asked, asking, chain, side_by_side, signing, single

UNKNOWN = {"configurable": {"thread_id": "1", "checkpoint_id": "1ef00000-0000-6000-8000-000000000000"}}
NOBODY = {"configurable": {"thread_id": "nobody"}}


def calls(*names: str) -> AIMessage:
    """A message that calls each of the tools."""
    return AIMessage("", tool_calls=[ToolCall(name=name, args={}, id=f"id-{name}") for name in names], id="calls")


def by_question(output: Any) -> dict[str, str]:
    """Question to id."""
    return {question.value: question.id for question in output["__interrupt__"]}


def test_01_an_answer_is_not_given_again_to_the_next_question(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q1", "q2")).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    caller.invoke(graph, Command(resume="A"), ONE)
    assert asked(caller.invoke(graph, None, ONE)) == ["q2"]
    assert caller.invoke(graph, Command(resume="B"), ONE)["l"] == ["A", "B"]


def test_02_tools_of_one_message_get_their_own_answers(saver: BaseCheckpointSaver, caller: Caller) -> None:
    first, ran = threading.Event(), []

    def slow() -> str:
        """Ask late at first."""
        ran.append("slow")
        if not first.is_set():
            first.wait(1)
        return f"slow:{interrupt('slow?')}"

    def quick() -> str:
        """Ask at once."""
        ran.append("quick")
        first.set()
        return f"quick:{interrupt('quick?')}"

    def plain() -> str:
        """Ask nothing."""
        ran.append("plain")
        return "plain"

    builder = StateGraph(MessagesState).add_node("tools", ToolNode([slow, quick, plain])).add_edge(START, "tools")
    graph = builder.compile(checkpointer=saver)
    output = caller.invoke(graph, {"messages": [calls("slow", "quick", "plain")]}, ONE)
    questions = by_question(output)
    caller.invoke(graph, Command(resume={questions["quick?"]: "Q"}), ONE)
    done = caller.invoke(graph, Command(resume={questions["slow?"]: "S"}), ONE)
    assert [message.content for message in done["messages"][1:]] == ["slow:S", "quick:Q", "plain"]
    assert ran.count("plain") == 1


def test_03_an_answer_for_an_answered_checkpoint_is_refused(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q1", "q2")).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    asking_here = caller.state(graph, ONE).config
    caller.invoke(graph, Command(resume="A"), asking_here)
    # q1 has its answer, q2 is open at the same checkpoint: it must resume
    assert caller.invoke(graph, Command(resume="B"), asking_here)["l"] == ["A", "B"]
    with pytest.raises(AlreadyAnsweredError):
        caller.invoke(graph, Command(resume="C"), asking_here)
    assert caller.state(graph, ONE).values["l"] == ["A", "B"]


def test_04_every_question_and_answer_stays_on_record(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q1", "q2")).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    for answer in ("A", "B"):
        caller.invoke(graph, Command(resume=answer), ONE)
    record = caller.history(graph, ONE)[1]
    assert [question.value for question in record.tasks[0].interrupts] == ["q1", "q2"]
    assert record.tasks[0].result == {"l": ["A", "B"]}


def test_05_an_unknown_checkpoint_is_refused_where_there_is_a_store(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    for given in ({"x": 2}, None, Command(update={"x": 2})):
        with pytest.raises(UnknownCheckpointError):
            caller.invoke(graph, given, UNKNOWN)
    assert caller.state(graph, ONE).values == {"x": 1, "l": ["a"]}
    assert caller.invoke(chain("a").compile(), {"x": 1}, UNKNOWN) == {"x": 1, "l": ["a"]}


def test_06_a_conflict_fails_its_step_and_the_thread_stays_readable(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = side_by_side(a=lambda state: {"x": 2}, b=lambda state: {"x": 3}).compile(checkpointer=saver)
    with pytest.raises(InvalidUpdateError):
        caller.invoke(graph, {"x": 1}, ONE)
    state = caller.state(graph, ONE)
    assert (state.values["x"], set(state.next)) == (1, {"a", "b"})
    mended = side_by_side(a=lambda state: {"x": 2}, b=lambda state: {}).compile(checkpointer=saver)
    assert caller.invoke(mended, None, ONE)["x"] == 2


def test_07_calls_at_the_same_time_take_turns(saver: BaseCheckpointSaver) -> None:
    graph = single(lambda state: {"l": [f"seen {len(state['l'])}"]}).compile(checkpointer=saver)
    callers = [threading.Thread(target=graph.invoke, args=({"l": [str(n)]}, ONE)) for n in range(3)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    l = graph.get_state(ONE).values["l"]  # noqa: E741  # the specification's name
    assert (sorted(l[::2]), l[1::2]) == (["0", "1", "2"], ["seen 1", "seen 3", "seen 5"])


def test_08_a_second_answer_does_not_run_the_node_again(saver: BaseCheckpointSaver, caller: Caller) -> None:
    paid: list[str] = []

    def pay(state: State) -> dict[str, Any]:
        paid.append(interrupt("pay?"))
        return {}

    graph = single(pay).compile(checkpointer=saver)
    question = by_question(caller.invoke(graph, {"x": 1}, ONE))["pay?"]
    caller.invoke(graph, Command(resume="yes"), ONE)
    for again in ("yes", {question: "yes"}):
        with pytest.raises(AlreadyAnsweredError):
            caller.invoke(graph, Command(resume=again), ONE)
    assert paid == ["yes"]


def test_09_a_node_renamed_while_it_waits_keeps_its_question(saver: BaseCheckpointSaver, caller: Caller) -> None:
    node = asking("q")
    caller.invoke(single(node, "old").compile(checkpointer=saver), {"x": 1}, ONE)
    renamed = single(node, "new").compile(checkpointer=saver)
    state = caller.state(renamed, ONE)
    assert (state.next, [question.value for question in state.interrupts]) == (("old",), ["q"])
    with pytest.raises(GraphChangedError, match="'old'"):
        caller.invoke(renamed, Command(resume="A"), ONE)
    moved = single(node, "new").compile(checkpointer=saver, aliases={"old": "new"})
    assert caller.invoke(moved, Command(resume="A"), ONE)["l"] == ["A"]


@pytest.mark.parametrize("form", ["path", "send", "goto"])
def test_10_an_unknown_target_raises_unless_the_graph_ignores_it(
    form: str, saver: BaseCheckpointSaver, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    returned = Command(goto="nowhere") if form == "goto" else {"l": ["f"]}
    builder = single(lambda state: returned).add_node("z", signing("z")).add_edge("f", "z")
    if form != "goto":
        builder.add_conditional_edges("f", lambda state: Send("nowhere", {}) if form == "send" else "nowhere")
    with pytest.raises(InvalidUpdateError, match="'nowhere', which is no node"):
        caller.invoke(builder.compile(checkpointer=saver), {"x": 1}, ONE)
    lenient = builder.compile(checkpointer=saver, unknown_routes="ignore")
    with caplog.at_level(logging.WARNING):
        assert caller.invoke(lenient, None, ONE)["l"][-1] == "z"
    assert "'nowhere', which is no node" in caplog.text
    with pytest.raises(ValueError, match="'raise' or 'ignore'"):
        builder.compile(unknown_routes="log")


def test_11_a_join_that_waits_in_vain_is_told_of_and_forgotten(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = StateGraph(State)
    for name in "abz":
        builder.add_node(name, signing(name))
    builder.add_conditional_edges(START, lambda state: "a" if state["x"] == 1 else "b", ["a", "b"])
    graph = builder.add_edge(["a", "b"], "z").compile(checkpointer=saver)
    assert caller.invoke(graph, {"x": 1}, ONE)["l"] == ["a"]
    assert caller.invoke(graph, {"x": 2}, ONE)["l"] == ["a", "b"]


def test_12_the_step_limit_is_what_it_says(caller: Caller) -> None:
    graph = chain("a", "b").compile()
    assert caller.invoke(graph, {"x": 1}, {"recursion_limit": 2})["l"] == ["a", "b"]
    with pytest.raises(GraphRecursionError):
        caller.invoke(graph, {"x": 1}, {"recursion_limit": 1})


def test_13_an_empty_command_is_refused_and_none_is_an_answer(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    with pytest.raises(EmptyInputError):
        caller.invoke(graph, Command(), ONE)
    assert caller.invoke(graph, Command(resume=None), ONE)["l"] == [None]


@pytest.mark.parametrize("caught", [Exception, BaseException])
def test_14_a_pause_cannot_be_swallowed(
    caught: type[BaseException], saver: BaseCheckpointSaver, caller: Caller
) -> None:
    def careless(state: State) -> dict[str, Any]:
        try:
            return {"l": [interrupt("q")]}
        except caught:
            return {"l": ["swallowed"]}

    graph = single(careless).compile(checkpointer=saver)
    assert asked(caller.invoke(graph, {"x": 1}, ONE)) == ["q"]
    assert caller.invoke(graph, Command(resume="A"), ONE)["l"] == ["A"]


def test_15_changes_in_place_are_found_out_in_debug_mode_and_nothing_is_copied(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    seen: list[Any] = []

    def changes(state: dict[str, Any]) -> dict[str, Any]:
        seen.append(state["kept"][0])
        state["kept"][0]["in"] = "place"
        state["beside"] = ["its own dict"]
        return {}

    class Kept(TypedDict):
        kept: list[dict[str, str]]
        beside: list[str]

    given: dict[str, Any] = {"kept": [{}], "beside": ["as given"]}
    builder = single_of(Kept, changes)
    with pytest.warns(UserWarning, match="node 'f' changed state key 'kept' in place") as warned:
        caller.invoke(builder.compile(checkpointer=saver, debug=True), given, ONE)
    assert len(warned) == 1
    assert seen[0] is given["kept"][0]
    sends = StateGraph(Kept).add_node("f", changes).add_conditional_edges(START, lambda state: Send("f", given), ["f"])
    given["kept"] = [{}]
    with pytest.warns(UserWarning, match="changed its Send's argument in place"):
        caller.invoke(sends.compile(debug=True), {"kept": []})
    caller.invoke(builder.compile(), {"kept": [{}]})  # otherwise nobody looks: warnings are errors here


def test_16_an_overwrite_of_a_key_without_a_reducer_is_its_value(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(lambda state: {"x": Overwrite(2)}).compile(checkpointer=saver)
    assert caller.invoke(graph, {"x": Overwrite(1)}, ONE)["x"] == 2
    assert [row.values.get("x") for row in caller.history(graph, ONE)] == [2, 1, None]


@pytest.mark.parametrize("argument", ["interrupt_before", "interrupt_after"])
def test_17_a_breakpoint_at_an_unknown_node_is_refused(argument: str, caller: Caller) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        caller.invoke(chain("a").compile(), {"x": 1}, **{argument: ["nowhere"]})


def test_18_an_unknown_stream_mode_is_refused(caller: Caller) -> None:
    with pytest.raises(ValueError, match="'valuse' does not exist"):
        caller.stream(chain("a").compile(), {"x": 1}, stream_mode="valuse")


def test_19_results_of_tasks_are_found_by_name_and_arguments(saver: BaseCheckpointSaver, caller: Caller) -> None:
    done: list[int] = []

    @task
    def add(number: int) -> int:
        done.append(number)
        return number + 1

    order = [[1, 2], [2, 1]]

    @entrypoint(checkpointer=saver)
    def work(given: int) -> Any:
        numbers = order.pop(0)
        return [add(number).result() for number in numbers] + [interrupt("q")]

    caller.invoke(work, 0, ONE)
    assert caller.invoke(work, Command(resume="A"), ONE) == [3, 2, "A"]
    assert done == [1, 2]


def test_19_a_task_called_otherwise_at_each_run_is_refused(saver: BaseCheckpointSaver, caller: Caller) -> None:
    counted = iter(range(9))

    @task
    def pay(number: int) -> int:
        return number

    @entrypoint(checkpointer=saver)
    def work(given: int) -> Any:
        return [pay(next(counted)).result(), interrupt("q")]

    caller.invoke(work, 0, ONE)
    with pytest.raises(EffectNotReproducibleError):
        caller.invoke(work, Command(resume="A"), ONE)


def test_20_a_question_without_a_checkpointer_warns_and_its_answer_raises(caller: Caller) -> None:
    graph = single(asking("q")).compile()
    with pytest.warns(UserWarning, match="without a checkpointer"):
        assert asked(caller.invoke(graph, {"x": 1})) == ["q"]
    with pytest.raises(NothingToResumeError):
        caller.invoke(graph, Command(resume="A"))


def test_21_values_are_checked_when_they_are_written_if_the_graph_says_so(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    class Model(BaseModel):
        n: int

    builder = single_of(Model, lambda state: {"n": "many"})
    assert caller.invoke(builder.compile(), {"n": "5"}) == {"n": "many"}
    checking = builder.compile(checkpointer=saver, validate=True)
    with pytest.raises(InvalidValueError, match="node 'f' wrote a value of type 'str' to key 'n'"):
        caller.invoke(checking, {"n": "5"}, ONE)
    assert caller.state(checking, ONE).values == {"n": 5}


def test_22_a_tool_node_works_alone(caller: Caller) -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    message = AIMessage("", tool_calls=[ToolCall(name="add", args={"a": 1, "b": 2}, id="1")])
    (answer,) = caller.invoke(ToolNode([add]), {"messages": [message]})["messages"]
    assert (answer.content, answer.tool_call_id) == ("3", "1")


def test_23_an_answer_where_nothing_is_asked_starts_nothing(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[int] = []
    graph = single(lambda state: ran.append(1)).compile(checkpointer=saver)
    with pytest.raises(NothingToResumeError):
        caller.invoke(graph, Command(resume="A"), NOBODY)
    caller.invoke(graph, {"x": 1}, ONE)
    with pytest.raises(NothingToResumeError):
        caller.invoke(graph, Command(resume="A"), ONE)
    with pytest.raises(UnknownCheckpointError):
        caller.invoke(graph, Command(resume="A"), UNKNOWN)
    assert (ran, caller.state(graph, NOBODY).values) == ([1], {})
    stopped = chain("a", "b").compile(checkpointer=saver, interrupt_before=["b"])
    there = {"configurable": {"thread_id": "2"}}
    caller.invoke(stopped, {"x": 1}, there)
    assert caller.invoke(stopped, Command(resume="go"), there)["l"] == ["a", "b"]


def single_of(schema: Any, node: Any) -> StateGraph:
    """START -> one node, with a state of its own."""
    return StateGraph(schema).add_node("f", node).add_edge(START, "f")


# -- what is kept, because programs rely on it


def test_a_node_restarts_goto_adds_an_empty_dict_is_input_and_the_shapes_are_as_they_were(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    starts: list[int] = []

    def ask(state: State) -> Command[Any]:
        starts.append(1)
        return Command(update={"l": [interrupt("q")]}, goto="also")

    builder = single(ask).add_node("also", signing("also")).add_node("edge", signing("edge")).add_edge("f", "edge")
    graph = builder.compile(checkpointer=saver)
    output = caller.invoke(graph, {}, ONE)
    assert isinstance(output["__interrupt__"], list)
    chunks = caller.stream(graph, Command(resume="A"), ONE, stream_mode=["updates"])
    assert chunks == [
        ("updates", {"f": {"l": ["A"]}}),
        ("updates", {"also": {"l": ["also"]}}),
        ("updates", {"edge": {"l": ["edge"]}}),
    ]
    assert len(starts) == 2
    asks_again = caller.stream(graph, {}, ONE, stream_mode="updates")
    assert isinstance(asks_again[-1]["__interrupt__"], tuple)
    quiet = single(lambda state: None).add_node("g", lambda state: {}).add_edge("f", "g").compile()
    assert caller.stream(quiet, {"x": 1}, stream_mode="updates") == [{"f": None}, {"g": None}]
