"""What was found once stays mended: every saved log is gone on from, and ends as the calm conversation ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from clew.testing import CrashFailed, crash_everywhere

from ..actors.kit.desk import remembering
from .found import FOUND, problems_of
from .graphs import STORIES


def test_nothing_that_was_found_is_back() -> None:
    names = {name.replace(" ", "-"): name for name in STORIES}
    for path in sorted(FOUND.glob("*/*.jsonl")):
        assert problems_of(path, *STORIES[names[path.parent.name]]) == [], path


@pytest.mark.slow
@pytest.mark.forks
def test_a_bug_that_was_saved_is_found_again_by_its_log(tmp_path: Path) -> None:
    """The planted bug: a node keeps what belongs in the state in its process's memory."""
    with pytest.raises(CrashFailed):
        crash_everywhere(remembering, [{"names": []}], save_to=tmp_path)
    [problem] = problems_of(sorted(tmp_path.glob("*.jsonl"))[0], remembering, [{"names": []}])
    assert "after nothing" in problem
