"""The store is damaged, locked, full, read-only or out of reach: typed errors, and a waiting thread comes out whole."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clew import Command, PostgresSaver, SqliteSaver
from clew.errors import AlreadyAnsweredError, CorruptCommitError, OutcomeUnknownError, StoreBusyError
from clew.events.stores.saver import BaseCheckpointSaver
from clew.events.stores.sqlite import SqliteStore
from clew.events.vocabulary import Resumed, RunStarted

from tests.support.lost_connections import LostConnection
from tests.support.stories import DOORS, by_ainvoke, by_invoke, events, interview, on, rows

from .desk import LETTER, QUESTION, Desk, Door, Letter
from .tampering import StoredRow

# --- rows that are not what clew wrote


def flip(state: bytes) -> bytes:
    return state[:-1] + bytes([state[-1] ^ 1])


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda row: row.change(flip(row.state)), id="one bit flipped"),
        pytest.param(lambda row: row.change(row.state[:-1]), id="cut short"),
        pytest.param(lambda row: row.change(b"another program's bytes, quite a few of them"), id="foreign"),
        pytest.param(lambda row: row.change(b"short"), id="foreign and short"),
    ],
)
def test_a_row_that_clew_did_not_write_is_named_and_other_threads_go_on(
    address: str,
    durable: BaseCheckpointSaver,
    elsewhere: BaseCheckpointSaver,
    damage: Callable[[StoredRow], None],
    version: int,
) -> None:
    here = Desk(durable)
    here.put_down("memo")
    row = StoredRow(address, "letter", version)
    damage(row)

    there = here.seen_by(elsewhere)
    for attempt in everything_one_can_do(there.graph):
        with pytest.raises(CorruptCommitError, match=f"thread 'letter', version {version}:.*restore") as named:
            attempt()
        assert (named.value.thread, named.value.version) == ("letter", version)
    assert there.graph.invoke(Command(resume="Cid"), on("memo"))["signed"] == "Cid"

    row.restore()
    here.sealed.clear()
    assert there.can_be_answered()


def everything_one_can_do(graph: Any) -> list[Callable[[], Any]]:
    return [
        lambda: graph.get_state(LETTER),
        lambda: list(graph.get_state_history(LETTER)),
        lambda: graph.invoke(None, LETTER),
        lambda: graph.invoke(None, LETTER),
        lambda: graph.invoke({"text": "anew"}, LETTER),
        lambda: graph.invoke(Command(resume="Bob"), LETTER),
        lambda: graph.invoke(Command(update={"text": "anew"}), LETTER),
        lambda: graph.update_state(LETTER, {"text": "anew"}, as_node="sign"),
    ]


@pytest.mark.parametrize("version", [0, 1], ids=["first", "last"])
def test_a_missing_row_is_named_and_other_threads_go_on(
    address: str, durable: BaseCheckpointSaver, elsewhere: BaseCheckpointSaver, version: int
) -> None:
    """That the last is missing shows by the thread's head: the question, which was acknowledged, is gone."""
    here = Desk(durable)
    here.put_down("memo")
    row = StoredRow(address, "letter", version)
    row.take_away()

    there = here.seen_by(elsewhere)
    for attempt in everything_one_can_do(there.graph):
        missing = f"thread 'letter', version {version}: the commit is missing.*restore"
        with pytest.raises(CorruptCommitError, match=missing):
            attempt()
    assert there.graph.invoke(Command(resume="Cid"), on("memo"))["signed"] == "Cid"

    row.restore()
    here.sealed.clear()
    assert there.can_be_answered()


# --- a SQLite file that cannot be written


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "threads.db")


@pytest.fixture
def impatient(file: str) -> Iterator[BaseCheckpointSaver]:
    """A saver on a SQLite file that waits 50 ms for another process's lock."""
    with closing(SqliteStore(file, lock_wait_seconds=0.05)) as store:
        yield BaseCheckpointSaver(store)


@pytest.mark.parametrize("door", DOORS)
def test_a_locked_file_is_read_and_takes_the_answer_once_it_is_free(
    impatient: BaseCheckpointSaver, file: str, door: Door
) -> None:
    desk = Desk(impatient, door)
    with desk.unharmed(), closing(sqlite3.connect(file, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError, match=r"threads\.db' is locked by another process.*nothing was written"):
            desk.answer()
        assert desk.waits(), "a lock does not keep anybody from reading"


def test_a_file_locked_after_an_answer_was_taken_keeps_the_answer(impatient: BaseCheckpointSaver, file: str) -> None:
    desk = Desk(impatient)
    with closing(sqlite3.connect(file, isolation_level=None)) as backup:

        def seal_while_locked(letter: Letter) -> Letter:
            backup.execute("BEGIN IMMEDIATE")
            return desk.seal(letter)

        with pytest.raises(StoreBusyError, match="nothing was written"):
            desk.with_seal(seal_while_locked).invoke(Command(resume="Bob"), on("letter", who="bob"))

    assert interview(impatient, "letter") == [(QUESTION, "Bob", "bob")]
    with pytest.raises(AlreadyAnsweredError, match="answered by 'bob'"):
        desk.answer("Cid")
    assert desk.graph.invoke(None, LETTER)["signed"] == "Bob"
    assert desk.sealed == ["Bob", "Bob"], "what could not be recorded is done again: a node runs at least once"


def test_a_full_disk_refuses_the_answer_and_takes_it_when_there_is_room(file: str) -> None:
    with closing(SqliteStore(file)) as store:
        desk = Desk(BaseCheckpointSaver(store))
        with desk.unharmed():
            limit_pages(store, 0)
            with pytest.raises(StoreBusyError, match=r"no room for .*threads\.db'.*nothing was written.*Free disk"):
                desk.answer("x" * 1_000_000)
            limit_pages(store, 1_000_000)


def limit_pages(store: SqliteStore, pages: int) -> None:
    """Let the file grow to so many pages at most; SQLite never takes fewer than it has."""
    with store._connections.writing() as connection:
        connection.execute("COMMIT")
        connection.execute(f"PRAGMA max_page_count={max(pages, 1)}")
        connection.execute("BEGIN")


def test_a_read_only_file_is_read_and_its_answer_refused(file: str) -> None:
    with (
        SqliteSaver.from_conn_string(file) as saver,
        SqliteSaver.from_conn_string(f"file:{file}?mode=ro") as reader,
    ):
        desk = Desk(saver)
        with desk.unharmed():
            reading = desk.seen_by(reader)
            assert reading.waits()
            with pytest.raises(StoreBusyError, match=r"is read-only.*nothing was written"):
                reading.answer()


# --- a connection lost in the middle of an append


@pytest.fixture
def postgres(postgres_dsn: str) -> Iterator[PostgresSaver]:
    with PostgresSaver.from_conn_string(postgres_dsn) as saver:
        saver.setup()
        yield saver


@pytest.fixture
def lost(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> LostConnection:
    return LostConnection(postgres_dsn, monkeypatch)


@pytest.mark.parametrize("door", [by_invoke, by_ainvoke])
@pytest.mark.parametrize("after_commit", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("append", [0, 1], ids=["the answer", "its last step"])
def test_an_answer_whose_outcome_is_unknown_may_be_sent_again_under_its_command_id(
    postgres: PostgresSaver, lost: LostConnection, append: int, after_commit: bool, door: Door
) -> None:
    desk = Desk(postgres, door)
    before = rows(postgres, "letter")

    lost.at_append(append, after_commit=after_commit)
    with pytest.raises(OutcomeUnknownError, match=r"thread 'letter'.*may have happened.*same command again") as unknown:
        desk.answer("Bob", who="bob", command_id="click-1")
    assert (unknown.value.thread, unknown.value.version) == ("letter", len(before) + append)

    done = desk.answer("Bob", who="bob", command_id="click-1")

    assert done == {"text": "Dear Ann", "signed": "Bob", "stamp": "red wax"}
    assert [event.who for event in events(postgres, "letter", Resumed)] == ["bob"]
    assert rows(postgres, "letter")[: len(before)] == before
    length = len(rows(postgres, "letter"))
    assert desk.answer("Bob", who="bob", command_id="click-1") == done, "a third time changes nothing either"
    assert len(rows(postgres, "letter")) == length
    with pytest.raises(AlreadyAnsweredError, match="answered by 'bob'"):
        desk.answer("Bob", who="bob", command_id="click-2")


@pytest.mark.parametrize("after_commit", [False, True], ids=["before the commit", "after the commit"])
def test_an_input_whose_outcome_is_unknown_may_be_sent_again_under_its_command_id(
    postgres: PostgresSaver, lost: LostConnection, after_commit: bool
) -> None:
    desk = Desk(postgres)
    lost.at_append(0, after_commit=after_commit)
    memo = on("memo", command_id="post-1")
    with pytest.raises(OutcomeUnknownError):
        desk.graph.invoke({"text": "Dear Cid"}, memo)

    for _ in range(2):
        paused = desk.graph.invoke({"text": "Dear Cid"}, memo)
        assert [question.value for question in paused["__interrupt__"]] == [QUESTION]
    assert len(events(postgres, "memo", RunStarted)) == 1
    assert desk.can_be_answered(), "the other letter never knew"
