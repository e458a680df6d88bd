"""The tests that the page of promises names are there, in the files that it links; and every line of the plan."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "guarantees.md"
PROMISES, PLAN = PAGE.read_text(encoding="utf-8").split("## How each line is tested")
NAMED = re.findall(r"\[`(test_\w+)`\]\(([^)]+)\)", PROMISES)


def test_every_promise_names_tests_that_exist() -> None:
    promises = [line for line in PROMISES.splitlines() if line.startswith("| ")][1:]
    assert len(promises) > 5
    assert [line for line in promises if "[`test_" not in line] == []
    missing = [
        name
        for name, file in NAMED
        if not re.search(rf"^(async )?def {name}\(", (PAGE.parent / file).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []


def test_every_line_of_the_plan_has_its_row() -> None:
    rows = re.findall(r"^\| \[?(R\d+)\S* \|", PLAN, re.MULTILINE)
    assert rows == [f"R{number}" for number in range(1, 21)]
