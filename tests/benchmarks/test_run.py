"""The benchmark's command itself, on amounts that take a second; the real ones are never part of the tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .bench import Amount, WorkloadError, expect
from .duel import WorkerError, play
from .workloads import BY_NAME

COMMAND = [sys.executable, str(Path(__file__).with_name("run.py"))]


@pytest.mark.slow
def test_a_quick_run_on_clew_alone_prints_its_table_and_writes_its_json(tmp_path: Path):
    figures = tmp_path / "figures.json"
    chosen = ["--quick", "--engine", "clew", "--store", "memory", "--workload", "interrupt-resume"]
    ran = subprocess.run([*COMMAND, *chosen, "--json", str(figures)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "| interrupt-resume 1, per cycle | memory |" in ran.stdout
    (case,) = json.loads(figures.read_text())["cases"]
    assert case["figures"]["clew.median_seconds"] > 0
    assert [one["units"] for one in case["rounds"]["clew"]] == [30] * 5


@pytest.mark.slow
def test_a_peer_that_is_not_installed_is_named_with_the_command_that_installs_it(tmp_path: Path):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # -S: an interpreter without site-packages
    bare.chmod(0o755)
    ran = subprocess.run([*COMMAND, "--peer-python", str(bare)], capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran.stderr
    assert "langgraph.checkpoint.sqlite" in ran.stderr
    assert "pip install 'clew[bench]'" in ran.stderr


@pytest.mark.slow
def test_a_worker_that_fails_names_its_case_and_its_error(tmp_path: Path):
    nowhere = str(tmp_path / "missing" / "file.sqlite")
    with pytest.raises(
        WorkerError, match=r"worker raw in raw-commit \(500, sqlite\): OperationalError: unable to open"
    ):
        play(BY_NAME["raw-commit"], Amount(500, rounds=1, laps=1), "sqlite", [("raw", sys.executable, nowhere)])


@pytest.mark.slow
def test_a_row_that_fails_is_named_and_the_command_says_so(tmp_path: Path):
    full = tmp_path / "python"  # a peer that cannot start: it is complete when asked, and gone when needed
    full.write_text('#!/bin/sh\ncase "$1" in -c) exit 0;; esac\nexit 9\n')
    full.chmod(0o755)
    chosen = ["--quick", "--engine", "langgraph", "--store", "memory", "--workload", "interrupt-resume"]
    ran = subprocess.run([*COMMAND, *chosen, "--peer-python", str(full)], capture_output=True, text=True, check=False)
    assert ran.returncode == 3, ran.stderr
    assert "worker langgraph in interrupt-resume (1, memory): no answer (exit code 9)" in ran.stderr


@pytest.mark.slow
def test_workers_take_turns_and_count_what_they_stored(tmp_path: Path):
    contestants = [("raw", sys.executable, str(tmp_path / "floor.sqlite"))]
    case = play(BY_NAME["raw-commit"], Amount(500, rounds=3, laps=4), "sqlite", contestants)
    assert [one.units for one in case.played["raw"].rounds] == [4, 4, 4]
    assert case.figures()["raw.stored_bytes"] == (tmp_path / "floor.sqlite").stat().st_size
    assert case.played["raw"].description["durability"]["synchronous"] == "FULL"


def test_an_engine_that_answers_wrongly_has_not_been_measured():
    with pytest.raises(WorkloadError, match="the counter is 3, expected 4"):
        expect("the counter", 3, 4)
