"""Demonstrations of tools that ask, one of several called in one message.

Each docstring says what LangGraph 1.2.22 does with the same program, each test what clew does.
"""

from threading import Event
from typing import Any

import pytest
from clew import START, Command, MessagesState, StateGraph, ToolNode, interrupt
from clew.events.stores.saver import BaseCheckpointSaver
from clew.events.vocabulary import EffectRecorded
from langchain_core.messages import AIMessage, ToolCall
from langchain_core.tools import tool

from tests.support.stories import asked, events, interview, on

SLOW_SECONDS = 0.2
"""How long the slow tool waits for the other one, which would overtake it."""


def calling(*calls: ToolCall) -> MessagesState:
    """A conversation whose last message asks for these tools."""
    return {"messages": [AIMessage("", tool_calls=list(calls))]}


def tools_graph(saver: BaseCheckpointSaver, *tools: Any) -> Any:
    builder = StateGraph(MessagesState).add_node("tools", ToolNode(tools)).add_edge(START, "tools")
    return builder.compile(checkpointer=saver)


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_an_approval_reaches_the_tool_that_asked_for_it_however_slow_it_is(
    saver: BaseCheckpointSaver, order: str
) -> None:
    """Two tools ask at the same time; when they run again, the one that was first is the slower one.

    LangGraph: answers go by arrival, so "A got: second" and "B got: yes-to-A"; the approval ran the wrong tool.
    """
    answered, b_asks_again = Event(), Event()

    @tool
    def wire_money(account: str) -> str:
        """Wire money to an account."""
        if answered.is_set() and account == "A":
            b_asks_again.wait(SLOW_SECONDS)
        elif answered.is_set():
            b_asks_again.set()
        return f"{account} got: {interrupt(f'Approve {account}?')}"

    graph = tools_graph(saver, wire_money)
    calls = [ToolCall(name="wire_money", args={"account": name}, id=f"call {name}") for name in ("A", "B")]
    paused = graph.invoke(calling(*calls), on("bank"))
    assert asked(paused) == ["Approve A?", "Approve B?"], "both at once"
    assert graph.get_state(on("bank")).next == ("tools",)
    answered.set()
    questions = dict(zip("ab", paused["__interrupt__"], strict=True))

    graph.invoke(Command(resume={questions[order[0]].id: f"yes to {order[0]}"}), on("bank"))
    done = graph.invoke(Command(resume=f"yes to {order[1]}"), on("bank"))

    assert [message.content for message in done["messages"][1:]] == ["A got: yes to a", "B got: yes to b"]
    told = {question: answer for question, answer, _ in interview(saver, "bank")}
    assert told == {"Approve A?": "yes to a", "Approve B?": "yes to b"}


def test_a_tool_called_beside_one_that_asks_runs_once(saver: BaseCheckpointSaver) -> None:
    """A tool with a side effect stands beside one that asks two questions.

    LangGraph: the side effect happens three times, once more for every answer.
    """
    sent: list[str] = []

    @tool
    def send_mail(to: str) -> str:
        """Send a mail."""
        sent.append(to)
        return f"sent to {to}"

    @tool
    def book_room() -> str:
        """Book a room, after asking for its size and its day."""
        return f"booked: {interrupt('How many people?')}, {interrupt('Which day?')}"

    graph = tools_graph(saver, send_mail, book_room)
    mail = ToolCall(name="send_mail", args={"to": "ann@example.org"}, id="call mail")
    room = ToolCall(name="book_room", args={}, id="call room")

    assert asked(graph.invoke(calling(mail, room), on("office"))) == ["How many people?"]
    assert asked(graph.invoke(Command(resume="six"), on("office"))) == ["Which day?"]
    done = graph.invoke(Command(resume="Monday"), on("office"))

    assert [message.content for message in done["messages"][1:]] == ["sent to ann@example.org", "booked: six, Monday"]
    assert sent == ["ann@example.org"]
    assert len([event for event in events(saver, "office", EffectRecorded) if event.name == "send_mail"]) == 1
