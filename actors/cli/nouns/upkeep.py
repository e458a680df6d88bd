"""`clew doctor`, `stats`, `migrate` and `completion`: the store as a whole, and the command itself."""

from __future__ import annotations

import sqlite3
import sys
from importlib.metadata import version
from typing import Any

import click
from click.shell_completion import get_completion_class

from ....events.archive.opening import open_store
from ....events.archive.store import ArchiveStore
from ....events.codec.commits import decode_commit
from ....events.codec.values import Codec
from ....events.errors import CipherError, CorruptCommitError, MissingStoreError
from ....events.stores.saver import THREADS_LISTED_MAX
from ....projections.audit.records import moment
from ....projections.audit.statistics import LogCounts, counts_of
from ...operator.health import HealthFinding, look_at_thread
from ..frame.desk import Desk, desk, store_options, with_desk
from ..frame.group import FOUND, Failure
from ..frame.output import Column
from ..frame.times import age, now

FINDINGS = (
    Column("level", style="bold"),
    Column("about"),
    Column("thread", style="cyan", width_max=20),
    Column("what", fold=True),
)


@click.command()
@with_desk()
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many threads are looked at."
)
def doctor(desk: Desk, limit: int) -> None:
    """Look for what is wrong with a store.

    Chains that are not whole, heads that say something else than their logs,
    runs whose process is dead, deadlines that have passed, events of a newer
    clew. The threads touched last are looked at. Exit code 1 if something must
    not be so.
    """
    saver, present = desk.saver, now()
    heads = saver.store.heads(limit=limit, tenant=saver.tenant)
    found: list[HealthFinding] = []
    with desk.out.progress() as bar:
        task = bar.add_task("threads", total=len(heads))
        for head in heads:
            found += look_at_thread(saver, head, present)
            bar.advance(task)
    bad = sum(one.level == "bad" for one in found)
    record = {
        "clew": version("clew"),
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "store": type(saver.store).__name__,
        "threads": len(heads),
        "findings": [
            {"level": one.level, "about": one.what, "thread": one.thread, "message": one.message} for one in found
        ],
    }
    if found or not desk.out.table:
        desk.out.figure(FINDINGS, ((one.level, one.what, one.thread, one.message) for one in found), record)
    desk.out.say(
        f"clew {record['clew']}, Python {record['python']}, {record['store']}: {len(heads)} threads looked at, "
        f"{bad} bad, {len(found) - bad} to be looked at",
        "red" if bad else "green",
    )
    desk.next(*(("events", found[0].thread) if found else ("stats",)))
    if bad:
        raise click.exceptions.Exit(FOUND)


@click.command()
@with_desk()
@click.option("--events", is_flag=True, help="Read all logs too: events by name, answers by person, bytes.")
def stats(desk: Desk, events: bool) -> None:
    """Count threads, questions, commits and events.

    Heads alone are read, which is quick, unless --events is given.
    """
    store, tenant = desk.saver.store, desk.saver.tenant
    heads = store.heads(limit=THREADS_LISTED_MAX, tenant=tenant)
    counts = counts_of(heads)
    record: dict[str, Any] = {
        "threads": counts.threads,
        "statuses": counts.statuses,
        "graphs": counts.graphs,
        "commits": counts.commits,
        "questions": counts.questions,
        "oldest_question": moment(counts.oldest_question) or None,
        "last_commit": moment(counts.last) or None,
    }
    waits = f", the oldest for {age(counts.oldest_question)}" if counts.oldest_question else ""
    facts = [
        ("threads", f"{counts.threads:,}"),
        *((name, f"{count:,}") for name, count in counts.statuses.items()),
        *((f"graph {name or '(none)'}", f"{count:,}") for name, count in counts.graphs.items()),
        ("commits", f"{counts.commits:,}"),
        ("questions", f"{counts.questions:,}{waits}"),
    ]
    if events:
        logs = _log_counts(desk, [head.thread for head in heads])
        record |= {
            "bytes": logs.bytes,
            "events": dict(logs.events.most_common()),
            "answers": dict(logs.answers.most_common()),
            "runs": dict(logs.runs.most_common()),
        }
        facts += [
            ("bytes", f"{logs.bytes:,}"),
            ("events", f"{logs.events.total():,}"),
            *((f"event {name}", f"{count:,}") for name, count in logs.events.most_common()),
            *((f"answers of {who or 'nobody named'}", f"{count:,}") for who, count in logs.answers.most_common()),
            *((f"runs {status}", f"{count:,}") for status, count in logs.runs.most_common()),
        ]
    desk.out.record(facts, record)
    desk.next("inbox" if counts.questions else "threads", "list")


@click.command()
@store_options
def migrate(store: str | None, tenant: str, cipher: str | None, output: str) -> None:
    """Make a store's tables, or bring them up to date.

    Makes the SQLite file if it is missing. Repeating it changes nothing; the
    logs themselves are read as they were written, by every later clew.
    """
    if not store:
        raise Failure("no store was named: give --store sqlite:///threads.db")
    made = not _is_there(store)
    with desk(store, "rwc", tenant, cipher, output) as opened:
        if isinstance(opened.saver.store, ArchiveStore):
            raise Failure(f"{store!r} is an exported file: import it into a store, clew import {store}")
        record = {"store": type(opened.saver.store).__name__, "made": made}
        opened.out.record([("store", str(record["store"])), ("made", "yes" if made else "no: it was there")], record)
        opened.next("threads", "list")


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script for completion in your shell.

    It completes commands, options, and ids of threads and questions.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"there is no completion for {shell!r}")
    root = context.find_root().command
    click.echo(kind(root, {}, "clew", "_CLEW_COMPLETE").source())


def _is_there(address: str) -> bool:
    try:
        open_store(address).close()
    except MissingStoreError:
        return False
    return True


def _log_counts(desk: Desk, threads: list[str]) -> LogCounts:
    saver, codec, counts = desk.saver, Codec(), LogCounts()
    sealed = 0
    with desk.out.progress() as bar:
        task = bar.add_task("threads", total=len(threads))
        for thread in threads:
            for row in saver.store.read(thread, tenant=saver.tenant):
                try:
                    body = (
                        row.body
                        if saver.cipher is None
                        else saver.cipher.open(row.body, thread, row.version, saver.tenant)
                    )
                    counts.add(decode_commit(body, codec, thread=thread, version=row.version), len(row.body))
                except (CipherError, CorruptCommitError):
                    sealed += 1
            bar.advance(task)
    if sealed:
        desk.out.say(
            f"{sealed:,} commits cannot be read (encrypted, or damaged: clew verify) and are not counted", "yellow"
        )
    return counts
