"""The pytest plug-in, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from clew import START, StateGraph
from clew.archive import export_threads
from clew.audit import Recording
from clew.events.stores.memory import MemoryStore
from clew.testing import assert_fits, given

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

@pytest.mark.recorded_threads("threads")
def test_every(recorded_thread):
    assert recorded_thread.rows

def test_profile():
    from hypothesis import settings
    print("examples", settings().max_examples)
"""


@pytest.mark.slow
def test_marks_fixtures_and_the_nightly_profile_work(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("ann", "bob"):
        given(desk()).when({"text": name}).log().save(tmp_path / "logs" / f"{name}.jsonl")
    asked = given(desk()).when({"text": "cid"})
    (tmp_path / "threads").mkdir()
    store = MemoryStore()
    asked.log().put_into(store, desk())
    export_threads(store, tmp_path / "threads/two.jsonl.gz")
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
    assert f"test_every[{asked.log().thread}] PASSED" in done.stdout
    assert "examples 2000" in done.stdout


def test_a_graph_that_does_not_fit_says_every_difference() -> None:
    log = given(desk()).when({"text": "cid"}).log()
    store = MemoryStore()
    log.put_into(store, desk())
    thread = Recording(log.thread, "", store.read(log.thread))
    assert_fits(desk(), thread, bodies=True)
    other = StateGraph(dict).add_node("other", lambda state: None).add_edge(START, "other").compile()
    with pytest.raises(AssertionError, match="node gone: it waits in node"):
        assert_fits(other, thread)
    with pytest.raises(ValueError, match="use one of"):
        assert_fits(other, thread, allow=["nothing"])


def test_a_folder_without_threads_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "threads").mkdir()
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "clew.actors.kit.plugin", "-p", "no:cacheprovider", "-k", "every"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode != 0
    assert "there is no" in done.stdout + done.stderr
