"""`clew export` and `clew import`: threads in one file, with their chains, and back into a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ....events.archive.transfer import THREADS_MAX, Exported, export_threads, import_threads
from ..frame.desk import Desk, ThreadName, with_desk
from ..frame.group import Failure
from ..frame.output import Column

COLUMNS = (Column("thread", style="cyan", fold=True), Column("version", right=True), Column("digest", style="dim"))


@click.command("export")
@with_desk()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("threads", nargs=-1, type=ThreadName(), metavar="[THREAD]...")
def export(desk: Desk, file: Path, threads: tuple[str, ...]) -> None:
    """Write threads to a new file, with their chains.

    All of them where none is named. FILE is JSON Lines, packed if its name ends in .gz. Every command that reads
    opens it in a store's place. Commits are copied as they are stored: sealed
    ones stay sealed.
    """
    if file.exists():
        raise Failure(f"{str(file)!r} is there already: nothing is overwritten, name another file")
    if not file.absolute().parent.is_dir():
        raise Failure(f"there is no folder {str(file.absolute().parent)!r}")
    store, tenant = desk.saver.store, desk.saver.tenant
    named = [desk.thread(name) for name in threads]
    chosen = list(dict.fromkeys(named)) or [head.thread for head in store.heads(limit=THREADS_MAX, tenant=tenant)]
    with desk.out.progress() as bar:
        task = bar.add_task("threads", total=len(chosen))

        def each() -> Iterator[str]:
            for name in chosen:
                yield name
                bar.advance(task)

        written = export_threads(store, file, each(), tenant)
    _print(desk, written)
    desk.out.say(f"exported {len(written)} threads to {file}")
    desk.out.next(f"clew threads list --store {file}")


@click.command("import")
@with_desk("rw")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(desk: Desk, file: Path) -> None:
    """Bring threads back from an exported file.

    Each thread's chain is proved first; a thread whose id is taken is refused
    by name. It may be repeated if it was broken off. A new store is made by
    clew migrate.
    """
    taken = import_threads(desk.saver.store, file)
    _print(desk, taken)
    desk.out.say(f"imported {len(taken)} threads from {file}")
    if taken:
        desk.next("threads", "show", taken[0].thread)


def _print(desk: Desk, threads: list[Exported]) -> None:
    rows = ((one.thread, str(one.version), one.digest.hex()[:16]) for one in threads)
    desk.out.rows(COLUMNS, rows, map(_record, threads))


def _record(one: Exported) -> dict[str, Any]:
    return {"thread": one.thread, "version": one.version, "digest": one.digest.hex()}
