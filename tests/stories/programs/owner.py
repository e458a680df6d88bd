"""Owns threads: runs each whose name it reads, stops in the middle of its step until Enter, and says what came of it:

python owner.py threads.db
"""

import json
import operator
import sys
from typing import Annotated, TypedDict

from clew import START, StateGraph
from clew.func import task


class Work(TypedDict, total=False):
    by: Annotated[list[str], operator.add]


@task
def effect(who: str) -> str:
    return who


def graph_of(who: str, wait: object = None) -> StateGraph:
    """The same graph for everybody: a step that records an effect, and one after it."""

    def work(state: Work) -> Work:
        if callable(wait):
            wait()
        return {"by": [effect("the one effect").result() + f" of {who}"]}

    def after(state: Work) -> Work:
        return {"by": [f"after, by {who}"]}

    return StateGraph(Work).add_node(work).add_node(after).add_edge(START, "work").add_edge("work", "after")


def main(address: str) -> None:
    from store_at import store_at  # beside this file where it is run, and not where a test imports it

    def wait() -> None:
        print(json.dumps("in the middle"), flush=True)
        sys.stdin.readline()

    with store_at(address) as saver:
        graph = graph_of("the first owner", wait).compile(checkpointer=saver)
        while thread := sys.stdin.readline().strip():
            try:
                said = graph.invoke({"by": []}, {"configurable": {"thread_id": thread}})
            except Exception as error:
                said = type(error).__name__
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
