"""R18: what each release wrote is opened, replayed and gone on with: its store, and the logs of its threads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver, SqliteSaver
from clew.events.chain import verify
from clew.testing import load_log

from .releases.write import FOLDER, THREADS, graph, shown, step

RELEASES = sorted(path.parent.name for path in FOLDER.glob("*/expected.json"))


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Path:
    return FOLDER / request.param


@pytest.fixture
def saver(release: Path, tmp_path: Path) -> Iterator[BaseCheckpointSaver]:
    """The release's store, in a copy that may be written to."""
    copy = shutil.copy(release / "threads.sqlite3", tmp_path)
    with SqliteSaver.from_conn_string(copy) as opened:
        yield opened


def expected(release: Path) -> dict[str, Any]:
    return json.loads((release / "expected.json").read_text())


def test_there_is_a_release(report_figure: Callable[[str], None]) -> None:
    assert "0.1.0" in RELEASES
    report_figure(f"R18: stores and logs of {len(RELEASES)} releases opened, replayed and gone on with")


def test_the_threads_of_a_release_read_as_they_were(release: Path, saver: BaseCheckpointSaver) -> None:
    compiled = graph(saver)
    assert {head.thread for head in saver.store.heads()} == {*THREADS}
    for thread, state in expected(release).items():
        assert json.loads(json.dumps(shown(compiled, thread))) == state


def test_the_chain_of_a_release_holds(release: Path, saver: BaseCheckpointSaver) -> None:
    for thread in THREADS:
        assert verify(saver.store.read(thread), thread) == []


def test_the_threads_of_a_release_go_on_to_their_end(release: Path, saver: BaseCheckpointSaver) -> None:
    compiled, end = graph(saver), expected(release)["over"]["values"]["said"]
    for thread, steps in THREADS.items():
        for _ in range(max(THREADS.values()) - steps):
            step(compiled, thread)
        assert shown(compiled, thread)["values"]["said"] == end
        assert shown(compiled, thread)["next"] == []


def test_the_logs_of_a_release_replay_as_they_were(release: Path) -> None:
    compiled = graph(InMemorySaver())
    for thread, state in expected(release).items():
        log = load_log(release / f"{thread.replace(' ', '_')}.jsonl")
        assert log.thread == thread
        replayed = log.replay(compiled)
        assert [message.id for message in replayed.values["messages"]] == [told[2] for told in state["messages"]]
        assert replayed.values["said"] == state["values"]["said"]
        assert [one.id for one in replayed.interrupts] == [told[0] for told in state["asked"]]
        assert replayed.config["configurable"]["checkpoint_id"] == state["checkpoint"]


def test_the_log_of_a_release_is_what_its_store_has(release: Path, saver: BaseCheckpointSaver) -> None:
    for thread in THREADS:
        log = load_log(release / f"{thread.replace(' ', '_')}.jsonl")
        assert [(row.digest, row.body) for row in log.rows] == [
            (row.digest, row.body) for row in saver.store.read(thread)
        ]
