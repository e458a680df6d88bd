"""The form of an archive: JSON Lines, in UTF-8, gzip where the name ends in `.gz`.

    {"clew": "archive", "form": 1, "thread": "t-1", "tenant": "", "commits": 2, "status": 0, "graph": "agent", …}
    {"version": 0, "digest": "<hex>", "body": "<base64>"}
    {"version": 1, "digest": "<hex>", "body": "<base64>"}

A thread's head line says how many commits follow, so a file that was cut off shows. Bodies are as they were stored,
sealed ones too. A line may have further names: the test kit says there what went wrong and what each commit's events
are, in words. They are left alone by whoever does not know them, so that a later form can add some.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from os import PathLike, fspath
from typing import IO, Any, Final

from msgspec import Struct

from ..errors import ArchiveError
from ..stores.store import Head, Row

FORM: Final = 1
"""Version of the form that is written; older ones are read."""
_HEAD_NAMES: Final = frozenset(
    ("clew", "form", "thread", "tenant", "commits", "status", "graph", "owner", "epoch", "updated", "questions")
)


class ArchivedThread(Struct, frozen=True):
    """One thread of an archive."""

    thread: str
    tenant: str
    head: Head
    rows: list[Row]
    """From version 0, undecoded; `position` is the line's number in its thread."""
    more: Mapping[str, Any] = {}
    """Further names of the head line."""


def write_log(file: IO[str], log: ArchivedThread, words: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write a thread's lines; `words` are further names of each commit's line."""
    head = log.head
    _write(
        file,
        {
            "clew": "archive",
            "form": FORM,
            "thread": log.thread,
            "tenant": log.tenant,
            "commits": len(log.rows),
            "status": head.status,
            "graph": head.graph,
            "owner": head.owner,
            "epoch": head.epoch,
            "updated": head.updated,
            "questions": b64encode(head.questions).decode(),
            **log.more,
        },
    )
    for row, said in zip(log.rows, words or repeat({}, len(log.rows)), strict=True):
        kept = {"digest": row.digest.hex(), "body": b64encode(row.body).decode()}
        _write(file, {"version": row.version, **said, **kept})


def read_logs(path: str | PathLike[str]) -> Iterator[ArchivedThread]:
    """The threads of an archive, one at a time.

    Raises:
        ArchiveError: a line is not what it should be, or the file ends too early; it names the line.
        OSError: the file cannot be read.
    """
    name = fspath(path)
    with open_text(name) as file:
        lines = _lines(file, name)
        for number, head in lines:
            yield _thread(head, number, lines, name)


def open_text(name: str) -> IO[str]:
    """The file as text to be read, unpacked where its name says so."""
    if name.endswith(".gz"):
        return gzip.open(name, "rt", encoding="utf-8")  # type: ignore[return-value]
    return open(name, encoding="utf-8")


@contextmanager
def text_into(file: IO[bytes], *, packed: bool) -> Iterator[IO[str]]:
    """Text to be written into an open file, which is cut to it and stays open."""
    file.truncate(0)
    binary: Any = gzip.GzipFile("", "wb", fileobj=file) if packed else file
    text = io.TextIOWrapper(binary, encoding="utf-8")
    try:
        yield text
    finally:
        text.detach()
        if packed:
            binary.close()
        file.flush()


def _lines(file: Iterable[str], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        for number, text in enumerate(file, 1):
            line = json.loads(text)
            if not isinstance(line, dict):
                raise ValueError("it is no JSON object")
            yield number, line
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveError(name, number, f"it cannot be read ({error})") from error


def _thread(
    head: dict[str, Any], number: int, lines: Iterator[tuple[int, dict[str, Any]]], name: str
) -> ArchivedThread:
    if head.get("clew") != "archive" or type(head.get("form")) is not int:
        raise ArchiveError(name, number, "it is no head of a thread")
    if head["form"] > FORM:
        raise ArchiveError(
            name, number, f"its form is {head['form']}, this clew reads up to {FORM}: install a newer one"
        )
    try:
        thread, tenant, count = str(head["thread"]), str(head["tenant"]), int(head["commits"])
        questions = b64decode(head["questions"], validate=True)
        graph, owner = str(head["graph"]), str(head["owner"])
        stands = Head(int(head["status"]), questions, graph, owner, int(head["epoch"]), int(head["updated"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveError(name, number, f"it is no head of a thread ({error!r})") from error
    rows: list[Row] = []
    while len(rows) < count:
        found = next(lines, None)
        if found is None:
            raise ArchiveError(name, number, f"thread {thread!r} has {count} commits, the file ends after {len(rows)}")
        at, line = found
        try:
            digest, body = bytes.fromhex(line["digest"]), b64decode(line["body"], validate=True)
            rows.append(Row(thread, int(line["version"]), len(rows), digest, body, tenant))
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveError(name, at, f"it is no commit of thread {thread!r} ({error!r})") from error
    return ArchivedThread(thread, tenant, stands, rows, {name: head[name] for name in head if name not in _HEAD_NAMES})


def _write(file: IO[str], line: dict[str, Any]) -> None:
    file.write(json.dumps(line, separators=(",", ":")))
    file.write("\n")
