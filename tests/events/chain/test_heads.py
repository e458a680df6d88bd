"""Heads of chains in a file: signed, read back, and refused when they are not what was signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from clew.errors import ArchiveError
from clew.events.chain.heads import KnownHead, read_heads, write_heads

KEY = b"0123456789abcdef"
HEADS = [KnownHead("a", 3, bytes(range(32)), 0, "acme"), KnownHead("ä\n", 0, bytes(32), 2, "acme")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "heads.jsonl"
    assert write_heads(path, HEADS, KEY, "acme") == 2
    return path


@pytest.mark.parametrize("key", [KEY, None])
def test_heads_are_read_as_they_were_written(tmp_path: Path, key: bytes | None) -> None:
    write_heads(tmp_path / "heads", HEADS, key, "acme")
    assert read_heads(tmp_path / "heads", key) == {head.thread: head for head in HEADS}


@pytest.mark.parametrize("key", [b"fedcba9876543210", None])
def test_another_key_or_none_is_refused(file: Path, key: bytes | None) -> None:
    with pytest.raises(ArchiveError, match="the signature does not fit"):
        read_heads(file, key)


def test_an_unsigned_file_does_not_pass_for_a_signed_one(tmp_path: Path) -> None:
    write_heads(tmp_path / "heads", HEADS)
    with pytest.raises(ArchiveError, match="the signature does not fit"):
        read_heads(tmp_path / "heads", KEY)


def test_every_changed_byte_and_every_missing_line_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 4
        file.write_bytes(bytes(changed))
        with pytest.raises(ArchiveError):
            read_heads(file, KEY)
    lines = whole.splitlines(keepends=True)
    for number in range(len(lines)):
        file.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        with pytest.raises(ArchiveError):
            read_heads(file, KEY)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for text in ("", "{}\n", "[]\n", "no json\n", '{"clew": "heads", "form": 99}\n{"signature": ""}\n'):
        (tmp_path / "heads").write_text(text)
        with pytest.raises(ArchiveError):
            read_heads(tmp_path / "heads")


def test_nothing_is_overwritten_and_a_short_key_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        write_heads(file, HEADS, KEY)
    with pytest.raises(ValueError, match="5 bytes, expected 16 or more"):
        write_heads(tmp_path / "other", HEADS, b"short")
    assert not (tmp_path / "other").exists()
