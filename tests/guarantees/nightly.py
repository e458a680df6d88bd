"""Run lines of the plan at their nightly size, one after the other, and write their figures into the page's table.

    python -m tests.guarantees.nightly                 # all of it: many hours
    python -m tests.guarantees.nightly R4 R5 R9        # these lines
    python -m tests.guarantees.nightly R2 --part 20    # a twentieth of the cases

A line that fails prints the end of what pytest said, keeps its row as it was, and makes the exit code 1. `--print`
writes nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "explanation" / "guarantees.md"
ELSEWHERE = {10: "tests/events/chain/test_verify.py", 11: "tests/events/codec/test_hostile.py"}
"""Lines whose tests stand with the code that they are about."""
MUTATION = 20
"""The line that is no run of pytest."""
LINES = range(1, 21)


def command(line: int) -> list[str]:
    """What runs a line."""
    if line == MUTATION:
        return [sys.executable, "-m", "tests.guarantees.mutation"]
    files = ELSEWHERE.get(line) or next(HERE.glob(f"test_r{line:02}_*.py")).relative_to(ROOT)
    return [sys.executable, "-m", "pytest", str(files), "-n", "0", "--timeout", "0", "-p", "no:cacheprovider"]


def figures(line: int, printed: str) -> list[str]:
    """The line's own figures, each once, with how often it was said."""
    pattern = r"^(\w+: \d+ of \d+ changes noticed.*)$" if line == MUTATION else rf"^R{line}(?: with R17)?: (.+)$"
    counted = Counter(re.findall(pattern, printed, re.MULTILINE))
    return [one if count == 1 else f"{one} ({count} times)" for one, count in counted.items()]


def run(line: int, part: int) -> tuple[list[str], str]:
    """Run one line: its figures, and what was printed if it failed."""
    surroundings = os.environ | {"CLEW_TESTS": "nightly" if part == 1 else f"nightly/{part}"}
    began = time.monotonic()
    done = subprocess.run(command(line), cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode and line != MUTATION:
        return [], (done.stdout + done.stderr)[-8_000:]
    size = "" if part == 1 else f"one case in {part}: "
    told = "; ".join(figures(line, done.stdout)) or "no figure"
    return [f"{size}{told} ({time.monotonic() - began:,.0f} s)"], ""


def written(page: str, line: int, told: str) -> str:
    """The page with the last cell of a line's row changed."""
    row = re.compile(rf"^(\| \[?R{line}\b.*\| )[^|]*( \|)$", re.MULTILINE)
    if not row.search(page):
        raise ValueError(f"the table in {PAGE} has no row for R{line}")
    return row.sub(lambda found: f"{found[1]}{told.replace('|', '/')}{found[2]}", page)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.guarantees.nightly", description=__doc__)
    parser.add_argument("lines", nargs="*", metavar="R4", help="lines of the plan; all of them by default")
    parser.add_argument("--part", type=int, default=1, help="try one case in so many")
    parser.add_argument("--print", action="store_true", help="write nothing")
    asked = parser.parse_args(arguments)
    wanted = [int(name.upper().removeprefix("R")) for name in asked.lines] or list(LINES)
    if unknown := [line for line in wanted if line not in LINES]:
        parser.error(f"the plan has R1 to R20, not {unknown}")
    failed = 0
    for line in wanted:
        told, trouble = run(line, asked.part)
        print(f"R{line}: {'; '.join(told) or 'FAILED'}\n{trouble}".rstrip(), flush=True)
        failed += not told
        if told and not asked.print:
            PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), line, told[0]), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
