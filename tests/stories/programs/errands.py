"""Two errands at the same time, a quick one and one that takes until somebody presses Enter:

    python errands.py threads.db saturday begin       # wait for the prompt, give it a moment, then kill -9
    python errands.py threads.db saturday go-on       # press Enter: only the slow errand is run again
    cat threads.db.ledger

With `begin-exit` nothing is stored before both are done: after a kill there is nothing to go on with.

A Postgres connection string may stand in the file's place, with the ledger's name as the last word.
"""

import json
import operator
import sys
from typing import Annotated, TypedDict

from clew import END, START, StateGraph
from store_at import store_at


class Day(TypedDict, total=False):
    ledger: str
    done: Annotated[list[str], operator.add]


def note(state: Day, line: str) -> None:
    """Write down what was done where nothing can take it back."""
    with open(state["ledger"], "a") as ledger:
        ledger.write(f"{line}\n")


def post_office(state: Day) -> Day:
    note(state, "posted the letter")
    return {"done": ["letter"]}


def barber(state: Day) -> Day:
    note(state, "sat down at the barber's")
    print("at the barber's: press Enter when the hair is cut", flush=True)
    sys.stdin.readline()
    return {"done": ["hair"]}


graph = StateGraph(Day).add_node(post_office).add_node(barber)
for errand in ("post_office", "barber"):
    graph.add_edge(START, errand).add_edge(errand, END)


def main(address: str, thread: str, verb: str, ledger: str = "") -> None:
    with store_at(address) as saver:
        saturday = graph.compile(checkpointer=saver)
        given: Day | None = {"ledger": ledger or f"{address}.ledger"} if verb != "go-on" else None
        durability = "exit" if verb == "begin-exit" else "sync"
        done = saturday.invoke(given, {"configurable": {"thread_id": thread}}, durability=durability)
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
