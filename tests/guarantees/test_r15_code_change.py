"""R15: code changes under paused threads: each goes on, asks again or is refused, as the reference page says.

`became` raises where a promise breaks: a thread that ends in silence, an answer that reaches another question or none,
an effect that is done twice, a refusal that loses a question or leaves a thread that cannot be read.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import pytest

from .changes.case import became
from .changes.edits import EDITS, NODES, edited
from .changes.page import PAGE

ROWS = {
    cells[0]: dict(zip(NODES, cells[1:], strict=True))
    for cells in ([cell.strip() for cell in line.strip("| \n").split(" | ")] for line in PAGE.read_text().splitlines())
    if cells[0] in EDITS and len(cells) == len(NODES) + 1
}
CLASSES: Counter[str] = Counter()


def test_the_page_has_every_edit() -> None:
    assert list(ROWS) == list(EDITS)
    assert len(EDITS) * len(NODES) >= 240


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_does_to_waiting_threads_what_the_page_says(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    found = {place: became(name, place, edited(name, place)) for place in NODES}
    assert found == ROWS[name]
    CLASSES.update(cell.partition(":")[0] for cell in found.values())


@pytest.mark.slow
def test_every_kind_of_end_was_seen(report_figure: Callable[[str], None]) -> None:
    if CLASSES.total() < len(EDITS) * len(NODES):
        pytest.skip("only with the whole file")
    assert set(CLASSES) == {"same", "as the new code", "goes on", "asked again", "answer set aside", "refused", "fails"}
    seen = ", ".join(f"{count} {kind}" for kind, count in CLASSES.most_common())
    report_figure(f"R15: {CLASSES.total()} threads under edited code: {seen}; 0 silent, 0 answers re-bound")
