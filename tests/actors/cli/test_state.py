"""`clew state`, `diff` and `history`: any version's state, with the graph's code or without; what changed; branches."""

from __future__ import annotations

import json

from clew.actors.cli.commands import clew
from click.testing import CliRunner

from .conftest import Run

GRAPH = "tests.actors.cli.shop:builder"


def state(run: Run, *words: str) -> dict:
    result = run("state", *words, "-o", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_kind_of_store_shows_the_state_of_every_version(store_url: str) -> None:
    result = CliRunner().invoke(clew, ["state", "order-3", "--at", "2", "--store", store_url, "-o", "json"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert (shown["version"], shown["next"], shown["values"]["log"]) == (2, ["approve"], ["priced bomb"])
    assert [one["value"] for one in shown["questions"]] == [{"question": "Buy bomb?"}]


def test_the_last_version_is_shown_when_none_is_named(run: Run) -> None:
    shown = state(run, "order-3")
    assert shown["version"] == 5
    assert shown["values"]["log"] == ["priced bomb", "answer True"]
    assert shown["tasks"][0]["node"] == "ship"
    assert "cannot ship a bomb" in shown["tasks"][0]["error"]


def test_a_reducer_that_is_not_at_hand_is_said_and_the_graph_gives_it(run: Run) -> None:
    without, within = run("state", "order-2"), run("state", "order-2", "--graph", GRAPH)
    assert "total: the reducer is code that is not at hand" in without.stderr
    assert "at hand" not in within.stderr
    assert state(run, "order-2", "--graph", GRAPH)["values"]["total"] == 13


def test_a_version_that_is_not_there_is_one_line_and_exit_2(run: Run) -> None:
    result = run("state", "order-3", "--at", "6")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "thread 'order-3' has no version 6: its versions are 0 to 5" in result.stderr


def test_a_graph_that_cannot_be_loaded_is_one_line_and_exit_2(run: Run) -> None:
    for address, says in [
        ("shop", "write module:name"),
        ("no_such_module:graph", "there is no such module here"),
        ("tests.actors.cli.shop:nothing", "has no 'nothing'"),
        ("tests.actors.cli.shop:SCHEMA", "is no graph but dict"),
    ]:
        result = run("state", "order-3", "--graph", address)
        assert (result.exit_code, result.stdout) == (2, "")
        assert says in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_time_stands_for_the_version_that_was_there_then(run: Run) -> None:
    asked = json.loads(run("events", "order-3", "--type", "InterruptRaised", "-o", "jsonl").stdout)
    assert state(run, "order-3", "--at", asked["time"])["version"] == asked["version"]
    early = run("state", "order-3", "--at", "2020-01-01")
    assert (early.exit_code, early.stdout) == (2, "")
    nothing = run("state", "order-3", "--at", "soon")
    assert nothing.exit_code == 2
    assert "is no version and no time" in nothing.stderr


def test_every_kind_of_store_shows_what_changed(store_url: str) -> None:
    words = ["diff", "order-3", "1", "4", "--store", store_url, "-o", "json", "--graph", GRAPH]
    result = CliRunner().invoke(clew, words)
    assert result.exit_code == 0, result.output
    changes = json.loads(result.stdout)
    assert changes["keys"] == {
        "log": {
            "kind": "extended",
            "before": ["priced bomb"],
            "after": ["priced bomb", "answer True"],
            "more": ["answer True"],
        },
        "approved": {"kind": "added", "after": True},
    }
    assert changes["next"] == {"before": ["approve"], "after": ["ship"]}


def test_a_difference_is_a_row_for_each_key_and_question(run: Run) -> None:
    result = run("diff", "order-3", "0", "2", "--graph", GRAPH)
    rows = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert rows[0] == ["key", "how", "what"]
    assert ["log", "extended", "+ ['priced bomb']"] in rows
    assert ["total", "changed", "1 -> 13"] in rows
    assert ["asked", "{'question': 'Buy bomb?'}"] in [line.split(maxsplit=1) for line in result.stdout.splitlines()]


def test_no_difference_is_said(run: Run) -> None:
    result = run("diff", "order-3", "4", "4")
    assert result.exit_code == 0
    assert "no difference" in result.stderr


def test_the_history_is_drawn_with_its_branches(run: Run) -> None:
    result = run("history", "order-1")
    drawn = [line[:5].rstrip() for line in result.stdout.splitlines()[1:]]
    assert drawn == ["@", "*", "| *", "| *", "|-'", "*", "*", "*"]


def test_the_history_has_parents_and_says_where_the_thread_stands(run: Run) -> None:
    places = json.loads(run("history", "order-1", "-o", "json").stdout)
    assert [place["tip"] for place in places].count(True) == 2
    (current,) = [place for place in places if place["current"]]
    assert current == places[0]
    known = {(place["version"], place["ordinal"]) for place in places}
    parents = [place["parent"] for place in places]
    assert parents[-1] is None
    assert all((parent["version"], parent["ordinal"]) in known for parent in parents[:-1])
    assert places[-1]["source"] == "input"


def test_a_namespace_that_is_not_there_is_one_line_and_exit_2(run: Run) -> None:
    for command in ("state", "history"):
        result = run(command, "order-1", "--ns", "nowhere:1")
        assert result.exit_code == 2
        assert "namespace 'nowhere:1'" in result.stderr
