"""R1: `kill -9` at every append, at each of four sites, of many graphs: the next process comes to the same end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clew.checkpoint import PostgresSaver
from clew.testing import SITES, CrashReport, SqliteFiles, crash_everywhere

from .found import FOUND
from .graphs import STORIES
from .sizes import NIGHTLY, sized

# One test kills hundreds of processes: on a loaded machine that outlasts the limit of an ordinary one.
pytestmark = [pytest.mark.slow, pytest.mark.forks, pytest.mark.timeout(sized(600, 4 * 3600))]
ON_SQLITE = list(STORIES)[:: 1 if NIGHTLY else 2]
ON_POSTGRES = STORIES if NIGHTLY else ("a question", "effects and a question", "a graph in a graph", "a workflow")
"""Graphs whose processes die over Postgres, too."""


def kill_everywhere(number: int, name: str, store: Any) -> CrashReport:
    """At night at every site; at a commit at one, so that each site has its graphs."""
    graph, moves = STORIES[name]
    sites = SITES if NIGHTLY else [SITES[number % len(SITES)]]
    report = crash_everywhere(graph, moves, store, sites=sites, save_to=FOUND / name.replace(" ", "-"))
    assert report.appends >= 2, name
    assert report.total > report.outlived, name
    return report


def told(store: str, reports: list[CrashReport]) -> str:
    kills = sum((Counter(report.kills) for report in reports), Counter[str]())
    seconds = sum(report.seconds for report in reports)
    each = ", ".join(f"{count} {site}" for site, count in kills.items())
    return f"R1: {len(reports)} graphs, {store}: {kills.total()} kills in {seconds:.0f} s ({each}); 0 not survived"


@pytest.mark.parametrize("journal", ["wal", *(["delete"] if NIGHTLY else [])])
def test_every_kill_over_sqlite_is_survived(journal: str, tmp_path: Path, report_figure: Callable[[str], None]) -> None:
    reports = []
    for number, name in enumerate(ON_SQLITE):
        files = SqliteFiles(tmp_path / str(number), journal=journal)
        reports.append(kill_everywhere(number, name, files))
    report_figure(told(f"SQLite {journal}", reports))


def test_every_kill_over_postgres_is_survived(postgres_dsn: str, report_figure: Callable[[str], None]) -> None:
    with PostgresSaver.from_conn_string(postgres_dsn) as saver:
        saver.setup()
    reports = [
        kill_everywhere(number, name, lambda case, name=name: PostgresSaver.from_conn_string(postgres_dsn, tenant=name))
        for number, name in enumerate(ON_POSTGRES)
    ]
    report_figure(told("Postgres", reports))
