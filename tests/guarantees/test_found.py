"""What was found once stays mended: every saved log is gone on from, and ends as the calm conversation ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from clew.checkpoint import InMemorySaver
from clew.testing import CrashFailed, crash_everywhere, load_log

from ..actors.kit.desk import remembering
from . import town
from .found import FOUND, TOWN, keep, problems_of, problems_of_town
from .graphs import STORIES
from .histories import Diary, anomalies, operations


def test_nothing_that_was_found_is_back() -> None:
    names = {name.replace(" ", "-"): name for name in STORIES}
    for path in sorted(FOUND.glob("*/*.jsonl")):
        if path.parent.name == TOWN:
            assert problems_of_town(path) == [], path
        else:
            assert problems_of(path, *STORIES[names[path.parent.name]]) == [], path


@pytest.mark.slow
@pytest.mark.forks
def test_a_bug_that_was_saved_is_found_again_by_its_log(tmp_path: Path) -> None:
    """The planted bug: a node keeps what belongs in the state in its process's memory."""
    with pytest.raises(CrashFailed):
        crash_everywhere(remembering, [{"names": []}], save_to=tmp_path)
    [problem] = problems_of(sorted(tmp_path.glob("*.jsonl"))[0], remembering, [{"names": []}])
    assert "after nothing" in problem


def test_a_history_that_cannot_be_is_saved_with_its_log(tmp_path: Path) -> None:
    """The planted bug: a reply comes without its word. What is saved can be read, and gone on with."""
    saver, diary = InMemorySaver(), Diary(tmp_path / "diary", "ann")
    made = town.graph(saver)
    for thread in ("talk 7 1", "talk 7 2"):
        word = diary.begin("tell", thread, f"ann on {thread}")
        reply = made.invoke({"said": [word]}, {"configurable": {"thread_id": thread}})
        diary.end(word, "done", reply["said"] if thread == "talk 7 1" else [])
    diary.close()
    done = operations([tmp_path / "diary"])
    problems = anomalies(done, town.words(made, ["talk 7 1", "talk 7 2"]))
    [path] = keep(problems, done, saver, tmp_path)
    log = load_log(path)
    assert (path.name, log.thread, log.steps[0]["word"]) == ("talk-7-2.jsonl", "talk 7 2", "ann on talk 7 2")
    assert "acknowledged by a reply without it" in log.note
    assert problems_of_town(path) == []
