"""R7: the disk fails at the n-th call, for every n: a typed error, no torn commit, and the thread goes on later."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clew.checkpoint import SqliteSaver
from clew.errors import StoreError

from tests.support.faulty_disk import EIO_SYNC, EIO_WRITE, ENOSPC, FaultyDisk

from .conversation import DONE, finish, graph
from .sizes import NIGHTLY, sized

FAULTS = [
    (code, sticky, short)
    for code, shorts in ((EIO_WRITE, (False, True)), (EIO_SYNC, (False,)), (ENOSPC, (False, True)))
    for sticky in (False, True)
    for short in shorts
]


@pytest.fixture(scope="module")
def disk() -> FaultyDisk:
    return FaultyDisk()


def operations(disk: FaultyDisk, path: Path) -> int:
    """How many writes and syncs a whole conversation takes."""
    disk.done, disk.remembers = [], True
    with disk.in_place(), SqliteSaver.from_conn_string(str(path)) as saver:
        disk.done.clear()
        assert finish(graph(saver), "t") == DONE
        disk.remembers = False
        return len(disk.done)


@pytest.mark.slow
def test_whatever_call_fails_nothing_is_torn_and_the_thread_goes_on(
    disk: FaultyDisk, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    count = operations(disk, tmp_path / "counted.sqlite")
    cases = [(number, *fault) for number in range(count) for fault in FAULTS]
    if not NIGHTLY:
        cases = random.Random(7).sample(cases, sized(200, len(cases)))
    failed = 0
    for case, (number, code, sticky, short) in enumerate(cases):
        path = tmp_path / f"{case}.sqlite"
        failed += fails_once(disk, path, lambda: disk.fail(number, code, sticky=sticky, short=short))  # noqa: B023
        with SqliteSaver.from_conn_string(str(path)) as later:
            versions = [row.version for row in later.store.read("t")]
            assert versions == list(range(len(versions)))
            assert finish(graph(later), "t") == DONE, (number, code, sticky, short)
        path.unlink()
    assert failed > len(cases) / 2
    report_figure(f"R7: {len(cases)} runs on a disk that fails, {failed} of them told so by a typed error, 0 torn")


def fails_once(disk: FaultyDisk, path: Path, set_fault: Callable[[], None]) -> bool:
    """Converse on a disk that fails; whether somebody was told."""
    with disk.in_place():
        saver: Any = SqliteSaver(str(path))
        set_fault()
        try:
            finish(graph(saver), "t")
            return False
        except StoreError:
            return True
        finally:
            disk.heal()
            saver.close()
