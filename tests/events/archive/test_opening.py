"""Archives as stores, and stores by their addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from clew import START, Command, MessagesState, SqliteSaver, StateGraph, interrupt
from clew.archive import export_threads
from clew.errors import ArchiveError, MissingStoreError, StoreBusyError, StoreError
from clew.events.archive.opening import open_store
from clew.events.archive.store import ArchiveStore
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import WAITING, Entry, Head, Position


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a store `threads.db` of three threads and an archive of it."""
    monkeypatch.chdir(tmp_path)
    with SqliteSaver.from_conn_string("threads.db") as saver:
        builder = StateGraph(MessagesState).add_node("ask", lambda _: {"messages": [interrupt("what?")]})
        graph = builder.add_edge(START, "ask").compile(checkpointer=saver)
        for name in ("a", "b", "c"):
            graph.invoke({"messages": ["hello"]}, {"configurable": {"thread_id": name}})  # type: ignore[arg-type]
        graph.invoke(Command(resume="this"), {"configurable": {"thread_id": "b"}})
        export_threads(saver.store, "threads.jsonl.gz")
    return tmp_path


def test_an_archive_reads_as_the_store_it_came_from(folder: Path) -> None:
    store, archive = SqliteStore("threads.db"), ArchiveStore("threads.jsonl.gz")
    assert archive.heads() == store.heads()
    assert archive.heads(WAITING, limit=1, newest_first=False) == store.heads(WAITING, limit=1, newest_first=False)
    for name in ("a", "b", "unknown"):
        assert archive.head(name) == store.head(name)
        mine, theirs = (one.read(name, after=0, until=2) for one in (archive, store))
        assert [(row.version, row.digest, row.body) for row in mine] == [
            (row.version, row.digest, row.body) for row in theirs
        ]
    assert archive.head("a", tenant="other") is None
    store.close()


def test_an_archive_is_followed_in_the_order_of_the_file(folder: Path) -> None:
    archive = ArchiveStore("threads.jsonl.gz")
    everything = archive.follow(Position())
    assert [position.number for position, _ in everything] == [*range(1, len(everything) + 1)]
    assert archive.follow(everything[1][0], limit=2) == everything[2:4]
    assert archive.follow(everything[-1][0]) == []


def test_an_archive_takes_nothing_in(folder: Path) -> None:
    archive = ArchiveStore("threads.jsonl.gz")
    entry = Entry("a", 2, bytes(16), bytes(32), b"body", Head())
    for refused in (
        lambda: archive.append(entry),
        lambda: archive.append_batch([entry]),
        lambda: archive.erase("a"),
        lambda: archive.retire("a"),
    ):
        with pytest.raises(StoreError, match="can only be read: import it into a store first"):
            refused()


@pytest.mark.parametrize(
    "address", ["sqlite:///threads.db", "sqlite:///{}/threads.db", "threads.db", "threads.jsonl.gz"]
)
def test_an_address_opens_what_it_names(folder: Path, address: str) -> None:
    store = open_store(address.format(folder))
    assert {head.thread for head in store.heads()} == {"a", "b", "c"}
    store.close()


def test_a_store_that_is_opened_to_be_read_cannot_be_written(folder: Path) -> None:
    store = open_store("sqlite:///threads.db")
    with pytest.raises(StoreBusyError, match="read-only"):
        store.append(Entry("new", -1, bytes(16), bytes(32), b"body", Head()))
    store.close()
    writing = open_store("sqlite:///threads.db", "rw")
    writing.append(Entry("new", -1, bytes(16), bytes(32), b"body", Head()))
    writing.close()


def test_a_postgres_that_is_opened_to_be_read_cannot_be_written(postgres_dsn: str) -> None:
    from clew.events.stores.postgres import PostgresStore
    from psycopg.conninfo import conninfo_to_dict

    made = PostgresStore(postgres_dsn)
    made.setup()
    made.close()
    reading = PostgresStore(postgres_dsn, mode="ro")
    with pytest.raises(StoreBusyError, match="read-only"):
        reading.append(Entry("new", -1, bytes(16), bytes(32), b"body", Head()))
    assert reading.heads() == []
    reading.close()
    assert conninfo_to_dict(postgres_dsn)


def test_a_store_is_made_only_where_that_is_asked_for(folder: Path) -> None:
    for mode in ("ro", "rw"):
        with pytest.raises(MissingStoreError, match="there is no file"):
            open_store("sqlite:///new.db", mode)
    open_store("sqlite:///new.db", "rwc").close()
    assert open_store("sqlite:///new.db").heads() == []
    with pytest.raises(StoreError, match=r"write sqlite:///newer\.db"):
        open_store("newer.db", "rwc")


def test_a_path_with_signs_of_an_address_is_a_path(folder: Path) -> None:
    SqliteStore("what?mode=memory#1 %20.db").close()
    store = open_store("sqlite:///what?mode=memory#1 %20.db", "rw")
    store.append(Entry("new", -1, bytes(16), bytes(32), b"body", Head()))
    store.close()
    again = open_store("what?mode=memory#1 %20.db")
    assert [head.thread for head in again.heads()] == ["new"]
    again.close()


def test_a_damaged_archive_is_refused_with_its_line(folder: Path) -> None:
    (folder / "broken.jsonl").write_text('{"clew": "archive", "form": 1}\n')
    with pytest.raises(ArchiveError, match="line 1"):
        open_store("broken.jsonl")
