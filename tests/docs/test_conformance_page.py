"""The conformance page names the tests that there are, and all of them."""

from __future__ import annotations

import re

from tests.support.sources import ROOT


def test_the_page_names_every_conformance_test_and_no_other():
    page = (ROOT / "docs/reference/conformance.md").read_text(encoding="utf-8")
    there = {path.name for path in (ROOT / "tests/conformance").glob("test_section_*.py")}
    assert set(re.findall(r"`(test_section_\w+\.py)`", page)) == there


def test_the_page_has_a_row_for_each_section():
    page = (ROOT / "docs/reference/conformance.md").read_text(encoding="utf-8")
    sections = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert sections == [number for number in range(1, 34) if number != 32]  # 32 is a list of what is new
