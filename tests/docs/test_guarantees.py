"""The tests that the page of promises names are there, in the files that it links."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "guarantees.md"
NAMED = re.findall(r"\[`(test_\w+)`\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))


def test_every_promise_names_tests_that_exist() -> None:
    promises = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(promises) > 5
    assert [line for line in promises if "[`test_" not in line] == []
    missing = [
        name
        for name, file in NAMED
        if not re.search(rf"^(async )?def {name}\(", (PAGE.parent / file).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []
