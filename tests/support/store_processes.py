"""What a test's child processes do with a store: append, compete, and be killed.

Each takes the store's address (a SQLite file or a Postgres connection string) and the writing end of a pipe, on which
it says what the store acknowledged, one line each.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from clew.actors.kit.store_contract import entry
from clew.events.errors import StaleVersionError
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import Store

processes = get_context("forkserver")
processes.set_forkserver_preload([__name__])


def opened(address: str) -> Store:
    """The store at an address."""
    if "dbname=" in address or address.startswith("postgres"):
        from clew.events.stores.postgres import PostgresStore

        return PostgresStore(address)
    return SqliteStore(address)


def append_forever(address: str, thread: str, pipe: Connection) -> None:
    """Append to one thread until killed; say each version once it is acknowledged."""
    store = opened(address)
    version = 0
    while True:
        store.append(entry(thread, version, body=b"x" * 300))
        _say(pipe, str(version))
        version += 1


def append_some(address: str, thread: str, appends: int, pipe: Connection) -> None:
    """Append a number of versions to a thread of one's own."""
    store = opened(address)
    for version in range(appends):
        store.append(entry(thread, version))
        _say(pipe, f"{version}")
    store.close()


def compete(address: str, name: str, wins: int, pipe: Connection) -> None:
    """Append to thread `t` against others until `wins` appends were ours; say each."""
    store = opened(address)
    won = version = 0
    while won < wins:
        try:
            store.append(entry("t", version, by=name))
        except StaleVersionError as error:
            version = (version if error.actual is None else error.actual) + 1
        else:
            _say(pipe, f"{version} {name}")
            won += 1
            version += 1
    store.close()


@contextmanager
def running(target: Callable[..., None], *arguments: object) -> Iterator[tuple[BaseProcess, Connection]]:
    """A child process and the end of the pipe it speaks on; killed and joined at the end if it still runs."""
    receiving, sending = processes.Pipe(duplex=False)
    child = processes.Process(target=target, args=(*arguments, sending), daemon=True)
    child.start()
    sending.close()
    try:
        yield child, receiving
    finally:
        child.kill()
        child.join()
        child.close()
        receiving.close()


def lines(pipe: Connection) -> Iterator[str]:
    """What a child says, line by line, until it ends; half a line of a killed child is dropped."""
    with os.fdopen(os.dup(pipe.fileno()), "r") as stream:
        for line in stream:
            if line.endswith("\n"):
                yield line.strip()


def _say(pipe: Connection, text: str) -> None:
    os.write(pipe.fileno(), f"{text}\n".encode())
