"""`clew state`, `clew diff` and `clew history`: what a thread's state was, what changed, and from where it branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ....projections.audit.branches import TreePlace, tree
from ....projections.audit.plain import plain
from ....projections.audit.records import moment
from ....projections.audit.values import value_words
from ....projections.state.views import PregelTask, StateSnapshot
from ..frame.desk import Desk, graph_option, thread_argument, with_desk
from ..frame.group import Failure
from ..frame.output import Column
from ..frame.reading import ThreadReading
from ..frame.times import day_and_time

WORDS_MAX = 2000
"""Characters of a value that a table shows."""
HISTORY = (
    Column("", style="yellow"),
    Column("checkpoint", style="cyan"),
    Column("version", right=True),
    Column("UTC", style="dim"),
    Column("step", right=True),
    Column("source"),
    Column("next", fold=True),
)

ns_option = click.option("--ns", default="", metavar="NAMESPACE", help="Of the graph inside with this namespace.")


@click.command()
@with_desk()
@thread_argument
@click.option("--at", metavar="N", type=click.IntRange(0), help="As it was after version N; the last one by default.")
@ns_option
@graph_option
def state(desk: Desk, thread: str, at: int | None, ns: str, graph: str | None) -> None:
    """Print a thread's state, now or after any version.

    It is folded from the log; nothing is run. Without --graph a key with a
    reducer of the graph's own shows what was written to it last.
    """
    reading = desk.reading(thread, graph)
    version = reading.version if at is None else at
    shown = _snapshot(reading, version, ns)
    record = {"thread": reading.thread, "version": version, "ns": ns, **snapshot_record(shown)}
    facts = [
        *((name, value_words_of(value)) for name, value in _named(shown.values)),
        ("next", ", ".join(shown.next) or "nothing is due"),
        *((f"failed {task.name}", str(task.error)) for task in shown.tasks if task.error is not None),
        *((f"asks {one.id[:8]}", value_words_of(one.value)) for one in shown.interrupts),
    ]
    desk.out.record(facts, record)
    _say_unfolded(desk, reading)
    if version:
        desk.next("diff", reading.thread, str(version - 1), str(version))
    else:
        desk.next("history", reading.thread)


@click.command()
@with_desk()
@thread_argument
@ns_option
@click.option("-n", "--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many at most.")
def history(desk: Desk, thread: str, ns: str, limit: int) -> None:
    """Print a thread's checkpoints, newest first, with its branches.

    `@` is where the thread stands; a column of its own is a branch; |-' is
    where branches part.
    """
    reading = desk.reading(thread)
    line = reading.at(reading.version).last_line(ns)
    if line.head is None:
        raise Failure(f"thread {reading.thread!r} has nothing in namespace {ns!r}")
    places = [*tree(line)][:limit]
    rows = (row for place in places for row in _history_rows(place))
    desk.out.rows(HISTORY, rows, (_history_record(place) for place in places))
    desk.next("state", reading.thread, "--at", str(places[0].checkpoint.version))


def value_words_of(value: Any) -> str:
    """A value as tables show it."""
    return value_words(value, WORDS_MAX)


def snapshot_record(shown: StateSnapshot) -> dict[str, Any]:
    """A snapshot as JSON."""
    return {
        "checkpoint": shown.config.get("configurable", {}).get("checkpoint_id"),
        "created": shown.created_at,
        "next": list(shown.next),
        "values": plain(shown.values),
        "tasks": [_task_record(task) for task in shown.tasks],
        "questions": [
            {"id": one.id, "value": plain(one.value), "schema": plain(one.response_schema)} for one in shown.interrupts
        ],
        "metadata": plain(shown.metadata),
    }


def _snapshot(reading: ThreadReading, version: int, ns: str) -> StateSnapshot:
    shown = reading.snapshot(reading.at(version), ns)
    if shown is None:
        where = f"in namespace {ns!r} " if ns else ""
        raise Failure(f"thread {reading.thread!r} has no state {where}at version {version}")
    return shown


def _task_record(task: PregelTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "node": task.name,
        "error": None if task.error is None else str(task.error),
        "questions": [one.id for one in task.interrupts],
        "result": plain(task.result),
    }


def _named(values: Any) -> list[tuple[str, Any]]:
    return list(values.items()) if isinstance(values, Mapping) else [("value", values)]


def _say_unfolded(desk: Desk, reading: ThreadReading) -> None:
    if reading.unfolded:
        names = ", ".join(reading.unfolded)
        desk.out.say(
            f"{names}: the reducer is code that is not at hand, so the last write is shown; give --graph", "yellow"
        )


def _history_rows(place: TreePlace) -> list[tuple[str, ...]]:
    *partings, own = place.rows
    checkpoint = place.checkpoint
    due = ", ".join(task.node for task in checkpoint.tasks)
    shown = (
        own,
        checkpoint.id[:18],
        str(checkpoint.version),
        day_and_time(checkpoint.made or checkpoint.time),
        str(checkpoint.step),
        checkpoint.source,
        due,
    )
    return [*((row, "", "", "", "", "", "") for row in partings), shown]


def _history_record(place: TreePlace) -> dict[str, Any]:
    checkpoint = place.checkpoint
    return {
        "checkpoint": checkpoint.id,
        "version": checkpoint.version,
        "parent": None
        if checkpoint.parent is None
        else {"version": checkpoint.parent[0], "ordinal": checkpoint.parent[1]},
        "ordinal": checkpoint.ordinal,
        "time": moment(checkpoint.made or checkpoint.time),
        "step": checkpoint.step,
        "source": checkpoint.source,
        "next": [task.node for task in checkpoint.tasks],
        "tip": place.tip,
        "current": place.current,
    }
