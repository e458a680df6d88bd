"""Heads of chains, kept outside of the store: the last version and digest of each thread, signed, to be checked later.

    {"clew": "heads", "form": 1, "made": "2026-11-25T…", "tenant": "", "threads": 2}
    {"thread": "t-1", "version": 12, "epoch": 0, "digest": "<hex>"}
    {"thread": "t-2", "version": 3, "epoch": 0, "digest": "<hex>"}
    {"signature": "<hex>"}

The signature is HMAC-SHA-256 of all lines before it, under a key of yours; without a key it is their plain SHA-256,
which shows accidents. Whoever can write the store and has no key can cut off ends, not so that this file still fits.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from os import PathLike, fspath
from typing import Any, Final

from msgspec import Struct

from ..errors import ArchiveError, CorruptCommitError, ThreadErasedError
from ..stores.store import Store

FORM: Final = 1
"""Version of the form that is written; older ones are read."""
KEY_BYTES_MIN: Final = 16
"""Bytes of a key at least."""
_DOMAIN: Final = b"clew heads 1\0"


class KnownHead(Struct, frozen=True):
    """Where a thread's chain was known to end."""

    thread: str
    version: int
    digest: bytes
    epoch: int = 0
    """Which life of the thread it was: raised when the thread is begun anew after it was erased."""
    tenant: str = ""


def heads_of(store: Store, threads: Iterable[str], tenant: str = "") -> list[KnownHead]:
    """Where the chains of threads end now; threads that are not there are left out.

    Raises:
        CorruptCommitError: the last commit of one is not there.
    """
    found: list[KnownHead] = []
    for thread in threads:
        try:
            head = store.head(thread, tenant)
        except ThreadErasedError:
            continue
        if head is None:
            continue
        rows = store.read(thread, head.version - 1, head.version, tenant)
        if not rows:
            raise CorruptCommitError(thread, head.version, "the commit is missing")
        found.append(KnownHead(thread, head.version, rows[0].digest, head.head.epoch, tenant))
    return found


def write_heads(
    path: str | PathLike[str], heads: Iterable[KnownHead], key: bytes | None = None, tenant: str = ""
) -> int:
    """Write heads to a new file, signed; how many there were.

    Args:
        path: the file, which is not there yet.
        heads: of one tenant.
        key: of at least 16 bytes, kept away from the store; None signs nothing.
        tenant: whose.

    Raises:
        FileExistsError: the file is there already.
        ValueError: the key is too short.
    """
    known = list(heads)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [_line({"clew": "heads", "form": FORM, "made": made, "tenant": tenant, "threads": len(known)})]
    lines += [
        _line({"thread": one.thread, "version": one.version, "epoch": one.epoch, "digest": one.digest.hex()})
        for one in known
    ]
    lines.append(_line({"signature": _signature("".join(lines).encode(), key)}))
    with open(path, "x", encoding="utf-8") as file:
        file.writelines(lines)
    return len(known)


def read_heads(path: str | PathLike[str], key: bytes | None = None) -> dict[str, KnownHead]:
    """The heads of a file by thread, its signature checked.

    Raises:
        ArchiveError: it is no such file, it is damaged, or this is not the key that signed it.
        OSError: it cannot be read.
        ValueError: the key is too short.
    """
    name = fspath(path)
    with open(name, encoding="utf-8") as file:
        try:
            lines = file.readlines()
        except ValueError as error:
            raise ArchiveError(name, 0, f"it cannot be read ({error})") from error
    parsed = [_parsed(line, number, name) for number, line in enumerate(lines, 1)]
    if len(parsed) < 2 or parsed[0].get("clew") != "heads" or "signature" not in parsed[-1]:
        raise ArchiveError(name, 0, "it is no file of heads, or it was cut off")
    form = parsed[0].get("form")
    if not isinstance(form, int) or form > FORM:
        raise ArchiveError(name, 1, f"its form is {form}, this clew reads up to {FORM}: install a newer one")
    signed = _signature("".join(lines[:-1]).encode(), key)
    if not hmac.compare_digest(signed, str(parsed[-1]["signature"])):
        why = "another key signed it, or it was changed" if key else "it was changed, or a key signed it: give the key"
        raise ArchiveError(name, len(lines), f"the signature does not fit: {why}")
    tenant = str(parsed[0].get("tenant", ""))
    heads = (_head(line, number, name, tenant) for number, line in enumerate(parsed[1:-1], 2))
    return {head.thread: head for head in heads}


def _head(line: dict[str, Any], number: int, name: str, tenant: str) -> KnownHead:
    try:
        digest = bytes.fromhex(line["digest"])
        return KnownHead(str(line["thread"]), int(line["version"]), digest, int(line["epoch"]), tenant)
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveError(name, number, f"it is no head of a thread ({error!r})") from error


def _parsed(line: str, number: int, name: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError as error:
        raise ArchiveError(name, number, f"it cannot be read ({error})") from error
    if not isinstance(parsed, dict):
        raise ArchiveError(name, number, "it is no JSON object")
    return parsed


def _line(line: dict[str, Any]) -> str:
    return json.dumps(line, separators=(",", ":")) + "\n"


def _signature(message: bytes, key: bytes | None) -> str:
    if key is None:
        return hashlib.sha256(_DOMAIN + message).hexdigest()
    if len(key) < KEY_BYTES_MIN:
        raise ValueError(f"the key has {len(key)} bytes, expected {KEY_BYTES_MIN} or more")
    return hmac.new(key, _DOMAIN + message, "sha256").hexdigest()
