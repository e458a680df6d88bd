"""Conversations for the crash tests: graphs of every shape, and a person who talks with them until all is said.

The person looks at the thread, makes the next move, and when a call fails makes it again, under the same command id, or
looks again: both must lead to the same end.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from clew import START, Command, MessagesState, StateGraph, ToolNode, interrupt
from clew.errors import StoreError
from clew.types import Overwrite, RetryPolicy, Send
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool

from ...support.faulty_store import Crash
from .effects import Ledger
from .graphs import State, anamed, chain, named, on, side_by_side

MOVES_MAX = 40
"""A conversation that is not over by then never will be."""


class NotToday(Exception):
    """What the failing node raises: the person tries again."""


@dataclass(frozen=True)
class Move:
    """One call: an input to invoke, or an update by hand."""

    given: Any = None
    config: Mapping[str, Any] = field(default_factory=dict)
    """More of `configurable`."""
    update: tuple[Any, str] | None = None


@dataclass(frozen=True)
class Story:
    """A graph, and what the person says."""

    build: Callable[[Ledger], StateGraph]
    inputs: Sequence[Any] = ({"names": []},)
    """What is sent, one after the other, each when nothing is open."""
    answers: Mapping[Any, Any] = field(default_factory=dict)
    """Question to answer."""
    one_by_one: bool = False
    """Parallel questions are answered in calls of their own."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """For `compile`."""
    asynchronous: bool = False
    special: Callable[[Any, list[Any]], Move | None] = lambda state, history: None
    """A move out of turn, from the thread's state and history."""


class Person:
    """Talks with one thread. Moves have ids where the person repeats calls, none where it looks again."""

    def __init__(self, story: Story, thread: str, *, repeats: bool) -> None:
        self.story = story
        self.thread = thread
        self.repeats = repeats
        self.pending: tuple[Move, str] | None = None
        """The move that has no reply yet, with its id: what a person remembers while the process restarts."""
        self.moves = 0
        """Made so far; a repeated one counts once."""

    def converse(self, graph: Any) -> None:
        """Go on until nothing is left to say. Raises `Crash` where the process dies."""
        if self.pending is not None and self.repeats:
            self._make(graph, *self.pending)
        for _ in range(MOVES_MAX):
            move = self._next(graph)
            if move is None:
                return
            self.moves += 1
            self._make(graph, move, f"move {self.moves}" if self.repeats else "")
        raise AssertionError(f"{MOVES_MAX} moves and no end: {graph.get_state(on(self.thread))}")

    def _next(self, graph: Any) -> Move | None:
        state, history = graph.get_state(on(self.thread)), list(graph.get_state_history(on(self.thread)))
        special = self.story.special(state, history)
        if special is not None:
            return special
        if state.interrupts:
            answers = {asked.id: self.story.answers[asked.value] for asked in state.interrupts}
            return Move(Command(resume=dict(list(answers.items())[:1]) if self.story.one_by_one else answers))
        if state.next:
            return Move(None)
        taken = sum(snapshot.metadata["source"] == "input" for snapshot in history)
        return Move(self.story.inputs[taken]) if taken < len(self.story.inputs) else None

    def _make(self, graph: Any, move: Move, command_id: str) -> None:
        self.pending = (move, command_id)
        for _ in range(3):
            try:
                self._call(graph, move, command_id)
            except NotToday:
                break
            except StoreError:
                if graph.saver.store.dead:
                    raise Crash("on another thread") from None
                if self.repeats:
                    continue
            break
        self.pending = None

    def _call(self, graph: Any, move: Move, command_id: str) -> None:
        config = on(self.thread, **move.config, **({"command_id": command_id} if command_id else {}))
        if move.update is not None:
            graph.update_state(config, *move.update)
        elif self.story.asynchronous:
            asyncio.run(graph.ainvoke(move.given, config))
        else:
            graph.invoke(move.given, config)


# -- the graphs


def asks(name: str) -> Callable[[Any], dict[str, Any]]:
    """A node that asks its own name and notes the answer."""
    return lambda state: {"names": [f"{name}: {interrupt(name)}"]}


def pays(ledger: Ledger, what: str) -> Callable[[Any], dict[str, Any]]:
    """A node with two recorded effects, others in every turn."""

    def body(state: State) -> dict[str, Any]:
        order = f"{what} after {len(state['names'])}"
        return {"names": [ledger.charge(order), ledger.charge(f"{order}, shipping")]}

    return body


def _chain(ledger: Ledger) -> StateGraph:
    return chain(a=named("a"), b=pays(ledger, "the order"), c=named("c"))


def _parallel_questions(ledger: Ledger) -> StateGraph:
    builder = side_by_side(ann=asks("ann"), bob=asks("bob"), pay=pays(ledger, "the order"))
    return builder.add_node("join", named("join")).add_edge(["ann", "bob", "pay"], "join")


def _pays_before_and_after_asking(ledger: Ledger) -> StateGraph:
    def body(state: State) -> dict[str, Any]:
        deposit = ledger.charge("deposit")
        answer = interrupt("pay the rest?")
        return {"names": [deposit, answer, ledger.charge("rest")]}

    return chain(a=named("a"), body=body, z=named("z"))


def _fan_out(ledger: Ledger) -> StateGraph:
    def send(state: State) -> list[Send]:
        return [Send("work", {"names": [str(number)]}) for number in range(3)]

    def work(state: State) -> dict[str, Any]:
        (number,) = state["names"]
        return {"names": [f"{number}: {interrupt('first?')}" if number == "1" else ledger.charge(number)]}

    builder = StateGraph(State).add_node("work", work).add_node("sum", named("sum"))
    return builder.add_conditional_edges(START, send, ["work"]).add_edge("work", "sum")


def _loop(ledger: Ledger) -> StateGraph:
    def ask(state: State) -> dict[str, Any]:
        return {"names": [interrupt(f"round {len(state['names'])}")]}

    def more(state: State) -> str:
        return "ask" if state["names"][-1] == "more" else "end"

    builder = StateGraph(State).add_node("ask", ask).add_node("end", pays(ledger, "the round"))
    return builder.add_edge(START, "ask").add_conditional_edges("ask", more, ["ask", "end"])


def _conditional_entry(ledger: Ledger) -> StateGraph:
    def entry(state: State) -> list[str]:
        return ["left", "right"] if state["names"] else ["left"]

    builder = StateGraph(State).add_node("left", asks("left")).add_node("right", pays(ledger, "right"))
    return builder.add_conditional_edges(START, entry, ["left", "right"])


def _goto(ledger: Ledger) -> StateGraph:
    def route(state: State) -> Command[str]:
        answer = interrupt("where to?")
        return Command(update={"names": [ledger.charge("the way")]}, goto=[answer, Send("b", {"names": ["sent"]})])

    def echo(state: State) -> dict[str, Any]:
        return {"names": [f"b after {state['names'][-1]}"]}

    return (
        StateGraph(State)
        .add_node("route", route)
        .add_node("b", echo)
        .add_node("c", named("c"))
        .add_edge(START, "route")
    )


class Tally(TypedDict):
    names: Annotated[list[str], lambda before, more: [*before, *more]]
    best: Annotated[int, max]
    names_by: Annotated[dict[str, str], operator.or_]


def _user_reducer(ledger: Ledger) -> StateGraph:
    def scores(name: str, points: int) -> Callable[[Tally], dict[str, Any]]:
        return lambda state: {"names": [ledger.charge(name)], "best": points, "names_by": {name: str(points)}}

    builder = StateGraph(Tally).add_node("a", scores("a", 3)).add_node("b", scores("b", 5)).add_node("ask", asks("ask"))
    for name in ("a", "b", "ask"):
        builder.add_edge(START, name)
    return builder.add_node("end", lambda state: {"names": Overwrite(["end"])}).add_edge(["a", "b", "ask"], "end")


def _fails(ledger: Ledger) -> StateGraph:
    def fails(state: State) -> dict[str, Any]:
        receipt = ledger.charge("before failing")
        if ledger.visits("fails") <= 2:
            raise NotToday
        return {"names": [receipt]}

    policy = RetryPolicy(initial_interval=0.0001, max_attempts=2, jitter=False, retry_on=NotToday)
    builder = StateGraph(State).add_node("a", named("a")).add_node("fails", fails, retry_policy=policy)
    return builder.add_edge(START, "a").add_edge(START, "fails")


def _tools(ledger: Ledger) -> StateGraph:
    @tool
    def pay(what: str) -> str:
        """Pay for something."""
        ledger.note(f"paid {what}")
        return f"paid {what}"

    @tool
    def approve(what: str) -> str:
        """Ask whether something may be done."""
        return f"{what}: {interrupt(what)}"

    def model(state: MessagesState) -> dict[str, Any]:
        if len(state["messages"]) > 1:
            return {"messages": [AIMessage("done", id="done")]}
        names = {"call 1": ("pay", "tea"), "call 2": ("approve", "coffee"), "call 3": ("pay", "cake")}
        calls = [{"name": name, "args": {"what": what}, "id": id} for id, (name, what) in names.items()]
        return {"messages": [AIMessage("", id="calls", tool_calls=calls)]}  # type: ignore[arg-type]

    builder = StateGraph(MessagesState).add_node("model", model).add_node("tools", ToolNode([pay, approve]))
    builder.add_conditional_edges("model", lambda state: "__end__" if len(state["messages"]) > 2 else "tools")
    return builder.add_edge(START, "model").add_edge("tools", "model")


def _nested(ledger: Ledger) -> StateGraph:
    inner = chain(first=asks("inner one"), second=pays(ledger, "inside"), third=asks("inner two")).compile()

    def outer(state: State) -> dict[str, Any]:
        return {"names": inner.invoke({"names": [ledger.charge("outside")]})["names"]}

    return chain(a=named("a"), outer=outer, z=named("z"))


def _deferred(ledger: Ledger) -> StateGraph:
    builder = chain(a=named("a"), b=asks("b"), c=named("c"))
    return builder.add_node("last", pays(ledger, "the end"), defer=True).add_edge("a", "last")


def _async_parallel(ledger: Ledger) -> StateGraph:
    async def ask(state: State) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"names": [ledger.charge("async"), interrupt("async?")]}

    return side_by_side(a=anamed("a"), ask=ask, sync=asks("sync"))


def _changes_by_hand(state: Any, history: list[Any]) -> Move | None:
    """At the breakpoint before "b": once an update in the name of "a"."""
    if state.next == ("b",) and state.values["names"] == ["a"]:
        return Move(update=({"names": ["by hand"]}, "a"))
    return None


def _goes_back(state: Any, history: list[Any]) -> Move | None:
    """When all is over: once back to where "b" was due, and on from there."""
    if not history or state.next or any(snapshot.metadata["source"] == "fork" for snapshot in history):
        return None
    place = next(snapshot for snapshot in history if snapshot.next == ("b",))
    return Move(None, config={"checkpoint_id": place.config["configurable"]["checkpoint_id"]})


STOPS = {"interrupt_before": ["b"], "interrupt_after": ["b"]}
STORIES: dict[str, Story] = {
    "chain": Story(_chain, inputs=({"names": ["one"]}, {"names": ["two"]})),
    "parallel questions": Story(_parallel_questions, answers={"ann": "yes", "bob": "no"}),
    "parallel questions one by one": Story(
        _parallel_questions, answers={"ann": "yes", "bob": "no"}, one_by_one=True, inputs=({"names": []}, {"names": []})
    ),
    "effects around a question": Story(_pays_before_and_after_asking, answers={"pay the rest?": "yes"}),
    "fan out": Story(_fan_out, answers={"first?": "me"}),
    "loop": Story(_loop, answers={"round 0": "more", "round 1": "more", "round 2": "enough"}),
    "conditional entry": Story(_conditional_entry, answers={"left": "ok"}, inputs=({"names": []}, {"names": ["x"]})),
    "goto": Story(_goto, answers={"where to?": "c"}),
    "user reducer": Story(_user_reducer, inputs=({"best": 1},), answers={"ask": "ok"}),
    "failing node": Story(_fails),
    "breakpoints": Story(lambda ledger: chain(a=named("a"), b=pays(ledger, "b"), c=named("c")), options=STOPS),
    "tools": Story(_tools, inputs=({"messages": [("user", "shop")]},), answers={"coffee": "yes"}),
    "nested graph": Story(_nested, answers={"inner one": 1, "inner two": 2}),
    "deferred node": Story(_deferred, answers={"b": "ok"}),
    "async": Story(_async_parallel, answers={"async?": "yes", "sync": "no"}, asynchronous=True),
    "async chain": Story(
        lambda ledger: chain(a=anamed("a"), b=asks("b"), c=anamed("c")), answers={"b": "ok"}, asynchronous=True
    ),
    "by hand": Story(
        lambda ledger: chain(a=named("a"), b=pays(ledger, "b")),
        options={"interrupt_before": ["b"]},
        special=_changes_by_hand,
    ),
    "time travel": Story(
        lambda ledger: chain(a=named("a"), b=asks("b"), c=named("c")), answers={"b": "ok"}, special=_goes_back
    ),
}


def comparable(values: Any) -> Any:
    """A state's values without the ids that are made by chance."""
    if isinstance(values, dict):
        return {key: comparable(value) for key, value in values.items()}
    if isinstance(values, list):
        return [comparable(value) for value in values]
    if isinstance(values, BaseMessage):
        return (values.type, values.content, getattr(values, "tool_call_id", None))
    return values
