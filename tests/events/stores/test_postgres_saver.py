"""The forms in which tutorials open a Postgres saver."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from clew.actors.kit.store_contract import entry
from clew.events.errors import MissingPackageError, MissingStoreError, StoreBusyError, StoreError
from clew.events.stores.postgres_saver import AsyncPostgresSaver, PostgresSaver
from clew.events.stores.saver import BaseCheckpointSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool


def keeps(saver: BaseCheckpointSaver) -> bool:
    saver.store.append(entry("t", 0))
    saver.store.append_batch([entry("t", 1)])
    return [row.version for row in saver.store.read("t")] == [0, 1]


def commits(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT count(*) FROM clew_journal").fetchone()[0]  # type: ignore[index]


def test_a_connection_string_in_a_with_block(postgres_dsn: str) -> None:
    with PostgresSaver.from_conn_string(postgres_dsn) as saver:
        saver.setup()
        assert keeps(saver)
    with pytest.raises(StoreError, match="closed"):
        saver.store.read("t")
    assert commits(postgres_dsn) == 2


@pytest.mark.parametrize("kwargs", [{}, {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}])
def test_a_pool_is_used_as_it_is_and_stays_open(postgres_dsn: str, kwargs: dict[str, object]) -> None:
    with ConnectionPool(postgres_dsn, min_size=1, max_size=2, kwargs=kwargs, open=True) as pool:
        saver = PostgresSaver(pool)
        saver.setup()
        assert keeps(saver)
        saver.close()
        with pool.connection() as connection:
            assert connection.autocommit == kwargs.get("autocommit", False)
            assert connection.execute("SELECT 1").fetchone()
    assert commits(postgres_dsn) == 2


@pytest.mark.parametrize("kwargs", [{}, {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}])
def test_a_connection_tells_where_to_connect(postgres_dsn: str, kwargs: dict[str, object]) -> None:
    with psycopg.connect(postgres_dsn, **kwargs) as connection:  # type: ignore[arg-type]
        saver = PostgresSaver(connection)
        saver.setup()
        with ThreadPoolExecutor(4) as threads:
            assert all(threads.map(lambda number: saver.store.append(entry(f"t{number}", 0)), range(20)))
        saver.close()
        assert connection.execute("SELECT 1").fetchone()
    assert commits(postgres_dsn) == 20


def test_the_async_saver_takes_a_string_a_pool_and_a_connection(postgres_dsn: str) -> None:
    async def use() -> None:
        async with AsyncPostgresSaver.from_conn_string(postgres_dsn) as saver:
            await saver.setup()
            assert keeps(saver)
        async with AsyncConnectionPool(postgres_dsn, min_size=1, kwargs={"autocommit": True}, open=False) as pool:
            saver = AsyncPostgresSaver(pool)
            assert len(saver.store.read("t")) == 2
            await saver.adelete_thread("t")
            assert saver.store.read("t") == []
            saver.close()
        async with await psycopg.AsyncConnection.connect(postgres_dsn) as connection:
            saver = AsyncPostgresSaver(connection)
            assert saver.store.heads() == []
            saver.close()

    asyncio.run(use())


def test_setting_up_from_many_sessions_at_once_works(postgres_dsn: str) -> None:
    savers = [PostgresSaver(postgres_dsn) for _ in range(4)]
    with ThreadPoolExecutor(len(savers)) as threads:
        list(threads.map(lambda saver: saver.setup(), savers))
    assert keeps(savers[0])
    for saver in savers:
        saver.close()


def test_without_setup_the_error_names_it(postgres_dsn: str) -> None:
    with PostgresSaver.from_conn_string(postgres_dsn) as saver:
        for call in (lambda: saver.store.append(entry("t", 0)), lambda: saver.store.read("t"), saver.store.heads):
            with pytest.raises(MissingStoreError, match=r"no clew tables.*setup\(\)"):
                call()


def test_a_store_of_a_newer_clew_is_refused(postgres_dsn: str) -> None:
    with PostgresSaver.from_conn_string(postgres_dsn) as saver:
        saver.setup()
        with psycopg.connect(postgres_dsn) as connection:
            connection.execute("INSERT INTO clew_schema VALUES (99)")
        with pytest.raises(StoreError, match=r"version 99.*newer clew"):
            saver.setup()


def test_an_unreachable_server_is_said_without_the_password() -> None:
    with pytest.raises(StoreBusyError, match="cannot reach Postgres /nowhere") as caught:
        PostgresSaver("host=/nowhere dbname=clew password=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("given", [object(), None, "not a connection string"])
def test_what_tells_no_address_is_refused(given: object) -> None:
    with pytest.raises(StoreError, match=r"from_conn_string|postgresql://"):
        PostgresSaver(given)


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("clew.events.stores.postgres", "clew.events.stores.postgres_connections"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    with pytest.raises(MissingPackageError, match=r'pip install "clew\[postgres\]"'):
        PostgresSaver("postgresql://localhost/clew")
