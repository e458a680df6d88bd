"""Threads go to a file and come back the same, and a damaged file is noticed before anything of it counts."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from clew import START, Command, Runtime, StateGraph, interrupt
from clew.archive import export_threads, import_threads, verify_archive
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import ArchiveError, StaleVersionError, StoreError, ThreadErasedError
from clew.events.stores.memory import MemoryStore
from clew.events.stores.store import Store
from clew.privacy import Keyring
from clew.testing import Fault, FaultyStore


class Letter(TypedDict):
    text: str
    signed: str


def sign(state: Letter) -> dict[str, str]:
    return {"signed": interrupt({"sign": state["text"]})}


def graph(saver: BaseCheckpointSaver, **options: Any) -> Any:
    return StateGraph(Letter).add_node(sign).add_edge(START, "sign").compile(checkpointer=saver, **options)


def at(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


def desk(store: Store, *threads: str) -> Any:
    """A graph over the store with these threads waiting at their question."""
    compiled = graph(BaseCheckpointSaver(store))
    for thread in threads:
        compiled.invoke({"text": f"letter of {thread}"}, at(thread))
    return compiled


def test_exported_threads_go_on_in_another_store(store: Store, tmp_path: Path) -> None:
    desk(store, "a", "b", "c")
    exported = export_threads(store, tmp_path / "kept.jsonl", ["c", "unknown", "a"])
    assert [one.thread for one in exported] == ["c", "a"]
    assert verify_archive(tmp_path / "kept.jsonl") == {}

    elsewhere = MemoryStore()
    assert import_threads(elsewhere, tmp_path / "kept.jsonl") == exported
    for thread in ("c", "a"):
        assert [row.body for row in elsewhere.read(thread)] == [row.body for row in store.read(thread)]
        there, here = elsewhere.head(thread), store.head(thread)
        assert there is not None
        assert here is not None
        assert there.head == here.head
    assert elsewhere.head("b") is None
    assert desk(elsewhere).invoke(Command(resume="Ann"), at("c")) == {"text": "letter of c", "signed": "Ann"}


def test_a_whole_tenant_is_exported_by_default_and_packed_by_its_name(tmp_path: Path) -> None:
    store = MemoryStore()
    desk(store, "a", "b")
    graph(BaseCheckpointSaver(store, tenant="acme")).invoke({"text": "theirs"}, at("a"))
    assert {one.thread for one in export_threads(store, tmp_path / "all.jsonl.gz")} == {"a", "b"}
    theirs = tmp_path / "acme.jsonl"
    export_threads(store, theirs, tenant="acme")
    elsewhere = MemoryStore()
    import_threads(elsewhere, theirs)
    import_threads(elsewhere, tmp_path / "all.jsonl.gz")
    assert graph(BaseCheckpointSaver(elsewhere, tenant="acme")).get_state(at("a")).values == {"text": "theirs"}
    assert graph(BaseCheckpointSaver(elsewhere)).get_state(at("a")).values == {"text": "letter of a"}


def test_encrypted_threads_stay_encrypted_and_are_proved_without_a_key(tmp_path: Path) -> None:
    keyring = Keyring({"m": b"m" * 32})
    saver = InMemorySaver(cipher=keyring)
    graph(saver).invoke({"text": "a secret"}, at("a"))
    export_threads(saver.store, tmp_path / "kept.jsonl")
    assert verify_archive(tmp_path / "kept.jsonl") == {}
    elsewhere = MemoryStore()
    import_threads(elsewhere, tmp_path / "kept.jsonl")
    there = BaseCheckpointSaver(elsewhere, cipher=saver.cipher)
    assert graph(there).invoke(Command(resume="Ann"), at("a"))["signed"] == "Ann"


def test_importing_again_changes_nothing_and_a_thread_that_went_on_is_not_taken_back(tmp_path: Path) -> None:
    store = MemoryStore()
    desk(store, "a")
    export_threads(store, tmp_path / "kept.jsonl")
    before = store.read("a")
    import_threads(store, tmp_path / "kept.jsonl")
    assert store.read("a") == before

    other = MemoryStore()
    desk(other, "a")
    with pytest.raises(StaleVersionError):
        import_threads(other, tmp_path / "kept.jsonl")
    store.erase("a")
    with pytest.raises(
        ThreadErasedError, match=r"'a' was erased; import_threads\(\.\.\., restore_erased=True\) brings"
    ):
        import_threads(store, tmp_path / "kept.jsonl")


def test_an_erased_thread_is_brought_back_as_it_was_and_goes_on(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    known = desk(store, "a")
    rows = store.read("a")
    for _ in range(2):  # a thread may be moved away and brought back more than once
        path.unlink(missing_ok=True)
        export_threads(store, path)
        store.erase("a")
        assert known.get_state(at("a")).values == {}
        assert [one.thread for one in import_threads(store, path, restore_erased=True)] == ["a"]
        import_threads(store, path, restore_erased=True)  # once more, as after a crash at its end
        assert [(row.version, row.digest) for row in store.read("a")] == [(row.version, row.digest) for row in rows]
        with Runtime() as elsewhere:
            fresh = graph(BaseCheckpointSaver(store), runtime=elsewhere)
            assert fresh.get_state(at("a")).next == ("sign",)
    # The process that worked on the life before, and one that knows nothing of it.
    assert known.invoke(Command(resume="Ann"), at("a")) == {"text": "letter of a", "signed": "Ann"}
    with Runtime() as elsewhere:
        fresh = graph(BaseCheckpointSaver(store), runtime=elsewhere)
        assert fresh.get_state(at("a")).values["signed"] == "Ann"
        fresh.invoke({"text": "another"}, at("a"))
        assert fresh.invoke(Command(resume="Ben"), at("a"), durability="exit")["signed"] == "Ben"
    assert known.get_state(at("a")).values == {"text": "another", "signed": "Ben"}


def test_a_thread_is_restored_by_what_it_is_asked_first(store: Store, tmp_path: Path) -> None:
    desk(store, "a", "b")
    export_threads(store, tmp_path / "kept.jsonl")
    for thread in ("a", "b"):
        store.erase(thread)
    import_threads(store, tmp_path / "kept.jsonl", restore_erased=True)
    with Runtime() as elsewhere:
        fresh = graph(BaseCheckpointSaver(store), runtime=elsewhere)
        assert fresh.invoke(Command(resume="Ann"), at("a"))["signed"] == "Ann"
        assert fresh.invoke(Command(resume="Ben"), at("b"), durability="exit")["signed"] == "Ben"


def test_a_restore_that_was_broken_off_is_gone_on_with(tmp_path: Path) -> None:
    store = MemoryStore()
    desk(store, "a").invoke(Command(resume="Ann"), at("a"))
    export_threads(store, tmp_path / "kept.jsonl")
    store.erase("a")
    broken = FaultyStore(store, Fault("fail", 2))
    with pytest.raises(StoreError):
        import_threads(broken, tmp_path / "kept.jsonl", restore_erased=True)
    assert len(store.read("a")) == 1
    import_threads(store, tmp_path / "kept.jsonl", restore_erased=True)
    assert desk(store).get_state(at("a")).values["signed"] == "Ann"


def test_a_thread_that_began_anew_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    desk(store, "a")
    export_threads(store, tmp_path / "kept.jsonl")
    store.erase("a")
    desk(store, "a")
    with pytest.raises(StaleVersionError):
        import_threads(store, tmp_path / "kept.jsonl", restore_erased=True)


def test_what_a_destroyed_key_erased_stays_erased(store: Store, tmp_path: Path) -> None:
    saver = BaseCheckpointSaver(store, cipher=Keyring({"m": b"m" * 32}))
    store.vault().setup()  # type: ignore[attr-defined]
    graph(saver).invoke({"text": "a secret"}, at("a"))
    export_threads(store, tmp_path / "kept.jsonl")
    saver.erase_subject("a")
    with pytest.raises(ThreadErasedError, match="start another thread id"):
        import_threads(store, tmp_path / "kept.jsonl", restore_erased=True)


def test_what_an_export_left_that_died_is_removed_by_the_next_one_into_the_folder(tmp_path: Path) -> None:
    store = MemoryStore()
    desk(store, "a")
    died = multiprocessing.get_context("fork").Process(target=die_in_export, args=(store, tmp_path / "first.jsonl"))
    died.start()
    died.join(60)
    assert [file.name for file in tmp_path.iterdir()] == ["first.jsonl.clew-part"]
    (tmp_path / "another program's.part").write_text("precious")
    export_threads(store, tmp_path / "second.jsonl.gz")
    assert {file.name for file in tmp_path.iterdir()} == {"another program's.part", "second.jsonl.gz"}
    assert verify_archive(tmp_path / "second.jsonl.gz") == {}


def die_in_export(store: Store, path: Path) -> None:
    def threads() -> Iterator[str]:
        yield "a"
        os._exit(1)

    export_threads(store, path, threads())


def test_an_export_under_way_is_left_alone_and_its_name_is_taken(tmp_path: Path) -> None:
    store = MemoryStore()
    desk(store, "a", "b")

    def threads() -> Iterator[str]:
        yield "a"
        with pytest.raises(FileExistsError, match=r"first\.jsonl' is being written by another export"):
            export_threads(store, tmp_path / "first.jsonl")
        export_threads(store, tmp_path / "second.jsonl")
        yield "b"

    export_threads(store, tmp_path / "first.jsonl", threads())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["first.jsonl", "second.jsonl"]
    assert [one.thread for one in import_threads(MemoryStore(), tmp_path / "first.jsonl")] == ["a", "b"]


def test_a_file_that_is_there_is_not_overwritten_and_a_failed_export_leaves_none(tmp_path: Path) -> None:
    store = MemoryStore()
    desk(store, "a")
    path = tmp_path / "kept.jsonl"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="is there already; export to another file"):
        export_threads(store, path)
    assert path.read_text() == "precious"

    def threads() -> Any:
        yield "a"
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        export_threads(store, tmp_path / "new.jsonl", threads())
    assert [file.name for file in tmp_path.iterdir()] == ["kept.jsonl"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    store = MemoryStore()
    desk(store, "a", "b").invoke(Command(resume="Ann"), at("b"))
    export_threads(store, tmp_path / "kept.jsonl", ["a", "b"])
    return tmp_path / "kept.jsonl"


def changed(path: Path, number: int, **changes: Any) -> Path:
    lines = path.read_text().splitlines()
    lines[number - 1] = json.dumps({**json.loads(lines[number - 1]), **changes})
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("number", "changes", "message"),
    [
        (1, {"clew": "other"}, "line 1: it is no head of a thread"),
        (1, {"form": 2}, "line 1: its form is 2, this clew reads up to 1: install a newer one"),
        (1, {"commits": "many"}, "line 1: it is no head of a thread"),
        (2, {"digest": "zz"}, "line 2: it is no commit of thread 'a'"),
        (3, {"body": "not base64!"}, "line 3: it is no commit of thread 'a'"),
        (1, {"commits": 9}, "is no commit of thread 'a'"),
    ],
)
def test_a_line_that_is_not_what_it_should_be_is_named(
    archive: Path, number: int, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArchiveError, match=message):
        import_threads(MemoryStore(), changed(archive, number, **changes))


def test_a_file_that_was_cut_off_is_noticed_wherever(archive: Path) -> None:
    content = archive.read_bytes()
    whole = {len(content), content.index(b'{"clew":"archive"', 1)}  # after each thread's last line
    for length in range(1, len(content) - 1):
        archive.write_bytes(content[:length])
        if length in whole or length + 1 in whole:
            continue
        with pytest.raises(ArchiveError):
            import_threads(MemoryStore(), archive)


def test_a_packed_file_that_was_cut_off_is_noticed(archive: Path, tmp_path: Path) -> None:
    packed = gzip.compress(archive.read_bytes())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(packed[:-20])
    with pytest.raises(ArchiveError, match="cannot be read"):
        import_threads(MemoryStore(), path)


def test_a_changed_commit_is_named_and_not_imported(archive: Path) -> None:
    lines = archive.read_text().splitlines()
    changed(archive, 3, body=json.loads(lines[1])["body"])
    findings = verify_archive(archive)
    assert {thread: [(one.version, one.kind) for one in found] for thread, found in findings.items()} == {
        "a": [(1, "changed")]
    }
    store = MemoryStore()
    with pytest.raises(ArchiveError, match=r"thread 'a': version 1 does not follow"):
        import_threads(store, archive)
    assert store.read("a") == []
