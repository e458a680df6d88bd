"""The pytest plug-in, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from clew.testing import given

from .desk import desk

TESTS = """
import threading
import pytest

def test_a_starts_a_thread():
    threading.Thread(target=threading.Event().wait, daemon=True).start()

@pytest.mark.forks
def test_z_forks(sqlite_files):
    assert threading.active_count() == 1
    assert sqlite_files("case").store.heads() == []

@pytest.mark.recorded_logs("logs")
def test_each(recorded_log, virtual_clock):
    assert len(recorded_log.rows) >= 1
    virtual_clock.advance(5)
    assert virtual_clock.seconds == 5

def test_profile():
    from hypothesis import settings
    print("examples", settings().max_examples)
"""


@pytest.mark.slow
def test_marks_fixtures_and_the_nightly_profile_work(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("ann", "bob"):
        given(desk()).when({"text": name}).log().save(tmp_path / "logs" / f"{name}.jsonl")
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ["-p", "clew.actors.kit.plugin", "--hypothesis-profile", "nightly", "--strict-markers", "-rP", "-v"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.index("test_z_forks PASSED") < done.stdout.index("test_a_starts_a_thread PASSED")
    assert "test_each[ann] PASSED" in done.stdout
    assert "test_each[bob] PASSED" in done.stdout
    assert "examples 2000" in done.stdout
