"""`clew state`, `clew diff` and `clew history`: what a thread's state was, what changed, and from where it branches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from ....events.vocabulary import Interrupt
from ....projections.audit.branches import TreePlace, tree
from ....projections.audit.plain import plain
from ....projections.audit.records import moment
from ....projections.audit.values import value_words
from ....projections.state.views import PregelTask, StateSnapshot
from ...audit.difference import ABSENT, Change, Changes
from ...audit.replay import Moment, Replay
from ..frame.desk import Desk, graph_option, thread_argument, with_desk
from ..frame.group import Failure
from ..frame.output import Column
from ..frame.times import Point, day_and_time

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

DIFF = (Column("key", style="cyan"), Column("how", style="bold"), Column("what", fold=True))

ns_option = click.option("--ns", default="", metavar="NAMESPACE", help="Of the graph inside with this namespace.")


@click.command()
@with_desk()
@thread_argument
@click.option("--at", metavar="POINT", type=Point(), help="After this version, or at this time; now by default.")
@ns_option
@graph_option
def state(desk: Desk, thread: str, at: int | datetime | None, ns: str, graph: str | None) -> None:
    """Print a thread's state, now, after any version or at any time.

    It is folded from the log; nothing is run. Without --graph a key with a
    reducer of the graph's own shows what was written to it.
    """
    replay = desk.replay(thread, graph)
    moment = replay.at(-1 if at is None else at)
    shown = _snapshot(replay, moment, ns)
    record = {"thread": replay.thread, "version": moment.version, "ns": ns, **snapshot_record(shown)}
    facts = [
        *((name, value_words_of(value)) for name, value in named_values(shown.values)),
        ("next", ", ".join(shown.next) or "nothing is due"),
        *((f"failed {task.name}", str(task.error)) for task in shown.tasks if task.error is not None),
        *((f"asks {one.id[:8]}", value_words_of(one.value)) for one in shown.interrupts),
    ]
    desk.out.record(facts, record)
    _say_unfolded(desk, replay)
    if moment.version:
        desk.next("diff", replay.thread, str(moment.version - 1), str(moment.version))
    else:
        desk.next("history", replay.thread)


@click.command()
@with_desk()
@thread_argument
@click.argument("before", type=Point())
@click.argument("after", type=Point())
@ns_option
@graph_option
def diff(desk: Desk, thread: str, before: int | datetime, after: int | datetime, ns: str, graph: str | None) -> None:
    """Print what changed in a thread's state between two points.

    BEFORE and AFTER are versions or times. Of a list that only grew, what it
    has more is shown.
    """
    replay = desk.replay(thread, graph)
    changes = replay.changes(before, after, ns)
    last = replay.version(after)
    record = {
        "thread": replay.thread,
        "before": replay.version(before) if isinstance(before, int) else before.isoformat(),
        "after": last,
        "ns": ns,
        **changes_record(changes),
    }
    rows = [
        *((one.key, one.kind, _change_words(one)) for one in changes.keys.values()),
        *([("", "next", " -> ".join(", ".join(due) or "nothing" for due in changes.next))] if _moved(changes) else []),
        *(("", "no longer asked", value_words_of(one.value)) for one in changes.settled),
        *(("", "asked", value_words_of(one.value)) for one in changes.asked),
    ]
    desk.out.figure(DIFF, rows, record)
    if not changes:
        desk.out.say("no difference", "dim")
    _say_unfolded(desk, replay)
    desk.next("events", replay.thread, "--to", str(last))


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
    replay = desk.replay(thread)
    line = replay.timeline.after(replay.last).last_line(ns)
    if line.head is None:
        raise Failure(f"thread {replay.thread!r} has nothing in namespace {ns!r}")
    places = [*tree(line)][:limit]
    rows = (row for place in places for row in _history_rows(place))
    desk.out.rows(HISTORY, rows, (_history_record(place) for place in places))
    desk.next("state", replay.thread, "--at", str(places[0].checkpoint.version))


def value_words_of(value: Any) -> str:
    """A value as tables show it."""
    return value_words(value, WORDS_MAX)


def named_values(values: Any) -> list[tuple[str, Any]]:
    """The values of a state by key; of a state that is one value, that one."""
    return list(values.items()) if isinstance(values, Mapping) else [("value", values)]


def changes_record(changes: Changes) -> dict[str, Any]:
    """Differences as JSON; a key that one side lacks has no `before` or no `after`."""
    return {
        "keys": {key: _change_record(change) for key, change in changes.keys.items()},
        "next": {"before": list(changes.next[0]), "after": list(changes.next[1])},
        "asked": [question_record(one) for one in changes.asked],
        "settled": [question_record(one) for one in changes.settled],
    }


def question_record(asked: Interrupt) -> dict[str, Any]:
    """A question with what it asks, as JSON."""
    return {"id": asked.id, "value": plain(asked.value), "schema": plain(asked.response_schema)}


def _change_record(change: Change) -> dict[str, Any]:
    record: dict[str, Any] = {"kind": change.kind}
    for name, value in (("before", change.before), ("after", change.after)):
        if value is not ABSENT:
            record[name] = plain(value)
    if change.more:
        record["more"] = plain(change.more)
    return record


def _change_words(change: Change) -> str:
    if change.more:
        return f"+ {value_words_of(change.more)}"
    if change.kind == "added":
        return value_words_of(change.after)
    if change.kind == "removed":
        return value_words_of(change.before)
    return f"{value_words_of(change.before)} -> {value_words_of(change.after)}"


def _moved(changes: Changes) -> bool:
    return changes.next[0] != changes.next[1]


def _snapshot(replay: Replay, moment: Moment, ns: str) -> StateSnapshot:
    shown = moment.state_of(ns)
    if shown.created_at is None:
        where = f"in namespace {ns!r} " if ns else ""
        raise Failure(f"thread {replay.thread!r} has no state {where}at version {moment.version}")
    return shown


def _say_unfolded(desk: Desk, replay: Replay) -> None:
    if replay.not_folded:
        names = ", ".join(replay.not_folded)
        desk.out.say(f"{names}: the reducer is code that is not at hand; give it with --graph module:name", "yellow")


def snapshot_record(shown: StateSnapshot) -> dict[str, Any]:
    """A snapshot as JSON."""
    return {
        "checkpoint": shown.config.get("configurable", {}).get("checkpoint_id"),
        "created": shown.created_at,
        "next": list(shown.next),
        "values": plain(shown.values),
        "tasks": [_task_record(task) for task in shown.tasks],
        "questions": [question_record(one) for one in shown.interrupts],
        "metadata": plain(shown.metadata),
    }


def _task_record(task: PregelTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "node": task.name,
        "error": None if task.error is None else str(task.error),
        "questions": [one.id for one in task.interrupts],
        "result": plain(task.result),
    }


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
