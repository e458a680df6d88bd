"""`clew events`: what happened in a thread, one line for each event; and what happens from now on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from ....events.codec.values import Codec
from ....events.vocabulary import EVENT_TYPES, START, GraphSeen, Recorded
from ....projections.audit.records import event_fields, moment
from ....projections.audit.story import StoryLine, story
from ...engine.log import ThreadLog
from ..frame.desk import Desk, thread_argument, with_desk
from ..frame.group import Failure
from ..frame.output import Column
from ..frame.times import time_of_day

POLL_SECONDS = 0.05
"""How often a followed thread is looked at."""
FULL_MAX = 1_000_000
"""Characters of an event's words with --full."""
COLUMNS = (
    Column("version", right=True, style="cyan"),
    Column("UTC", style="dim"),
    Column("event", style="bold"),
    Column("node", width_max=14),
    Column("what", fold=True),
)
NAMES = tuple(event.__name__ for event in EVENT_TYPES)


@click.command()
@with_desk()
@thread_argument
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added, until Ctrl+C.")
@click.option("--from", "first", type=click.IntRange(0), default=0, metavar="N", help="Begin at version N.")
@click.option("--to", "last", type=click.IntRange(0), metavar="N", help="End with version N.")
@click.option(
    "--type", "types", multiple=True, metavar="EVENT", help="Only these events, as NodeFailed; may be repeated."
)
@click.option("--node", metavar="NAME", help="Only what is about this node.")
@click.option("--full", is_flag=True, help="All of each value, and in JSON all fields of each event.")
def events(
    desk: Desk,
    thread: str,
    follow: bool,
    first: int,
    last: int | None,
    types: tuple[str, ...],
    node: str | None,
    full: bool,
) -> None:
    """Print what happened in a thread, event by event.

    THREAD is its id, or a beginning that no other id has. Nothing is run, and
    the graph's code is not needed.
    """
    named = desk.thread(thread)
    wanted = frozenset(_event_named(name) for name in types)
    log = ThreadLog(desk.saver.store, named, desk.saver.tenant, desk.saver.cipher)
    commits = list(log.commits(Codec()))
    if commits and first > commits[-1].version and not follow:
        raise Failure(f"thread {named!r} has no version {first}: it has 0 to {commits[-1].version}")
    if node is not None and not follow:
        _check_node(named, node, commits)
    teller = _Teller(full)

    def chosen(told: Sequence[tuple[StoryLine, Any]]) -> list[tuple[StoryLine, Any]]:
        return [
            (line, event)
            for line, event in told
            if line.version >= first
            and (last is None or line.version <= last)
            and (not wanted or line.event in wanted)
            and (node is None or line.node == node)
        ]

    told = chosen([*teller.tell(commits)])
    if not follow:
        desk.out.rows(
            COLUMNS, (_row(line) for line, _ in told), (_record(named, line, event, full) for line, event in told)
        )
        desk.next("state", named, "--at", str(told[-1][0].version)) if told else desk.out.say(
            "no events like this", "dim"
        )
        return
    _print_now(desk, named, told, full)
    known = commits[-1] if commits else None
    while last is None or known is None or known.version < last:
        news = list(log.commits(Codec(), known))
        if not news:
            time.sleep(POLL_SECONDS)
            continue
        known = news[-1]
        _print_now(desk, named, chosen([*teller.tell(news)]), full)


class _Teller:
    """Tells commits as they come, as one story."""

    def __init__(self, full: bool) -> None:
        self._waiting: list[Recorded] = []
        self._lines = story(self._commits(), **({"characters_max": FULL_MAX} if full else {}))

    def tell(self, commits: Sequence[Recorded]) -> Iterator[tuple[StoryLine, Any]]:
        """Each event of the commits with its line."""
        self._waiting.extend(commits)
        for recorded in commits:
            for event in recorded.commit.events:
                yield next(self._lines), event

    def _commits(self) -> Iterator[Recorded]:
        while True:
            yield self._waiting.pop(0)


def _event_named(name: str) -> str:
    found = next((known for known in NAMES if known.lower() == name.lower()), None)
    if found is None:
        raise Failure(f"there is no event {name!r}: events are {', '.join(NAMES)}")
    return found


def _check_node(thread: str, node: str, commits: Sequence[Recorded]) -> None:
    """Refuse a node that none of the thread's graphs has."""
    known = {START}
    for recorded in commits:
        for event in recorded.commit.events:
            known.update(event.nodes if isinstance(event, GraphSeen) else ())
    known.update(line.node for line in story(commits))
    if node not in known:
        raise Failure(f"thread {thread!r} has no node {node!r}: it has {', '.join(sorted(known - {''}))}")


def _print_now(desk: Desk, thread: str, told: Sequence[tuple[StoryLine, Any]], full: bool) -> None:
    """One line for each event, at once: what a reader at the other end of a pipe is waiting for."""
    for line, event in told:
        if desk.out.table:
            version, at, name, node, what = _row(line)
            desk.out.text(f"{version:>7}  {at}  {name:<16}  {node:<12}  {what}")
        else:
            desk.out.line(_record(thread, line, event, full))


def _row(line: StoryLine) -> tuple[str, ...]:
    who = f" [{line.who}]" if line.who and line.event in SAYS_WHO else ""
    node = (
        f"{line.ns.partition(':')[0]}/{line.node}" if line.ns and line.node else line.node or line.ns.partition(":")[0]
    )
    return (str(line.version), time_of_day(line.time), line.event, node, line.what + who)


SAYS_WHO = frozenset({"RunStarted", "RunContinued", "Resumed", "StateUpdated", "Forked", "RunFinished"})
"""Events whose row names who sent the command: those that stand for one."""


def _record(thread: str, line: StoryLine, event: Any, full: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "thread": thread,
        "version": line.version,
        "index": line.index,
        "time": moment(line.time),
        "event": line.event,
        "node": line.node,
        "ns": line.ns,
        "who": line.who,
        "what": line.what,
    }
    if full:
        record["fields"] = event_fields(event)
    return record
