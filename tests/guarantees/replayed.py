"""Prints a digest of every thread's replayed state. Run as `python -m tests.guarantees.replayed FILE`."""

from __future__ import annotations

import operator
import sys
from typing import Annotated, Any, TypedDict

from clew import StateGraph
from clew.checkpoint import BaseCheckpointSaver, SqliteSaver
from clew.events.codec import Codec
from clew.events.codec.digest import canonical_digest


def merged(left: dict[str, float] | None, right: dict[str, float]) -> dict[str, float]:
    return {**(left or {}), **right}


def united(left: set[str] | None, right: set[str]) -> set[str]:
    return (left or set()) | right


class Log(TypedDict):
    log: Annotated[list[Any], operator.add]
    by_name: Annotated[dict[str, float], merged]
    tags: Annotated[set[str], united]


def digests(saver: BaseCheckpointSaver) -> dict[str, str]:
    """Of each thread: its values, what is due, and what is asked."""
    builder = StateGraph(Log)
    for name in ("fan", "leaf", "ask"):
        builder.add_node(name, lambda state: {})
    graph = builder.set_entry_point("fan").compile(checkpointer=BaseCheckpointSaver(saver.store))
    codec = Codec()
    found: dict[str, str] = {}
    for head in saver.store.heads(limit=1_000_000):
        state = graph.get_state({"configurable": {"thread_id": head.thread}})
        asked = [[question.id, question.value] for question in state.interrupts]
        told = [state.values, list(state.next), state.config["configurable"]["checkpoint_id"], state.metadata, asked]
        found[head.thread] = canonical_digest(told, codec).hex()
    return found


if __name__ == "__main__":
    with SqliteSaver.from_conn_string(sys.argv[1]) as opened:
        for thread, digest in digests(opened).items():
            print(thread, digest)
