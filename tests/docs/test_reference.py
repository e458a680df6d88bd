"""The reference pages say what the code has: every error, every code, every event with every field."""

from __future__ import annotations

import re
from pathlib import Path

import clew.errors
import clew.testing
from clew.events.errors import RefusedError, StoreError
from clew.events.vocabulary import EVENT_TYPES

from .reference_pages import GROUPS, events_page, kit_page

ROOT = Path(__file__).parents[2]
ERRORS = (ROOT / "docs/reference/errors.md").read_text()


def test_every_refusal_and_store_error_has_its_row() -> None:
    named = set(re.findall(r"^\| `(\w+)`", ERRORS, re.MULTILINE))
    wanted = {
        name
        for name in clew.errors.__all__
        if isinstance(getattr(clew.errors, name), type)
        and issubclass(getattr(clew.errors, name), (RefusedError, StoreError))
        and name not in ("RefusedError", "StoreError")
    }
    assert wanted - named == set()
    assert named - set(clew.errors.__all__) == set()


def test_every_code_in_a_message_has_its_section() -> None:
    sections = set(re.findall(r"^### ([A-Z_]+)$", ERRORS, re.MULTILINE))
    codes: set[str] = set()
    for room in ("actors", "events", "projections"):
        for path in (ROOT / room).rglob("*.py"):
            codes |= set(re.findall(r'with_code\([^"]*?(?:f?"[^"]*"\s*)+,\s*"([A-Z_]+)"', path.read_text()))
            codes |= set(
                re.findall(r'^\s+"((?:GRAPH|INVALID)_(?!\w+_TEMPLATE)[A-Z_]+)",?$', path.read_text(), re.MULTILINE)
            )
    assert "GRAPH_RECURSION_LIMIT" in codes
    assert codes - sections == set()


def test_the_page_of_events_is_the_vocabulary() -> None:
    page = (ROOT / "docs/reference/events.md").read_text()
    assert page == events_page(), "write it anew: python -m tests.docs.reference_pages"
    assert all(f"### {event.__name__}" in page for event in EVENT_TYPES)


def test_the_page_of_the_test_kit_is_what_the_code_says() -> None:
    assert (ROOT / "docs/reference/testing.md").read_text() == kit_page()
    named = [name for names in GROUPS.values() for name in names.split()]
    assert sorted(named) == sorted(clew.testing.__all__)
