"""Section 13: interrupt() and Command(resume)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import typing_extensions
from clew import END, START, Command, Interrupt, Send, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import (
    AlreadyAnsweredError,
    AmbiguousAnswerError,
    EmptyInputError,
    EncodeError,
    NodeInterrupt,
    NothingToResumeError,
    QuestionNotReproducibleError,
    UnknownInterruptError,
    is_invalid_resume,
)
from clew.types import RetryPolicy
from pydantic import BaseModel, ValidationError

from ..support.stories import commits
from .callers import Caller
from .programs import ONE, State, asked, asking, chain, rows, side_by_side, signing, single

STRICT = {"configurable": {"thread_id": "1", "__pregel_strict_resume": True}}
NOBODY = "f" * 32


class Verdict(BaseModel):
    """An answer with a form."""

    ok: bool
    n: int = 3


@dataclass
class Amount:
    """An answer with another form."""

    a: int


class Place(typing_extensions.TypedDict):
    """And another."""

    a: int


def first_id(output: dict[str, Any]) -> str:
    return output["__interrupt__"][0].id


def ids(output: dict[str, Any]) -> dict[Any, str]:
    return {question.value: question.id for question in output["__interrupt__"]}


# -- 13.1


def test_without_an_answer_it_pauses_and_with_one_it_returns_it(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    output = caller.invoke(graph, {"x": 1}, ONE)
    assert output == {"x": 1, "l": [], "__interrupt__": [Interrupt("q", first_id(output))]}
    assert caller.invoke(graph, Command(resume="A"), ONE) == {"x": 1, "l": ["A"]}


@pytest.mark.parametrize("caught", [Exception, BaseException])
def test_the_pause_cannot_be_swallowed(caught: type[BaseException], saver: BaseCheckpointSaver) -> None:
    # In LangGraph the node completes as if nothing had happened (section 30.14)
    def careless(state: State) -> dict[str, Any]:
        try:
            answer = interrupt("q")
        except caught:
            answer = "swallowed"
        return {"l": [answer]}

    graph = single(careless).compile(checkpointer=saver)
    assert asked(graph.invoke({"x": 1}, ONE)) == ["q"]
    assert graph.invoke(Command(resume="A"), ONE)["l"] == ["A"]


def test_without_a_checkpointer_it_returns_the_question_with_a_warning_and_the_resume_raises(caller: Caller) -> None:
    graph = single(asking("q")).compile()
    with pytest.warns(UserWarning, match="without a checkpointer"):
        assert asked(caller.invoke(graph, {"x": 1})) == ["q"]
    with pytest.raises(RuntimeError, match="checkpointer"):
        caller.invoke(graph, Command(resume="A"))


def test_a_question_that_cannot_be_stored_is_refused_with_its_path(saver: BaseCheckpointSaver) -> None:
    graph = single(asking({"lock": object()})).compile(checkpointer=saver)
    with pytest.raises(EncodeError, match=r"\$.interrupt"):
        graph.invoke({"x": 1}, ONE)


def test_outside_of_a_graph_it_is_a_runtime_error() -> None:
    with pytest.raises(RuntimeError, match="outside of a running graph"):
        interrupt("q")


def test_a_json_schema_is_shown_and_not_enforced(saver: BaseCheckpointSaver) -> None:
    node = lambda state: {"l": [interrupt("q", response_schema={"type": "integer"})]}  # noqa: E731
    graph = single(node).compile(checkpointer=saver)
    (question,) = graph.invoke({"x": 1}, ONE)["__interrupt__"]
    assert question.response_schema == {"type": "integer"}
    assert graph.invoke(Command(resume="text"), ONE)["l"] == ["text"]


@pytest.mark.parametrize(
    ("schema", "shown", "bad", "good", "value"),
    [
        (Verdict, {"ok", "n"}, {"ok": "perhaps"}, {"ok": "yes"}, Verdict(ok=True)),
        (Verdict, {"ok", "n"}, "text", Verdict(ok=False, n=1), Verdict(ok=False, n=1)),
        (Amount, {"a"}, {"b": 1}, {"a": "4"}, Amount(4)),
        (Place, {"a"}, {"b": 1}, {"a": "4"}, {"a": 4}),
    ],
)
def test_an_answer_that_does_not_fit_the_schema_is_refused_and_the_question_stays_open(
    schema: Any, shown: set, bad: Any, good: Any, value: Any, saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = single(lambda state: {"l": [interrupt("q", response_schema=schema)]}).compile(checkpointer=saver)
    (question,) = caller.invoke(graph, {"x": 1}, ONE)["__interrupt__"]
    assert set(question.response_schema["properties"]) == shown
    for _ in range(2):
        with pytest.raises(ValidationError) as refused:
            caller.invoke(graph, Command(resume=bad), ONE)
        assert is_invalid_resume(refused.value)
        state = caller.state(graph, ONE)
        assert (state.next, state.interrupts, state.values["l"]) == (("f",), (question,), [])
    assert caller.invoke(graph, Command(resume=good), ONE)["l"] == [value]


def test_a_refused_answer_survives_a_restart_and_can_be_given_anew(saver: BaseCheckpointSaver) -> None:
    def built() -> Any:
        node = lambda state: {"l": [interrupt("q", response_schema=Verdict).n]}  # noqa: E731
        return single(node).compile(checkpointer=saver)

    built().invoke({"x": 1}, ONE)
    with pytest.raises(ValidationError):
        built().invoke(Command(resume="text"), ONE)
    assert asked(built().invoke(None, ONE)) == ["q"]
    assert built().invoke(Command(resume={"ok": True, "n": 7}), ONE)["l"] == [7]


def test_a_refused_answer_reaches_its_caller_whatever_the_node_made_of_it(saver: BaseCheckpointSaver) -> None:
    def careless(state: State) -> dict[str, Any]:
        try:
            answer: Any = interrupt("q", response_schema=Verdict)
        except ValueError:
            answer = "swallowed"
        return {"l": [answer]}

    policy = RetryPolicy(initial_interval=0.0, jitter=False, retry_on=ValueError)
    graph = StateGraph(State).add_node("f", careless, retry_policy=policy).add_edge(START, "f")
    compiled = graph.compile(checkpointer=saver)
    compiled.invoke({"x": 1}, ONE)
    with pytest.raises(ValidationError):
        compiled.invoke(Command(resume="text"), ONE)
    assert [question.value for question in compiled.get_state(ONE).interrupts] == ["q"]


def test_of_two_answers_the_one_that_fits_is_taken(saver: BaseCheckpointSaver) -> None:
    def node(name: str) -> Callable[[State], dict[str, Any]]:
        return lambda state: {"l": [f"{name}{interrupt(name, response_schema=Verdict).n}"]}

    graph = side_by_side(p=node("p"), q=node("q")).compile(checkpointer=saver)
    by_value = ids(graph.invoke({"x": 1}, ONE))
    with pytest.raises(ValidationError):
        graph.invoke(Command(resume={by_value["p"]: {"ok": True}, by_value["q"]: "text"}), ONE)
    assert [question.value for question in graph.get_state(ONE).interrupts] == ["q"]
    assert graph.invoke(Command(resume={"ok": False, "n": 9}), ONE)["l"] == ["p3", "q9"]


def test_a_map_that_is_sent_again_gives_what_is_open_its_answers(saver: BaseCheckpointSaver, caller: Caller) -> None:
    def checked(state: State) -> dict[str, Any]:
        return {"l": [interrupt("checked", response_schema=Verdict).n]}

    graph = side_by_side(checked=checked, plain=asking("plain")).compile(checkpointer=saver)
    named = ids(caller.invoke(graph, {"x": 1}, ONE))
    answers: dict[str, Any] = {named["plain"]: ["as", "it", "was"], named["checked"]: {"n": "many"}}
    with pytest.raises(ValidationError):
        caller.invoke(graph, Command(resume=answers), ONE)
    with pytest.raises(AlreadyAnsweredError):  # another answer than the one that counts
        caller.invoke(graph, Command(resume={named["plain"]: "else", named["checked"]: {"ok": True}}), ONE)
    with pytest.raises(AlreadyAnsweredError):  # nothing new in it
        caller.invoke(graph, Command(resume={named["plain"]: ["as", "it", "was"]}), ONE)
    answers[named["checked"]] = {"ok": True, "n": 7}
    assert caller.invoke(graph, Command(resume=answers), ONE)["l"] == [7, ["as", "it", "was"]]


def test_only_a_refused_answer_is_an_invalid_resume() -> None:
    assert not is_invalid_resume(ValueError())


# -- 13.2


def test_siblings_run_to_their_end_and_the_checkpoint_stays(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = side_by_side(ask=asking("q"), ok=signing("ok")).compile(checkpointer=saver)
    output = caller.invoke(graph, {"x": 1}, ONE)
    assert (output["l"], asked(output)) == (["ok"], ["q"])
    before = caller.state(graph, ONE)
    assert len(caller.history(graph, ONE)) == 2
    assert (before.metadata["source"], before.metadata["step"], before.next) == ("loop", 0, ("ask",))
    assert caller.invoke(graph, Command(resume="A"), ONE)["l"] == ["A", "ok"]


def test_an_id_is_32_hex_digits_and_differs_from_question_to_question(saver: BaseCheckpointSaver) -> None:
    graph = single(asking("q", "q")).compile(checkpointer=saver)
    one = first_id(graph.invoke({"x": 1}, ONE))
    two = first_id(graph.invoke(Command(resume="A"), ONE))
    assert one != two
    assert all(len(id) == 32 and int(id, 16) >= 0 for id in (one, two))


def test_interrupt_objects_take_the_older_forms() -> None:
    question = Interrupt("v", "id1")
    assert (question.value, question.id, question.response_schema) == ("v", "id1", None)
    assert question == Interrupt(value="v", id="id1")
    assert repr(question) == "Interrupt(value='v', id='id1', response_schema=None)"
    older = Interrupt(value="v", when="during", resumable=True, ns=["a:b"])
    assert older.id == Interrupt.from_ns("v", "a:b").id
    assert len(older.id) == 32
    assert Interrupt("v").id == "placeholder-id"


def test_streams_show_a_pause_as_a_tuple(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    (question,) = caller.stream(graph, {"x": 1}, ONE)[0]["__interrupt__"]
    assert caller.stream(graph, None, ONE, stream_mode="values") == [
        {"x": 1, "l": []},
        {"x": 1, "l": [], "__interrupt__": (question,)},
    ]
    assert caller.stream(graph, Command(resume="A"), ONE, stream_mode=["values", "updates"]) == [
        ("values", {"x": 1, "l": []}),
        ("updates", {"f": {"l": ["A"]}}),
        ("values", {"x": 1, "l": ["A"]}),
    ]


def test_a_pause_shows_the_state_though_nothing_was_written(caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=InMemorySaver())
    paused = caller.invoke(graph, {}, ONE)
    assert paused["l"] == []
    assert asked(paused) == ["q"]
    again = caller.invoke(graph, {}, ONE, version="v2")
    assert (again.value, [question.value for question in again.interrupts]) == ({"l": []}, ["q"])


def test_an_output_that_is_no_dict_is_the_questions_alone(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = StateGraph(int).add_node("f", lambda state: state + interrupt("q")).add_edge(START, "f")
    compiled = graph.compile(checkpointer=saver)
    output = caller.invoke(compiled, 1, ONE)
    assert (list(output), asked(output)) == (["__interrupt__"], ["q"])
    assert caller.invoke(compiled, Command(resume=4), ONE) == 5


# -- 13.3


def test_the_node_runs_again_from_its_first_line(saver: BaseCheckpointSaver, caller: Caller) -> None:
    starts: list[int] = []

    def node(state: State) -> dict[str, Any]:
        starts.append(1)
        return {"l": [interrupt(name) for name in ("a", "b", "c")]}

    graph = single(node).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    for answer in "ABC":
        output = caller.invoke(graph, Command(resume=answer), ONE)
    assert (output["l"], len(starts)) == (["A", "B", "C"], 4)


def test_one_answer_with_several_open_is_refused(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = side_by_side(p=asking("p"), q=asking("q")).compile(checkpointer=saver)
    by_value = ids(caller.invoke(graph, {"x": 1}, ONE))
    with pytest.raises(RuntimeError) as refused:
        caller.invoke(graph, Command(resume="A"), ONE)
    assert isinstance(refused.value, AmbiguousAnswerError)
    assert set(refused.value.questions) == set(by_value.values())


def test_a_map_may_answer_some_and_the_rest_stay_open(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = StateGraph(State).add_node("w", lambda state: {"l": [(state["i"], interrupt(state["i"]))]})
    builder.add_conditional_edges(START, lambda state: [Send("w", {"i": place}) for place in range(3)], ["w"])
    graph = builder.compile(checkpointer=saver)
    by_value = ids(caller.invoke(graph, {"x": 1}, ONE))
    some = caller.invoke(graph, Command(resume={by_value[1]: "B"}), ONE)
    assert (some["l"], sorted(asked(some))) == ([(1, "B")], [0, 2])
    rest = caller.invoke(graph, Command(resume={by_value[0]: "A", by_value[2]: "C"}), ONE)
    assert rest["l"] == [(0, "A"), (1, "B"), (2, "C")]


def test_a_dict_whose_keys_are_no_ids_is_one_answer(saver: BaseCheckpointSaver) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    assert graph.invoke(Command(resume={"a": 1}), ONE)["l"] == [{"a": 1}]


def test_an_empty_map_asks_again(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    output = caller.invoke(graph, {"x": 1}, ONE)
    assert caller.invoke(graph, Command(resume={}), ONE) == output


def test_an_id_that_nobody_asked_is_refused_and_consumes_nothing(saver: BaseCheckpointSaver) -> None:
    # LangGraph ignores it; clew never drops an answer in silence
    graph = single(asking("q")).compile(checkpointer=saver)
    output = graph.invoke({"x": 1}, ONE)
    with pytest.raises(UnknownInterruptError):
        graph.invoke(Command(resume={NOBODY: 1, first_id(output): 2}), ONE)
    assert graph.get_state(ONE).interrupts == tuple(output["__interrupt__"])


def test_a_strict_resume_says_what_is_wrong(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    question = first_id(caller.invoke(graph, {"x": 1}, ONE))
    for resume, reason, named in [({}, "empty_map", ()), ({NOBODY: 1}, "not_pending", (NOBODY,))]:
        with pytest.raises(UnknownInterruptError) as refused:
            caller.invoke(graph, Command(resume=resume), STRICT)
        error = refused.value
        assert (error.reason, error.interrupt_ids, error.pending_ids) == (reason, named, (question,))
    assert caller.invoke(graph, Command(resume={question: "A"}), STRICT)["l"] == ["A"]
    both = side_by_side(p=asking("p"), q=asking("q")).compile(checkpointer=InMemorySaver())
    caller.invoke(both, {"x": 1}, ONE)
    with pytest.raises(UnknownInterruptError) as ambiguous:
        caller.invoke(both, Command(resume="A"), STRICT)
    assert (ambiguous.value.reason, len(ambiguous.value.pending_ids)) == ("ambiguous", 2)


@pytest.mark.parametrize("answer", ["", 0, False, [], None])
def test_a_falsy_answer_is_an_answer(answer: Any, saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    assert caller.invoke(graph, Command(resume=answer), ONE)["l"] == [answer]


def test_an_empty_command_is_an_empty_input(saver: BaseCheckpointSaver) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    with pytest.raises(EmptyInputError):
        graph.invoke(Command(), ONE)


def test_an_update_beside_the_answer_comes_first_and_a_goto_adds_a_branch(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    builder = single(lambda state: {"l": [state["x"], interrupt("q")]}).add_node("z", signing("z"))
    graph = builder.compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    output = caller.invoke(graph, Command(resume="A", update={"x": 5}, goto="z"), ONE)
    assert output == {"x": 5, "l": [5, "A", "z"]}


def test_an_answer_where_nothing_is_asked_is_refused(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    with pytest.raises(NothingToResumeError, match="does not exist"):
        caller.invoke(graph, Command(resume="A"), ONE)
    caller.invoke(graph, {"x": 1}, ONE)
    caller.invoke(graph, Command(resume="A"), ONE)
    with pytest.raises(AlreadyAnsweredError):
        caller.invoke(graph, Command(resume="B"), ONE)


# -- 13.4


def test_none_asks_the_same_question_again(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q1", "q2")).compile(checkpointer=saver)
    first = caller.invoke(graph, {"x": 1}, ONE)
    assert caller.invoke(graph, None, ONE) == first
    second = caller.invoke(graph, Command(resume="A"), ONE)
    # LangGraph gives "A" to q2 here (section 30.1)
    assert caller.invoke(graph, None, ONE) == second
    assert caller.invoke(graph, Command(resume="B"), ONE)["l"] == ["A", "B"]


def test_new_input_gives_the_question_up(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = side_by_side(ask=asking("q"), ok=signing("ok")).compile(checkpointer=saver)
    first = caller.invoke(graph, {"x": 1}, ONE)
    second = caller.invoke(graph, {"x": 2}, ONE)
    assert first_id(second) != first_id(first)
    assert (second["x"], second["l"]) == (2, ["ok"])
    assert len(caller.history(graph, ONE)) == 4


def test_an_update_alone_is_applied_and_the_task_runs_again(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(lambda state: {"l": [state["x"], interrupt("q")]}).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    output = caller.invoke(graph, Command(update={"x": 9}), ONE)
    assert (output["x"], asked(output), len(caller.history(graph, ONE))) == (9, ["q"], 2)
    assert caller.invoke(graph, Command(resume="A"), ONE)["l"] == [9, "A"]


def test_an_update_belongs_to_the_checkpoint_and_outlives_a_question_given_up(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = single(asking("q")).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    caller.invoke(graph, Command(update={"x": 5, "l": ["u"]}), ONE)
    assert [row.values for row in caller.history(graph, ONE)] == [{"x": 5, "l": ["u"]}, {"l": []}]
    output = caller.invoke(graph, {"l": ["n"]}, ONE)
    assert (output["x"], output["l"], asked(output)) == (5, ["u", "n"], ["q"])


def test_an_update_of_a_finished_thread_makes_no_checkpoint(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    assert caller.stream(graph, Command(update={"x": 5, "l": ["u"]}), ONE, stream_mode="values") == [
        {"x": 5, "l": ["a", "u"]}
    ]
    assert rows(caller.history(graph, ONE)) == [
        ("loop", 1, (), ["a", "u"]),
        ("loop", 0, ("a",), []),
        ("input", -1, ("__start__",), []),
    ]
    # In LangGraph a second update of the same key raises from then on
    assert caller.invoke(graph, Command(update={"x": 6}), ONE) == {"x": 6, "l": ["a", "u"]}
    assert caller.invoke(graph, {"l": ["n"]}, ONE) == {"x": 6, "l": ["a", "u", "n", "a"]}


def test_a_goto_alone_runs_its_node_in_the_same_step(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = single(asking("q")).add_node("z", signing("z")).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    output = caller.invoke(graph, Command(goto="z"), ONE)
    assert (output["l"], asked(output)) == (["z"], ["q"])
    assert caller.invoke(graph, Command(resume="A"), ONE)["l"] == ["A", "z"]


def test_after_an_update_by_hand_an_answer_is_for_the_first_question_reached(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    node = lambda state: {"l": [interrupt(f"q{state['x']}"), interrupt("more")]}  # noqa: E731
    graph = single(node).compile(checkpointer=saver)
    caller.invoke(graph, {"x": 1}, ONE)
    caller.update(graph, ONE, {"x": 7})
    output = caller.invoke(graph, Command(resume="A"), ONE)
    assert (output["x"], asked(output)) == (7, ["more"])
    assert caller.invoke(graph, Command(resume="B"), ONE)["l"] == ["A", "B"]
    (record,) = [row for row in caller.history(graph, ONE) if row.metadata["source"] == "update"]
    assert [question.value for question in record.tasks[0].interrupts] == ["q7", "more"]


def test_an_answer_given_ahead_and_asked_for_by_nobody_is_gone_with_its_step(saver: BaseCheckpointSaver) -> None:
    builder = chain("a").add_node("f", asking("q")).add_edge("a", "f")
    graph = builder.compile(checkpointer=saver, interrupt_before=["a"])
    graph.invoke({"x": 1}, ONE)
    assert asked(graph.invoke(Command(resume="A"), ONE)) == ["q"]


# -- places a question is asked in


def test_a_path_function_may_ask(saver: BaseCheckpointSaver, caller: Caller) -> None:
    bodies: list[int] = []

    def body(state: State) -> dict[str, Any]:
        bodies.append(1)
        return {"x": len(bodies)}

    builder = single(body).add_node("z", signing("z"))
    builder.add_conditional_edges("f", lambda state: "z" if interrupt("go?") == "y" else END, ["z", END])
    graph = builder.compile(checkpointer=saver)
    output = caller.invoke(graph, {"x": 0}, ONE)
    assert (asked(output), output["x"]) == (["go?"], 1)
    state = caller.state(graph, ONE)
    assert (state.next, state.values["x"], state.tasks[0].result) == (("f",), 0, None)
    assert caller.invoke(graph, Command(resume="y"), ONE) == {"x": 2, "l": ["z"]}


def test_who_is_asked_sees_what_the_task_had_written(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = single(signing("f")).add_node("z", signing("z")).add_edge(START, "z")
    builder.add_conditional_edges("f", lambda state: interrupt("one?") and interrupt("two?"), [END])
    graph = builder.compile(checkpointer=saver)
    first, asking, last = caller.stream(graph, {"x": 0}, ONE, stream_mode="values")
    assert (first, asking["l"], last) == ({"x": 0, "l": []}, [], {"x": 0, "l": ["f", "z"]})
    output = caller.invoke(graph, Command(resume="y"), ONE)
    assert (asked(output), output["l"]) == (["two?"], ["f", "z"])
    assert caller.state(graph, ONE).values["l"] == ["z"]
    assert caller.invoke(graph, Command(resume=END), ONE) == {"x": 0, "l": ["f", "z"]}


def test_starts_path_function_may_ask(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = StateGraph(State).add_node("z", signing("z"))
    builder.add_conditional_edges(START, lambda state: "z" if interrupt("go?") == "y" else END, ["z", END])
    graph = builder.compile(checkpointer=saver)
    output = caller.invoke(graph, {"x": 0}, ONE)
    assert (asked(output), output["x"]) == (["go?"], 0)
    assert caller.state(graph, ONE).next == ("__start__",)
    assert caller.invoke(graph, Command(resume="y"), ONE) == {"x": 0, "l": ["z"]}


def test_a_node_may_ask_until_it_is_content(saver: BaseCheckpointSaver, caller: Caller) -> None:
    def node(state: State) -> dict[str, Any]:
        age = interrupt("your age?")
        while not isinstance(age, int):
            age = interrupt(f"{age!r} is no age; your age?")
        return {"x": age}

    graph = single(node).compile(checkpointer=saver)
    assert asked(caller.invoke(graph, {"x": 0}, ONE)) == ["your age?"]
    assert asked(caller.invoke(graph, Command(resume="old"), ONE)) == ["'old' is no age; your age?"]
    assert caller.invoke(graph, Command(resume=40), ONE)["x"] == 40


def test_a_node_that_raises_node_interrupt_pauses_until_it_raises_no_more(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    def node(state: State) -> dict[str, Any]:
        if state["x"] < 5:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                raise NodeInterrupt("too small")
        return {"l": ["ok"]}

    graph = single(node).compile(checkpointer=saver)
    assert asked(caller.invoke(graph, {"x": 1}, ONE)) == ["too small"]
    assert asked(caller.invoke(graph, None, ONE)) == ["too small"]
    assert asked(caller.invoke(graph, Command(resume="an answer that it does not take"), ONE)) == ["too small"]
    caller.update(graph, ONE, {"x": 9})
    assert caller.invoke(graph, None, ONE) == {"x": 9, "l": ["ok"]}
    with pytest.warns(DeprecationWarning, match="interrupt"):
        NodeInterrupt("old")


# -- what an answer belongs to (design.md, section 5)


def drafts(*values: str) -> Callable[[], str]:
    left = list(values)
    return lambda: left.pop(0)


def test_a_function_under_a_key_is_called_once_and_its_value_asked_again(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    write = drafts("draft 1", "draft 2")
    graph = single(lambda state: {"l": [interrupt(write, key="draft")]}).compile(checkpointer=saver)
    assert asked(caller.invoke(graph, {"x": 1}, ONE)) == ["draft 1"]
    assert asked(caller.invoke(graph, None, ONE)) == ["draft 1"]
    assert caller.invoke(graph, Command(resume="good"), ONE)["l"] == ["good"]


def test_a_function_without_a_key_and_a_binding_that_is_none_are_refused(saver: BaseCheckpointSaver) -> None:
    cases: list[tuple[Callable[[], Any], type[Exception]]] = [
        (lambda: interrupt(drafts("a")), TypeError),
        (lambda: interrupt("q", bind="order"), ValueError),
        (lambda: interrupt("q", bind="key"), ValueError),
    ]
    for ask, error in cases:
        with pytest.raises(error, match=r"key|bind"):
            single(lambda state, ask=ask: {"l": [ask()]}).compile(checkpointer=saver).invoke({"x": 1}, ONE)


def test_questions_of_different_keys_are_told_apart_by_key(saver: BaseCheckpointSaver) -> None:
    order = [["a", "b"], ["b", "a"]]

    def node(state: State) -> dict[str, Any]:
        keys = order.pop(0) if order else ["b", "a"]
        return {"l": [f"{key}={interrupt('value?', key=key)}" for key in keys]}

    graph = single(node).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    assert asked(graph.invoke(Command(resume="A"), ONE)) == ["value?"]
    assert graph.invoke(Command(resume="B"), ONE)["l"] == ["b=B", "a=A"]


def test_a_question_made_anew_by_the_same_code_does_not_take_the_old_answer(saver: BaseCheckpointSaver) -> None:
    write = drafts("draft 1", "draft 2")
    graph = single(lambda state: {"l": [interrupt(write())]}).compile(checkpointer=saver)
    graph.invoke({"x": 1}, ONE)
    with pytest.raises(QuestionNotReproducibleError):
        graph.invoke(Command(resume="good"), ONE)


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("question", {"bind": "position"}),
        ("question", {"bind": "key", "key": "draft"}),
        ("position", {}),
        ("key", {"key": "draft"}),
    ],
)
def test_bound_to_its_place_an_answer_is_taken_with_a_warning_that_is_recorded(
    rule: str, options: dict[str, Any], saver: BaseCheckpointSaver, caplog: pytest.LogCaptureFixture
) -> None:
    write = drafts("draft 1", "draft 2")
    graph = single(lambda state: {"l": [interrupt(write(), **options)]}).compile(checkpointer=saver, answers=rule)
    graph.invoke({"x": 1}, ONE)
    assert graph.invoke(Command(resume="good"), ONE)["l"] == ["good"]
    assert "'draft 1' was answered" in caplog.text
    events = [event for commit in commits(saver, "1") for event in commit.events]
    assert [event.value.value for event in events if type(event).__name__ == "QuestionDrifted"] == ["draft 2"]
