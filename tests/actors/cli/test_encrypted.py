"""An encrypted store: what can be seen without its key, and everything with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clew import SqliteSaver
from clew.actors.cli.commands import clew
from clew.privacy import Keyring
from click.testing import CliRunner, Result

from . import shop

RING = Keyring({"2026": b"k" * 32})
CIPHER = "tests.actors.cli.test_encrypted:RING"


@pytest.fixture
def url(tmp_path: Path) -> str:
    with SqliteSaver.from_conn_string(str(tmp_path / "shop.db"), cipher=RING) as saver:
        shop.fill(saver)
    return f"sqlite:///{tmp_path / 'shop.db'}"


def run(url: str, *words: str, cipher: str | None = None) -> Result:
    options = ["--store", url, *(["--cipher", cipher] if cipher else [])]
    return CliRunner().invoke(clew, [*words, *options])


def test_without_the_key_what_heads_show_is_shown_and_the_rest_says_what_is_missing(url: str) -> None:
    assert len(run(url, "threads", "list").stdout.splitlines()) == 5
    inbox = run(url, "inbox", "list")
    assert inbox.exit_code == 0
    assert inbox.stdout.count("(cannot be read: ") == 2
    for command in ("events", "state", "history", "diff"):
        words = [command, "order-2", *(["0", "1"] if command == "diff" else [])]
        result = run(url, *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "it is encrypted" in result.stderr
        assert "--cipher module:name" in result.stderr


def test_the_chain_is_proved_without_the_key(url: str, tmp_path: Path) -> None:
    assert run(url, "verify").exit_code == 0
    assert run(url, "doctor").exit_code == 0
    assert run(url, "export", str(tmp_path / "shop.jsonl")).exit_code == 0
    assert run(str(tmp_path / "shop.jsonl"), "verify").exit_code == 0


def test_with_the_key_threads_are_read_answered_and_counted(url: str) -> None:
    shown = json.loads(run(url, "state", "order-2", "-o", "json", cipher=CIPHER).stdout)
    assert shown["values"]["item"] == "lamp"
    asked = shown["questions"][0]["id"]
    assert "'ok' is missing" in run(url, "inbox", "answer", asked, "{}", cipher=CIPHER).stderr
    assert run(url, "inbox", "answer", asked, '{"ok": true}', cipher=CIPHER).exit_code == 0
    late = run(url, "inbox", "answer", asked[:8], '{"ok": true}', cipher=CIPHER)
    assert late.exit_code == 1
    assert "was answered by" in late.stderr
    counted = json.loads(run(url, "verify", "-o", "json", cipher=CIPHER).stdout)
    assert counted["events"] > counted["commits"] > 0


def test_an_answer_without_the_key_is_refused(url: str) -> None:
    asked = json.loads(run(url, "inbox", "list", "-o", "json").stdout)[0]["id"]
    result = run(url, "inbox", "answer", asked, "true")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "it is encrypted" in result.stderr
