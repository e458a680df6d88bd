"""`clew demo`: its options, and what to type for it again."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

from ....events.errors import ClewError
from ..demo.demo import FAILED, INTERRUPTED, Demo
from ..demo.screen import Screen

STORE = "clew-demo.db"
THREAD = "demo"


def _named(context: click.Context, parameter: click.Parameter, name: str) -> str:
    if not name:
        raise click.BadParameter("a thread needs a name")
    return name


@click.command(
    epilog="""\b
    Exit codes: 0 the thread finished, or its question waits for an answer;
    1 the answer was not taken, or the file could not be used; 2 wrong usage;
    130 left at the question with Ctrl+C, which stays open."""
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    default=STORE,
    show_default=True,
    help="SQLite file that keeps the thread; made if missing.",
)
@click.option("--thread", default=THREAD, show_default=True, callback=_named, help="Name of the thread in the file.")
@click.option("--answer", metavar="TEXT", help="Answer the question with TEXT instead of asking at a prompt.")
@click.option(
    "--reset",
    is_flag=True,
    help="Erase the thread first. Erased names are not used again: a number follows.",
)
def demo(store: Path, thread: str, answer: str | None, reset: bool) -> None:
    """Talk to a chatbot that asks a person, and lose its process.

    The chatbot of the tutorials, with a script in the model's place, so no key
    and no network. It stops at a question. Kill it there, run the same command
    again, and it goes on where it stopped, from its event log. Answer, and it
    prints the log and the state that replaying the log gives.

    Without a terminal nothing is asked: give the answer with --answer.
    """
    screen = Screen()
    again = " ".join([_as_typed(), "demo", *_options(store, thread)])
    try:
        code = Demo(screen, store, thread, again, asks=sys.stdin.isatty()).run(answer, reset)
    except ClewError as error:
        screen.failed(str(error))
        code = FAILED
    except (click.Abort, KeyboardInterrupt):
        screen.left(again)
        code = INTERRUPTED
    sys.exit(code)


def _as_typed() -> str:
    """What to type for this command: its name where the shell finds it, else the path that was typed."""
    program = Path(sys.argv[0])
    found = shutil.which("clew")
    if program.stem != "clew" or (found is not None and program.exists() and program.samefile(found)):
        return "clew"
    return shlex.quote(str(program))


def _options(store: Path, thread: str) -> list[str]:
    """The options to repeat so that the next command means the same thread."""
    options = []
    if str(store) != STORE:
        options += ["--store", shlex.quote(str(store))]
    if thread != THREAD:
        options += ["--thread", shlex.quote(thread)]
    return options
