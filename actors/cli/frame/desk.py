"""What a command works on: the store that its options name, and where it prints. Opened for it, closed behind it."""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from ....events.archive.opening import open_store
from ....events.errors import ClewError
from ....events.stores.saver import BaseCheckpointSaver
from ....events.stores.store import Mode
from ...audit.replay import Replay
from ...doors.compiled import CompiledStateGraph
from .group import Failure
from .loading import load, load_graph
from .names import thread_named
from .output import FORMATS, Output

VARIABLE: Final = "CLEW_STORE"
"""Environment variable that names the store where no option does."""
COMPLETED_MAX: Final = 50
"""How many threads a shell is offered."""


class Desk:
    """The store, the output, and the words to repeat in a command that is to mean the same store."""

    def __init__(self, saver: BaseCheckpointSaver, out: Output, again: str) -> None:
        self.saver = saver
        self.out = out
        self._again = again

    def next(self, *words: str) -> None:
        """Tell what could be typed next."""
        self.out.next(self.command(*words))

    def command(self, *words: str) -> str:
        """A command as it can be typed; words in capitals or brackets stand for what is to be filled in."""
        written = (word if word.isupper() or word.startswith("[") else shlex.quote(word) for word in words)
        return " ".join(["clew", *written]) + self._again

    def thread(self, name: str) -> str:
        """The id of the thread that was named."""
        return thread_named(self.saver, name)

    def replay(self, name: str, graph: str | None = None) -> Replay:
        """The thread that was named, folded with a graph where one was named."""
        known: CompiledStateGraph | None = None if graph is None else load_graph(graph, self.saver)
        return Replay(self.thread(name), self.saver, graph=known)


def with_desk(mode: Mode = "ro") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options that name a store, and a `Desk` as its first argument."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(store: str | None, tenant: str, cipher: str | None, output: str, **rest: Any) -> Any:
            with desk(store, mode, tenant, cipher, output) as opened:
                return function(opened, **rest)

        return store_options(run)

    return decorate


def store_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name a store and how to print, without opening it."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


@contextmanager
def desk(
    store: str | None, mode: Mode, tenant: str = "", cipher: str | None = None, form: str = "table"
) -> Iterator[Desk]:
    """Open the store for the time of the block.

    Raises:
        Failure: none was named.
        ClewError: it cannot be opened.
    """
    if not store:
        raise Failure(f"no store was named: give --store sqlite:///threads.db, or set {VARIABLE}")
    # A key beside the threads may have to be made, so a cipher needs a store that can be written.
    opened = open_store(store, "rw" if cipher and mode == "ro" else mode)
    try:
        saver = BaseCheckpointSaver(opened, tenant=tenant, **_sealed_with(cipher))
        yield Desk(saver, Output(form), _again(store, tenant, cipher))
    finally:
        opened.close()


def _sealed_with(cipher: str | None) -> dict[str, Any]:
    if cipher is None:
        return {}
    found = load(cipher, "cipher")
    return {"serde": found} if hasattr(found, "dumps_typed") else {"cipher": found}


def _again(store: str, tenant: str, cipher: str | None) -> str:
    """The options to repeat; those that the environment gives need not be."""
    context = click.get_current_context(silent=True)
    words: list[str] = []
    for name, option, value in (
        ("store", "--store", store),
        ("tenant", "--tenant", tenant),
        ("cipher", "--cipher", cipher),
    ):
        source = None if context is None else context.get_parameter_source(name)
        if value and source is ParameterSource.COMMANDLINE:
            words += [option, shlex.quote(value)]
    return "".join(f" {word}" for word in words)


OPTIONS: Final = (
    click.option(
        "-s",
        "--store",
        metavar="URL",
        envvar=VARIABLE,
        help=f"The store: sqlite:///FILE, postgresql://…, or an exported file. [env: {VARIABLE}]",
    ),
    click.option(
        "--tenant", metavar="NAME", envvar="CLEW_TENANT", default="", help="Whose threads. [env: CLEW_TENANT]"
    ),
    click.option(
        "--cipher",
        metavar="MODULE:NAME",
        envvar="CLEW_CIPHER",
        help="Keyring or serializer that opens an encrypted store. [env: CLEW_CIPHER]",
    ),
    click.option("-o", "--output", type=click.Choice(FORMATS), default="table", help="How to print what was found."),
)


class ThreadName(click.ParamType[str]):
    """A thread's id or its unique beginning; shells are offered what there is."""

    name = "thread"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        """The ids that begin so."""
        return offered(ctx, incomplete, _threads)


def offered(context: click.Context, incomplete: str, names: Callable[[Desk], Iterable[str]]) -> list[CompletionItem]:
    """What a shell is offered for a word that was begun: names from the store; nothing where that cannot be opened."""
    address = context.params.get("store") or os.environ.get(VARIABLE)
    try:
        with desk(address, "ro", context.params.get("tenant") or "") as opened:
            return [CompletionItem(name) for name in names(opened) if name.startswith(incomplete)]
    except (ClewError, Failure, OSError):
        return []


def _threads(opened: Desk) -> Iterable[str]:
    heads = opened.saver.store.heads(limit=COMPLETED_MAX, tenant=opened.saver.tenant)
    return (head.thread for head in heads)


thread_argument = click.argument("thread", type=ThreadName())
"""The argument THREAD."""
graph_option = click.option(
    "-g", "--graph", metavar="MODULE:NAME", help="The graph's code, for reducers of its own and classes of its values."
)
"""The option by which a graph's code is had."""
who_option = click.option("--who", metavar="NAME", envvar="CLEW_WHO", help="Who does it, for the log. [env: CLEW_WHO]")
"""The option that says who does something; `user` gives who it is by default."""


def user(given: str | None) -> str:
    """Who does it: as given, or the user of this process."""
    if given:
        return given
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return f"user {os.getuid()}"
