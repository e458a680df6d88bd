"""R8: power is lost, and of what was written since the last sync any part may be gone: acknowledged commits are not.

The disk remembers every write and sync. A crash image is what may be on it then: per file, all that was synced, and of
what came after it any choice of 512-byte sectors.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from clew.actors.kit.store_contract import entry
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.sqlite_connections import Durability

from tests.support.faulty_disk import FaultyDisk, Operation

from .sizes import sized

APPENDS = 40
SECTOR = 512


def recorded(path: Path, durability: Durability = "sync") -> tuple[list[Operation], list[int]]:
    """What the disk was asked while commits were appended, and after how many of those each append returned."""
    disk = FaultyDisk()
    disk.remembers = True
    acknowledged: list[int] = []
    with disk.in_place():
        store = SqliteStore(str(path), durability)
        for version in range(APPENDS):
            store.append(entry("t", version, body=bytes(300 * (version % 5))))
            acknowledged.append(len(disk.done))
        store.close()
    return disk.done, acknowledged


def image(operations: Sequence[Operation], folder: Path, chance: random.Random) -> None:
    """Write the files as a crash after these operations may leave them."""
    synced: dict[str, int] = defaultdict(int)
    for number, operation in enumerate(operations):
        if operation.kind == "sync":
            synced[operation.path] = number
    lost = chance.choice((0.0, 0.5, 1.0))
    files: dict[str, bytearray] = defaultdict(bytearray)
    for number, operation in enumerate(operations):
        durable = number < synced[operation.path]
        content = files[operation.path]
        if operation.kind == "truncate" and (durable or chance.random() >= lost):
            del content[operation.offset :]
        elif operation.kind == "write":
            write(content, operation, lambda durable=durable: durable or chance.random() >= lost)
    for path, content in files.items():
        if not path.endswith("-journal"):  # deleted when the tables were there, before the first append
            (folder / Path(path).name).write_bytes(content)


def write(content: bytearray, operation: Operation, kept: Callable[[], bool]) -> None:
    """Apply those sectors of a write that were kept."""
    for start in range(0, len(operation.content), SECTOR):
        if kept():
            at = operation.offset + start
            piece = operation.content[start : start + SECTOR]
            content.extend(bytes(max(0, at - len(content))))
            content[at : at + len(piece)] = piece


@pytest.mark.slow
def test_no_acknowledged_commit_is_lost_with_what_was_not_synced(
    tmp_path: Path, report_figure: Callable[[str], None]
) -> None:
    operations, acknowledged = recorded(tmp_path / "live.sqlite")
    chance = random.Random(8)
    images = sized(100, 2_000)
    for number in range(images):
        told, found = crashed(operations, acknowledged, tmp_path / str(number), chance)
        assert told <= found <= told + 1, number
    report_figure(f"R8: {images} crash images of {len(operations)} operations, 0 acknowledged commits lost")


def test_a_lost_sync_would_be_seen(tmp_path: Path) -> None:
    """The same images of a store that does not wait for the disk: some have lost what was acknowledged."""
    operations, acknowledged = recorded(tmp_path / "live.sqlite", "os")
    chance = random.Random(8)
    outcomes = [crashed(operations, acknowledged, tmp_path / str(number), chance) for number in range(40)]
    assert any(found < told for told, found in outcomes)


def crashed(
    operations: Sequence[Operation], acknowledged: Sequence[int], folder: Path, chance: random.Random
) -> tuple[int, int]:
    """Crash somewhere: how many commits had been acknowledged, and how many are there, without a gap, afterwards."""
    crash = chance.randrange(acknowledged[0], len(operations) + 1)
    folder.mkdir()
    image(operations[:crash], folder, chance)
    store = SqliteStore(str(folder / "live.sqlite"))
    versions = [row.version for row in store.read("t")]
    store.close()
    assert versions == list(range(len(versions)))
    return sum(1 for count in acknowledged if count <= crash), len(versions)
