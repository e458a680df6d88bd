"""A command at a terminal of its own: 80 columns, typed at and read as a person would, or killed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS_MAX = 60.0
PAUSE_SECONDS = 5.0
ROWS, COLUMNS = 24, 80
# Opening it makes the terminal the session's own, so that Ctrl+C reaches the command; it keeps the process's id.
_AT_ITS_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests that were started in the background were told to ignore it
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs `command` in `folder` at a pseudo-terminal. Killed at the end of the block if it still runs."""

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", _AT_ITS_TERMINAL, *command],
            cwd=folder,
            env={**environment, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.text = ""
        """Everything it printed so far."""

    def read_until(self, wanted: str) -> str:
        """Read until `wanted` was printed; everything up to then."""
        deadline = time.monotonic() + SECONDS_MAX
        while wanted not in self.text:
            assert self._read(deadline), f"it ended or waits, and never printed {wanted!r}:\n{self.text}"
        return self.text

    def type(self, keys: str) -> None:
        """Press keys: "\\n" is Enter, "\\x03" Ctrl+C."""
        os.write(self._ours, keys.encode())

    def press_until(self, keys: str, wanted: str) -> None:
        """Press keys, again every few seconds, until `wanted` is printed.

        Python's `input` overlooks a Ctrl+C in the first instant after its prompt; a person would press it again too.
        """
        deadline = time.monotonic() + SECONDS_MAX
        while wanted not in self.text:
            assert time.monotonic() < deadline, f"it never printed {wanted!r}:\n{self.text}"
            self.type(keys)
            pause = time.monotonic() + PAUSE_SECONDS
            while wanted not in self.text and self._read(pause):
                pass

    def kill(self) -> None:
        """Kill it as `kill -9` does, and see that it is dead."""
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(SECONDS_MAX) == -signal.SIGKILL

    def end(self) -> int:
        """Read on until it ends; its exit code."""
        deadline = time.monotonic() + SECONDS_MAX
        while self._read(deadline):
            pass
        return self.process.wait(SECONDS_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(SECONDS_MAX)
        os.close(self._ours)

    def _read(self, deadline: float) -> bool:
        """Read what is there, waiting for it; False when it ended or the time is up."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            read = os.read(self._ours, 65536)
        except OSError:  # Linux: nobody holds the other end any more
            return False
        self.text += read.decode(errors="replace").replace("\r\n", "\n")
        return bool(read)
