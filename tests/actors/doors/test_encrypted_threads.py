"""Threads in an encrypted store live as others do; without the key nobody reads them, and the chain is proved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from clew import START, Command, StateGraph, interrupt
from clew.checkpoint import AsyncSqliteSaver, BaseCheckpointSaver, SqliteSaver
from clew.checkpoint.serde.encrypted import EncryptedSerializer
from clew.errors import CipherError, ThreadErasedError
from clew.events.chain.verify import verify
from clew.privacy import Keyring

from tests.support.savers import KINDS, opened_saver

MASTER = {"2026": b"m" * 32}
SECRET = "the patient's name is Ada"


class Case(TypedDict):
    text: str
    answer: str


def ask(state: Case) -> dict[str, str]:
    return {"answer": interrupt(f"May we? {state['text']}")}


def graph(saver: BaseCheckpointSaver) -> Any:
    return StateGraph(Case).add_node(ask).add_edge(START, "ask").compile(checkpointer=saver)


def subject_of(thread: str) -> str:
    return thread.partition("/")[0]


def at(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


@pytest.fixture(params=KINDS)
def saver(request: pytest.FixtureRequest) -> Iterator[BaseCheckpointSaver]:
    """An encrypting saver of each kind in turn; a subject has many threads."""
    with opened_saver(request.param, request, cipher=Keyring(MASTER, subject_of=subject_of)) as found:
        yield found


def stored(saver: BaseCheckpointSaver, thread: str) -> bytes:
    head = saver.store.head(thread)
    assert head is not None
    return b"".join(row.body for row in saver.store.read(thread)) + head.head.questions


def test_a_thread_asks_is_answered_and_shows_its_state_and_history(saver: BaseCheckpointSaver) -> None:
    desk = graph(saver)
    paused = desk.invoke({"text": SECRET}, at("ada/1"))
    assert paused["__interrupt__"][0].value == f"May we? {SECRET}"
    assert desk.invoke(Command(resume="yes"), at("ada/1")) == {"text": SECRET, "answer": "yes"}
    assert desk.get_state(at("ada/1")).values == {"text": SECRET, "answer": "yes"}
    assert len(list(desk.get_state_history(at("ada/1")))) == 3
    found = saver.get_tuple(at("ada/1"))
    assert found is not None
    assert found.checkpoint["channel_values"] == {"text": SECRET, "answer": "yes"}


def test_async_callers_do_too(saver: BaseCheckpointSaver) -> None:
    async def talk() -> Any:
        desk = graph(saver)
        await desk.ainvoke({"text": SECRET}, at("ada/1"))
        return await desk.ainvoke(Command(resume="yes"), at("ada/1"))

    assert asyncio.run(talk()) == {"text": SECRET, "answer": "yes"}


def test_what_is_stored_shows_nothing_that_was_said(saver: BaseCheckpointSaver) -> None:
    graph(saver).invoke({"text": SECRET}, at("ada/1"))
    assert SECRET.encode() not in stored(saver, "ada/1")
    assert b"May we" not in stored(saver, "ada/1")


def test_the_chain_is_proved_without_a_key(saver: BaseCheckpointSaver) -> None:
    graph(saver).invoke({"text": SECRET}, at("ada/1"))
    rows = saver.store.read("ada/1")
    assert verify(rows, "ada/1") == []
    assert [finding.kind for finding in verify(rows[1:], "ada/1")] == ["missing"]


def test_another_process_needs_the_key(saver: BaseCheckpointSaver) -> None:
    graph(saver).invoke({"text": SECRET}, at("ada/1"))
    keyless = BaseCheckpointSaver(saver.store)
    with pytest.raises(CipherError, match=r"thread 'ada/1', version 0: it is encrypted: give the saver the keyring"):
        graph(keyless).get_state(at("ada/1"))
    with pytest.raises(CipherError, match="it is encrypted"):
        graph(keyless).invoke(Command(resume="yes"), at("ada/1"))
    again = BaseCheckpointSaver(saver.store, cipher=saver.cipher)
    assert graph(again).invoke(Command(resume="yes"), at("ada/1"))["answer"] == "yes"


def test_a_plain_thread_is_refused_where_a_key_is_set(saver: BaseCheckpointSaver) -> None:
    graph(BaseCheckpointSaver(saver.store)).invoke({"text": "plain"}, at("ben/1"))
    with pytest.raises(CipherError, match="it is stored in plain, and this saver has a key"):
        graph(saver).get_state(at("ben/1"))
    assert verify(saver.store.read("ben/1"), "ben/1") == []


def test_a_subject_s_threads_are_unreadable_once_erased_and_still_proved(saver: BaseCheckpointSaver) -> None:
    desk = graph(saver)
    for thread in ("ada/1", "ada/2", "ben/1"):
        desk.invoke({"text": SECRET}, at(thread))
    before = {thread: saver.store.read(thread) for thread in ("ada/1", "ada/2")}
    assert saver.erase_subject("ada") == ["ada/1", "ada/2"]
    assert saver.erase_subject("ada") == []
    for thread, rows in before.items():
        assert saver.store.read(thread) == rows
        assert verify(rows, thread) == []
        with pytest.raises(ThreadErasedError):
            desk.invoke(Command(resume="yes"), at(thread))
        with pytest.raises(ThreadErasedError):
            saver.cipher.open(rows[0].body, thread, 0)  # type: ignore[union-attr]
    assert [head.thread for head in saver.store.heads()] == ["ben/1"]
    assert desk.invoke(Command(resume="yes"), at("ben/1"))["answer"] == "yes"


def test_an_erased_subject_may_come_again(saver: BaseCheckpointSaver) -> None:
    desk = graph(saver)
    desk.invoke({"text": SECRET}, at("ada/1"))
    asyncio.run(saver.aerase_subject("ada"))
    desk.invoke({"text": "back again"}, at("ada/2"))
    assert desk.invoke(Command(resume="yes"), at("ada/2")) == {"text": "back again", "answer": "yes"}


def test_a_copied_thread_is_sealed_for_its_own_subject(saver: BaseCheckpointSaver) -> None:
    desk = graph(saver)
    desk.invoke({"text": SECRET}, at("ada/1"))
    saver.copy_thread("ada/1", "ben/1")
    saver.erase_subject("ada")
    assert desk.invoke(Command(resume="yes"), at("ben/1")) == {"text": SECRET, "answer": "yes"}
    assert verify(saver.store.read("ben/1"), "ben/1") == []


def test_a_renewed_key_and_a_rotated_master_leave_all_readable(saver: BaseCheckpointSaver) -> None:
    graph(saver).invoke({"text": SECRET}, at("ada/1"))
    saver.renew_key("ada")
    keyring = Keyring({**MASTER, "2027": b"n" * 32}, subject_of=subject_of)
    rotated = BaseCheckpointSaver(saver.store, cipher=keyring)
    assert rotated.rotate_master_key() == 2
    later = BaseCheckpointSaver(saver.store, cipher=Keyring({"2027": b"n" * 32}, subject_of=subject_of))
    assert graph(later).invoke(Command(resume="yes"), at("ada/1"))["answer"] == "yes"


def test_deleting_a_thread_destroys_its_own_key(tmp_path: Path) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite"), cipher=Keyring(MASTER)) as saver:
        graph(saver).invoke({"text": SECRET}, at("ada"))
        copy = saver.store.read("ada")[0].body
        saver.delete_thread("ada")
        with pytest.raises(ThreadErasedError):
            saver.cipher.open(copy, "ada", 0)  # type: ignore[union-attr]


def test_an_encrypted_serializer_seals_for_programs_that_move_over(tmp_path: Path) -> None:
    path = str(tmp_path / "threads.sqlite")
    serde = EncryptedSerializer.from_pycryptodome_aes(key=b"k" * 32)

    async def ask_there() -> None:
        async with AsyncSqliteSaver.from_conn_string(path, serde=serde) as saver:
            await graph(saver).ainvoke({"text": SECRET}, at("ada"))

    asyncio.run(ask_there())
    assert all(SECRET.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    with SqliteSaver.from_conn_string(path, serde=EncryptedSerializer.from_pycryptodome_aes(key=b"k" * 32)) as saver:
        assert graph(saver).invoke(Command(resume="yes"), at("ada"))["answer"] == "yes"
