"""`clew doctor`, `stats`, `migrate` and `completion`; and the command without its extra."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from clew.actors.cli.commands import clew
from click.testing import CliRunner

from .conftest import Run, postgres_url


def test_a_sound_store_of_each_kind_is_in_order(store_url: str) -> None:
    result = CliRunner().invoke(clew, ["doctor", "--store", store_url])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "4 threads looked at, 0 bad, 0 to be looked at" in result.stderr
    record = json.loads(CliRunner().invoke(clew, ["doctor", "--store", store_url, "-o", "json"]).stdout)
    assert (record["threads"], record["findings"]) == (4, [])


def test_a_head_that_lies_is_found_and_exits_1(run_here: Run, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("UPDATE clew_heads SET questions = x'' WHERE thread = 'order-2'")
    connection.close()
    result = run_here("doctor")
    assert result.exit_code == 1
    assert "order-2" in result.stdout
    assert "the inbox is wrong for it" in result.stdout


def test_a_store_is_counted(store_url: str) -> None:
    record = json.loads(CliRunner().invoke(clew, ["stats", "--events", "--store", store_url, "-o", "json"]).stdout)
    assert (record["threads"], record["questions"]) == (4, 2)
    assert record["statuses"] == {"resting": 1, "running": 0, "waiting": 2, "stopped": 1}
    assert record["graphs"] == {"shop": 4}
    assert record["answers"] == {"ann": 1, "bob": 1, "eve": 1}
    assert record["events"]["NodeFailed"] == 1
    assert record["bytes"] > 0


def test_counts_are_read_by_people_too(run: Run) -> None:
    result = run("stats", "--events")
    assert "2, the oldest for" in result.stdout
    assert "next: clew inbox list" in result.stderr


def test_migrate_makes_a_store_once(tmp_path: Path, postgres_dsn: str) -> None:
    for url in (f"sqlite:///{tmp_path / 'new.db'}", postgres_url(postgres_dsn)):
        made = CliRunner().invoke(clew, ["migrate", "--store", url, "-o", "json"])
        assert made.exit_code == 0, made.output
        assert json.loads(made.stdout)["made"] is True
        again = CliRunner().invoke(clew, ["migrate", "--store", url, "-o", "json"])
        assert json.loads(again.stdout)["made"] is False
        empty = CliRunner().invoke(clew, ["threads", "list", "--store", url])
        assert (empty.exit_code, len(empty.stdout.splitlines())) == (0, 1)
        assert "no threads" in empty.stderr


def test_migrate_leaves_a_newer_store_and_a_file_alone(run: Run, tmp_path: Path) -> None:
    run("export", str(tmp_path / "shop.jsonl"))
    before = (tmp_path / "shop.jsonl").read_bytes()
    file = CliRunner().invoke(clew, ["migrate", "--store", str(tmp_path / "shop.jsonl")])
    assert (file.exit_code, (tmp_path / "shop.jsonl").read_bytes()) == (2, before)
    url = f"sqlite:///{tmp_path / 'new.db'}"
    CliRunner().invoke(clew, ["migrate", "--store", url])
    with sqlite3.connect(tmp_path / "new.db") as connection:
        connection.execute("INSERT INTO clew_schema (version) VALUES (99)")
    connection.close()
    newer = CliRunner().invoke(clew, ["migrate", "--store", url])
    assert newer.exit_code == 2
    assert "install a newer clew" in newer.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_a_script(shell: str) -> None:
    result = CliRunner().invoke(clew, ["completion", shell])
    assert result.exit_code == 0
    assert "_CLEW_COMPLETE" in result.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("clew thr", ["threads"]),
        ("clew events ord", ["order-1", "order-2", "order-3"]),
        ("clew threads list --status w", ["waiting"]),
        ("clew events nothing", []),
    ],
)
def test_a_shell_is_offered_commands_options_and_ids(filled: Path, words: str, offered: list[str]) -> None:
    environment = {
        "_CLEW_COMPLETE": "zsh_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        "CLEW_STORE": f"sqlite:///{filled}",
    }
    result = CliRunner().invoke(clew, prog_name="clew", env=environment)
    lines = result.stdout.splitlines()
    assert sorted(lines[1::3]) == offered


def test_a_shell_is_offered_nothing_where_there_is_no_store() -> None:
    environment = {"_CLEW_COMPLETE": "bash_complete", "COMP_WORDS": "clew events o", "COMP_CWORD": "2"}
    assert CliRunner().invoke(clew, prog_name="clew", env=environment).stdout.strip() == ""


@pytest.mark.slow
def test_importing_clew_and_its_audit_needs_neither_click_nor_rich() -> None:
    code = (
        "import sys; sys.modules['click'] = sys.modules['rich'] = None; "
        "import clew, clew.audit, clew.operator, clew.archive; print(clew.operator.inbox)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
