"""What the soak (R16) and the restarts (R3) put load on: threads on which clients talk, and threads with one question.

A client does one operation after the other, writes each down, and repeats under its command id what its store did not
answer. Run as a worker process: `python -m tests.guarantees.town ADDRESS DIARY CLIENT SEED THREADS`.
"""

from __future__ import annotations

import operator
import random
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, TypedDict

from clew import START, Command, PostgresSaver, Runtime, SqliteSaver, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import AlreadyAnsweredError, NothingToResumeError, StoreError

from .histories import Diary

TRIES_MAX = 200
"""Of one operation: a store that is away comes back before."""
ROUND_SECONDS = 20
"""After this all clients move on to new threads, so that a long soak keeps no thread that grows for ever."""
ACTIVE_MAX = 100
"""Threads that a worker keeps in memory: fewer than there are in a round, so that it takes no more memory later."""


class Said(TypedDict):
    said: Annotated[list[str], operator.add]


def routed(state: Said) -> str:
    return "ask" if state["said"] == [] else "listen"


def ask(state: Said) -> dict[str, list[str]]:
    return {"said": [interrupt("Who are you?")]}


def graph(saver: BaseCheckpointSaver, runtime: Runtime | None = None) -> Any:
    """An input without words asks; one with words is heard in two steps."""
    builder = StateGraph(Said).add_node("ask", ask)
    builder.add_node("listen", lambda state: {}).add_node("think", lambda state: {})
    builder.add_conditional_edges(START, routed, ["ask", "listen"]).add_edge("listen", "think")
    return builder.compile(checkpointer=saver, runtime=runtime)


def store_at(address: str) -> AbstractContextManager[SqliteSaver | PostgresSaver]:
    """A saver on a file, whose disk is not waited for, as kills are no loss of power; or on a database that crashes."""
    if "dbname=" in address:
        return PostgresSaver.from_conn_string(address)
    return SqliteSaver.from_conn_string(address, durability="os")


class Inhabitant:
    """A client."""

    def __init__(self, town: Any, diary: Diary, chance: random.Random, rests: Callable[[], None]) -> None:
        self.town = town
        self.diary = diary
        self.chance = chance
        self.rests = rests
        """Called before an operation is tried again."""
        self.number = 0

    def tell(self, thread: str) -> None:
        word = self.diary.begin("tell", thread, f"{self.diary.client} {self.number}")
        self._do(thread, word, {"said": [word]})

    def answer(self, thread: str) -> None:
        """Put the question if nobody did, and answer it."""
        config = self._config(thread, f"gate {thread}")
        try:
            self.town.invoke({"said": []}, config)
        except (StoreError, NothingToResumeError):
            return  # asked by another one, or the store is away
        word = self.diary.begin("answer", thread, f"{self.diary.client}: {thread}")
        self._do(thread, word, Command(resume=word))

    def _do(self, thread: str, word: str, given: Any) -> None:
        self.number += 1
        for _ in range(TRIES_MAX):
            try:
                reply = self.town.invoke(given, self._config(thread, word))
            except AlreadyAnsweredError as error:
                return self.diary.end(word, "refused", winner=error.winner)
            except NothingToResumeError:
                return self.diary.end(word, "refused")
            except StoreError:
                self.rests()
            else:
                return self.diary.end(word, "done", reply["said"])
        return None

    def _config(self, thread: str, command: str) -> dict[str, Any]:
        return {"configurable": {"thread_id": thread, "command_id": command, "who": self.diary.client}}

    def live(self, threads: int, goes_on: Callable[[], bool]) -> None:
        """Talk on a few threads that all talk on, and answer where others answer."""
        while goes_on():
            round_ = int(time.time()) // ROUND_SECONDS
            if self.chance.random() < 0.7:
                self.tell(f"talk {round_} {self.chance.randrange(threads)}")
            else:
                self.answer(f"gate {round_} {self.chance.randrange(threads)}")


def words(town: Any, threads: Iterable[str]) -> dict[str, list[str]]:
    """What each thread says in the end: whoever left work undone, it is done now, by a process that knows nothing."""
    found: dict[str, list[str]] = {}
    for thread in threads:
        config = {"configurable": {"thread_id": thread}}
        state = town.get_state(config)
        if state.next and not state.interrupts:
            town.invoke(None, config)
        found[thread] = town.get_state(config).values.get("said", [])
    return found


def stuck(town: Any, threads: Iterable[str]) -> list[str]:
    """Threads that do not rest, and wait for nobody's answer."""
    states = {thread: town.get_state({"configurable": {"thread_id": thread}}) for thread in threads}
    return [thread for thread, state in states.items() if state.next and not state.interrupts]


def main(address: str, diary: str, client: str, seed: str, threads: str) -> None:
    """Live until killed, or until standard input ends."""
    import select

    with store_at(address) as saver, Runtime(active_max=ACTIVE_MAX) as runtime:
        town = graph(saver, runtime)
        one = Inhabitant(town, Diary(Path(diary), client), random.Random(seed), lambda: time.sleep(0.05))
        print("lives", flush=True)
        one.live(int(threads), lambda: not select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
