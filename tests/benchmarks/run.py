"""The one command: plays the chosen workloads on clew and langgraph in turn, and prints what it found.

python tests/benchmarks/run.py [--quick] [--check] [--workload NAME …] [--store NAME …] [--readme FILE]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

if not __package__:  # run as a script: make the folder above importable, and only that one
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import duel, limits, readme, report
from benchmarks.bench import Amount, Workload
from benchmarks.engines import CLEW, PEER, RAW
from benchmarks.measuring import Case
from benchmarks.stores import POSTGRES, SQLITE, STORES, create_database, drop_database
from benchmarks.workloads import BY_NAME, WORKLOADS

EXIT_MISSED = 1
EXIT_NOT_POSSIBLE = 2
EXIT_FAILED = 3


@dataclass(frozen=True)
class Wanted:
    """One case to be played, and by which engines in which order."""

    workload: Workload
    amount: Amount
    store: str
    engines: tuple[str, ...]


class NotPossibleError(Exception):
    """Something the run needs is not installed; the message says how to get it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; gives 0, 1 for a missed limit under `--check`, 2 if something is missing, 3 if a row failed.

    A row that fails is named on standard error and left out of the tables; the others are played all the same.
    """
    options = _options().parse_args(arguments)
    wanted = list(wanted_cases(options))
    try:
        _check_installed(wanted, options.peer_python)
        load = [_load()]
        cases, failed = _play(wanted, options)
        load.append(_load())
    except NotPossibleError as error:
        _tell(str(error))
        return EXIT_NOT_POSSIBLE
    found = limits.findings(cases)
    environment = _environment(options) | {"load average before and after": " and ".join(load)}
    text = report.markdown(environment, cases, found)
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.readme:
        readme.write(cases, options.readme)
    if options.json:
        options.json.write_text(json.dumps(report.as_json(environment, cases, found), indent=1), encoding="utf-8")
    if failed:
        return EXIT_FAILED
    missed = any(one.verdict == "missed" for one in found)
    return EXIT_MISSED if options.check and missed else 0


def wanted_cases(options: argparse.Namespace) -> Iterator[Wanted]:
    """Give the cases the options choose, cheapest store first within a workload."""
    for workload in WORKLOADS:
        if workload.name not in options.workload:
            continue
        for amount in workload.quick if options.quick else workload.full:
            engines = tuple(engine for engine in amount.engines or workload.engines if engine in (*options.engine, RAW))
            for store in workload.stores:
                if engines and store in options.store and (not options.size or amount.size in options.size):
                    yield Wanted(workload, amount, store, engines)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Run the same workload on clew and on langgraph, in turn.")
    parser.add_argument("--quick", action="store_true", help="less of everything; the long rows on clew alone")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit was missed")
    parser.add_argument("--workload", nargs="+", choices=list(BY_NAME), default=list(BY_NAME), metavar="NAME")
    parser.add_argument("--store", nargs="+", choices=STORES, default=list(STORES), metavar="NAME")
    parser.add_argument("--engine", nargs="+", choices=(CLEW, PEER), default=[CLEW, PEER], metavar="NAME")
    parser.add_argument("--size", nargs="+", type=int, default=[], metavar="N", help="only rows of these sizes")
    parser.add_argument("--peer-python", default=sys.executable, metavar="PATH", help="interpreter that has langgraph")
    parser.add_argument("--folder", type=Path, metavar="PATH", help="disk for the stores (default: a temporary folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to a file, too")
    parser.add_argument(
        "--readme", type=Path, metavar="FILE", help="write the README's table between its marks in this file"
    )
    return parser


def _check_installed(wanted: Sequence[Wanted], peer_python: str) -> None:
    stores = sorted({one.store for one in wanted if PEER in one.engines})
    if not stores:
        return
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from benchmarks.engines import *; "
        "print(*missing_modules(PEER, sys.argv[2:]))"
    )
    folder = str(Path(__file__).resolve().parents[1])
    asked = subprocess.run([peer_python, "-c", program, folder, *stores], capture_output=True, text=True, check=False)
    missing = asked.stdout.strip() or asked.stderr.strip()
    if missing:
        raise NotPossibleError(
            f"langgraph is not complete in {peer_python!r} (missing: {missing}); install it with "
            "`pip install 'clew[bench]'`, or name another interpreter with --peer-python, or run --engine clew"
        )


def _play(wanted: Sequence[Wanted], options: argparse.Namespace) -> tuple[list[Case], int]:
    """Play every case; gives those that ended well, and how many failed."""
    cases: list[Case] = []
    failed = 0
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="clew-bench-", dir=options.folder)))
        needs_server = any(one.store == POSTGRES for one in wanted)
        server = opened.enter_context(_postgres()) if needs_server else ""
        for number, one in enumerate(wanted, start=1):
            names = " and ".join(one.engines)
            _tell(f"[{number}/{len(wanted)}] {one.workload.name} {one.amount.size:,} on {one.store}: {names}")
            try:
                cases.append(_play_one(one, number, folder, server, options.peer_python))
            except duel.WorkerError as error:
                failed += 1
                _tell(f"failed, and left out: {error}")
    return cases, failed


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _play_one(one: Wanted, number: int, folder: Path, server: str, peer_python: str) -> Case:
    """Give each engine an empty store of its own, let them take turns, and clear the stores away."""
    with ExitStack() as opened:
        contestants = []
        for engine in one.engines:
            location = opened.enter_context(_location(one.store, f"case_{number}_{engine}", folder, server))
            contestants.append((engine, peer_python if engine == PEER else sys.executable, location))
        return duel.play(one.workload, one.amount, one.store, contestants)


@contextmanager
def _location(store: str, name: str, folder: Path, server: str) -> Iterator[str]:
    if store == SQLITE:
        try:
            yield str(folder / f"{name}.sqlite")
        finally:
            for left in folder.glob(f"{name}.sqlite*"):
                left.unlink()
    elif store == POSTGRES:
        try:
            yield create_database(server, name)
        finally:
            drop_database(server, name)
    else:
        yield ""


@contextmanager
def _postgres() -> Iterator[str]:
    """Start the tests' private server and give its connection string.

    The fixture is loaded from its file: this command runs without the tests' package around it.
    """
    specification = spec_from_file_location(
        "clew_benchmark_postgres_server", Path(__file__).resolve().parents[1] / "support" / "postgres_server.py"
    )
    if specification is None or specification.loader is None:
        raise NotPossibleError("tests/support/postgres_server.py cannot be loaded; check the checkout is complete")
    module = module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    if reason := module.reason_missing():
        raise NotPossibleError(f"{reason}; install them (Debian: `apt-get install postgresql`) or leave out the store")
    with module.PostgresServer() as server:
        yield server.dsn


def _environment(options: argparse.Namespace) -> dict[str, Any]:
    folder = options.folder or tempfile.gettempdir()
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count(),
        "file system of the stores": _file_system(Path(folder).resolve()),
        "amounts": "quick" if options.quick else "full",
        "durability": "sync: every step is durable before the next",
    }


def _load() -> str:
    """Give the machine's load of the last minute: well above 1, others were at work, and waits for them are in it."""
    return f"{os.getloadavg()[0]:.1f}"


def _file_system(folder: Path) -> str:
    """Name the kind of file system: on one in memory, a durable commit costs nothing and the rows mean little."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    best, kind = "", "unknown"
    for line in mounts.read_text().splitlines():
        _, point, name, *_ = line.split()
        if folder.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, name
    return kind


if __name__ == "__main__":
    sys.exit(main())
