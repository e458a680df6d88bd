"""`clew check`: new code against the threads of any store, with an exit code for CI."""

from __future__ import annotations

import json

import pytest
from clew import END, START, StateGraph, interrupt
from clew.actors.cli.commands import clew
from click.testing import CliRunner

from . import shop
from .conftest import Run

TODAY = "tests.actors.cli.shop:builder"
TOMORROW = f"{__name__}:tomorrow"
REWORDED = f"{__name__}:reworded"


def tomorrow() -> StateGraph:
    """A shop that ships what was not approved."""
    return made(shop.approve, lambda state: "ship")


def reworded() -> StateGraph:
    """A shop that asks in other words."""

    def approve(state: shop.Order) -> dict:
        answer = interrupt({"question": f"Shall we buy {state['item']}?"})
        return {"approved": bool(answer), "log": [f"answer {answer}"]}

    return made(approve, lambda state: "ship" if state["approved"] else END)


def made(approve, route) -> StateGraph:
    builder = StateGraph(shop.Order).add_node(shop.price).add_node("approve", approve).add_node(shop.ship)
    builder.add_edge(START, "price").add_edge("price", "approve")
    return builder.add_conditional_edges("approve", route, ["ship", END])


def check(run: Run, code: str, *words: str):
    return run("check", code, "--graph-name", "shop", *words)


def test_the_code_that_ran_passes_on_every_store(store_url: str) -> None:
    words = ["check", TODAY, "--graph-name", "shop", "--all", "--bodies", "--store", store_url]
    result = CliRunner().invoke(clew, words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("LangGraph: 4 threads, ")
    assert lines[1].split() == ["4", "same"]
    assert lines[-1] == "passed"


def test_a_divergence_is_exit_1_and_names_thread_event_and_ways(run: Run) -> None:
    result = check(run, TOMORROW, "--all")
    assert result.exit_code == 1
    assert "diverges (not allowed):" in result.stdout
    said = "after 'approve' the thread went on to nothing, this graph goes on to ship"
    assert any(line.startswith("  order-1: event ") and line.endswith(said) for line in result.stdout.splitlines())
    assert "next: clew state order-1 --at " in result.stderr
    assert check(run, TOMORROW, "--all", "--allow", "diverges").exit_code == 0
    assert check(run, TOMORROW).exit_code == 0


def test_paused_nodes_run_to_their_question_when_that_is_asked_for(run: Run) -> None:
    without = check(run, REWORDED)
    assert without.exit_code == 1
    assert "not checked (not allowed):" in without.stdout
    assert "--bodies runs the nodes that wait" in without.stderr
    within = check(run, REWORDED, "--bodies")
    assert within.exit_code == 1
    assert "Shall we buy lamp?" in within.stdout
    assert "--bodies" not in within.stderr
    assert check(run, REWORDED, "--bodies", "--allow", "question-changed", "--allow", "not-checked").exit_code == 0


def test_json_is_for_ci_and_json_lines_give_each_thread(run: Run) -> None:
    report = json.loads(check(run, TOMORROW, "--all", "-o", "json").stdout)
    assert (report["passed"], report["checked"], report["counts"]["diverges"]) == (False, 4, 1)
    (thread,) = report["threads"]
    assert (thread["thread"], thread["verdict"]) == ("order-1", "diverges")
    assert thread["differences"][0]["now"] == ["ship"]
    lines = check(run, TOMORROW, "--all", "-o", "jsonl").stdout.splitlines()
    assert sorted(json.loads(line)["verdict"] for line in lines) == ["diverges", "same", "same", "same"]


def test_threads_are_named_or_drawn(run: Run) -> None:
    named = json.loads(run("check", TODAY, "--thread", "order-1", "--thread", "inv", "-o", "json").stdout)
    assert named["checked"] == 2
    assert json.loads(check(run, TODAY, "--all", "--sample", "3", "-o", "json").stdout)["checked"] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([TODAY], "those that are there belong to 'shop' (3)"),
        ([TODAY, "--thread", "order-9"], "order-9"),
        (["tests.actors.cli.shop:nothing"], "has no 'nothing'"),
        ([TODAY, "--allow", "everything"], "everything"),
        ([TODAY, "--sample", "0"], "0"),
    ],
)
def test_what_cannot_be_checked_is_exit_2_and_no_pass(run: Run, words: list[str], says: str) -> None:
    result = run("check", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
