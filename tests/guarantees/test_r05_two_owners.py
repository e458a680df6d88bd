"""R5: an owner stands still, another takes the thread over, the first wakes up: what it brings is refused."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clew.checkpoint import BaseCheckpointSaver, PostgresSaver, SqliteSaver
from clew.events.codec import Codec, decode_commit
from clew.events.vocabulary import EffectRecorded, NodeCompleted

from tests.stories.programs.owner import graph_of
from tests.support.programs import Program, program

from .sizes import sized

TIMES = sized(10, 500)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, BaseCheckpointSaver]]:
    """A store's address, and a saver on it."""
    if request.param == "sqlite":
        path = str(request.getfixturevalue("tmp_path") / "threads.sqlite")
        with SqliteSaver.from_conn_string(path) as opened:
            yield path, opened
    else:
        dsn = request.getfixturevalue("postgres_dsn")
        with PostgresSaver.from_conn_string(dsn) as opened:
            opened.setup()
            yield dsn, opened


def events(saver: BaseCheckpointSaver, thread: str, kind: type) -> list[Any]:
    rows = saver.store.read(thread)
    commits = [decode_commit(row.body, Codec(), thread=thread, version=row.version) for row in rows]
    return [event for commit in commits for event in commit.events if isinstance(event, kind)]


@pytest.mark.slow
def test_what_a_stale_owner_brings_is_refused(
    place: tuple[str, BaseCheckpointSaver], report_figure: Callable[[str], None]
) -> None:
    address, saver = place
    second = graph_of("the second owner").compile(checkpointer=saver)
    with program("owner.py", address) as first:
        for number in range(TIMES):
            check_taken_over(first, second, saver, f"t{number}")
    report_figure(f"R5: {TIMES} owners stopped and overtaken: {TIMES} stale appends refused, no effect twice")


def check_taken_over(first: Program, second: Any, saver: BaseCheckpointSaver, thread: str) -> None:
    config = {"configurable": {"thread_id": thread}}
    first.type(thread)
    assert first.says() == "in the middle"
    first.process.send_signal(signal.SIGSTOP)
    done = second.invoke(None, config)
    assert done == {"by": ["the one effect of the second owner", "after, by the second owner"]}
    first.process.send_signal(signal.SIGCONT)
    first.type()
    assert first.says() == "StaleVersionError"
    assert second.get_state(config).values == done
    assert len(events(saver, thread, EffectRecorded)) == 1
    assert [event.task for event in events(saver, thread, NodeCompleted)] == [0, 0]
