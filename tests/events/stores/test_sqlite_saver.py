"""The forms in which tutorials open a SQLite or in-memory saver."""

import asyncio
import gc
import sqlite3
from contextlib import closing
from pathlib import Path

import aiosqlite
import pytest
from clew.actors.kit.store_contract import entry
from clew.events.errors import StoreError, ThreadErasedError
from clew.events.stores.saver import BaseCheckpointSaver, InMemorySaver, MemorySaver
from clew.events.stores.sqlite_saver import AsyncSqliteSaver, SqliteSaver


def keeps(saver: BaseCheckpointSaver) -> bool:
    saver.store.append(entry("t", 0, tenant=saver.tenant))
    return len(saver.store.read("t", tenant=saver.tenant)) == 1


def file_has_commits(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM clew_journal").fetchone()[0] > 0


def test_the_memory_saver_works_alone_and_in_both_kinds_of_with() -> None:
    async def use() -> None:
        async with InMemorySaver() as saver:
            assert keeps(saver)

    assert keeps(InMemorySaver())
    assert MemorySaver is InMemorySaver
    with InMemorySaver() as saver:
        saver.setup()
        assert keeps(saver)
    asyncio.run(use())


def test_a_connection_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.db"
    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        connection.row_factory = lambda cursor, row: {"odd": row}
        saver = SqliteSaver(connection)
        saver.setup()
        assert keeps(saver)
        saver.close()
        assert connection.execute("SELECT 1").fetchone() == {"odd": (1,)}
    assert file_has_commits(path)


def test_a_connection_bound_to_its_thread_names_the_file_too(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "checkpoints.db")) as connection:
        saver = SqliteSaver(connection)
        asyncio.run(asyncio.to_thread(keeps, saver))
        saver.close()
    assert file_has_commits(tmp_path / "checkpoints.db")


def test_a_path_and_a_connection_string_open_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    with SqliteSaver.from_conn_string(str(path)) as saver:
        saver.setup()
        assert keeps(saver)
    with pytest.raises(StoreError, match="closed"):
        saver.store.read("t")
    saver = SqliteSaver(path)
    assert len(saver.store.read("t")) == 1
    saver.close()


def test_a_database_in_memory_is_used_through_its_connection() -> None:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        connection.row_factory = sqlite3.Row
        saver = SqliteSaver(connection)
        assert asyncio.run(asyncio.to_thread(keeps, saver))
        saver.close()
        assert connection.execute("SELECT count(*) FROM clew_journal").fetchone() == (1,)


def test_a_database_in_memory_that_is_bound_to_a_thread_is_refused() -> None:
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(StoreError, match=r"check_same_thread=False.*from_conn_string"),
    ):
        SqliteSaver(connection)


def test_a_connection_inside_a_transaction_is_refused() -> None:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.execute("INSERT INTO mine VALUES (1)")
        with pytest.raises(StoreError, match="inside a transaction"):
            SqliteSaver(connection)


def test_the_async_saver_takes_an_aiosqlite_connection_awaited_or_not(tmp_path: Path) -> None:
    async def use() -> None:
        saver = AsyncSqliteSaver(aiosqlite.connect(tmp_path / "a.db"))
        assert keeps(saver)
        saver.close()
        async with aiosqlite.connect(str(tmp_path / "b.db")) as connection:
            saver = AsyncSqliteSaver(connection)
            await saver.setup()
            assert keeps(saver)
            saver.close()

    asyncio.run(use())
    assert file_has_commits(tmp_path / "a.db")
    assert file_has_commits(tmp_path / "b.db")


def test_the_async_saver_opens_by_connection_string(tmp_path: Path) -> None:
    async def use() -> None:
        for address in (":memory:", str(tmp_path / "c.db")):
            async with AsyncSqliteSaver.from_conn_string(address, tenant="red") as saver:
                assert keeps(saver)
                await saver.adelete_thread("t")
                with pytest.raises(ThreadErasedError):
                    saver.store.head("t", tenant="red")
            with pytest.raises(StoreError, match="closed"):
                saver.store.read("t")

    asyncio.run(use())


def test_the_async_saver_says_what_it_cannot_use() -> None:
    for connection, reason in ((aiosqlite.connect(":memory:"), "in memory"), (object(), "no aiosqlite connection")):
        with pytest.raises(StoreError, match=rf"(?s){reason}.*from_conn_string"):
            AsyncSqliteSaver(connection)


def test_a_saver_that_nobody_closes_closes_itself(tmp_path: Path) -> None:
    saver = SqliteSaver(tmp_path / "threads.db")
    assert keeps(saver)
    connections = saver.store._connections  # type: ignore[attr-defined]
    del saver
    gc.collect()
    assert connections._closed


def test_a_tenant_s_saver_erases_its_own_thread_only(tmp_path: Path) -> None:
    with (
        SqliteSaver.from_conn_string(str(tmp_path / "threads.db"), tenant="red") as red,
        SqliteSaver.from_conn_string(str(tmp_path / "threads.db"), tenant="blue") as blue,
    ):
        assert keeps(red)
        assert keeps(blue)
        red.delete_thread("t")
        assert red.store.read("t", tenant="red") == []
        assert len(blue.store.read("t", tenant="blue")) == 1
