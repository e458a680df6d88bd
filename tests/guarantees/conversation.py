"""The thread on which the plan's lines try their harm: steps, a question, more steps; and whoever goes on with it."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from clew import START, Command, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver

STEPS = 3
"""Before the question, and after it."""
DONE = [*(f"before {number}" for number in range(STEPS)), "yes", *(f"after {number}" for number in range(STEPS))]
"""What the log says once the conversation is over."""


class Log(TypedDict):
    said: Annotated[list[str], operator.add]


def ask(state: Log) -> dict[str, list[str]]:
    return {"said": [interrupt("Shall we go on?")]}


def graph(saver: BaseCheckpointSaver) -> Any:
    """A chain of steps around a question."""
    builder = StateGraph(Log)
    names = [*(f"before {number}" for number in range(STEPS)), "ask", *(f"after {number}" for number in range(STEPS))]
    for name in names:
        builder.add_node(name, ask if name == "ask" else lambda state, said=name: {"said": [said]})
    for before, after in zip([START, *names], names, strict=False):
        builder.add_edge(before, after)
    return builder.compile(checkpointer=saver)


def at(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


def step(conversation: Any, thread: str) -> bool:
    """Do the next thing that the thread needs, as a service that knows nothing of it would; False once it is over."""
    found = conversation.get_state(at(thread))
    if found.interrupts:
        conversation.invoke(Command(resume="yes"), at(thread))
    elif found.next:
        conversation.invoke(None, at(thread))
    elif not found.values:
        conversation.invoke({"said": []}, at(thread))
    else:
        return False
    return True


def finish(conversation: Any, thread: str) -> list[str]:
    """Go on until the thread is over; what its log says then."""
    while step(conversation, thread):
        pass
    return conversation.get_state(at(thread)).values["said"]
