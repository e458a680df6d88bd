"""Several processes on one SQLite file, and one that is killed."""

from pathlib import Path

import pytest
from clew.events.stores.sqlite import SqliteStore

from tests.events.stores.processes import check_competition, check_follower, check_kill


@pytest.mark.slow
def test_every_acknowledged_commit_survives_kill_9(tmp_path: Path) -> None:
    path = str(tmp_path / "threads.db")
    check_kill(SqliteStore(path), path, rounds=5)


@pytest.mark.slow
def test_a_follower_misses_nothing_while_processes_write(tmp_path: Path) -> None:
    path = str(tmp_path / "threads.db")
    check_follower(SqliteStore(path), path)


@pytest.mark.slow
def test_processes_competing_for_one_thread_leave_no_gap(tmp_path: Path) -> None:
    path = str(tmp_path / "threads.db")
    check_competition(SqliteStore(path), path)
