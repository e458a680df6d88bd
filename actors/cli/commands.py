"""The whole command line of clew, put together. What each command does is in its own file."""

from __future__ import annotations

from importlib.metadata import version

import click

from .frame.group import Root
from .nouns import archive, chain, changes, check, demo, events, graph, inbox, state, threads, upkeep

EXIT_CODES = """\b
Exit codes: 0 done; 1 something was found, or refused, or differs;
2 it could not be asked like this; 130 left with Ctrl+C.
Data goes to standard output, everything else to standard error."""


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog=EXIT_CODES,
)
@click.version_option(version("clew"), message="clew %(version)s")
def clew() -> None:
    """Run human-in-the-loop agent graphs as event-sourced actors.

    The commands read and change threads in a store: what happened in them, what
    waits for an answer, what each state was, and whether the log is whole.
    """


for _command in (
    demo.demo,
    threads.threads,
    events.events,
    state.state,
    state.diff,
    state.history,
    graph.graph,
    inbox.inbox,
    changes.fork,
    changes.retry,
    changes.cancel,
    changes.erase,
    chain.verify,
    archive.export,
    archive.import_,
    check.check,
    upkeep.doctor,
    upkeep.stats,
    upkeep.migrate,
    upkeep.completion,
):
    clew.add_command(_command)
