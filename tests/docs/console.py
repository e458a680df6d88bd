"""Runs the `console` blocks of a document as a shell would: each `$ clew …` line, and what it should print below it.

`...` stands for what differs from run to run; runs of spaces count as one.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from clew.actors.cli.commands import clew
from click.testing import CliRunner

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(document: Path) -> Iterator[tuple[str, list[str]]]:
    """(command, lines that it prints) in the order of the document."""
    for block in BLOCK.findall(document.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def run(command: str, environment: dict[str, str]) -> str:
    """Run a command, and give all that it prints; `export NAME=value` changes the environment."""
    words = shlex.split(command)
    if words[0] == "export":
        name, _, value = words[1].partition("=")
        environment[name] = value
        return ""
    assert words[0] == "clew", f"no shell here runs {command!r}"
    result = CliRunner().invoke(clew, words[1:], env={**os.environ, **environment})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


def differs(wanted: list[str], printed: str) -> str:
    """Why what was printed is not what stands there; "" where it is. What is said besides, to people, may be more."""
    pattern = r"\s+".join(_pattern(line) for line in wanted if line.strip())
    text = "\n".join(" ".join(line.split()) for line in printed.splitlines())
    return "" if re.search(pattern, text) else f"wanted\n{chr(10).join(wanted)}\nprinted\n{printed}"


def _pattern(line: str) -> str:
    words = " ".join(line.split())
    return re.escape(words).replace(re.escape("..."), r"[\s\S]*?").replace(r"\ ", r"\s*")
