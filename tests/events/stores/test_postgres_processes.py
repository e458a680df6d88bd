"""Several processes on one Postgres, and one that is killed."""

import pytest
from clew.events.stores.postgres import PostgresStore

from tests.events.stores.processes import check_competition, check_follower, check_kill


def opened(dsn: str) -> PostgresStore:
    store = PostgresStore(dsn)
    store.setup()
    return store


@pytest.mark.slow
def test_every_acknowledged_commit_survives_kill_9(postgres_dsn: str) -> None:
    check_kill(opened(postgres_dsn), postgres_dsn, rounds=5)


@pytest.mark.slow
def test_a_follower_misses_nothing_while_processes_write(postgres_dsn: str) -> None:
    check_follower(opened(postgres_dsn), postgres_dsn)


@pytest.mark.slow
def test_processes_competing_for_one_thread_leave_no_gap(postgres_dsn: str) -> None:
    check_competition(opened(postgres_dsn), postgres_dsn)
