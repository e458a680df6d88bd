"""Running the stories' programs as a person would: by their file, each in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parents[1] / "stories" / "programs"
SECONDS_MAX = 60.0


class Program:
    """A program that runs. Its lines of JSON are read one at a time."""

    def __init__(self, file: str, *words: str) -> None:
        command = [sys.executable, str(PROGRAMS / file), *words]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        """The next line it prints; fails with what it wrote to its error output when it ends instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended: {self.errors()}"
        return line.strip()

    def says(self) -> Any:
        """The next line it prints, read as JSON."""
        return json.loads(self.line())

    def type(self, line: str = "") -> None:
        """Press the keys of a line and Enter."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """Kill it as `kill -9` does, and see that it is dead."""
        self.process.kill()
        assert self.process.wait(SECONDS_MAX) == -signal.SIGKILL

    def end(self) -> None:
        """Wait until it ends by itself, without an error."""
        assert self.process.wait(SECONDS_MAX) == 0, self.errors()

    def errors(self) -> str:
        """What it wrote to its error output, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextmanager
def program(file: str, *words: str) -> Iterator[Program]:
    """A program, killed and forgotten at the end of the block if it still runs."""
    running = Program(file, *words)
    try:
        yield running
    finally:
        running.process.kill()
        with running.process:
            pass


def outcome(file: str, *words: str, typed: str = "") -> Any:
    """Run a program to its end and give the last line it printed, read as JSON."""
    with program(file, *words) as running:
        running.type(typed)
        said, errors = running.process.communicate(timeout=SECONDS_MAX)
        assert running.process.returncode == 0, errors
        return json.loads(said.splitlines()[-1])
