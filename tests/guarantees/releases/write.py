"""Writes what the version at hand stores: `python -m tests.guarantees.releases.write`, once for each release.

Beside this file, in a folder named by the version: a SQLite store, the log of each of its threads, and `expected.json`:
what each thread's state is, and what its next call must lead to. None of it is ever written again.
"""

from __future__ import annotations

import json
import operator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypedDict

from clew import START, Command, MessagesState, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver, SqliteSaver
from clew.func import task
from clew.testing import save_log
from clew.types import Send
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

FOLDER = Path(__file__).parent


class State(MessagesState):
    said: Annotated[list[str], operator.add]
    odd: dict[str, Any]


class Inner(TypedDict):
    said: Annotated[list[str], operator.add]


@task
def cost(name: str) -> int:
    return len(name)


def begin(state: State) -> dict[str, Any]:
    call = {"name": "look", "args": {"at": "the weather"}, "id": "c1", "type": "tool_call"}
    messages = [AIMessage("", tool_calls=[call], id="m1"), ToolMessage("sunny", tool_call_id="c1", id="m2")]
    odd = {"bytes": b"\x00\xff", "set": {1, 2}, "tuple": (1, (2,)), "big": 2**80, "none": None, "text": "é\ud800"}
    return {"messages": messages, "said": [f"begin {cost('begin').result()}"], "odd": odd}


def ask(state: State) -> dict[str, Any]:
    return {"said": [f"ask {cost('ask').result()} {interrupt('Go on?', response_schema={'type': 'string'})}"]}


def check(state: Inner) -> dict[str, Any]:
    return {"said": [f"check {interrupt({'question': 'Checked?'})}"]}


def work(state: Any) -> dict[str, Any]:
    return {"said": [f"work {state['number']}"]}


def graph(saver: BaseCheckpointSaver) -> Any:
    """Tasks, a question, Sends, a graph inside that asks, a breakpoint."""
    inner = StateGraph(Inner).add_node("check", check).add_edge(START, "check").compile()
    builder = StateGraph(State).add_node("begin", begin).add_node("ask", ask).add_node("work", work)
    builder.add_node("inner", inner).add_node("end", lambda state: {"said": ["end"]})
    builder.add_edge(START, "begin").add_edge("begin", "ask").add_edge("work", "inner").add_edge("inner", "end")
    builder.add_conditional_edges("ask", lambda state: [Send("work", {"number": number}) for number in range(3)])
    return builder.compile(checkpointer=saver, interrupt_before=["end"], name="release")


def config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread, "who": "ann"}}


def step(compiled: Any, thread: str) -> None:
    """The next call that the thread needs."""
    asked = compiled.get_state(config(thread)).interrupts
    compiled.invoke(Command(resume={one.id: "yes" for one in asked}) if asked else None, config(thread))


THREADS = {"asks": 0, "asks inside": 1, "at a breakpoint": 2, "over": 3}
"""Thread to the calls that it has had beyond its first."""


def shown(compiled: Any, thread: str) -> dict[str, Any]:
    """A thread's state, as text where JSON has no form for it."""
    state = compiled.get_state(config(thread))
    values = {key: repr(value) if key == "odd" else value for key, value in state.values.items() if key != "messages"}
    messages = [[type(message).__name__, message.text, message.id] for message in state.values["messages"]]
    asked = [[one.id, one.value, one.response_schema] for one in state.interrupts]
    place = state.config["configurable"]["checkpoint_id"]
    history = [past.config["configurable"]["checkpoint_id"] for past in compiled.get_state_history(config(thread))]
    return {
        "values": values,
        "messages": messages,
        "next": list(state.next),
        "asked": asked,
        "checkpoint": place,
        "history": history,
    }


def write(folder: Path) -> None:
    """Write a release's folder. It must not be there."""
    folder.mkdir()
    path = folder / "threads.sqlite3"
    expected: dict[str, Any] = {}
    with SqliteSaver.from_conn_string(str(path)) as saver:
        compiled = graph(saver)
        for thread, steps in THREADS.items():
            compiled.invoke({"messages": [HumanMessage("hello", id="m0")], "said": []}, config(thread))
            for _ in range(steps):
                step(compiled, thread)
            expected[thread] = shown(compiled, thread)
            save_log(saver, thread, folder / f"{thread.replace(' ', '_')}.jsonl", note=f"written by {version('clew')}")
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    write(FOLDER / version("clew"))
