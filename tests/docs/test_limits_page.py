"""The page of limits says what the code says."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/reference/limits.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().splitlines()
    if re.match(r"\| .+ \| `[\w.]+` \| \d+ \|", line)
]


@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_a_limit_is_what_the_page_says(row: list[str]) -> None:
    module, _, name = row[1].strip("`").rpartition(".")
    assert getattr(import_module(f"clew.{module}"), name) == int(row[2])


def test_the_page_has_the_limits() -> None:
    assert len(ROWS) >= 11
