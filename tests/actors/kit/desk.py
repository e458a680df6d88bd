"""Graphs for the kit's own tests: a sound one of every kind, and ones with a bug planted in them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from clew import END, START, Command, CompiledStateGraph, StateGraph, interrupt
from clew.func import task


class Letter(TypedDict):
    text: str
    log: Annotated[list[str], operator.add]


def desk(*, send: Callable[[Letter], Any] | None = None) -> CompiledStateGraph:
    """Draft a letter, ask whether to send it, send it or not."""

    def draft(state: Letter) -> dict[str, Any]:
        return {"text": f"Dear {state['text']}", "log": ["drafted"]}

    def review(state: Letter) -> Command[str]:
        answer = interrupt(f"Send {state['text']!r}?")
        return Command(update={"log": [f"said {answer}"]}, goto="send" if answer == "yes" else END)

    builder = StateGraph(Letter).add_node("draft", draft).add_node("review", review)
    builder.add_node("send", send or (lambda state: {"log": ["sent"]}))
    return builder.add_edge(START, "draft").add_edge("draft", "review").compile()


CONVERSATION = [{"text": "Ann"}, Command(resume="yes"), {"text": "Bob"}, Command(resume="no")]


class Bag(TypedDict):
    names: Annotated[list[str], operator.add]


@task
def pay(what: str) -> str:
    return f"paid {what}"


def market() -> CompiledStateGraph:
    """Two recorded payments beside a question asked by an async node, then a graph called inside a node."""

    def buys(state: Bag) -> dict[str, Any]:
        return {"names": [pay("tea").result(), pay("cake").result()]}

    async def asks(state: Bag) -> dict[str, Any]:
        return {"names": [interrupt("which tea?")]}

    def one(state: Bag) -> dict[str, Any]:
        return {"names": ["inside"]}

    inner = StateGraph(Bag).add_node("i", one).add_node("j", one).add_edge(START, "i").add_edge(START, "j").compile()

    def calls(state: Bag) -> dict[str, Any]:
        return {"names": [str(len(inner.invoke({"names": []})["names"]))]}

    builder = StateGraph(Bag).add_node("buys", buys).add_node("asks", asks).add_node("calls", calls)
    builder.add_edge(START, "buys").add_edge(START, "asks").add_edge(["buys", "asks"], "calls")
    return builder.compile()


def remembering() -> CompiledStateGraph:
    """The planted bug: a node keeps what belongs in the state in its process's memory."""
    seen: list[str] = []

    def first(state: Bag) -> dict[str, Any]:
        seen.append("first")
        return {"names": ["first"]}

    def second(state: Bag) -> dict[str, Any]:
        return {"names": [f"after {'first' if seen else 'nothing'}"]}

    builder = StateGraph(Bag).add_node("first", first).add_node("second", second)
    return builder.add_edge(START, "first").add_edge("first", "second").compile()
