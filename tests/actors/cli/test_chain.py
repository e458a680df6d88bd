"""`clew verify`, `export` and `import`: what is whole, what is not, where; and threads in files and back."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from clew.actors.cli.commands import clew
from click.testing import CliRunner, Result

from .conftest import Run

KEY = "a key of the auditors"


def command(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(clew, list(words), env=environment)


def damage(path: Path, thread: str, version: int) -> None:
    """Flip the last bit of a commit."""
    with sqlite3.connect(path) as connection:
        query = "SELECT position, state FROM clew_journal JOIN clew_heads USING (stream)"
        found = connection.execute(f"{query} WHERE thread = ? AND clew_journal.version = ?", (thread, version))
        position, state = found.fetchone()
        changed = state[:-1] + bytes([state[-1] ^ 1])
        connection.execute("UPDATE clew_journal SET state = ? WHERE position = ?", (changed, position))
    connection.close()


def cut(path: Path, thread: str, version: int) -> None:
    """Cut off what comes after a version, as somebody does who knows the tables."""
    with sqlite3.connect(path) as connection:
        stream = "stream = (SELECT stream FROM clew_heads WHERE thread = ?)"
        connection.execute(f"DELETE FROM clew_journal WHERE {stream} AND version > ?", (thread, version))
        connection.execute("UPDATE clew_heads SET version = ? WHERE thread = ?", (version, thread))
    connection.close()


def test_every_kind_of_store_is_whole(store_url: str) -> None:
    result = command("verify", "--store", store_url)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "whole: 4 threads" in result.stderr
    counted = json.loads(command("verify", "--store", store_url, "-o", "json").stdout)
    assert (counted["threads"], counted["findings"]) == (4, [])
    assert counted["events"] > counted["commits"] > 4


def test_a_changed_commit_is_named_by_thread_and_version_and_exits_1(run_here: Run, tmp_path: Path) -> None:
    damage(tmp_path / "shop.db", "order-3", 2)
    result = run_here("verify")
    assert result.exit_code == 1
    _, row = result.stdout.splitlines()
    assert row.split()[:3] == ["order-3", "2", "changed"]
    assert "1 of 4 threads" in result.stderr
    (finding,) = [json.loads(line) for line in run_here("verify", "-o", "jsonl").stdout.splitlines()]
    assert (finding["thread"], finding["version"], finding["kind"]) == ("order-3", 2, "changed")
    assert run_here("verify", "order-1").exit_code == 0
    assert run_here("verify", "order-1", "order-3").exit_code == 1


def test_heads_that_were_kept_show_a_cut_off_end(run_here: Run, tmp_path: Path) -> None:
    heads = str(tmp_path / "heads.jsonl")
    (tmp_path / "key").write_text(KEY)
    saved = run_here("verify", "--save", heads, "--key-file", str(tmp_path / "key"))
    assert saved.exit_code == 0, saved.output
    assert "saved 4 heads" in saved.stderr
    cut(tmp_path / "shop.db", "order-3", 3)
    assert run_here("verify").exit_code == 0
    result = run_here("verify", "--against", heads, "--key-file", str(tmp_path / "key"), "-o", "json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["thread"], finding["version"], finding["kind"]) == ("order-3", 4, "truncated")


def test_heads_under_another_key_are_refused_with_exit_2(run_here: Run, tmp_path: Path) -> None:
    heads = str(tmp_path / "heads.jsonl")
    (tmp_path / "key").write_text(KEY)
    run_here("verify", "--save", heads, "--key-file", str(tmp_path / "key"))
    result = run_here("verify", "--against", heads)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the signature does not fit" in result.stderr
    (tmp_path / "key").write_text("short")
    short = run_here("verify", "--against", heads, "--key-file", str(tmp_path / "key"))
    assert short.exit_code == 2
    assert "expected 16 or more" in short.stderr


def test_heads_of_a_broken_chain_are_not_saved_and_nothing_is_overwritten(run_here: Run, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    assert run_here("verify", "--save", str(heads)).exit_code == 0
    assert "unsigned" in run_here("verify", "--save", str(tmp_path / "more.jsonl")).stderr
    again = run_here("verify", "--save", str(heads))
    assert again.exit_code == 2
    damage(tmp_path / "shop.db", "order-1", 0)
    assert run_here("verify", "--save", str(tmp_path / "other.jsonl")).exit_code == 1
    assert not (tmp_path / "other.jsonl").exists()


def test_an_erased_thread_shows_against_heads_and_is_no_breach(run_here: Run, tmp_path: Path) -> None:
    from clew import SqliteSaver

    heads = str(tmp_path / "heads.jsonl")
    run_here("verify", "--save", heads)
    with SqliteSaver.from_conn_string(str(tmp_path / "shop.db")) as saver:
        saver.delete_thread("order-1")
    result = run_here("verify", "--against", heads)
    assert result.exit_code == 0
    assert "erased" in result.stdout


@pytest.mark.parametrize("name", ["shop.jsonl", "shop.jsonl.gz"])
def test_exported_threads_come_back_in_another_store(run: Run, tmp_path: Path, name: str) -> None:
    file, other = str(tmp_path / name), f"sqlite:///{tmp_path / 'other.db'}"
    exported = run("export", file, "order", "-o", "jsonl")
    assert exported.exit_code == 2, "an ambiguous beginning"
    exported = run("export", file, "order-1", "inv", "-o", "jsonl")
    assert exported.exit_code == 0, exported.output
    there = [json.loads(line)["thread"] for line in exported.stdout.splitlines()]
    assert there == ["order-1", "invoice-7"]
    from clew import SqliteSaver

    SqliteSaver(str(tmp_path / "other.db")).close()
    imported = command("import", file, "--store", other, "-o", "json")
    assert imported.exit_code == 0, imported.output
    assert [one["thread"] for one in json.loads(imported.stdout)] == there
    mine = json.loads(run("state", "order-1", "-o", "json").stdout)
    theirs = json.loads(command("state", "order-1", "--store", other, "-o", "json").stdout)
    assert mine == theirs
    assert command("import", file, "--store", other).exit_code == 0, "it may be repeated"


def test_what_cannot_be_exported_or_imported_is_one_line_and_exit_2(run_here: Run, tmp_path: Path) -> None:
    (tmp_path / "there.jsonl").write_text("")
    (tmp_path / "broken.jsonl").write_text("{\n")
    for words, says in [
        (("export", str(tmp_path / "there.jsonl")), "is there already"),
        (("export", str(tmp_path / "no" / "folder.jsonl")), "there is no folder"),
        (("export", str(tmp_path / "new.jsonl"), "nobody"), "there is no thread 'nobody'"),
        (("import", str(tmp_path / "broken.jsonl")), "line"),
        (("import", str(tmp_path / "missing.jsonl")), "does not exist"),
    ]:
        result = run_here(*words)
        assert (result.exit_code, result.stdout) == (2, ""), result.output
        assert says in result.stderr
    assert not (tmp_path / "new.jsonl").exists()


def test_a_thread_that_is_another_one_is_not_imported(run_here: Run, tmp_path: Path) -> None:
    from clew import SqliteSaver

    from . import shop

    assert run_here("export", str(tmp_path / "shop.jsonl")).exit_code == 0
    with SqliteSaver.from_conn_string(str(tmp_path / "other.db")) as saver:
        shop.fill(saver)
    result = command("import", str(tmp_path / "shop.jsonl"), "--store", f"sqlite:///{tmp_path / 'other.db'}")
    assert result.exit_code == 1
    assert "expected" in result.stderr
