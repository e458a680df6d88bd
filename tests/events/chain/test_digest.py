"""The chain's digests: fixed for ever, and different for every different input."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from clew.events.chain import genesis, link
from hypothesis import given
from hypothesis import strategies as st

KEY = b"k" * 32


def test_the_digests_are_what_they_always_were():
    assert genesis("t-1").hex() == "c3d8ea654abbbd65094a3af735c2a44c195cdca1a93e4f63c5df422a413f400e"
    assert genesis("t-1", "acme", KEY).hex() == "5f24aaf5005f69175916923e7e232fdebae42ef0c78de7922883c89760d781cc"
    assert link(bytes(32), b"body").hex() == "cd717afb960fd13601fb8f571ba1c49b1a6c869b9d742108fb2bfa8542077029"
    assert link(bytes(32), b"body", KEY).hex() == "8193ed02a05d6e3a3f66506969a7f5d805def174d290d502d8a7ca9373491fb7"


def test_a_link_is_what_the_format_says():
    previous, body = genesis("t-1"), b"body"
    message = b"clew chain 1 link\0" + (32).to_bytes(8, "big") + (4).to_bytes(8, "big") + previous + body
    assert link(previous, body) == hashlib.sha256(message).digest()
    assert link(previous, body, KEY) == hmac.new(KEY, message, "sha256").digest()


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 10))
def test_a_byte_that_moves_between_the_parts_is_seen(previous, body, moved):
    joined = previous + body
    for cut in (len(previous) + moved, len(previous) - moved):
        if 0 <= cut <= len(joined):
            assert link(joined[:cut], joined[cut:]) != link(previous, body)


@pytest.mark.parametrize(
    "other",
    [
        genesis("t-2"),
        genesis("t-1", "acme"),
        genesis("", "t-1"),
        genesis("t-1", key=KEY),
        genesis("t-1\ud800"),
        genesis("t-1", "acme\ud800"),
    ],
)
def test_every_thread_tenant_and_key_has_its_own_beginning(other):
    assert other != genesis("t-1")
    assert len(other) == 32


def test_a_key_changes_every_link():
    assert len({link(bytes(32), b"x", key) for key in (None, b"a", b"b")}) == 3
