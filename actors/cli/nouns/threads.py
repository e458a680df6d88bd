"""`clew threads`: what threads there are, and one of them as it stands."""

from __future__ import annotations

from typing import Any

import click

from ....events.stores.saver import THREADS_LISTED_MAX
from ....projections.audit.plain import plain
from ....projections.audit.records import moment
from ....projections.audit.threads import STATUSES, ThreadSummary, Wanted, selected, summary_of
from ....projections.inbox.summary import OpenQuestion
from ..frame.desk import Desk, graph_option, thread_argument, with_desk
from ..frame.output import Column
from ..frame.times import Age, age, day_and_time, now
from .state import named_values, question_record, value_words_of

COLUMNS = (
    Column("thread", fold=True, style="cyan"),
    Column("status"),
    Column("asks", right=True),
    Column("graph", width_max=16),
    Column("version", right=True),
    Column("age", right=True),
)


@click.group()
def threads() -> None:
    """Threads of a store: lists of them, and one of them."""


@threads.command("list")
@with_desk()
@click.option("--status", "statuses", type=click.Choice(tuple(STATUSES)), multiple=True, help="Only with this status.")
@click.option("--graph", metavar="NAME", default="", help="Only those that this graph worked on last.")
@click.option("--has-question", is_flag=True, help="Only those with an open question.")
@click.option("--older-than", type=Age(), metavar="AGE", help="Only those untouched for 30s, 15m, 2h, 3d, 1w.")
@click.option("--newer-than", type=Age(), metavar="AGE", help="Only those touched within this time.")
@click.option("--prefix", metavar="TEXT", default="", help="Only those whose id begins so.")
@click.option("--oldest-first", is_flag=True, help="Begin with the one untouched for longest.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
def list_threads(
    desk: Desk,
    statuses: tuple[str, ...],
    graph: str,
    has_question: bool,
    older_than: float | None,
    newer_than: float | None,
    prefix: str,
    oldest_first: bool,
    limit: int,
) -> None:
    """List threads, the one touched last first."""
    present = now()
    wanted = Wanted(
        frozenset(statuses),
        graph,
        prefix,
        has_question,
        0 if newer_than is None else present - int(newer_than * 1_000_000),
        0 if older_than is None else present - int(older_than * 1_000_000),
    )
    status = STATUSES[statuses[0]] if len(statuses) == 1 else None
    filtered = wanted != Wanted(frozenset(statuses)) or len(statuses) > 1
    heads = desk.saver.store.heads(
        status, THREADS_LISTED_MAX if filtered else limit + 1, not oldest_first, desk.saver.tenant
    )
    found = list(selected(heads, wanted))
    shown = found[:limit]
    desk.out.rows(COLUMNS, map(_row, shown), map(_record, shown))
    if len(found) > limit:
        desk.out.say(f"{limit} are shown, there are more: --limit {2 * limit}", "dim")
    if shown:
        desk.next("threads", "show", shown[0].thread)
    else:
        desk.out.say("no threads" if not filtered and not statuses else "no threads like this", "dim")


@threads.command("show")
@with_desk()
@thread_argument
@graph_option
def show_thread(desk: Desk, thread: str, graph: str | None) -> None:
    """Show how a thread stands: status, what is due, what it asks, its state.

    THREAD is its id, or a beginning that no other id has.
    """
    replay = desk.replay(thread, graph)
    head = desk.saver.store.head(replay.thread, desk.saver.tenant)
    snapshot = replay.at(-1).state
    summary = summary_of(head) if head is not None else None
    first, last = replay.timeline.commits[0].commit, replay.timeline.commits[-1].commit
    due, interrupts = list(snapshot.next), snapshot.interrupts
    errors = {task.name: str(task.error) for task in snapshot.tasks if task.error is not None}
    record: dict[str, Any] = {
        **(_record(summary) if summary is not None else {"thread": replay.thread}),
        "created": moment(first.time),
        "commits": len(replay.timeline.commits),
        "events": len(replay),
        "checkpoints": len([*replay.timeline.after(replay.last).root.checkpoints()]),
        "next": due,
        "errors": errors,
        "asked": [question_record(one) for one in interrupts],
        "state": plain(snapshot.values),
    }
    facts = [
        ("thread", replay.thread),
        ("status", summary.status if summary is not None else ""),
        ("graph", summary.graph if summary is not None else ""),
        ("created", f"{day_and_time(first.time)} UTC, {age(first.time)} ago"),
        ("last commit", f"{day_and_time(last.time)} UTC, {age(last.time)} ago, version {replay.last}"),
        ("events", f"{record['events']} in {record['commits']} commits, {record['checkpoints']} checkpoints"),
        ("next", ", ".join(due) or "nothing is due"),
        *((f"failed {node}", error) for node, error in errors.items()),
        *((f"asks {one.id[:8]}", value_words_of(one.value)) for one in interrupts),
        *((f"state {name}", value_words_of(value)) for name, value in named_values(snapshot.values)),
    ]
    desk.out.record(facts, record)
    if interrupts:
        desk.next("inbox", "show", interrupts[0].id[:8])
    else:
        desk.next("events", replay.thread)


def open_question_record(question: OpenQuestion) -> dict[str, Any]:
    """An open question of a head as JSON."""
    return {
        "id": question.id,
        "node": question.node,
        "asked_at": moment(question.asked_at),
        "deadline": moment(question.deadline) or None,
        "who": question.who,
        "scope": question.scope,
    }


def _row(one: ThreadSummary) -> tuple[str, ...]:
    asks = str(len(one.questions)) if one.questions else ""
    return (one.thread, one.status, asks, one.graph, str(one.version), age(one.updated))


def _record(one: ThreadSummary) -> dict[str, Any]:
    return {
        "thread": one.thread,
        "status": one.status,
        "graph": one.graph,
        "version": one.version,
        "updated": moment(one.updated),
        "questions": [open_question_record(question) for question in one.questions],
        "owner": one.owner,
        "epoch": one.epoch,
    }
