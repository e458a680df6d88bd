"""Checks with child processes that SQLite and Postgres share."""

from contextlib import ExitStack
from itertools import islice
from time import monotonic

from clew.actors.kit.store_contract import entry
from clew.events.errors import StaleVersionError
from clew.events.stores.store import Position, Row, Store

from tests.support.store_processes import append_forever, append_some, compete, lines, running

WRITERS = 4
APPENDS_EACH = 40
DEADLINE_SECONDS = 60.0


def check_kill(store: Store, address: str, rounds: int) -> None:
    """Kill an appending child again and again: all it was told is stored, without a gap, at most one commit more."""
    with store_closed(store):
        for round_number in range(rounds):
            thread = f"killed in round {round_number}"
            with running(append_forever, address, thread) as (child, pipe):
                said = lines(pipe)
                acknowledged = [int(version) for version in islice(said, 5 + 20 * round_number)]
                child.kill()
                acknowledged += [int(version) for version in said]
            assert acknowledged == list(range(len(acknowledged)))
            stored = _survived(store, thread)
            assert len(acknowledged) <= len(stored) <= len(acknowledged) + 1
            head = store.head(thread)
            assert head is not None
            assert head.version == len(stored)


def _survived(store: Store, thread: str) -> list[int]:
    """The versions that a killed process left, once another commit follows them: a server may finish what was sent."""
    stored = [row.version for row in store.read(thread)]
    try:
        store.append(entry(thread, len(stored), by="survivor"))
    except StaleVersionError:
        stored = [row.version for row in store.read(thread)]
        store.append(entry(thread, len(stored), by="survivor"))
    assert stored == list(range(len(stored)))
    return stored


def check_follower(store: Store, address: str) -> None:
    """Tail the store while processes write: everything acknowledged is seen, once, in each thread's order."""
    with store_closed(store), ExitStack() as children:
        writers = [
            children.enter_context(running(append_some, address, f"writer {number}", APPENDS_EACH))
            for number in range(WRITERS)
        ]
        after = Position()
        seen: list[tuple[str, int]] = []
        deadline = monotonic() + DEADLINE_SECONDS
        page: list[tuple[Position, Row]] = []
        while (page or any(child.is_alive() for child, _ in writers)) and monotonic() < deadline:
            page = store.follow(after, limit=7)
            seen += [(row.thread, row.version) for _, row in page]
            after = page[-1][0] if page else after
        acknowledged = [
            (f"writer {number}", int(line)) for number, (_, pipe) in enumerate(writers) for line in lines(pipe)
        ]
        seen += [(row.thread, row.version) for _, row in store.follow(after)]
        assert len(acknowledged) == WRITERS * APPENDS_EACH
        assert sorted(seen) == sorted(acknowledged)
        for number in range(WRITERS):
            versions = [version for thread, version in seen if thread == f"writer {number}"]
            assert versions == list(range(APPENDS_EACH))


def check_competition(store: Store, address: str) -> None:
    """Processes race for one thread's versions: contiguous, and every win is the winner's commit."""
    with store_closed(store), ExitStack() as children:
        pipes = [
            children.enter_context(running(compete, address, f"process {number}", APPENDS_EACH))[1]
            for number in range(WRITERS)
        ]
        wins = sorted((int(version), name) for pipe in pipes for version, name in map(_split, lines(pipe)))
        rows = store.read("t")
        assert [version for version, _ in wins] == [row.version for row in rows] == list(range(WRITERS * APPENDS_EACH))
        assert [row.digest for row in rows] == [entry("t", version, by=name).digest for version, name in wins]


def store_closed(store: Store) -> ExitStack:
    """Close the store when the block ends."""
    stack = ExitStack()
    stack.callback(store.close)
    return stack


def _split(line: str) -> tuple[str, str]:
    version, name = line.split(" ", 1)
    return version, name
