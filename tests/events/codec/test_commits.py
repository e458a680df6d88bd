"""Commits as rows: every event comes back, payloads stay unread, other vocabularies are read, nothing else is."""

from __future__ import annotations

import timeit
from typing import Any

import pytest
from clew.events.codec import Codec, decode_commit, encode_commit
from clew.events.codec.upcasting import UPCASTERS, upcast
from clew.events.errors import CipherError, CorruptCommitError, DecodeError, InternalError
from clew.events.vocabulary import (
    VOCABULARY_VERSION,
    Commit,
    NodeCompleted,
    NodeStarted,
    Payload,
    RunFinished,
    StepCommitted,
    Unknown,
    Write,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from msgspec import msgpack

from tests.events.strategies import codec, commits, same, values

STEP = Commit(
    b"0123456789abcdef",
    1_700_000_000_000_000,
    [
        NodeCompleted(task=0, writes=[Write("messages", Payload([HumanMessage("x" * 250, id="1")]))]),
        StepCommitted(),
        RunFinished(status="completed"),
    ],
)


def decode(body: bytes, one: Codec | None = None) -> Commit:
    return decode_commit(body, one or Codec(), thread="t-1", version=7)


def raw(commit: Commit) -> list[Any]:
    return msgpack.decode(encode_commit(commit, Codec()))


@pytest.mark.slow
@settings(max_examples=200)
@given(commits(values(max_leaves=3)))
def test_every_commit_comes_back_the_same(commit):
    assert same(decode(encode_commit(commit, codec()), codec()), commit)


@given(commits())
def test_a_commit_that_was_read_is_written_as_the_same_bytes(commit):
    body = encode_commit(commit, Codec())
    assert encode_commit(decode(body), Codec()) == body


class Refusing:
    """A codec's place as payload reader: nothing may be read through it."""

    def decode_value(self, encoded: bytes) -> Any:
        raise AssertionError(f"read {encoded!r}")


@given(commits())
def test_reading_and_writing_a_commit_looks_at_no_payload(commit):
    one = Codec()
    body = encode_commit(commit, one)
    one.decode_value = Refusing().decode_value  # type: ignore[method-assign]
    assert encode_commit(decode(body, one), one) == body


def test_a_payload_is_read_when_somebody_looks_and_only_then_complains():
    body = encode_commit(STEP, Codec())
    broken = body.replace(b"\xc7", b"\xc1", 1) if b"\xc7" in body else body.replace(b"\xc8", b"\xc1", 1)
    assert broken != body
    write = decode(broken).events[0].writes[0]
    assert write.channel == "messages"
    with pytest.raises(DecodeError):
        _ = write.payload.value


# --- what is no commit


@given(st.binary(max_size=60))
def test_other_bytes_are_no_commit(body):
    error = CipherError if body[:1] == b"\xc1" else CorruptCommitError
    with pytest.raises(error, match=r"thread 't-1', version 7: "):
        decode(body)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda parts: {"id": 1}, "not a commit"),
        (lambda parts: parts[:2], "not a commit"),
        (lambda parts: [*parts[:2], "x", *parts[3:]], "not a commit"),
        (lambda parts: [parts[0], "x", *parts[2:]], "not a commit"),
        (lambda parts: [*parts[:2], [], *parts[3:]], "no event"),
        (lambda parts: [b"short", *parts[1:]], "an id of 5 bytes"),
        (lambda parts: [*parts[:6], -(2**62)], "vocabulary"),
        (lambda parts: [*parts[:2], [[]], *parts[3:]], "event 0 cannot be read"),
        (lambda parts: [*parts[:2], [[25, "", 0], [21, "", 0, "x"]], *parts[3:]], "event 1 cannot be read"),
        (lambda parts: [*parts[:2], [[25, "", 0], [21, "", 0]], *parts[3:]], "event 1 cannot be read"),
        (lambda parts: [*parts[:2], [["x", "", 0]], *parts[3:]], "event 0 cannot be read"),
        (lambda parts: [*parts[:2], [[True, "", 0]], *parts[3:]], "event 0 cannot be read"),
        (lambda parts: [*parts[:2], [[7, "", 0, "no payload"]], *parts[3:]], "event 0 cannot be read"),
    ],
)
def test_a_commit_of_the_wrong_shape_is_refused_with_thread_version_and_reason(change, reason):
    with pytest.raises(CorruptCommitError, match=reason) as caught:
        decode(msgpack.encode(change(raw(STEP))))
    assert (caught.value.thread, caught.value.version) == ("t-1", 7)


BOMBS = [b"\x91" * 100_000, b"\x97\xdd\xff\xff\xff\xff", b"\x97\xc4\x10" + b"x" * 16 + b"\x01" + b"\x91" * 9999]


@pytest.mark.parametrize("body", BOMBS)
def test_bombs_are_no_commit(body):
    with pytest.raises(CorruptCommitError):
        decode(body)


# --- other vocabularies


def test_an_event_of_a_newer_clew_is_unknown_and_its_neighbours_are_read():
    parts = raw(STEP)
    parts[2].insert(1, [99, "sub", 3, {"x": [1, b"\xc0"]}, "more"])
    parts[6] = VOCABULARY_VERSION + 1
    commit = decode(msgpack.encode(parts))
    assert commit.events[1] == Unknown(99, [{"x": [1, b"\xc0"]}, "more"], "sub", 3)
    assert [commit.events[0], *commit.events[2:]] == STEP.events
    assert commit.vocabulary == VOCABULARY_VERSION + 1


def test_a_commit_with_an_unknown_event_is_never_written():
    with pytest.raises(InternalError):
        encode_commit(Commit(b"x" * 16, 1, [Unknown(99, [])]), Codec())


def test_a_commit_without_events_is_never_written():
    with pytest.raises(InternalError):
        encode_commit(Commit(b"x" * 16, 1, []), Codec())


def test_fields_that_a_newer_clew_added_are_passed_over():
    parts = raw(STEP)
    parts[2][1].append("new")
    parts.append("new")
    assert decode(msgpack.encode(parts)) == STEP


def test_an_event_of_an_older_vocabulary_is_cast_up(monkeypatch):
    # Vocabulary 0 never was: there an attempt came before its task and was counted from 0.
    monkeypatch.setitem(UPCASTERS, (21, 0), lambda fields: [*fields[:3], fields[4], fields[3] + 1])
    old = msgpack.encode([b"x" * 16, 1, [[21, "ns", 5, 2, 7], [25, "", 0]], "", "", "", 0])
    commit = decode(old)
    assert commit.events == [NodeStarted(ns="ns", lag=5, task=7, attempt=3), StepCommitted()]
    assert commit.vocabulary == 0


def test_an_older_event_that_todays_shape_refuses_is_cast_up_too(monkeypatch):
    monkeypatch.setitem(UPCASTERS, (6, 0), lambda fields: [*fields[:3], fields[3] or "completed"])
    old = msgpack.encode([b"x" * 16, 1, [[6, "", 0, None]], "", "", "", 0])
    assert decode(old).events == [RunFinished(status="completed")]


def test_payloads_of_older_events_stay_unread(monkeypatch):
    monkeypatch.setitem(UPCASTERS, (23, 0), lambda fields: [*fields[:3], 0, [["x", fields[3], False]]])
    value = Codec().encode_value({1, 2})
    old = msgpack.encode([b"x" * 16, 1, [[23, "", 0, value]], "", "", "", 0])
    payload = decode(old).events[0].writes[0].payload
    assert payload.encoded == value
    assert payload.value == {1, 2}


def test_upcasters_follow_one_another():
    table = {
        (9, 1): lambda fields: [9, fields[1] + "a"],
        (9, 2): lambda fields: [8, fields[1] + "b"],
        (8, 3): lambda fields: [8, fields[1] + "c"],
    }
    assert upcast([9, ""], 1, upcasters=table, until=4) == [8, "abc"]
    assert upcast([9, ""], 2, upcasters=table, until=4) == [8, "bc"]
    assert upcast([9, ""], 4, upcasters=table, until=4) == [9, ""]


def test_todays_commits_meet_no_upcaster(monkeypatch):
    def never(_: list[Any]) -> list[Any]:
        raise AssertionError("an upcaster was called")

    for event in STEP.events:
        monkeypatch.setitem(UPCASTERS, (type(event).__struct_config__.tag, VOCABULARY_VERSION), never)
    assert decode(encode_commit(STEP, Codec())) == STEP


def test_a_field_that_is_no_payload_is_a_bug_and_says_so():
    with pytest.raises(InternalError, match="'object'"):
        encode_commit(Commit(b"x" * 16, 1, [RunFinished(status="x", joins_waiting=[object()])]), Codec())


# --- what it costs


def microseconds(call: Any) -> float:
    return min(timeit.repeat(call, number=2000, repeat=5)) / 2000 * 1e6


def test_a_step_of_one_message_adds_less_than_110_bytes_to_its_text(report_figure):
    one = Codec()
    body = encode_commit(STEP, one)
    assert len(body) - 250 < 110
    report_figure(
        f"commit of a one-message step: {len(body) - 250} bytes over its text, "
        f"encode {microseconds(lambda: encode_commit(STEP, one)):.1f} us (target 10), "
        f"decode {microseconds(lambda: decode(body, one)):.1f} us (target 3)"
    )
