"""Twenty-six graphs, each with a conversation: what crashes are tried on. Each depends on nothing but its state.

A graph is made anew in each process, as the code of a service is.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypedDict

from clew import END, START, Command, CompiledStateGraph, MessagesState, Runtime, Send, StateGraph, interrupt
from clew.func import entrypoint, task
from clew.types import RetryPolicy


class Log(TypedDict):
    said: Annotated[list[Any], operator.add]
    count: Annotated[int, operator.add]


def says(*words: Any) -> Callable[[Any], dict[str, Any]]:
    """A node that says this."""
    return lambda state: {"said": list(words), "count": 1}


def asks(*questions: str) -> Callable[[Any], dict[str, Any]]:
    """A node that asks these, one after the other."""
    return lambda state: {"said": [interrupt(question) for question in questions]}


def asked_by_loop(question: str) -> Callable[[Any], Any]:
    """An async node that asks."""

    async def node(state: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"said": [interrupt(question)]}

    return node


def chain(**nodes: Any) -> StateGraph:
    """These nodes, one after the other."""
    builder = StateGraph(Log)
    for before, (name, node) in zip([START, *nodes], nodes.items(), strict=False):
        builder.add_node(name, node).add_edge(before, name)
    return builder


def side_by_side(**nodes: Any) -> StateGraph:
    """These nodes at once, then `join`."""
    builder = StateGraph(Log).add_node("join", says("joined"))
    for name, node in nodes.items():
        builder.add_node(name, node).add_edge(START, name)
    return builder.add_edge(list(nodes), "join")


@task
def paid(what: str) -> str:
    return f"paid {what}"


def pays(*things: str, asking: str = "") -> Callable[[Any], dict[str, Any]]:
    """A node that records effects, and asks after them if there is something to ask."""

    def node(state: Any) -> dict[str, Any]:
        done = [paid(thing).result() for thing in things]
        return {"said": [*done, interrupt(asking)] if asking else done}

    return node


def loops() -> CompiledStateGraph:
    builder = chain(step=says("step"))
    return builder.add_conditional_edges("step", lambda state: "step" if state["count"] < 4 else END).compile()


def sends(leaf: Any) -> CompiledStateGraph:
    builder = StateGraph(Log).add_node("leaf", leaf).add_node("after", says("after"))
    builder.add_conditional_edges(START, lambda state: [Send("leaf", {"said": [n], "count": n}) for n in range(3)])
    return builder.add_edge("leaf", "after").compile()


def goes(*targets: Any) -> Callable[[Any], Command[Any]]:
    return lambda state: Command(update={"said": ["going"]}, goto=list(targets))


def with_goto(*targets: Any) -> CompiledStateGraph:
    builder = StateGraph(Log).add_node("choose", goes(*targets), destinations=("one", "two"))
    builder.add_node("one", says("one")).add_node("two", says("two"))
    return builder.add_edge(START, "choose").compile()


def to_the_parent() -> CompiledStateGraph:
    def leaves(state: Log) -> Command[Any]:
        return Command(graph=Command.PARENT, update={"said": ["left"]}, goto="last")

    builder = StateGraph(Log).add_node("inner", chain(leaves=leaves).compile(), destinations=("last",))
    return builder.add_node("last", says("last")).add_edge(START, "inner").compile()


def calls_inside() -> CompiledStateGraph:
    inner = side_by_side(one=says("one"), two=says("two")).compile()
    return chain(calls=lambda state: {"said": [len(inner.invoke({"said": []})["said"])]}, last=says("last")).compile()


def retries() -> CompiledStateGraph:
    def fails_first(state: Log, runtime: Runtime) -> dict[str, Any]:
        if runtime.execution_info.node_attempt < 3:
            raise ConnectionError("not yet")
        return {"said": ["at last"]}

    policy = RetryPolicy(max_attempts=3, initial_interval=0.001, jitter=False)
    builder = StateGraph(Log).add_node("fails", fails_first, retry_policy=policy).add_node("after", says("after"))
    return builder.add_edge(START, "fails").add_edge("fails", "after").compile()


def deferred() -> CompiledStateGraph:
    builder = StateGraph(Log).add_node("short", says("short")).add_node("long", says("long"))
    builder.add_node("longer", says("longer")).add_node("end", says("end"), defer=True)
    builder.add_edge(START, "short").add_edge(START, "long").add_edge("long", "longer")
    return builder.add_edge("short", "end").add_edge("longer", "end").compile()


def chats() -> CompiledStateGraph:
    def replies(state: MessagesState) -> dict[str, Any]:
        return {"messages": [("ai", f"reply {len(state['messages'])}")]}

    return StateGraph(MessagesState).add_node("replies", replies).add_edge(START, "replies").compile()


def workflow() -> Any:
    @entrypoint()
    def flow(what: str) -> list[str]:
        first = paid(what).result()
        both = [paid("milk"), paid("sugar")]
        return [first, *(one.result() for one in both), interrupt("more?"), paid("more").result()]

    return flow


def each_by_id(*answers: str) -> list[Any]:
    """Moves that answer the open questions one at a time, the last one first."""
    return [lambda state, said=said: Command(resume={state.interrupts[-1].id: said}) for said in answers]


def all_at_once(state: Any) -> Command[Any]:
    return Command(resume={question.id: f"to {question.value}" for question in state.interrupts})


BEGIN = {"said": ["begin"], "count": 0}
YES = Command(resume="yes")
STORIES: dict[str, tuple[Callable[[], Any], Sequence[Any]]] = {
    "one node": (lambda: chain(one=says("one")).compile(), [BEGIN]),
    "a chain": (lambda: chain(a=says("a"), b=says("b"), c=says("c"), d=says("d")).compile(), [BEGIN]),
    "two turns": (lambda: chain(a=says("a"), b=says("b")).compile(), [BEGIN, BEGIN]),
    "side by side": (lambda: side_by_side(a=says("a"), b=says("b"), c=says("c")).compile(), [BEGIN]),
    "a loop": (loops, [BEGIN]),
    "sends": (lambda: sends(lambda state: {"said": [state["count"]]}), [BEGIN]),
    "sends that ask": (lambda: sends(lambda state: {"said": [interrupt(state["count"])]}), [BEGIN, all_at_once]),
    "goto": (lambda: with_goto("two", "one"), [BEGIN]),
    "goto with sends": (lambda: with_goto(Send("one", BEGIN), Send("two", BEGIN), "two"), [BEGIN]),
    "a question": (lambda: chain(a=says("a"), ask=asks("go on?"), b=says("b")).compile(), [BEGIN, YES]),
    "two questions of a node": (lambda: chain(ask=asks("one?", "two?"), b=says("b")).compile(), [BEGIN, YES, YES]),
    "questions side by side": (
        lambda: side_by_side(a=asks("a?"), b=asks("b?"), c=says("c")).compile(),
        [BEGIN, *each_by_id("first", "second")],
    ),
    "questions answered at once": (
        lambda: side_by_side(a=asks("a?"), b=asks("b?"), c=says("c")).compile(),
        [BEGIN, all_at_once],
    ),
    "a question passed over": (lambda: chain(ask=asks("well?"), b=says("b")).compile(), [BEGIN, BEGIN, YES]),
    "effects": (lambda: chain(pay=pays("tea", "milk"), b=says("b")).compile(), [BEGIN]),
    "effects and a question": (lambda: chain(pay=pays("tea", asking="more?"), b=says("b")).compile(), [BEGIN, YES]),
    "a graph in a graph": (lambda: chain(inner=chain(a=says("a"), b=says("b")).compile()).compile(), [BEGIN]),
    "a question two graphs down": (
        lambda: chain(out=chain(inn=chain(a=says("a"), ask=asks("deep?")).compile()).compile(), b=says("b")).compile(),
        [BEGIN, YES],
    ),
    "to the parent": (to_the_parent, [BEGIN]),
    "a call inside": (calls_inside, [BEGIN]),
    "async nodes": (
        lambda: side_by_side(a=asked_by_loop("a?"), b=says("b")).compile(),
        [BEGIN, YES],
    ),
    "retries": (retries, [BEGIN]),
    "deferred": (deferred, [BEGIN]),
    "breakpoints": (
        lambda: chain(a=says("a"), b=says("b"), c=says("c")).compile(interrupt_before=["b"], interrupt_after=["b"]),
        [BEGIN, None, None],
    ),
    "a chat": (chats, [{"messages": ["hello"]}, {"messages": ["and on"]}]),
    "a workflow": (workflow, ["tea", YES]),
}
