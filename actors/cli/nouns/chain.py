"""`clew verify`: is every commit what was appended, in its place, to the end; and heads to check that against later."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from ....events.chain.heads import KEY_BYTES_MIN, KnownHead, heads_of, read_heads, write_heads
from ....events.chain.store import THREADS_MAX, Verified, verify_threads
from ....events.chain.verify import Finding
from ..frame.desk import Desk, ThreadName, with_desk
from ..frame.group import FOUND, Failure
from ..frame.output import Column

KEY_VARIABLE: Final = "CLEW_HEADS_KEY"
COLUMNS = (
    Column("thread", style="cyan", width_max=20),
    Column("version", right=True),
    Column("kind", style="bold red"),
    Column("what", fold=True),
)


@click.command()
@with_desk()
@click.argument("threads", nargs=-1, type=ThreadName(), metavar="[THREAD]...")
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Heads that --save wrote earlier: also a cut-off end or a rewritten history shows.",
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write where each chain ends now to this new file, signed; keep it elsewhere.",
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Key that signs heads, {KEY_BYTES_MIN} bytes or more. [env: {KEY_VARIABLE}]",
)
def verify(
    desk: Desk, threads: tuple[str, ...], against: Path | None, save: Path | None, key_file: Path | None
) -> None:
    """Check that logs are whole, by their chains.

    Of the threads that are named, or of a whole store or file.

    Every commit that was changed, is missing, swapped, duplicated or cut off is
    named with its thread and version; so is one whose events cannot be read.
    Nothing is decrypted unless --cipher is given, and nothing is changed.
    Exit code 1 if anything was found.
    """
    key = _key(key_file)
    known = _known(against, key, desk.saver.tenant)
    named = [_named(desk, name, known) for name in threads]
    began = time.perf_counter()
    done = [*_verified(desk, named, known)]
    seconds = time.perf_counter() - began
    findings = [(one, finding) for one in done for finding in one.findings]
    commits, events = sum(one.commits for one in done), sum(one.events for one in done)
    record = {
        "threads": len(done),
        "commits": commits,
        "events": events,
        "seconds": round(seconds, 3),
        "findings": [_record(one, finding) for one, finding in findings],
    }
    if desk.out.form == "jsonl":
        for one, finding in findings:
            desk.out.line(_record(one, finding))
    elif findings or not desk.out.table:
        desk.out.figure(COLUMNS, (_row(one, finding) for one, finding in findings), record)
    bad = {one.thread for one, finding in findings if finding.kind != "erased"}
    checked = f"{len(done)} threads, {commits:,} commits, {events:,} events in {seconds:.2f} s"
    if save is not None and not bad:
        saved = write_heads(
            save, heads_of(desk.saver.store, [one.thread for one in done], desk.saver.tenant), key, desk.saver.tenant
        )
        desk.out.say(f"saved {saved} heads to {save}" + ("" if key else ", unsigned: give a key with --key-file"))
        desk.next("verify", "--against", str(save))
    if bad:
        desk.out.say(f"{len(bad)} of {checked} are not whole", "red")
        desk.next("events", min(bad))
        if save is not None:
            desk.out.say(f"{save} was not written: heads of broken chains prove nothing", "red")
        raise click.exceptions.Exit(FOUND)
    desk.out.say(f"whole: {checked}", "green")


def _verified(desk: Desk, named: list[str], known: Mapping[str, KnownHead]) -> list[Verified]:
    store, tenant = desk.saver.store, desk.saver.tenant
    threads = named or list(
        dict.fromkeys([*(head.thread for head in store.heads(limit=THREADS_MAX, tenant=tenant)), *known])
    )
    done: list[Verified] = []
    with desk.out.progress() as bar:
        task = bar.add_task("threads", total=len(threads))
        for one in verify_threads(store, threads, tenant, known=known, cipher=desk.saver.cipher):
            done.append(one)
            bar.advance(task)
    return done


def _named(desk: Desk, name: str, known: Mapping[str, KnownHead]) -> str:
    """A thread of the store, or one that was known and may be gone."""
    try:
        return desk.thread(name)
    except Failure:
        if name in known:
            return name
        raise


def _known(path: Path | None, key: bytes | None, tenant: str) -> Mapping[str, KnownHead]:
    if path is None:
        return {}
    heads = read_heads(path, key)
    other = next((head.tenant for head in heads.values() if head.tenant != tenant), None)
    if other is not None:
        raise Failure(f"{path} holds heads of tenant {other!r}: give --tenant {other!r}")
    return heads


def _key(path: Path | None) -> bytes | None:
    found = path.read_bytes().strip() if path is not None else os.environ.get(KEY_VARIABLE, "").encode() or None
    if found is not None and len(found) < KEY_BYTES_MIN:
        raise Failure(f"the key has {len(found)} bytes, expected {KEY_BYTES_MIN} or more")
    return found


def _row(one: Verified, finding: Finding) -> tuple[str, ...]:
    return (one.thread, str(finding.version), finding.kind, finding.message)


def _record(one: Verified, finding: Finding) -> dict[str, Any]:
    return {"thread": one.thread, "version": finding.version, "kind": finding.kind, "message": finding.message}
