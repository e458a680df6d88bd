"""R9: the file or its log is cut at a sector, or a bit of it flips: what is read is what was written, or an error."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clew.actors.engine.log import ThreadLog
from clew.checkpoint import SqliteSaver
from clew.errors import ClewError
from clew.events.stores.sqlite import SqliteStore

from .conversation import DONE, finish, graph
from .sizes import NIGHTLY, sized

SECTOR = 512
THREADS = ("a", "b", "c")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three finished threads, some of it in the file and some still in its log."""
    folder = tmp_path_factory.mktemp("written")
    live = folder / "live.sqlite"
    with SqliteSaver.from_conn_string(str(live)) as saver:
        for thread in THREADS[:2]:
            assert finish(graph(saver), thread) == DONE
    with SqliteSaver.from_conn_string(str(live)) as saver:
        assert finish(graph(saver), THREADS[2]) == DONE
        for suffix in ("", "-wal"):
            shutil.copy(f"{live}{suffix}", folder / f"kept{suffix}")
    return folder / "kept"


def damages(kept: Path) -> Iterator[tuple[str, str, int]]:
    """File, what is done to it, and where."""
    chance = random.Random(9)
    for suffix in ("", "-wal"):
        size = Path(f"{kept}{suffix}").stat().st_size
        cuts = range(0, size, SECTOR)
        for at in cuts if NIGHTLY else chance.sample(cuts, min(len(cuts), sized(40, 0))):
            yield suffix, "cut", at
        for _ in range(sized(210, 5_000)):
            yield suffix, "flip", chance.randrange(size * 8)


@pytest.mark.slow
def test_damage_is_never_taken_for_what_was_written(
    written: Path, tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    outcomes: Counter[str] = Counter()
    with SqliteSaver.from_conn_string(str(copied(written, tmp_path / "whole"))) as saver:
        truth = {thread: [row.body for row in saver.store.read(thread)] for thread in THREADS}
        conversation = graph(saver)
        for number, (suffix, kind, at) in enumerate(damages(written)):
            path = copied(written, tmp_path / str(number))
            damage(Path(f"{path}{suffix}"), kind, at)
            outcomes += look(path, truth, conversation)
            path.parent.joinpath(path.name).unlink()
    total = sum(outcomes.values())
    assert outcomes["wrong"] == 0
    assert outcomes["whole"] > total / 4
    assert outcomes["error"] > 0
    report_figure(
        f"R9: {total // len(THREADS)} damaged stores, {total} threads read: {outcomes['whole']} whole, "
        f"{outcomes['shorter']} as of an earlier commit (a cut log), {outcomes['error']} refused by name, 0 wrong"
    )


def copied(kept: Path, target: Path) -> Path:
    for suffix in ("", "-wal"):
        shutil.copy(f"{kept}{suffix}", f"{target}{suffix}")
    return target


def damage(path: Path, kind: str, at: int) -> None:
    content = bytearray(path.read_bytes())
    if kind == "cut":
        del content[at:]
    else:
        content[at // 8] ^= 1 << (at % 8)
    path.write_bytes(content)


def look(path: Path, truth: dict[str, list[bytes]], conversation: object) -> Counter[str]:
    """Read every thread as a service would, checked by its chain."""
    outcomes: Counter[str] = Counter()
    try:
        store = SqliteStore(str(path), lock_wait_seconds=0.01)
    except ClewError:
        return Counter({"error": len(truth)})
    for thread, bodies in truth.items():
        try:
            ThreadLog(store, thread).load(conversation.codec, conversation.channels)  # type: ignore[attr-defined]
            found = [row.body for row in store.read(thread)]
        except ClewError:
            outcomes["error"] += 1
            continue
        if found == bodies:
            outcomes["whole"] += 1
        elif found == bodies[: len(found)]:
            outcomes["shorter"] += 1
        else:
            outcomes["wrong"] += 1
    store.close()
    return outcomes
