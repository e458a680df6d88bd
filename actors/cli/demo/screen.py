"""What the command prints: with colours on a terminal, plain text elsewhere and under NO_COLOR, 80 columns.

User text is printed as text: no markup in it is obeyed, and no control characters reach the terminal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ....projections.audit.story import StoryLine
from ....projections.audit.values import clipped, printable
from ....projections.state.views import StateSnapshot

WHAT_CHARACTERS_MAX = 80
"""How much of a line's words the log shows: three rows at 80 columns."""
VALUE_CHARACTERS_MAX = 300


def _colours() -> Literal["auto"] | None:
    """None under NO_COLOR: then rich writes no escape at all, bold and dim included (no-color.org asks for colours)."""
    return None if os.environ.get("NO_COLOR") else "auto"


class Screen:
    """Prints the demo's steps, in the order in which they happen, to standard output and errors to standard error."""

    def __init__(self) -> None:
        self._out = Console(highlight=False, markup=False, emoji=False, color_system=_colours())
        self._error = Console(stderr=True, highlight=False, markup=False, emoji=False, color_system=_colours())

    def began(self, thread: str, file: Path) -> None:
        """A new thread."""
        self._heading(f"Thread {thread!r} begins in {file}")

    def found(self, thread: str, file: Path, commits: int, milliseconds: float, due: Sequence[str]) -> None:
        """A thread that was there before; `milliseconds` is what reading and folding its log took."""
        self._heading(f"Thread {thread!r} found in {file}")
        stands = f"next is {', '.join(due)}" if due else "nothing is left to do"
        self._line(f"Folded its {commits} commits in {milliseconds:.1f} ms: {stands}. So far:", "dim")
        self._out.print()

    def said(self, message: BaseMessage) -> None:
        """One message of the conversation."""
        self._out.print(_conversation([message]))

    def asked(self, question: str, question_id: str) -> None:
        """The question, and where it stands."""
        self._heading("The run paused at a question", "yellow")
        self._line(printable(question), "bold")
        self._line(f"question {question_id}", "dim")
        self._out.print()

    def offers_to_be_killed(self, process: int, again: str) -> None:
        """How to lose the process, and how to come back."""
        self._line("The question is in the file, so this process may go. Answer below, or press")
        self._line("Ctrl+C, or type in another terminal")
        self._command(f"kill -9 {process}")
        self._line("and go on, here or there, with")
        self._command(again)
        self._out.print()

    def waits(self, again: str) -> None:
        """Nobody can be asked: how to answer."""
        self._line("There is no terminal to ask at. The question waits in the file; answer it with")
        self._command(f'{again} --answer "TEXT"')

    def answered(self, answer: str) -> None:
        """An answer given on the command line."""
        self._line(f"Answer: {printable(answer)}")
        self._out.print()

    def pause(self) -> None:
        """An empty line."""
        self._out.print()

    def left(self, again: str) -> None:
        """Ctrl+C."""
        self._out.print()
        self._line("Left. The file has everything up to here; go on with")
        self._command(again)

    def log(self, thread: str, file: Path, commits: int, lines: Sequence[StoryLine]) -> None:
        """The thread's log, one row for each event; the version stands at the first event of its commit."""
        self._heading(f"The log of thread {thread!r}: {len(lines)} events in {commits} commits")
        table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        table.add_column("version", justify="right", style="cyan", no_wrap=True)
        table.add_column("UTC", no_wrap=True, style="dim")
        table.add_column("event", no_wrap=True, style="bold")
        table.add_column("node", overflow="ellipsis", max_width=12)
        table.add_column("what", overflow="fold")
        for line in lines:
            version = str(line.version) if line.index == 0 else ""
            table.add_row(version, clock(line.time), line.event, Text(printable(line.node)), Text(_what(line)))
        self._out.print(table)

    def state(self, snapshot: StateSnapshot, commits: int) -> None:
        """The state that folding the log gave."""
        self._heading(f"The state, rebuilt by folding the {commits} commits of the file")
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="cyan")
        table.add_column(overflow="fold")
        table.add_row("next", json.dumps(list(snapshot.next)))
        table.add_row("questions", str(len(snapshot.interrupts)))
        for name, value in snapshot.values.items():
            table.add_row(name, _value(value))
        self._out.print(table)

    def ends(self, again: str) -> None:
        """The thread is finished: what else there is."""
        self._out.print()
        self._line("Once more from the start:")
        self._command(f"{again} --reset")

    def failed(self, message: str) -> None:
        """What went wrong, on standard error."""
        self._error.print(Text(f"clew: {printable(message)}", style="red"), soft_wrap=True)

    def _heading(self, text: str, style: str = "green") -> None:
        self._out.print()
        self._out.print(Text(f"== {printable(text)}", style=f"bold {style}"))
        self._out.print()

    def _line(self, text: str, style: str = "") -> None:
        self._out.print(Text(text, style=style))

    def _command(self, text: str) -> None:
        # Not wrapped: it is there to be copied.
        self._out.print(Text(f"  {text}", style="bold"), soft_wrap=True)


def clock(microseconds: int) -> str:
    """A time of day in UTC, from microseconds since the epoch."""
    return f"{datetime.fromtimestamp(microseconds / 1_000_000, UTC):%H:%M:%S}"


def _conversation(messages: Sequence[BaseMessage]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="cyan", min_width=5)
    table.add_column(overflow="fold")
    for message in messages:
        table.add_row(message.type, Text(_said(message)))
    return table


def _said(message: BaseMessage) -> str:
    said = [printable(str(message.text))]
    if isinstance(message, AIMessage):
        said.extend(
            f"-> {call['name']}({clipped(json.dumps(call['args'], ensure_ascii=False), 200)})"
            for call in message.tool_calls
        )
    return "\n".join(part for part in said if part)


def _what(line: StoryLine) -> str:
    what = clipped(line.what, WHAT_CHARACTERS_MAX)
    return f"{what} [{printable(line.who)}]" if line.who and line.event in SAYS_WHO else what


def _value(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(item, BaseMessage) for item in value):
        return _conversation(value)
    return Text(clipped(repr(value), VALUE_CHARACTERS_MAX))


SAYS_WHO = frozenset({"RunStarted", "RunContinued", "Resumed", "StateUpdated"})
"""Events whose row names who sent the command: those that stand for one."""
