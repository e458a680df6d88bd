"""Postgres' trouble becomes typed errors; a lost connection in mid-append loses and doubles nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Thread
from time import monotonic
from typing import Any

import psycopg
import pytest
from clew.actors.kit.store_contract import HOSTILE_NAMES, entry
from clew.events.errors import OutcomeUnknownError, StoreBusyError, StoreError
from clew.events.stores import postgres_connections, postgres_schema
from clew.events.stores.postgres import PostgresStore
from clew.events.stores.store import RUNNING, WAITING, Position

from tests.support.postgres_server import PostgresServer


@pytest.fixture
def store(postgres_dsn: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(postgres_dsn)) as store:
        store.setup()
        store.append(entry("t", 0))
        yield store


@pytest.fixture
def other(postgres_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        yield connection


def versions(store: PostgresStore, thread: str = "t") -> list[int]:
    return [row.version for row in store.read(thread)]


def losing(monkeypatch: pytest.MonkeyPatch, other: psycopg.Connection, times: int, *, after_commit: bool) -> None:
    """Cut the connection of the next `times` appends, before or after the server has run them."""
    execute = postgres_connections.execute
    left = [times]

    def cut(connection: Any, statement: Any, parameters: Any = ()) -> Any:
        if left[0] and statement in (postgres_schema.FIRST, postgres_schema.NEXT, postgres_schema.BATCH):
            left[0] -= 1
            if after_commit:
                execute(connection, statement, parameters)
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
            return execute(connection, "SELECT 1")
        return execute(connection, statement, parameters)

    monkeypatch.setattr("clew.events.stores.postgres.execute", cut)


@pytest.mark.slow
@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_lost_in_mid_append_is_tried_again_and_counts_once(
    store: PostgresStore, other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, times: int, after_commit: bool
) -> None:
    losing(monkeypatch, other, times, after_commit=after_commit)
    position = store.append(entry("t", 1))
    assert versions(store) == [0, 1]
    assert store.read("t")[1].position == position
    losing(monkeypatch, other, times, after_commit=after_commit)
    verdicts = store.append_batch([entry("t", 2), entry("u", 0)])
    assert [type(verdict) for verdict in verdicts] == [int, int]
    assert versions(store) == [0, 1, 2]
    assert versions(store, "u") == [0]


@pytest.mark.parametrize("after_commit", [False, True])
def test_while_no_connection_comes_back_the_outcome_is_unknown(
    store: PostgresStore, other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, after_commit: bool
) -> None:
    monkeypatch.setattr(postgres_connections, "RECONNECT_SECONDS", 0.0)
    losing(monkeypatch, other, 1, after_commit=after_commit)
    with pytest.raises(OutcomeUnknownError) as caught:
        store.append(entry("t", 1))
    assert (caught.value.thread, caught.value.version) == ("t", 1)
    monkeypatch.undo()
    store.append(entry("t", 1))
    assert versions(store) == [0, 1]


def test_a_batch_whose_outcome_is_unknown_says_so_of_each_commit(
    store: PostgresStore, other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections, "RECONNECT_SECONDS", 0.0)
    losing(monkeypatch, other, 1, after_commit=True)
    verdicts = store.append_batch([entry("t", 1), entry("u", 0)])
    assert [type(verdict) for verdict in verdicts] == [OutcomeUnknownError, OutcomeUnknownError]


@pytest.mark.slow
def test_a_server_s_restart_is_survived_and_its_absence_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(postgres_connections, "RECONNECT_SECONDS", 0.3)
    with PostgresServer() as server, closing(PostgresStore(server.dsn)) as store:
        store.setup()
        store.append(entry("t", 0))
        server.stop("immediate")
        with pytest.raises(OutcomeUnknownError):
            store.append(entry("t", 1))
        with pytest.raises(StoreBusyError, match="nothing was written"):
            store.append(entry("t", 1))
        with pytest.raises(StoreError):
            store.read("t")
        server.start()
        monkeypatch.setattr(postgres_connections, "CONNECT_SECONDS", 10.0)
        store.append(entry("t", 1))
        assert versions(store) == [0, 1]


def test_a_read_only_database_is_reported_and_nothing_written(store: PostgresStore, postgres_dsn: str) -> None:
    read_only = postgres_dsn.replace("-c search_path", "-c default_transaction_read_only=on -c search_path")
    with closing(PostgresStore(read_only)) as reader:
        assert versions(reader) == [0]
        reader.setup()
        with pytest.raises(StoreBusyError, match=r"read-only transaction.*nothing was written"):
            reader.append(entry("t", 1))
        verdicts = reader.append_batch([entry("t", 1), entry("u", 0)])
        assert [type(verdict) for verdict in verdicts] == [StoreBusyError, StoreBusyError]
    assert versions(store) == [0]


def test_a_lock_that_outlasts_the_statement_timeout_is_busy(
    store: PostgresStore, other: psycopg.Connection, postgres_dsn: str
) -> None:
    impatient = postgres_dsn.replace("-c search_path", "-c statement_timeout=50 -c search_path")
    with closing(PostgresStore(impatient)) as blocked, other.transaction():
        other.execute("SELECT 1 FROM clew_heads FOR UPDATE")
        with pytest.raises(StoreBusyError, match=r"timeout.*nothing was written"):
            blocked.append(entry("t", 1))
    assert versions(store) == [0]


def test_batches_that_lock_the_same_threads_in_any_order_all_end(store: PostgresStore) -> None:
    names = [f"thread {number}" for number in range(40)]
    store.append_batch([entry(name, 0) for name in names])
    wins: list[int] = []

    def write(order: list[str], by: str) -> None:
        for version in range(1, 15):
            verdicts = store.append_batch([entry(name, version, by=by) for name in order])
            wins.append(sum(isinstance(verdict, int) for verdict in verdicts))

    orders = [names, names[::-1], names[20:] + names[:20]]
    writers = [Thread(target=write, args=(order, str(number))) for number, order in enumerate(orders)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sum(wins) == sum(len(store.read(name)) - 1 for name in names) == 40 * 14


def test_a_long_transaction_elsewhere_delays_the_feed_and_loses_nothing(
    store: PostgresStore, other: psycopg.Connection
) -> None:
    with other.transaction():
        other.execute("SELECT pg_current_xact_id()")
        store.append(entry("t", 1))
        seen = store.follow(Position())
        assert [row.version for _, row in seen] == [0]
    seen += store.follow(seen[-1][0])
    assert [row.version for _, row in seen] == [0, 1]


def test_notifications_wait_for_a_lower_position_in_flight(
    store: PostgresStore, other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction took position 2 and has not ended; position 3 is there: giving it now would lose 2 for a
    follower."""
    monkeypatch.setattr("clew.events.stores.postgres.HORIZON_WAIT_SECONDS", 0.0)
    assert [found.id for found in store.select_notifications(1, 10)] == [1]
    with other.transaction():
        other.execute(
            "INSERT INTO clew_journal (id, version, state) SELECT id, 1, state FROM clew_journal WHERE version = 0"
        )
        store.append(entry("u", 0))
        assert store.select_notifications(1, 10) == []
    assert [found.id for found in store.select_notifications(1, 10)] == [1, 2, 3]


def test_an_append_to_a_running_thread_updates_its_head_in_place(
    store: PostgresStore, other: psycopg.Connection
) -> None:
    for version in range(1, 60):
        store.append(entry("t", version, status=RUNNING))
    store.close()
    # A session hands in its figures when it ends.
    deadline = monotonic() + 10
    updates = in_place = 0
    while updates < 59 and monotonic() < deadline:
        [[updates, in_place]] = other.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'clew_heads'::regclass"
        ).fetchall()
    assert updates == 59
    assert in_place >= updates * 0.8


def test_a_forked_child_opens_a_pool_of_its_own(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = store._connections
    parents = connections._pool
    monkeypatch.setattr(connections, "_process", -1)
    store.append(entry("t", 1))
    assert connections._pool is not parents
    with parents.connection() as connection:
        assert connection.execute("SELECT count(*) FROM clew_journal").fetchone() == (2,)
    parents.close()


def test_statements_are_constants_whatever_the_names(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: set[str] = set()
    execute: Callable[..., Any] = postgres_connections.psycopg.Cursor.execute

    def traced(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        sent.add(query)
        return execute(self, query, params, **options)

    monkeypatch.setattr(postgres_connections.psycopg.Cursor, "execute", traced)
    for name in HOSTILE_NAMES:
        store.append(entry(name, 0, tenant=name, status=WAITING))
        store.append_batch([entry(name, 1, tenant=name), entry(name, 1, tenant=f"not {name}")])
        store.read(name, tenant=name)
        store.head(name, tenant=name)
        store.heads(tenant=name)
        store.heads(WAITING, tenant=name, newest_first=False)
        store.follow(Position())
        store.erase(name, tenant=name)
    assert len(sent) >= 9
    assert sent <= postgres_schema.STATEMENTS
