"""`clew demo`: a chatbot on a SQLite file, from its input to its question, over the process's end, to its log.

Every run of the command does the same: it looks at what the file says of the thread and goes on from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from ....events.codec.commits import decode_commit
from ....events.errors import RefusedError, StaleVersionError, ThreadErasedError
from ....events.stores.saver import BaseCheckpointSaver
from ....events.stores.sqlite_saver import SqliteSaver
from ....events.vocabulary import Command, Interrupt, Recorded, Resumed
from ....projections.audit.story import StoryLine, story
from ....projections.state.views import StateSnapshot
from ...doors.compiled import CompiledStateGraph
from .chatbot import INPUT, NAME, build_chatbot
from .screen import Screen, clock

DONE = 0
"""Exit code: the thread finished, or its question waits."""
FAILED = 1
"""Exit code: the answer was not taken, or the store failed."""
INTERRUPTED = 130
"""Exit code: left with Ctrl+C; what shells use for it."""

LOOKS_MAX = 5
"""How often the demo looks at a thread that another process is working on at the same time."""


class Demo:
    """One run of the command.

    Args:
        screen: where it prints.
        file: the SQLite file.
        thread: the thread's name; a number is added where the name was erased.
        again: the command that does the same once more, to be shown.
        asks: whether somebody sits at a terminal and can be asked.
    """

    def __init__(self, screen: Screen, file: Path, thread: str, again: str, *, asks: bool) -> None:
        self._screen = screen
        self._file = file
        self._again = again
        self._asks = asks
        self._thread = thread
        self._shown = 0
        """How many of the thread's messages are on the screen."""

    def run(self, answer: str | None, reset: bool) -> int:
        """Bring the thread as far as it goes, and print it; the exit code.

        Raises:
            ClewError: the thread is another graph's, the answer came too late, or the store failed.
        """
        with SqliteSaver.from_conn_string(str(self._file.absolute())) as saver:
            self._choose_thread(saver, reset)
            graph = build_chatbot(saver)
            snapshot = self._up_to_question(graph, saver)
            if snapshot.interrupts:
                taken = self._answer(snapshot.interrupts[0], answer)
                if taken is None:
                    return DONE
                self._stream(graph, Command(resume={snapshot.interrupts[0].id: {"data": taken}}))
        lines = self._print_log()
        if answer is not None and not snapshot.interrupts:
            self._screen.failed(_too_late(lines))
            return FAILED
        self._screen.ends(self._again)
        return DONE

    def _choose_thread(self, saver: BaseCheckpointSaver, reset: bool) -> None:
        """Settle on the first name that was not erased; with `reset`, on the next one after erasing it."""
        name, number = self._thread, 1
        while True:
            try:
                head = saver.store.head(self._thread, saver.tenant)
            except ThreadErasedError:
                head = None
            else:
                if head is not None and head.head.graph != NAME:
                    raise RefusedError(
                        f"thread {self._thread!r} in {self._file} belongs to graph {head.head.graph!r}: "
                        "choose another --thread or --store"
                    )
                if head is None or not reset:
                    return
                saver.delete_thread(self._thread)
                reset = False
            number += 1
            self._thread = f"{name}-{number}"

    def _up_to_question(self, graph: CompiledStateGraph, saver: BaseCheckpointSaver) -> StateSnapshot:
        """Begin the thread, or take it up where the log says it is; look again when another process was first."""
        for _ in range(LOOKS_MAX - 1):
            try:
                return self._look(graph, saver)
            except StaleVersionError:
                continue
        return self._look(graph, saver)

    def _look(self, graph: CompiledStateGraph, saver: BaseCheckpointSaver) -> StateSnapshot:
        began = time.perf_counter()
        snapshot = graph.get_state(self._config)
        milliseconds = (time.perf_counter() - began) * 1000
        if snapshot.created_at is None:
            self._screen.began(self._thread, self._file)
            self._stream(graph, {"messages": [{"role": "user", "content": INPUT}]})
        else:
            head = saver.store.head(self._thread, saver.tenant)
            commits = 0 if head is None else head.version + 1
            self._screen.found(self._thread, self._file, commits, milliseconds, snapshot.next)
            self._show_messages(snapshot.values)
            if snapshot.next and not snapshot.interrupts:
                # The process was killed before it reached the question, or after the answer was recorded.
                self._stream(graph, None)
        return graph.get_state(self._config)

    def _answer(self, question: Interrupt, answer: str | None) -> str | None:
        """The answer, given or typed; None where nobody can be asked."""
        self._screen.asked(str(question.value["query"]), question.id)
        if answer is not None:
            self._screen.answered(answer)
            return answer
        if not self._asks:
            self._screen.waits(self._again)
            return None
        self._screen.offers_to_be_killed(os.getpid(), self._again)
        taken: str = click.prompt("Your answer", prompt_suffix=": ")
        self._screen.pause()
        return taken

    def _stream(self, graph: CompiledStateGraph, given: Any) -> None:
        for values in graph.stream(given, self._config, stream_mode="values"):
            self._show_messages(values)

    def _show_messages(self, values: dict[str, Any]) -> None:
        messages: list[BaseMessage] = values.get("messages", [])
        for message in messages[self._shown :]:
            self._screen.said(message)
        self._shown = max(self._shown, len(messages))

    def _print_log(self) -> list[StoryLine]:
        """Read the file as another process would, through a store and a graph of their own; the log's lines."""
        with SqliteSaver.from_conn_string(str(self._file.absolute())) as saver:
            graph = build_chatbot(saver)
            commits = self._commits(graph, saver)
            lines = list(story(commits))
            self._screen.log(self._thread, self._file, len(commits), lines)
            self._screen.state(graph.get_state(self._config), len(commits))
        return lines

    def _commits(self, graph: CompiledStateGraph, saver: BaseCheckpointSaver) -> list[Recorded]:
        rows = saver.store.read(self._thread, tenant=saver.tenant)
        return [
            Recorded(
                row.thread,
                row.version,
                row.position,
                row.digest,
                decode_commit(row.body, graph.codec, thread=row.thread, version=row.version),
            )
            for row in rows
        ]

    @property
    def _config(self) -> RunnableConfig:
        # `who` is recorded with every command: the log then shows which process asked and which one answered.
        return {"configurable": {"thread_id": self._thread, "who": f"process {os.getpid()}"}}


def _too_late(lines: Sequence[StoryLine]) -> str:
    winners = [line for line in lines if line.event == Resumed.__name__]
    if not winners:
        return "nothing was asked, so your answer was not taken"
    winner = winners[-1]
    return f"your answer was not taken: {winner.who} gave one at {clock(winner.time)} UTC, and one answer counts"
