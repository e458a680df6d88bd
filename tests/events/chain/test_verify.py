"""Whatever is done to a thread's rows is found, and the version named."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence

import msgspec
import pytest
from clew.events.chain import Anchor, genesis, link, verify
from clew.events.codec import Codec, encode_commit
from clew.events.stores.store import Row
from clew.events.vocabulary import Commit, NodeCompleted, Payload, StepCommitted, Write
from hypothesis import given
from hypothesis import strategies as st

from tests.guarantees.sizes import sized

KEY = b"k" * 32
FLIPS = int(os.environ.get("CLEW_TAMPER_CASES") or sized(2_000, 1_000_000))
"""Flipped bytes of one run; the nightly run flips every one."""


def thread(count: int, key: bytes | None = None, name: str = "t-1") -> list[Row]:
    """A whole thread as a store gives it."""
    rows: list[Row] = []
    digest = genesis(name, key=key)
    for version in range(count):
        writes = [Write("messages", Payload([f"message {version} of {name}"]))]
        events = [NodeCompleted(task=0, writes=writes), StepCommitted()]
        body = encode_commit(Commit(version.to_bytes(16, "big"), version + 1, events), Codec())
        digest = link(digest, body, key)
        rows.append(Row(name, version, version + 1, digest, body))
    return rows


def renumbered(rows: Sequence[Row]) -> list[Row]:
    return [msgspec.structs.replace(row, version=version) for version, row in enumerate(rows)]


def found(rows: Sequence[Row], key: bytes | None = None, anchor: Anchor | None = None) -> list[tuple[int, str]]:
    return [(finding.version, finding.kind) for finding in verify(rows, "t-1", key=key, anchor=anchor)]


ROWS = thread(40)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_a_whole_thread_has_no_findings(count, key):
    rows = thread(count, key)
    assert verify(rows, "t-1", key=key) == []
    assert verify(rows, "t-1", key=key, anchor=Anchor(count - 1, rows[-1].digest) if rows else None) == []


@pytest.mark.slow
def test_every_flipped_byte_is_found_at_its_version(report_figure):
    rows = thread(200)
    fields = [(row.version, field) for row in rows for field in ("body", "digest")]
    places = [(version, field, at) for version, field in fields for at in range(len(getattr(rows[version], field)))]
    flips = random.Random(1).sample(places, min(FLIPS, len(places)))
    for version, field, at in flips:
        content = bytearray(getattr(rows[version], field))
        content[at] ^= 1 << (at % 8)
        changed = msgspec.structs.replace(rows[version], **{field: bytes(content)})
        around = [*rows[:version], changed, *rows[version + 1 : version + 3]]
        assert found(around) == [(version, "changed")], (version, field, at)
    report_figure(f"R10: {len(flips):,} of {len(places):,} bytes flipped: each found at its version")


@given(st.integers(0, 39), st.integers(0, 39))
def test_swapped_commits_are_found_at_both_places(left, right):
    rows = list(ROWS)
    rows[left], rows[right] = rows[right], rows[left]
    expected = sorted({(left, "swapped"), (right, "swapped")}) if left != right else []
    assert found(renumbered(rows)) == expected


def test_stretches_that_changed_places_are_found_with_where_they_belong():
    rows = renumbered([*ROWS[:4], *ROWS[7:11], *ROWS[4:7], *ROWS[11:]])
    assert [(finding.version, finding.message) for finding in verify(rows, "t-1")] == [
        (4, "version 4 holds the commit of version 7"),
        (8, "version 8 holds the commit of version 4"),
    ]


@given(st.integers(0, 39))
def test_a_missing_commit_is_named(version):
    rows = [row for row in ROWS if row.version != version]
    anchor = Anchor(39, ROWS[39].digest)
    assert found(rows, anchor=anchor) == [(version, "truncated" if version == 39 else "missing")]


@given(st.integers(0, 38))
def test_a_commit_that_was_removed_and_the_rest_renumbered_is_found(version):
    rows = renumbered([row for row in ROWS if row.version != version])
    assert (version, "changed") in found(rows)
    assert all(row[0] == version for row in found(rows))


@given(st.integers(0, 39), st.integers(0, 39))
def test_a_commit_that_was_repeated_elsewhere_is_found(version, place):
    rows = [*ROWS[:place], ROWS[version], *ROWS[place:]]
    assert any(kind == "duplicated" for _, kind in found(renumbered(rows)))


@given(st.integers(0, 39))
def test_a_row_that_is_there_twice_is_found(version):
    assert found([*ROWS[: version + 1], *ROWS[version:]]) == [(version, "duplicated")]


@pytest.mark.parametrize("kept", [0, 1, 25, 39])
def test_a_cut_off_end_shows_against_an_anchor_only(kept):
    assert found(ROWS[:kept]) == []
    assert found(ROWS[:kept], anchor=Anchor(39, ROWS[39].digest)) == [(kept, "truncated")]


@given(st.integers(0, 39))
def test_a_thread_rewritten_without_the_key_is_found_from_its_first_change(version):
    rows = thread(40, KEY)
    digest = rows[version - 1].digest if version else genesis("t-1", key=KEY)
    forged = list(rows[:version])
    for row in rows[version:]:
        digest = link(digest, row.body + b"\x00")
        forged.append(msgspec.structs.replace(row, body=row.body + b"\x00", digest=digest))
    assert found(forged, key=KEY)[0] == (version, "changed")


def test_a_plain_chain_that_was_wholly_rewritten_shows_against_an_anchor_only():
    rewritten = thread(40)
    body = rewritten[10].body + b"\x00"
    digest = rewritten[9].digest
    for version in range(10, 40):
        body = rewritten[version].body + b"\x00" if version == 10 else rewritten[version].body
        digest = link(digest, body)
        rewritten[version] = msgspec.structs.replace(rewritten[version], body=body, digest=digest)
    assert found(rewritten) == []
    assert found(rewritten, anchor=Anchor(39, ROWS[39].digest)) == [(39, "changed")]


def test_another_key_is_one_finding_not_thousands():
    findings = verify(thread(200, KEY), "t-1", key=b"other")
    assert [(finding.version, finding.kind) for finding in findings] == [(0, "changed")]
    assert "200 commits" in findings[0].message
    assert "another key" in findings[0].message


def test_commits_of_another_thread_are_found():
    rows = list(ROWS)
    rows[7] = msgspec.structs.replace(thread(40, name="t-2")[7], thread="t-1")
    # Version 8 was tied to what stood at 7, so it cannot be told whether it is whole.
    assert found(rows) == [(7, "changed"), (8, "changed")]
    rows[7] = thread(40, name="t-2")[7]
    assert (7, "foreign") in found(rows)


def test_rows_of_another_tenant_are_found():
    rows = [msgspec.structs.replace(row, tenant="other") for row in ROWS[:1]]
    assert found(rows) == [(0, "foreign")]


def test_a_finding_names_the_version_and_says_what_is_wrong():
    rows = list(ROWS)
    rows[3], rows[4] = rows[4], rows[3]
    messages = [finding.message for finding in verify(renumbered(rows), "t-1")]
    assert messages == ["version 3 holds the commit of version 4", "version 4 holds the commit of version 3"]


def test_a_great_gap_is_reported_without_naming_each_version():
    rows = [ROWS[0], msgspec.structs.replace(ROWS[1], version=10**9)]
    findings = verify(rows, "t-1")
    assert 1 <= len(findings) <= 65
    assert findings[0].kind == "missing"


def test_verifying_is_fast(report_figure):
    rows = thread(5000)
    start = time.perf_counter()
    assert verify(rows, "t-1") == []
    rate = len(rows) / (time.perf_counter() - start)
    report_figure(f"verify: {rate:,.0f} commits of two events a second (target 100,000 events)")
