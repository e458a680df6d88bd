"""The program whose threads pause: it is run from its text, so that an edit of it is an edit of text.

What it asks and how it ends: `ask` (two questions), then `left` (two) beside `right`, both joined by `gather`; from
there by `route` to the graph `sub`, whose `check` asks (two), and to `pay` (two), which the bank may fail.
"""

import operator
from dataclasses import dataclass
from typing import Annotated, TypedDict

from clew import END, START, StateGraph, interrupt
from clew.func import task

what, which = "what", "which"
ledger: list[str] = []
bank = {"open": True}


@dataclass
class Parcel:
    weight: int


class State(TypedDict):
    said: Annotated[list[str], operator.add]
    parcel: Parcel
    note: str


class Inner(TypedDict):
    said: Annotated[list[str], operator.add]


@task
def price(name: str, count: int) -> int:
    ledger.append(f"price of {count} for {name}")
    return 10 * count


@task
def stock(name: str) -> str:
    ledger.append(f"stock of {name}")
    return "plenty"


def plan(state: State) -> dict:
    return {"said": ["plan"], "parcel": Parcel(3), "note": "fragile"}


def ask(state: State) -> dict:
    cost = price("for ask", 1).result()
    rest = stock("for ask").result()
    size = interrupt(f"ask: {what} size?")
    street = interrupt(f"ask: {which} street?", response_schema={"type": "string"})
    return {"said": [f"ask {size} {street} {cost} {rest}"]}


def left(state: State) -> dict:
    cost = price("for left", 1).result()
    rest = stock("for left").result()
    size = interrupt(f"left: {what} size?")
    street = interrupt(f"left: {which} street?", response_schema={"type": "string"})
    return {"said": [f"left {size} {street} {cost} {rest}"]}


def right(state: State) -> dict:
    ledger.append("right")
    return {"said": ["right"]}


def gather(state: State) -> dict:
    return {"said": [f"gather {state['parcel'].weight} {state['note']}"]}


def route(state: State) -> str:
    return "large"


def begin(state: Inner) -> dict:
    return {"said": ["begin"]}


def check(state: Inner) -> dict:
    cost = price("for check", 1).result()
    rest = stock("for check").result()
    size = interrupt(f"check: {what} size?")
    street = interrupt(f"check: {which} street?", response_schema={"type": "string"})
    return {"said": [f"check {size} {street} {cost} {rest}"]}


def pay(state: State) -> dict:
    cost = price("for pay", 1).result()
    rest = stock("for pay").result()
    size = interrupt(f"pay: {what} size?")
    if not bank["open"]:
        raise OSError("the bank is closed")
    street = interrupt(f"pay: {which} street?", response_schema={"type": "string"})
    return {"said": [f"pay {size} {street} {cost} {rest}"]}


def graph(saver, runtime=None, stop=()):
    inner = StateGraph(Inner)
    inner.add_node("begin", begin)
    inner.add_node("check", check)
    inner.add_edge(START, "begin")
    inner.add_edge("begin", "check")
    outer = StateGraph(State)
    outer.add_node("plan", plan)
    outer.add_node("ask", ask)
    outer.add_node("left", left)
    outer.add_node("right", right)
    outer.add_node("gather", gather)
    outer.add_node("sub", inner.compile())
    outer.add_node("pay", pay)
    outer.add_edge(START, "plan")
    outer.add_edge("plan", "ask")
    outer.add_edge("ask", "left")
    outer.add_edge("ask", "right")
    outer.add_edge(["left", "right"], "gather")
    outer.add_conditional_edges("gather", route, {"large": "sub", "small": END})
    outer.add_edge("sub", "pay")
    return outer.compile(checkpointer=saver, runtime=runtime, interrupt_before=stop, name="orders")
