"""What commands print: data on standard output, as a table or as JSON; everything else on standard error.

On a terminal a table has colours and fits the width; elsewhere, and under NO_COLOR, it is plain text with whole values.
User text is printed as text: no markup in it is obeyed, and no control characters reach the terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ....projections.audit.values import printable

FORMATS: Final = ("table", "json", "jsonl")
GAP: Final = 2
FOLD_MIN: Final = 16
"""Characters that a column has at least which takes what room is left."""


class Column(Struct, frozen=True):
    """One column of a table."""

    name: str
    right: bool = False
    fold: bool = False
    """True for the column that takes what room is left, in several rows if need be."""
    style: str = ""
    width_max: int | None = None
    """Characters of it on a terminal; longer texts end in an ellipsis there. Elsewhere nothing is cut."""


class Output:
    """Prints what a command found, in the form that was asked for."""

    def __init__(self, form: str) -> None:
        self.form = form
        colours = None if os.environ.get("NO_COLOR") else "auto"
        self._out = Console(highlight=False, markup=False, emoji=False, color_system=colours)  # type: ignore[arg-type]
        self._error = Console(stderr=True, highlight=False, markup=False, emoji=False, color_system=colours)  # type: ignore[arg-type]

    @property
    def table(self) -> bool:
        """True where people read it."""
        return self.form == "table"

    def rows(
        self, columns: Sequence[Column], rows: Iterable[Sequence[str]], records: Iterable[Mapping[str, Any]]
    ) -> None:
        """A list: `rows` as a table, or `records` as JSON. Only the one that is printed is gone through."""
        if self.table:
            self._table(columns, rows)
        elif self.form == "jsonl":
            for record in records:
                self.line(record)
        else:
            self._json(list(records))

    def record(self, facts: Iterable[tuple[str, str]], record: Mapping[str, Any]) -> None:
        """One thing: its facts one below the other, or `record` as JSON."""
        self.figure([Column("", style="cyan"), Column("", fold=True)], facts, record)

    def figure(self, columns: Sequence[Column], rows: Iterable[Sequence[str]], record: Mapping[str, Any]) -> None:
        """One thing of several parts: `rows` as a table, or `record` as one object."""
        if self.table:
            self._table(columns, rows)
        elif self.form == "jsonl":
            self.line(record)
        else:
            self._json(record)

    def line(self, record: Mapping[str, Any]) -> None:
        """One object on one line, now."""
        click.echo(json.dumps(record, ensure_ascii=False, separators=(",", ":")))

    def text(self, text: str) -> None:
        """Text as it is: data that is no list."""
        click.echo(text)

    def title(self, text: str) -> None:
        """A heading between tables; nothing in JSON."""
        if self.table:
            self._out.print(Text(f"\n{printable(text)}", style="bold"), soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """Talk, on standard error."""
        self._error.print(Text(printable(text), style=style), soft_wrap=True)

    def next(self, command: str) -> None:
        """What could be typed next, on standard error, for people only."""
        if self.table:
            self._error.print(Text(f"next: {command}", style="dim"), soft_wrap=True)

    def progress(self) -> Progress:
        """A bar on standard error, where that is a terminal."""
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeRemainingColumn())
        return Progress(*columns, console=self._error, transient=True, disable=not sys.stderr.isatty())

    def _json(self, value: Any) -> None:
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))

    def _table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        headed = any(column.name for column in columns)
        cells = [[printable(cell) for cell in row] for row in rows]
        if not self._out.is_terminal:
            _print_plain(columns, cells, headed)
            return
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_header=headed, header_style="dim")
        for column in columns:
            justify = "right" if column.right else "left"
            table.add_column(
                column.name,
                justify=justify,
                style=column.style,
                no_wrap=not column.fold,
                overflow="fold" if column.fold else "ellipsis",
                max_width=column.width_max,
                min_width=FOLD_MIN if column.fold else None,
            )
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        self._out.print(table)


def _print_plain(columns: Sequence[Column], cells: list[list[str]], headed: bool) -> None:
    """The table for a file or a pipe: no colours, nothing cut, one line for each row."""
    lines = [[" ".join(cell.split("\n")) for cell in row] for row in cells]
    if headed:
        lines.insert(0, [column.name for column in columns])
    widths = [max((len(line[number]) for line in lines), default=0) for number in range(len(columns))]
    for line in lines:
        padded = (
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        click.echo((" " * GAP).join(padded).rstrip())
