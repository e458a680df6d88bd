"""Many threads and several stores on one database: nothing lost, no half batches, one creation time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
from clew.store.base import GetOp, PutOp, SearchOp
from clew.store.postgres import PostgresStore
from clew.store.sqlite import SqliteStore

from tests.support.long_term_stores import KINDS, opened

THREADS, PUTS = 6, 12


@pytest.mark.parametrize("kind", KINDS)
def test_puts_of_many_threads_are_all_kept(kind, request):
    with opened(kind, request) as store, ThreadPoolExecutor(THREADS) as pool:

        def work(thread: int) -> None:
            for number in range(PUTS):
                store.put(("t", str(thread)), str(number), {"n": number})
                assert store.get(("t", str(thread)), str(number)).value == {"n": number}

        list(pool.map(work, range(THREADS)))
        assert len(store.search(("t",), limit=1000)) == THREADS * PUTS
        assert len(store.list_namespaces()) == THREADS


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_seen_whole_or_not_at_all(kind, request):
    pair = [GetOp(("p",), "left"), GetOp(("p",), "right")]
    with opened(kind, request) as store, ThreadPoolExecutor(4) as pool:

        def write(number: int) -> None:
            # In both orders: two batches that take the same rows crosswise must not lose either.
            puts = [PutOp(("p",), side, {"n": number}) for side in ("left", "right")]
            store.batch(puts if number % 2 else puts[::-1])

        list(pool.map(write, range(24)))
        left, right = store.batch(pair)
        assert left.value == right.value
        [found] = store.batch([SearchOp(("p",))])
        assert len(found) == 2


def test_batches_that_take_the_same_rows_crosswise_never_wait_for_each_other(request, postgres_dsn):
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with opened("postgres", request) as store, ThreadPoolExecutor(4) as pool:

        def write(number: int) -> None:
            puts = [PutOp(("x",), side, {"n": number}) for side in ("left", "right", "new " + str(number // 4))]
            store.batch(puts if number % 2 else puts[::-1])

        with psycopg.connect(postgres_dsn) as connection:
            before = connection.execute(deadlocks).fetchone()
        list(pool.map(write, range(24)))
        with psycopg.connect(postgres_dsn) as connection:
            assert connection.execute(deadlocks).fetchone() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_several_stores_on_one_database_agree(kind, request, tmp_path, postgres_dsn):
    with ExitStack() as stack:

        def another():
            if kind == "sqlite":
                return stack.enter_context(SqliteStore.from_conn_string(str(tmp_path / "s")))
            return stack.enter_context(PostgresStore.from_conn_string(postgres_dsn))

        stores = [another() for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda store: store.setup(), stores))
            list(pool.map(lambda store: store.put(("one",), "k", {"by": 1}), stores))
        items = [store.get(("one",), "k") for store in stores]
        assert items[0] == items[1] == items[2]
        assert len(stores[0].search(())) == 1


def test_a_store_may_share_its_file_with_a_saver(tmp_path):
    from clew.checkpoint.sqlite import SqliteSaver

    path = str(tmp_path / "both")
    with SqliteSaver.from_conn_string(path) as saver, SqliteStore.from_conn_string(path) as store:
        store.put(("u",), "k", {"n": 1})
        assert saver.store.heads() == []
        assert store.get(("u",), "k").value == {"n": 1}
