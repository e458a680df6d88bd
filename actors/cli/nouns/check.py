"""`clew check`: would new code do with recorded threads what was done? For people, and for CI by its exit code."""

from __future__ import annotations

from typing import Final

import click

from ....projections.audit.values import printable
from ...audit.check.corpus import ALL, PAUSED, Corpus
from ...audit.check.gate import check_threads
from ...audit.check.report import CheckReport, allowed_verdicts, thread_record
from ...audit.check.verdicts import ThreadVerdict, Verdict
from ..frame.desk import Desk, with_desk
from ..frame.group import FOUND
from ..frame.loading import load_graph

ALLOWED: Final = [verdict.replace(" ", "-") for verdict in Verdict if verdict is not Verdict.SAME]
"""Verdicts as they are typed."""


@click.command()
@with_desk()
@click.argument("graph", metavar="MODULE:NAME")
@click.option("--paused", "which", flag_value=PAUSED, default=PAUSED, help="Threads with something open. The default.")
@click.option("--all", "which", flag_value=ALL, help="Every thread, finished ones too.")
@click.option("--thread", "threads", metavar="ID", multiple=True, help="Only this thread; may be repeated.")
@click.option("--sample", metavar="N", type=click.IntRange(1), help="N of them, the same ones each time.")
@click.option("--bodies", is_flag=True, help="Run nodes that wait up to their question; new effects are refused.")
@click.option(
    "--allow",
    type=click.Choice(ALLOWED),
    multiple=True,
    help="Let this verdict pass too; may be repeated. Only threads that are the same pass by default.",
)
@click.option(
    "--graph-name",
    "names",
    metavar="NAME",
    multiple=True,
    help="Threads of the graph of this name; may be repeated. The graph's own name by default.",
)
def check(
    desk: Desk,
    graph: str,
    which: str,
    threads: tuple[str, ...],
    sample: int | None,
    bodies: bool,
    allow: tuple[str, ...],
    names: tuple[str, ...],
) -> None:
    """Check what a graph's code would do with recorded threads.

    MODULE:NAME is the new code. Each thread's log is gone through with it:
    values are read, merges and path functions made again, steps planned again,
    and what the thread waits for is looked for. Nothing is written, and no
    node runs but, with --bodies, those that wait, up to their question.

    Each thread is same, diverges (from an event on), question changed, node
    gone, cannot decode, or not checked. The exit code is 1 if any is not
    allowed, and 2 if there is no thread to check: that is no pass.
    """
    code = load_graph(graph)
    allowed = allowed_verdicts(name.replace("-", " ") for name in allow)
    ids = [desk.thread(name) for name in threads]
    corpus = Corpus(
        desk.saver,
        ids or which,
        graphs=names or (None if ids else (code.plan.name,)),
        sample=sample,
    )
    found: list[ThreadVerdict] = []
    with desk.out.progress() as bar:
        task = bar.add_task("threads", total=corpus.count())
        for verdict in check_threads(code, corpus, bodies=bodies):
            found.append(verdict)
            bar.advance(task)
    report = CheckReport(code.plan.name, tuple(found), allowed, bodies)
    _print(desk, report)
    if not report.passed:
        raise click.exceptions.Exit(FOUND)


def _print(desk: Desk, report: CheckReport) -> None:
    if desk.out.table:
        for line in report.lines():
            desk.out.text(printable(line))
    elif desk.out.form == "jsonl":
        for one in report.threads:
            desk.out.line(thread_record(one))
    else:
        desk.out.figure((), (), report.as_json())
    if report.forbidden:
        first = report.forbidden[0]
        worst = first.worst
        if worst is not None and worst.verdict is Verdict.NOT_CHECKED and not report.bodies:
            desk.out.say("--bodies runs the nodes that wait, up to their question", "dim")
        at = [] if worst is None or worst.version < 0 else ["--at", str(worst.version)]
        desk.next("state", first.thread, *at)
