"""R19: a gate that is configured wrongly, or answered wrongly, stays shut: nothing behind it runs.

Wrong settings of `HumanInTheLoop` have a file of their own, tests/actors/agents/test_human_in_the_loop.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, TypedDict

import pytest
from clew import START, Command, MessagesState, StateGraph, interrupt
from clew.checkpoint import InMemorySaver
from clew.prebuilt import HumanInTheLoop, ToolNode
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel, ValidationError

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "t"}}
STRICT: dict[str, Any] = {"configurable": {"thread_id": "t", "__pregel_strict_resume": True}}
TRIED: Counter[str] = Counter()


class State(TypedDict):
    paid: int


class Town:
    """Asks before it pays, and counts what it paid."""

    def __init__(self, schema: Any = None, questions: int = 1) -> None:
        self.paid: list[Any] = []
        self.schema = schema
        self.questions = questions

    def ask(self, state: State) -> None:
        answers = [
            interrupt(f"Pay {number}?", **({} if self.schema is None else {"response_schema": self.schema}))
            for number in range(self.questions)
        ]
        self.answers = answers

    def other(self, state: State) -> None:
        interrupt("Sure?")

    def pay(self, state: State) -> dict[str, int]:
        self.paid.append(self.answers if self.schema else True)
        return {"paid": 1}

    def build(self, *, asks: bool = True, beside: bool = False) -> Any:
        builder = StateGraph(State).add_node("ask", self.ask if asks else lambda state: None).add_node("pay", self.pay)
        builder.add_edge(START, "ask")
        if beside:
            builder.add_node("other", self.other).add_edge(START, "other").add_edge(["ask", "other"], "pay")
        else:
            builder.add_edge("ask", "pay")
        return builder


def tried(kind: str, town: Town) -> None:
    assert town.paid == [], kind
    TRIED[kind] += 1


# -- breakpoints

STOPS: list[Any] = [
    *("pay"[:at] + "pay"[at + 1 :] for at in range(3)),
    *("PAY", "Pay", "pay ", " pay", "p a y", "payy", "pay\n", "p\u0430y", "", ",", "pay,ask", "**", "None", "all"),
]
"""Names that are no node, one of them with a Cyrillic letter."""
KINDS: list[Any] = [None, 1, 0, True, 1.5, b"pay", ("pay",), Town, object()]
"""What is no name."""


@pytest.mark.parametrize("keyword", ["interrupt_before", "interrupt_after"])
@pytest.mark.parametrize("where", ["compile", "invoke"])
def test_a_breakpoint_that_names_no_node_stops_everything(keyword: str, where: str) -> None:
    behind = "pay" if keyword == "interrupt_before" else "ask"
    bare = ["pay", "ask", ""] if where == "compile" else ["nobody", "payy", "pay,ask"]
    for wrong in [*([name] for name in [*STOPS, *KINDS]), [behind, "nobody"], *bare, b"pay", 1, True]:
        town = Town()
        now, later = ({keyword: wrong}, {}) if where == "compile" else ({}, {keyword: wrong})
        with pytest.raises((TypeError, ValueError)):
            town.build(asks=False).compile(checkpointer=InMemorySaver(), **now).invoke({"paid": 0}, CONFIG, **later)
        tried("breakpoint", town)


@pytest.mark.parametrize("given", [["*", "nobody"], ["pay"], ("pay",), {"pay"}, {"pay": False}, "*", ["pay", "pay"]])
def test_a_breakpoint_that_names_the_node_in_any_form_stops_there(given: Any) -> None:
    town = Town()
    graph = town.build(asks=False).compile(checkpointer=InMemorySaver(), interrupt_before=given)
    graph.invoke({"paid": 0}, CONFIG)
    tried("breakpoint", town)


# -- answers


class Yes(BaseModel):
    yes: Literal[True]


ANSWERS: list[tuple[Any, list[Any]]] = [
    (bool, ["maybe", "", 2, -1, None, [], {}, [True], {"yes": True}, b"\x00", 1.5]),
    (int, ["one", None, [1], {}, "1.5", 1.5, float("nan"), "0x1"]),
    (Literal["approve"], ["Approve", "approve ", "aprove", "APPROVE", "", None, True, ["approve"], "reject"]),
    (Yes, [{}, {"yes": False}, {"Yes": True}, {"yes": None}, True, "yes", [], {"yes": [True]}, {"yes": {}}]),
]


@pytest.mark.parametrize(("schema", "wrong"), ANSWERS)
def test_an_answer_that_does_not_fit_its_schema_passes_no_gate(schema: Any, wrong: list[Any]) -> None:
    for answer in wrong:
        town = Town(schema)
        graph = town.build().compile(checkpointer=InMemorySaver())
        asked = graph.invoke({"paid": 0}, CONFIG)["__interrupt__"][0]
        for given in (answer, {asked.id: answer}):
            if given == {}:  # a map that answers nothing: the question is asked again
                graph.invoke(Command(resume=given), CONFIG)
            else:
                with pytest.raises(ValidationError):
                    graph.invoke(Command(resume=given), CONFIG)
            assert [one.id for one in graph.get_state(CONFIG).interrupts] == [asked.id]
        tried("answer", town)


@pytest.mark.parametrize("schema", ["bool", 1, True, [bool], b"{}", object(), len, lambda answer: True])
def test_a_schema_that_is_none_lets_nothing_pass(schema: Any) -> None:
    town = Town(schema)
    graph = town.build().compile(checkpointer=InMemorySaver())
    with pytest.raises(TypeError, match="response_schema"):
        graph.invoke({"paid": 0}, CONFIG)
    tried("schema", town)


@pytest.mark.parametrize("config", [CONFIG, STRICT], ids=["plain", "strict"])
def test_an_answer_to_no_open_question_passes_no_gate(config: dict[str, Any]) -> None:
    of_another = "0" * 32
    for beside, given in [
        *((False, {name: True}) for name in (of_another, "f" * 32)),
        *(
            (True, given)
            for given in (True, "yes", {}, {of_another: True}, {"ask": True}, {"*": True}, [True, True], 0)
        ),
    ]:
        town = Town()
        graph = town.build(beside=beside).compile(checkpointer=InMemorySaver())
        asked = [one.id for one in graph.invoke({"paid": 0}, config)["__interrupt__"]]
        try:
            graph.invoke(Command(resume=given), config)
        except (ValueError, RuntimeError):
            pass
        else:
            assert given == {}, given
        assert sorted(one.id for one in graph.get_state(config).interrupts) == sorted(asked)
        tried("stray answer", town)


def test_an_answer_to_the_first_of_two_questions_does_not_answer_the_second() -> None:
    town = Town(questions=2)
    graph = town.build().compile(checkpointer=InMemorySaver())
    first = graph.invoke({"paid": 0}, CONFIG)["__interrupt__"][0]
    graph.invoke(Command(resume={first.id: True}), CONFIG)
    with pytest.raises(RuntimeError, match="was answered"):
        graph.invoke(Command(resume={first.id: False}), CONFIG)
    tried("stray answer", town)


@pytest.mark.parametrize("given", [None, {}, {"paid": 0}, Command(update={"paid": 0}), Command(goto="ask")])
def test_going_on_without_an_answer_asks_again(given: Any) -> None:
    town = Town()
    graph = town.build().compile(checkpointer=InMemorySaver())
    graph.invoke({"paid": 0}, CONFIG)
    graph.invoke(given, CONFIG)
    assert graph.get_state(CONFIG).interrupts
    tried("no answer", town)


# -- reviews

CALL = {"name": "pay", "args": {"amount": 1}, "id": "1", "type": "tool_call"}
DECISIONS: list[Any] = [
    *(
        {"type": name}
        for name in ("aprove", "Approve", "approve ", "", None, True, 1, "respond", "edit", "accept", "yes")
    ),
    *({wrong: "approve"} for wrong in ("Type", "typ", "kind", "decision", "action", 1, None)),
    *({"type": "approve", wrong: 1} for wrong in ("args", "edited_action", "amount", "force")),
    *({"type": "edit", "edited_action": {"name": "pay", "args": wrong}} for wrong in (None, [], "amount=1", 1)),
    *("approve", True, None, 1, [], ["approve"], {}, [{"type": "approve"}]),
]


@pytest.mark.parametrize("allowed", [["approve", "reject"], ["approve"], ["reject"]])
def test_a_decision_that_is_none_makes_no_call(allowed: list[Any]) -> None:
    approve = {"type": "approve"}
    whole: list[Any] = [{}, [], [approve], approve, True, {"decision": [approve]}, {"decisions": approve}]
    whole += [{"decisions": []}, {"decisions": [approve, approve]}, {"decisions": [approve], "all": True}, "approve"]
    if "approve" not in allowed:
        whole.append({"decisions": [approve]})
    for answer in [*whole, *({"decisions": [decision]} for decision in DECISIONS)]:
        made: list[int] = []

        @tool
        def pay(amount: int, made: Any = made) -> str:
            """Pay."""
            raise AssertionError("paid")

        builder = StateGraph(MessagesState)
        builder.add_node("review", HumanInTheLoop({"pay": {"allowed_decisions": allowed}}, tools=[pay]))
        builder.add_node("tools", ToolNode([pay], handle_tool_errors=False))
        builder.add_edge(START, "review").add_edge("review", "tools")
        graph = builder.compile(checkpointer=InMemorySaver())
        asked = graph.invoke({"messages": [AIMessage("", tool_calls=[CALL])]}, CONFIG)["__interrupt__"]
        if answer == {}:
            graph.invoke(Command(resume=answer), CONFIG)
        else:
            with pytest.raises((ValueError, RuntimeError)):
                graph.invoke(Command(resume=answer), CONFIG)
        assert [one.id for one in graph.get_state(CONFIG).interrupts] == [asked[0].id]
        TRIED["decision"] += 1


@pytest.mark.parametrize("name", ["pya", "Pay", "pay ", "", "PAY", "py", "*", "pay,refund"])
def test_a_review_of_a_tool_that_is_none_is_refused(name: str) -> None:
    @tool
    def pay(amount: int) -> str:
        """Pay."""
        raise AssertionError("paid")

    for setting in (True, False, {"allowed_decisions": ["approve"]}):
        with pytest.raises((TypeError, ValueError), match="interrupt_on"):
            HumanInTheLoop({name: setting}, tools=[pay])
        TRIED["review"] += 1


def test_a_hundred_wrong_gates_were_tried(report_figure: Callable[[str], None]) -> None:
    if len(TRIED) < 7:
        pytest.skip("only with the whole file")
    assert TRIED.total() >= 100
    told = ", ".join(f"{count} of {kind}" for kind, count in TRIED.items())
    report_figure(f"R19: {TRIED.total()} wrong gates and answers ({told}): 0 let anything pass")
