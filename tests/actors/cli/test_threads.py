"""`clew threads`: lists and their filters, one thread as it stands, ids by their beginning, every kind of store."""

from __future__ import annotations

import json

import pytest
from clew.actors.cli.commands import clew
from click.testing import CliRunner

from .conftest import Run


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_kind_of_store_lists_the_same_threads(store_url: str) -> None:
    result = CliRunner().invoke(clew, ["threads", "list", "--store", store_url, "-o", "jsonl"])
    assert result.exit_code == 0, result.output
    found = {one["thread"]: one for one in lines(result.stdout)}
    assert {name: one["status"] for name, one in found.items()} == {
        "order-1": "resting",
        "order-2": "waiting",
        "order-3": "stopped",
        "invoice-7": "waiting",
    }
    assert found["order-3"]["version"] == 5
    assert found["order-2"]["graph"] == "shop"
    assert [one["node"] for one in found["order-2"]["questions"]] == ["approve"]


def test_every_kind_of_store_shows_the_same_thread(store_url: str) -> None:
    result = CliRunner().invoke(clew, ["threads", "show", "order-2", "--store", store_url, "-o", "json"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["next"] == ["approve"]
    assert shown["asked"][0]["value"] == {"question": "Buy lamp?"}
    assert shown["asked"][0]["schema"]["required"] == ["ok"]
    assert shown["state"]["log"] == ["priced lamp"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--status", "waiting"], {"order-2", "invoice-7"}),
        (["--status", "waiting", "--status", "stopped"], {"order-2", "invoice-7", "order-3"}),
        (["--has-question"], {"order-2", "invoice-7"}),
        (["--graph", "shop"], {"order-1", "order-2", "order-3", "invoice-7"}),
        (["--graph", "other"], set()),
        (["--prefix", "order"], {"order-1", "order-2", "order-3"}),
        (["--older-than", "1h"], set()),
        (["--newer-than", "1h", "--prefix", "inv"], {"invoice-7"}),
    ],
)
def test_filters_choose_threads(run: Run, words: list[str], names: set[str]) -> None:
    result = run("threads", "list", "-o", "jsonl", *words)
    assert result.exit_code == 0, result.output
    assert {one["thread"] for one in lines(result.stdout)} == names


def test_a_limit_says_that_there_are_more(run: Run) -> None:
    result = run("threads", "list", "--limit", "1")
    assert len(result.stdout.splitlines()) == 2
    assert "there are more" in result.stderr


def test_the_oldest_come_first_when_asked_for(run: Run) -> None:
    newest = [one["thread"] for one in lines(run("threads", "list", "-o", "jsonl").stdout)]
    oldest = [one["thread"] for one in lines(run("threads", "list", "-o", "jsonl", "--oldest-first").stdout)]
    assert newest == oldest[::-1]


def test_json_is_one_array_and_tables_have_one_line_each(run: Run) -> None:
    assert len(json.loads(run("threads", "list", "-o", "json").stdout)) == 4
    table = run("threads", "list").stdout.splitlines()
    assert table[0].split() == ["thread", "status", "asks", "graph", "version", "age"]
    assert len(table) == 5


def test_a_list_says_what_to_type_next_and_not_on_standard_output(run: Run) -> None:
    result = run("threads", "list", "--prefix", "order-1")
    assert "next: clew threads show order-1" in result.stderr
    assert "next" not in result.stdout
    assert "next" not in run("threads", "list", "-o", "json").stderr


def test_what_to_type_next_repeats_the_store_only_where_it_was_typed(run: Run, filled: object) -> None:
    url = f"sqlite:///{filled}"
    result = CliRunner().invoke(clew, ["threads", "list", "--prefix", "order-1", "--store", url])
    assert f"next: clew threads show order-1 --store {url}" in result.stderr


def test_an_id_is_known_by_its_beginning(run: Run) -> None:
    assert json.loads(run("threads", "show", "inv", "-o", "json").stdout)["thread"] == "invoice-7"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("order", "3 threads begin with 'order'"),
        ("nobody", "there is no thread 'nobody'"),
        ("", "there is no thread ''"),
    ],
)
def test_an_unknown_or_ambiguous_thread_is_one_line_and_exit_2(run: Run, name: str, says: str) -> None:
    result = run("threads", "show", name)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_thread_that_failed_tells_how(run: Run) -> None:
    result = run("threads", "show", "order-3")
    assert "cannot ship a bomb" in result.stdout
    assert "next: clew events order-3" in result.stderr


@pytest.mark.parametrize("age", ["3", "3 days", "-1h", "h"])
def test_an_age_that_is_none_is_wrong_usage(run: Run, age: str) -> None:
    result = run("threads", "list", "--older-than", age)
    assert result.exit_code == 2
    assert "is no age" in result.stderr
