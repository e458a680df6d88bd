"""`clew fork`, `retry`, `cancel`, `erase` and `graph --thread`: what an operator does, and what the log says of it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import Result

from . import shop
from .conftest import Run
from .terminal import Terminal

GRAPH = "tests.actors.cli.shop:builder"


def shown(run: Run, thread: str) -> dict:
    return json.loads(run("threads", "show", thread, "-o", "json", "--graph", GRAPH).stdout)


def done(result: Result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def wrong(result: Result, code: int = 2) -> str:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_a_fork_stands_at_its_checkpoint_and_retry_runs_it(run_here: Run) -> None:
    forked = done(run_here("fork", "order-3", "--at", "1", "--who", "ops", "-o", "json"))
    assert (forked["next"], forked["ran"], forked["who"]) == (["approve"], False, "ops")
    assert shown(run_here, "order-3")["next"] == ["approve"]
    ran = done(run_here("retry", "order-3", "--graph", GRAPH, "-o", "json"))
    assert ran["asked"]
    assert "waits for an answer" in wrong(run_here("retry", "order-3", "--graph", GRAPH))
    places = json.loads(run_here("history", "order-3", "-o", "json").stdout)
    assert [place["tip"] for place in places].count(True) == 2
    events = run_here("events", "order-3", "--type", "Forked", "-o", "jsonl").stdout
    assert json.loads(events)["who"] == "ops"


def test_a_fork_in_a_copy_leaves_the_thread_as_it_is(run_here: Run) -> None:
    before = shown(run_here, "order-1")
    forked = done(run_here("fork", "order-1", "--at", "1", "--into", "try", "--graph", GRAPH, "-o", "json"))
    assert (forked["thread"], forked["ran"], len(forked["asked"])) == ("try", True, 1)
    assert shown(run_here, "order-1") == before
    assert "is there already" in wrong(run_here("fork", "order-1", "--at", "1", "--into", "order-2"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("fork", "order-1", "--at", "ffff"), "there is no checkpoint 'ffff'"),
        (("fork", "nobody", "--at", "1"), "there is no thread 'nobody'"),
        (("retry", "order-1", "--graph", GRAPH), "nothing is left to do"),
        (("retry", "order-3", "--graph", "nowhere:graph"), "there is no such module here"),
        (("erase", "order"), "3 threads begin with"),
        (("erase", "inv"), "erase takes the whole id: 'invoice-7'"),
        (("erase", "invoice-7"), "say --yes"),
        (("graph", GRAPH, "--at", "1"), "give --thread too"),
        (("graph", GRAPH, "--thread", "nobody"), "there is no thread 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(run_here: Run, words: tuple[str, ...], says: str) -> None:
    before = run_here("verify", "-o", "json").stdout
    assert says in wrong(run_here(*words))
    counts = [json.loads(text)["commits"] for text in (before, run_here("verify", "-o", "json").stdout)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("words", [("retry", "order-3"), ("graph", "--thread", "order-2")])
def test_a_graph_that_a_function_makes_is_made_once(run_here: Run, words: tuple[str, ...]) -> None:
    shop.built.clear()
    command, *rest = words
    named = ["--graph", "tests.actors.cli.shop:build"] if command == "retry" else ["tests.actors.cli.shop:build"]
    run_here(command, *named, *rest)
    assert shop.built == ["shop"]


def test_a_node_that_fails_again_is_said_and_exits_1(run_here: Run) -> None:
    assert "ValueError: cannot ship a bomb" in wrong(run_here("retry", "order-3", "--graph", GRAPH), 1)


def test_a_cancelled_thread_asks_no_more_and_cannot_be_cancelled_again(run_here: Run) -> None:
    stopped = done(run_here("cancel", "order-2", "--who", "ops", "--reason", "sold out", "-o", "json"))
    assert (stopped["nodes"], len(stopped["questions"])) == (["approve"], 1)
    assert shown(run_here, "order-2")["status"] == "resting"
    assert "nothing is open" in wrong(run_here("cancel", "order-2"), 1)
    assert run_here("verify").exit_code == 0


def test_an_erased_thread_is_gone(run_here: Run, tmp_path: Path) -> None:
    assert done(run_here("erase", "invoice-7", "--yes", "-o", "json"))["commits"] == 3
    assert "was erased" in wrong(run_here("threads", "show", "invoice-7"))
    assert not any(b"priced pen" in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.slow
def test_at_a_terminal_erasing_is_asked_for(run_here: Run, tmp_path: Path) -> None:
    words = [sys.executable, "-P", "-m", "clew.actors.cli.main", "erase", "invoice-7", "--store", "shop.db"]
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    for answer, code in (("n\n", 2), ("y\n", 0)):
        with Terminal(words, tmp_path, {**environment, "NO_COLOR": "1"}) as terminal:
            terminal.read_until("for good? [y/N]: ")
            assert "its 3 commits" in terminal.text
            terminal.type(answer)
            assert terminal.end() == code
    assert run_here("threads", "show", "invoice-7").exit_code == 2


@pytest.mark.parametrize(
    ("form", "says"), [("ascii", "approve (waiting)"), ("mermaid", "class approve waiting"), ("svg", '"waiting"')]
)
def test_a_graph_is_drawn_with_how_far_a_thread_has_come(run: Run, form: str, says: str) -> None:
    result = run("graph", GRAPH, "--thread", "order-2", "-o", form)
    assert result.exit_code == 0, result.output
    assert says in result.stdout
    plain = run("graph", GRAPH, "-o", form)
    assert "waiting" not in plain.stdout
    assert "ship" in plain.stdout
    failed = run("graph", GRAPH, "--thread", "order-3", "-o", "ascii").stdout
    assert "ship (failed)" in failed
    early = run("graph", GRAPH, "--thread", "order-2", "--at", "0").stdout
    assert "price (current)" in early
