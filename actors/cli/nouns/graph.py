"""`clew graph`: a graph as a diagram, and how far a thread has come in it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click

from ....projections.drawing.marks import marks_of
from ...audit.replay import Replay
from ..frame.desk import OPTIONS, desk
from ..frame.group import Failure
from ..frame.loading import load_graph
from ..frame.output import Output
from ..frame.times import Point

FORMS: Final = ("ascii", "mermaid", "svg")


@click.command()
@click.argument("graph", metavar="MODULE:NAME")
@click.option("-o", "--output", "form", type=click.Choice(FORMS), default="ascii", help="As what it is drawn.")
@click.option("--thread", metavar="ID", help="Mark what this thread has done, and where it stands.")
@click.option("--at", type=Point(), metavar="POINT", help="As the thread was after this version, or at this time.")
@click.option("--xray", is_flag=True, help="Draw the graphs inside from the inside.")
@OPTIONS[0]
@OPTIONS[1]
@OPTIONS[2]
def graph(
    graph: str,
    form: str,
    thread: str | None,
    at: int | datetime | None,
    xray: bool,
    store: str | None,
    tenant: str,
    cipher: str | None,
) -> None:
    """Draw a graph: as text, Mermaid or SVG.

    With --thread each node is marked: done, current, waiting for an answer, or
    failed.
    """
    if at is not None and thread is None:
        raise Failure("--at says when a thread is looked at: give --thread too")
    code = load_graph(graph)
    drawing = code.get_graph(xray=xray)
    out = Output("table")
    if thread is not None:
        with desk(store, "ro", tenant, cipher) as opened:
            replay = Replay(opened.thread(thread), opened.saver, graph=code)
            moment = replay.at(-1 if at is None else at)
            marks = marks_of(moment.folded)
            drawing = drawing.marked(marks)
            unknown = sorted(node for node in marks if node not in drawing.marks and ":" not in node)
            if unknown:
                out.say(f"{', '.join(unknown)}: the thread was there, and the graph has no such node now", "yellow")
            opened.next("threads", "show", replay.thread)
    out.text({"ascii": drawing.draw_ascii, "mermaid": drawing.draw_mermaid, "svg": drawing.draw_svg}[form]())
