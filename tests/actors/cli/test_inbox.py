"""`clew inbox`: what waits, and answering it: checked, recorded, taken once, and run on where the code is at hand."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from clew import START, MessagesState, SqliteSaver, StateGraph, interrupt
from clew.actors.cli.commands import clew
from clew.actors.operator.appending import append
from clew.events.vocabulary import QuestionWithdrawn
from clew.projections.state.fold import Draft
from click.testing import CliRunner, Result
from msgspec.structs import replace

from .conftest import Run
from .terminal import COLUMNS, Terminal

GRAPH = "tests.actors.cli.shop:builder"
ASKED = "May the order be shipped although its price rose by ten percent since it was made?"


def questions(run: Run, *words: str) -> dict[str, dict]:
    """The open questions by their threads."""
    result = run("inbox", "list", "-o", "jsonl", *words)
    assert result.exit_code == 0, result.output
    return {one["thread"]: one for one in map(json.loads, result.stdout.splitlines())}


def wrong(result: Result, code: int = 2) -> str:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_every_kind_of_store_lists_what_waits_longest_first(store_url: str) -> None:
    result = CliRunner().invoke(clew, ["inbox", "list", "--store", store_url, "-o", "json"])
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)
    assert (first["thread"], second["thread"]) == ("order-2", "invoice-7")
    assert first["value"] == {"question": "Buy lamp?"}
    assert first["schema"]["required"] == ["ok"]
    assert (second["schema"], second["who"], second["deadline"]) == (None, [], None)
    assert first["asked_at"] < second["asked_at"]


def test_the_inbox_is_filtered(run: Run) -> None:
    assert set(questions(run, "--thread", "inv")) == {"invoice-7"}
    assert set(questions(run, "--graph", "other")) == set()
    assert set(questions(run, "--node", "approve", "--graph", "shop", "--who", "ann")) == {"order-2", "invoice-7"}
    assert "2 wait" in run("inbox", "list", "--limit", "1").stderr


def test_a_question_is_shown_with_its_schema(run: Run) -> None:
    asked = questions(run)["order-2"]
    result = run("inbox", "show", asked["id"][:8])
    assert result.exit_code == 0, result.output
    for said in (asked["id"], "order-2", "approve", "Buy lamp?", '"required"', "anybody"):
        assert said in result.stdout
    assert f"next: clew inbox answer {asked['id'][:8]} JSON" in result.stderr


def test_an_answer_is_recorded_with_who_gave_it_and_nothing_runs(run_here: Run) -> None:
    asked = questions(run_here)["order-2"]["id"]
    result = run_here("inbox", "answer", asked[:8], '{"ok": true}', "--who", "ann", "--comment", "sure", "-o", "json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "thread": "order-2",
        "question": asked,
        "node": "approve",
        "who": "ann",
        "version": 3,
        "open": 0,
        "ran": False,
    }
    assert "when a service takes the thread up" in result.stderr
    assert set(questions(run_here)) == {"invoice-7"}
    (event,) = json.loads(run_here("events", "order-2", "--type", "Resumed", "--full", "-o", "json").stdout)
    assert (event["who"], event["fields"]["comment"], event["fields"]["value"]) == ("ann", "sure", {"ok": True})


def test_a_second_answer_is_refused_with_the_winner_and_exit_1(run_here: Run) -> None:
    asked = questions(run_here)["order-2"]["id"]
    run_here("inbox", "answer", asked, '{"ok": true}', "--who", "ann")
    for name in (asked, asked[:8]):
        late = wrong(run_here("inbox", "answer", name, '{"ok": false}', "--who", "bob"), 1)
        assert "was answered by 'ann'" in late
    assert "was answered by 'ann'" in wrong(run_here("inbox", "show", asked[:8]), 1)
    assert "was answered by 'ann'" in wrong(run_here("inbox", "answer", asked, "1", "--thread", "order-2"), 1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (['{"ok": 1}'], "$.ok: 1 is no boolean"),
        (["{}"], "'ok' is missing"),
        (["yes"], "the answer is no JSON"),
        (["--text", "yes"], "'yes' is no object"),
        (["{}", "--text", "yes"], "give one answer"),
        ([], "no answer was given"),
        (['{"ok": true}', "--graph", "tests.actors.cli.shop:gone"], "has no 'gone'"),
        (['{"ok": true}', "--graph", GRAPH, "--comment", "sure"], "--comment is recorded with an answer alone"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_one_line_and_exit_2_and_writes_nothing(
    run_here: Run, words: list[str], says: str
) -> None:
    before = questions(run_here)
    assert says in wrong(run_here("inbox", "answer", before["order-2"]["id"], *words))
    assert questions(run_here) == before


@pytest.mark.parametrize("name", ["0000", "", "x"])
def test_a_question_that_is_not_there_is_one_line_and_exit_2(run_here: Run, name: str) -> None:
    assert "there is no open question" in wrong(run_here("inbox", "answer", name, "1"))


def test_an_answer_comes_from_a_file_or_from_standard_input(run_here: Run, tmp_path: Path) -> None:
    waiting = questions(run_here)
    (tmp_path / "answer.json").write_text('{"ok": false}')
    file = run_here("inbox", "answer", waiting["order-2"]["id"], "--file", str(tmp_path / "answer.json"))
    assert file.exit_code == 0, file.output
    piped = run_here("inbox", "answer", waiting["invoice-7"]["id"], "--file", "-", input="null")
    assert piped.exit_code == 0, piped.output
    assert questions(run_here) == {}
    missing = run_here("inbox", "answer", "x", "--file", str(tmp_path / "missing.json"))
    assert missing.exit_code == 2


def test_with_the_graph_the_thread_runs_on(run_here: Run) -> None:
    asked = questions(run_here)["order-2"]["id"]
    result = run_here("inbox", "answer", asked, '{"ok": true}', "--graph", GRAPH, "--who", "ann", "-o", "json")
    assert result.exit_code == 0, result.output
    assert "ran to its end" in result.stderr
    assert json.loads(result.stdout)["ran"] is True
    shown = json.loads(run_here("threads", "show", "order-2", "-o", "json", "--graph", GRAPH).stdout)
    assert shown["status"] == "resting"
    assert shown["state"]["log"] == ["priced lamp", "answer {'ok': True}", "shipped"]
    assert "was answered by 'ann'" in wrong(run_here("inbox", "answer", asked, "1", "--graph", GRAPH), 1)


@pytest.mark.parametrize("code", [(), ("--graph", GRAPH)])
def test_an_answer_of_somebody_whom_the_question_is_not_for_is_refused_with_the_graph_and_without(
    run_here: Run, tmp_path: Path, code: tuple[str, ...]
) -> None:
    asked = for_ann_alone(tmp_path / "shop.db", "order-2")
    refusal = wrong(run_here("inbox", "answer", asked, '{"ok": true}', "--who", "bob", *code), 1)
    assert f"{asked!r} may be answered by ann; 'bob' is none of them" in refusal
    assert questions(run_here)["order-2"]["who"] == ["ann"]
    taken = run_here("inbox", "answer", asked, '{"ok": true}', "--who", "ann", *code)
    assert taken.exit_code == 0, taken.output
    assert "order-2" not in questions(run_here)


def for_ann_alone(path: Path, thread: str) -> str:
    """Ask a thread's question again, of Ann; its id."""

    def say(draft: Draft) -> None:
        (asked,) = draft.state.open_questions()
        draft.record(QuestionWithdrawn(question=asked.raised.question, reason="question_changed"))
        draft.record(replace(asked.raised, question="f" * 32, who=["ann"]))

    with SqliteSaver.from_conn_string(str(path)) as saver:
        append(saver, thread, say, "shop")
    return "f" * 32


def test_an_exported_file_takes_no_answer(run: Run, filled: Path, tmp_path: Path) -> None:
    from clew.archive import export_threads

    with SqliteSaver.from_conn_string(str(filled)) as saver:
        export_threads(saver.store, tmp_path / "shop.jsonl")
    asked = questions(run)["invoice-7"]["id"]
    words = ["inbox", "answer", asked, "1", "--store", str(tmp_path / "shop.jsonl")]
    assert "can only be read" in wrong(CliRunner().invoke(clew, words))


@pytest.mark.slow
def test_at_a_terminal_the_answer_is_asked_for_until_it_fits(run_here: Run, tmp_path: Path) -> None:
    asked = questions(run_here)["order-2"]["id"]
    words = [sys.executable, "-P", "-m", "clew.actors.cli.main", "inbox", "answer", asked[:8], "--store", "shop.db"]
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    with Terminal(words, tmp_path, {**environment, "NO_COLOR": "1"}) as terminal:
        terminal.read_until("Your answer (JSON or text): ")
        assert "Buy lamp?" in terminal.text
        terminal.type("yes\n")
        terminal.read_until("'yes' is no object")
        terminal.type('{"ok": true}\n')
        assert terminal.end() == 0
    assert set(questions(run_here)) == {"invoice-7"}


@pytest.mark.slow
def test_at_80_columns_long_ids_leave_room_for_what_is_asked(tmp_path: Path) -> None:
    builder = StateGraph(MessagesState).add_node(
        "a_node_with_quite_a_long_name", lambda _: {"messages": [interrupt(ASKED)]}
    )
    with SqliteSaver.from_conn_string(str(tmp_path / "long.db")) as saver:
        graph = builder.add_edge(START, "a_node_with_quite_a_long_name").compile(checkpointer=saver, name="g" * 30)
        graph.invoke({"messages": []}, {"configurable": {"thread_id": "0b74d1c4-1576-6706-46d0-47a51bb1a5f3"}})  # type: ignore[arg-type]
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    for words in (["inbox", "list"], ["threads", "list"], ["events", "0b74", "--from", "1"], ["history", "0b74"]):
        command = [sys.executable, "-P", "-m", "clew.actors.cli.main", *words, "--store", "long.db"]
        with Terminal(command, tmp_path, {**environment, "NO_COLOR": "1"}) as terminal:
            assert terminal.end() == 0
        rows = [row.rstrip() for row in terminal.text.splitlines() if not row.startswith("next:")]
        assert max(map(len, rows)) <= COLUMNS
        if words[0] in ("inbox", "events"):
            said = " ".join(" ".join(row[row.rfind("  ") :].split()) for row in rows)
            assert all(word in said for word in ASKED.split())
