"""Run the mutation tests: `python -m tests.guarantees.mutation [--target NAME] [--only FUNCTION] [--sample N]`.

It works in a copy, where the rooms lie as they are imported, so nothing here is ever changed. Exit code 1: too few
changes were noticed, or one survived that survivors.toml does not list.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SETTINGS = tomllib.loads((HERE / "mutation.toml").read_text(encoding="utf-8"))
EXPECTED = tomllib.loads((HERE / "survivors.toml").read_text(encoding="utf-8"))
NOTICED = {"killed", "timeout", "segfault", "suspicious"}
PROJECT = '''
[tool.pytest.ini_options]
# Each change is tested by a session of its own, in a fork: what a session does besides its tests is most of the time.
addopts = """--import-mode=importlib --assert=plain --disable-plugin-autoload -p no:unraisableexception
-p no:threadexception -p pytest_timeout -p tests.support.figures -p clew.actors.kit.plugin"""
pythonpath = ["."]
timeout = 120
filterwarnings = ["error"]
markers = ["slow: takes more than 0.25 seconds"]

[tool.mutmut]
source_paths = ["clew"]
only_mutate = {code}
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-k", "not postgres and not fast and not costs_the_same"]
process_isolation = "forkserver"
track_dependencies = false
timeout_constant = 8.0
use_git_change_detection = false
'''


@dataclass(frozen=True)
class Mutant:
    """One change, and what came of it."""

    name: str
    status: str
    change: str
    """The lines that it took away and put there; empty unless it survived."""


@dataclass(frozen=True)
class Wanted:
    """Which changes are tried; all of them by default."""

    sample: int | None = None
    """So many, drawn at random."""
    seed: int = 0
    only: tuple[str, ...] = ()
    """Of functions whose names have one of these in them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.guarantees.mutation", description=__doc__)
    parser.add_argument(
        "--target", action="append", choices=list(SETTINGS["targets"]), help="this one; may be repeated"
    )
    parser.add_argument("--sample", type=int, help="so many changes of each target, drawn at random")
    parser.add_argument("--only", action="append", help="changes whose function's name has this in it; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--folder", type=Path, help="where the copies are made and kept; a temporary one by default")
    parser.add_argument("--children", type=int, default=2, help="changes that are tested at once")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or Path(temporary)).resolve()
        outcomes = [
            tested(target, folder / target, asked.children, Wanted(asked.sample, asked.seed, tuple(asked.only or ())))
            for target in asked.target or SETTINGS["targets"]
        ]
        return 0 if all(outcomes) else 1


def tested(target: str, folder: Path, children: int, wanted: Wanted) -> bool:
    """Run one target and print its figures; True when enough was noticed and every survivor is expected."""
    settings = SETTINGS["targets"][target]
    lay_out(folder, settings["code"], settings["tests"])
    names = drawn(folder, settings["code"], wanted) if wanted != Wanted() else []
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children), *names]
    # CI: Hypothesis draws the same examples each time then, and sets no deadline.
    surroundings = os.environ | {"CI": "true", "CLEW_TAMPER_CASES": "200"}
    if subprocess.run(command, cwd=folder, stdout=sys.stderr, env=surroundings, check=False).returncode:
        print(f"{target}: mutmut failed, see above")
        return False
    return report(target, results(folder, settings["code"]))


def lay_out(folder: Path, code: Iterable[str], tests: Iterable[str]) -> None:
    """The package as it is imported, its tests beside it; a folder that is there goes on where it was."""
    unwanted = shutil.ignore_patterns("__pycache__")
    package = folder / "clew"
    shutil.copytree(ROOT / "actors" / "facade", package, dirs_exist_ok=True, ignore=unwanted)
    for room in ("events", "projections", "actors"):
        shutil.copytree(ROOT / room, package / room, dirs_exist_ok=True, ignore=unwanted)
    shutil.rmtree(package / "actors" / "facade")
    shutil.copytree(ROOT / "tests", folder / "tests", dirs_exist_ok=True, ignore=unwanted)
    project = PROJECT.format(code=json.dumps([f"clew/{one}" for one in code]), tests=json.dumps(list(tests)))
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")


def drawn(folder: Path, code: Iterable[str], wanted: Wanted) -> list[str]:
    """Names of changes, of the functions that are wanted, drawn at random from all that mutmut makes of the code."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    names: list[str] = []
    os.chdir(folder)  # where mutmut looks for its settings
    for one in code:
        path = Path("clew") / one
        module = ".".join(("clew", *Path(one).with_suffix("").parts))
        mutated = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
        names += [f"{module}.{name}" for name in mutated.mutant_names]
    if wanted.only:
        names = [name for name in names if any(part in function_of(name) for part in wanted.only)]
    return random.Random(wanted.seed).sample(names, min(wanted.sample or len(names), len(names)))


def results(folder: Path, code: Iterable[str]) -> list[Mutant]:
    """What mutmut wrote down, of the changes that were tested."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    found: list[Mutant] = []
    os.chdir(folder)  # mutmut finds what it noted of a file's functions from there
    for one in code:
        path = Path("clew") / one
        meta = json.loads(Path("mutants", f"{path}.meta").read_text(encoding="utf-8"))
        for name, exit_code in meta["exit_code_by_key"].items():
            status = status_by_exit_code[exit_code]
            if status == "not checked":
                continue
            change = "" if status in NOTICED else changed_lines(get_diff_for_mutant(name, path=path))
            found.append(Mutant(name, status, change))
    return found


def changed_lines(difference: str) -> str:
    """The lines of a unified difference that differ, without their indentation."""
    lines = difference.splitlines()[2:]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines if line.startswith(("-", "+")))


def function_of(name: str) -> str:
    """`clew.events.rows.xǁStoreǁappend__mutmut_3` is of `clew.events.rows.Store.append`."""
    module, _, mangled = name.partition("__mutmut_")[0].rpartition(".")
    plain = ".".join(mangled[2:].split("ǁ")) if "ǁ" in mangled else mangled[2:]
    return f"{module}.{plain}"


def reason_for(mutant: Mutant) -> str | None:
    """Why nobody need notice a change, as survivors.toml has it."""
    for expected in EXPECTED["survivor"]:
        if function_of(mutant.name).endswith(expected["function"]) and any(
            change in mutant.change for change in expected["changes"]
        ):
            return expected["reason"]
    return None


def report(target: str, mutants: Sequence[Mutant]) -> bool:
    """Print a target's figures and what survived unexpectedly."""
    statuses = Counter(mutant.status for mutant in mutants)
    noticed = sum(count for status, count in statuses.items() if status in NOTICED)
    percent = 100 * noticed / max(1, len(mutants))
    survivors = [mutant for mutant in mutants if mutant.status not in NOTICED]
    unexpected = [mutant for mutant in survivors if reason_for(mutant) is None]
    for mutant in unexpected:
        print(f"\n{mutant.status}: {mutant.name}\n{mutant.change}")
    print(
        f"\n{target}: {noticed} of {len(mutants)} changes noticed ({percent:.1f} %), {len(survivors)} not, of which "
        f"{len(unexpected)} without a reason; {dict(statuses)}"
    )
    return percent >= SETTINGS["killed_min_percent"] and not unexpected


if __name__ == "__main__":
    sys.exit(main())
