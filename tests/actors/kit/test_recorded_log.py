"""A thread's log as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clew import Command, InMemorySaver
from clew.archive import export_threads, import_threads, verify_archive
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import ArchiveError
from clew.events.stores.memory import MemoryStore
from clew.testing import RecordedLog, given, load_log, save_log

from ...support.stories import on
from .desk import desk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    saver = InMemorySaver()
    graph = desk().copy({"checkpointer": saver})
    graph.invoke({"text": "Ann"}, on("t"))
    graph.invoke(Command(resume="yes"), on("t"))
    save_log(saver, "t", tmp_path / "deep" / "letter.jsonl", note="as it should be")
    return tmp_path / "deep" / "letter.jsonl"


def test_a_saved_log_replays_to_the_same_state(path: Path) -> None:
    log = load_log(path)
    state = log.replay(desk())
    assert state.values == {"text": "Dear Ann", "log": ["drafted", "said yes", "sent"]}
    assert state.next == ()
    assert (log.thread, log.note) == ("t", "as it should be")


def test_the_file_is_for_people_too_and_saving_it_again_changes_nothing(path: Path) -> None:
    before = path.read_text()
    lines = [json.loads(line) for line in before.splitlines()]
    assert "InterruptRaised(node='review', value=\"Send 'Dear Ann'?\")" in lines[3]["events"]
    assert "Resumed(" in "".join(load_log(path).lines())
    load_log(path).save(path)
    assert path.read_text() == before


def test_a_loaded_log_is_a_history(path: Path) -> None:
    given(desk(), load_log(path)).when({"text": "Bob"}).then_asks("Send 'Dear Bob'?")


def test_an_edited_log_is_refused_with_its_version(path: Path) -> None:
    head, *commits = path.read_text().splitlines()
    for broken in ([*commits[:-1], commits[-2]], [commits[1], commits[0], *commits[2:]], [*commits[1:], commits[-1]]):
        path.write_text("\n".join([head, *broken]))
        with pytest.raises(AssertionError, match="version"):
            load_log(path).replay(desk())


def test_a_log_that_was_cut_off_is_refused(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    with pytest.raises(ArchiveError, match=f"has {len(lines) - 1} commits, the file ends after {len(lines) - 2}"):
        load_log(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it holds no thread"),
        ("{}", "line 1: it is no head of a thread"),
        ("[]", "line 1: it cannot be read"),
        ("no json", "line 1: it cannot be read"),
        ('{"clew": "archive", "form": 99, "thread": "t"}', "install a newer one"),
    ],
)
def test_another_file_is_no_log(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(ArchiveError, match=reason):
        load_log(tmp_path / "x")


def test_a_saved_log_is_an_archive_of_one_thread(path: Path) -> None:
    assert verify_archive(path) == {}
    store = MemoryStore()
    import_threads(store, path)
    assert desk().copy({"checkpointer": BaseCheckpointSaver(store)}).get_state(on("t")).values["text"] == "Dear Ann"


def test_an_exported_thread_is_a_log(tmp_path: Path) -> None:
    saver = InMemorySaver()
    graph = desk().copy({"checkpointer": saver})
    for thread in ("a", "b"):
        graph.invoke({"text": "Ann"}, on(thread))
    export_threads(saver.store, tmp_path / "a.jsonl.gz", ["a"])
    log = load_log(tmp_path / "a.jsonl.gz")
    assert (log.thread, log.replay(desk()).next) == ("a", ("review",))
    export_threads(saver.store, tmp_path / "both.jsonl")
    with pytest.raises(ArchiveError, match="it holds several threads: export one by itself"):
        load_log(tmp_path / "both.jsonl")


def test_a_damaged_line_is_named(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], '{"version": 1}', *lines[3:]]))
    with pytest.raises(ValueError, match="line 3: it is no commit"):
        load_log(path)


def test_an_unknown_thread_is_an_empty_log() -> None:
    assert RecordedLog.of(InMemorySaver(), "nobody").replay(desk()).values == {}
