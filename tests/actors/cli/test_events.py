"""`clew events`: what happened, chosen and in full; and, with --follow, what happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clew import Command, SqliteSaver
from clew.actors.cli.commands import clew
from click.testing import CliRunner

from . import shop
from .conftest import Run
from .terminal import COLUMNS, Terminal

CLEW = [sys.executable, "-P", "-m", "clew.actors.cli.main"]


def names(text: str) -> list[str]:
    return [json.loads(line)["event"] for line in text.splitlines()]


def test_every_kind_of_store_tells_the_same_story(store_url: str) -> None:
    result = CliRunner().invoke(clew, ["events", "order-3", "--store", store_url, "-o", "jsonl"])
    assert result.exit_code == 0, result.output
    said = names(result.stdout)
    assert said[:2] == ["GraphSeen", "RunStarted"]
    assert said[-2:] == ["NodeFailed", "RunFinished"]
    answer = json.loads(result.stdout.splitlines()[said.index("Resumed")])
    assert (answer["version"], answer["node"], answer["who"]) == (3, "approve", "bob")
    assert "fields" not in answer


def test_a_table_has_a_row_for_each_event(run: Run) -> None:
    result = run("events", "order-3")
    assert len(result.stdout.splitlines()) == 1 + len(names(run("events", "order-3", "-o", "jsonl").stdout))
    assert "asks {'question': 'Buy bomb?'}" in result.stdout
    assert "next: clew state order-3 --at 5" in result.stderr


def test_events_are_chosen_by_version_kind_and_node(run: Run) -> None:
    assert names(run("events", "order-3", "-o", "jsonl", "--from", "5").stdout) == ["NodeFailed", "RunFinished"]
    assert names(run("events", "order-3", "-o", "jsonl", "--to", "0", "--type", "nodestarted").stdout) == [
        "NodeStarted"
    ]
    both = run("events", "order-3", "-o", "jsonl", "--type", "Resumed", "--type", "NodeFailed").stdout
    assert names(both) == ["Resumed", "NodeFailed"]
    assert set(names(run("events", "order-3", "-o", "jsonl", "--node", "ship").stdout)) == {"NodeStarted", "NodeFailed"}


def test_full_events_have_all_their_fields(run: Run) -> None:
    result = run("events", "order-2", "-o", "json", "--full", "--type", "InterruptRaised")
    (event,) = json.loads(result.stdout)
    fields = event["fields"]
    assert fields["value"] == {"question": "Buy lamp?"}
    assert fields["schema"] == shop.SCHEMA
    assert len(fields["question"]) == 32
    assert len(fields["digest"]) == 32


def test_an_unknown_version_or_event_is_one_line_and_exit_2(run: Run) -> None:
    beyond = run("events", "order-3", "--from", "6")
    assert (beyond.exit_code, beyond.stdout) == (2, "")
    assert "thread 'order-3' has no version 6: it has 0 to 5" in beyond.stderr
    nowhere = run("events", "order-3", "--node", "shipp")
    assert (nowhere.exit_code, nowhere.stdout) == (2, "")
    assert "has no node 'shipp': it has __start__, approve, price, ship" in nowhere.stderr
    unknown = run("events", "order-3", "--type", "NodeFinished")
    assert unknown.exit_code == 2
    assert "there is no event 'NodeFinished'" in unknown.stderr


@pytest.mark.slow
def test_a_followed_thread_is_printed_as_it_goes_on(filled: Path, tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with SqliteSaver.from_conn_string(str(path)) as saver:
        graph = shop.builder.compile(checkpointer=saver, name="shop")
        graph.invoke({"item": "book", "log": [], "total": 0}, shop.config("t"))  # type: ignore[arg-type]
        command = [*CLEW, "events", "t", "--follow", "-o", "jsonl", "--store", f"sqlite:///{path}", "--to", "5"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
            assert follower.stdout is not None
            seen: list[str] = []
            while "InterruptRaised" not in seen:
                seen += names(follower.stdout.readline())
            graph.invoke(Command(resume=True), shop.config("t", "ann"))
            seen += names(follower.stdout.read())
            assert follower.wait(30) == 0
    assert seen[-1] == "RunFinished"
    assert "Resumed" in seen


@pytest.mark.slow
def test_a_followed_thread_is_left_with_ctrl_c(filled: Path, tmp_path: Path) -> None:
    words = [*CLEW, "events", "order-3", "--follow", "--store", f"sqlite:///{filled}"]
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    with Terminal(words, tmp_path, environment) as terminal:
        terminal.read_until("cannot ship a bomb")
        terminal.press_until("\x03", "^C")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.text


@pytest.mark.slow
def test_a_terminal_gets_rows_that_fit_it(filled: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    words = [*CLEW, "events", "order-3", "--store", f"sqlite:///{filled}"]
    with Terminal(words, tmp_path, {**environment, "NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0
    rows = terminal.text.splitlines()
    assert max(len(row) for row in rows if "next:" not in row) <= COLUMNS
    assert "\x1b" not in terminal.text


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(filled: Path) -> None:
    command = " ".join([*CLEW, "events", "order-1", "--store", f"sqlite:///{filled}", "| head -1"])
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
