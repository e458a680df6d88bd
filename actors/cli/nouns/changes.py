"""`clew fork`, `cancel`, `retry` and `erase`: what an operator does to a thread."""

from __future__ import annotations

import sys
from typing import Any

import click

from ...operator.branching import branch_thread
from ...operator.stopping import cancel_thread
from ..frame.desk import Desk, thread_argument, user, who_option, with_desk
from ..frame.group import Failure
from ..frame.names import checkpoint_named
from ..frame.running import code_of, run_on, say_how_it_stands

code_option = click.option("-g", "--graph", metavar="MODULE:NAME", help="The graph's code, to run on with at once.")


@click.command()
@with_desk("rw")
@thread_argument
@click.option("--at", required=True, metavar="PLACE", help="A checkpoint's id, its beginning, or a version.")
@click.option("--into", metavar="ID", help="Leave the thread as it is: branch in a copy of it with this new id.")
@who_option
@code_option
def fork(desk: Desk, thread: str, at: str, into: str | None, who: str | None, graph: str | None) -> None:
    """Begin a branch of a thread at an earlier checkpoint.

    The step after the checkpoint is planned anew, and what came after it stays
    on its own branch. Nothing runs without --graph: whoever goes on with the
    thread goes on from there, and does effects again that came later.
    """
    replay = desk.replay(thread)
    code = None if graph is None else code_of(desk, graph, replay.thread)
    line = replay.timeline.after(replay.last).root
    checkpoint = checkpoint_named(line, at, replay.thread)
    target = replay.thread
    if into is not None:
        target = _copied(desk, replay.thread, into)
        copied = desk.replay(target)
        line = copied.timeline.after(copied.last).root
        found = line.at(checkpoint.address)
        if found is None:
            raise Failure(f"the copy {target!r} has no checkpoint of version {checkpoint.version}")
        checkpoint = found
    person = user(who)
    branched = branch_thread(desk.saver, target, checkpoint.id, who=person)
    record: dict[str, Any] = {
        "thread": target,
        "version": branched.version,
        "from": {"checkpoint": checkpoint.id, "version": checkpoint.version},
        "checkpoint": branched.checkpoint,
        "next": list(branched.next),
        "who": person,
        "ran": code is not None,
    }
    outcome = None if code is None else run_on(desk, code, target, None, person)
    if outcome is not None:
        record |= outcome
    desk.out.record(_facts(record), record)
    if outcome is not None:
        say_how_it_stands(desk, target, outcome)
    else:
        desk.out.say(f"branched. Nothing ran: next is {', '.join(branched.next) or 'nothing'}")
        desk.next("retry", target, "--graph", "MODULE:NAME")


@click.command()
@with_desk("rw")
@thread_argument
@click.option("--reason", metavar="TEXT", default="", help="Why, for the log.")
@who_option
def cancel(desk: Desk, thread: str, reason: str, who: str | None) -> None:
    """End a thread's run, open work and questions.

    What finished counts, and the thread takes new input as ever. A process that
    runs the thread is told at its next step that it was overtaken.
    """
    person = user(who)
    stopped = cancel_thread(desk.saver, desk.thread(thread), who=person, reason=reason)
    record = {
        "thread": stopped.thread,
        "version": stopped.version,
        "nodes": list(stopped.nodes),
        "questions": list(stopped.questions),
        "who": person,
    }
    desk.out.record(_facts(record), record)
    desk.next("threads", "show", stopped.thread)


@click.command()
@with_desk("rw")
@thread_argument
@who_option
@click.option("-g", "--graph", required=True, metavar="MODULE:NAME", help="The graph's code: it runs here.")
def retry(desk: Desk, thread: str, who: str | None, graph: str) -> None:
    """Go on with a thread: run what is left to do.

    Failed nodes are tried again, recorded answers taken, forks begun.

    Runs the graph in this process, as a service would with None as input, to
    its end or its next question.
    """
    named = desk.thread(thread)
    code = code_of(desk, graph, named)
    before = code.get_state({"configurable": {"thread_id": named}})
    if before.interrupts and len(before.interrupts) == len(before.tasks):
        raise Failure(f"thread {named!r} waits for an answer: clew inbox answer {before.interrupts[0].id[:8]}")
    if not before.next:
        raise Failure(f"nothing is left to do in thread {named!r}: to run a step again, clew fork {named} --at VERSION")
    person = user(who)
    outcome = run_on(desk, code, named, None, person)
    record = {"thread": named, "nodes": list(before.next), "who": person, **outcome}
    desk.out.record(_facts(record), record)
    say_how_it_stands(desk, named, outcome)


@click.command()
@with_desk("rw")
@click.argument("thread")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(desk: Desk, thread: str, yes: bool) -> None:
    """Erase a thread for good.

    Its log is deleted, and a tombstone stays. THREAD is its whole id. With a keyring its key is destroyed too, so that
    copies of sealed commits cannot be read either; exported files are not
    touched.
    """
    named = desk.thread(thread)
    if named != thread:
        raise Failure(f"erase takes the whole id: {named!r}")
    head = desk.saver.store.head(named, desk.saver.tenant)
    commits = 0 if head is None else head.version + 1
    if not yes:
        if not sys.stdin.isatty():
            raise Failure(f"thread {named!r} has {commits} commits: say --yes to erase them for good")
        if not click.confirm(f"Erase thread {named!r} with its {commits} commits, for good?", err=True):
            raise Failure("nothing was erased")
    desk.saver.delete_thread(named)
    record = {"thread": named, "commits": commits, "erased": True}
    desk.out.record(_facts(record), record)
    desk.next("threads", "list")


def _copied(desk: Desk, thread: str, into: str) -> str:
    store, tenant = desk.saver.store, desk.saver.tenant
    if store.head(into, tenant) is not None:
        raise Failure(f"thread {into!r} is there already: name a new one with --into")
    desk.saver.copy_thread(thread, into)
    return into


def _facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    def words(value: Any) -> str:
        if isinstance(value, list):
            return ", ".join(map(str, value)) or "nothing"
        if isinstance(value, dict):
            return ", ".join(f"{name} {inner}" for name, inner in value.items())
        return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)

    return [(name, words(value)) for name, value in record.items()]
