"""A server process that forks, and the processes it forks. The server starts no thread, so every fork is a clean one.

It is forked itself, so it has the caller's graph, closures and all; nothing is imported by name or sent by pickle. What
a process has to say comes as lines of JSON through a pipe, which outlive the process.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Generator
from typing import Any, NoReturn, final

Say = Callable[[Any], None]
"""Says one thing: any JSON value."""


class ProcessLost(RuntimeError):
    """The server process ended before it had said all, or a process of its hung."""


@final
class Child:
    """A forked process and what it says."""

    def __init__(self, body: Callable[[Say], None]) -> None:
        """Fork; the child runs `body` and ends without any cleaning up."""
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            # Python warns of forking beside threads. The server has none; that its maker has some is known (see serve).
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            _live(body, writing)
        os.close(writing)
        self.reading = reading
        self.began = time.monotonic()
        self._text = b""

    def read(self) -> bool:
        """Take what there is; False when the process has ended and all is read."""
        part = os.read(self.reading, 1 << 16)
        self._text += part
        return bool(part)

    def said(self) -> list[Any]:
        """What it said so far; half a line of a killed process is dropped. Each thing is given once."""
        *lines, self._text = self._text.split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self) -> int:
        """Wait for its end: the signal that killed it, or 0."""
        os.close(self.reading)
        _, status = os.waitpid(self.pid, 0)
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

    def kill(self) -> None:
        """Kill it, for one that hangs."""
        os.kill(self.pid, signal.SIGKILL)


def _live(body: Callable[[Say], None], writing: int) -> NoReturn:
    def say(what: Any) -> None:
        text = json.dumps(what).encode() + b"\n"
        while text:
            text = text[os.write(writing, text) :]

    try:
        body(say)
    except BaseException as error:
        say({"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def serve(body: Callable[[Say], None], silence_max_seconds: float) -> Generator[Any]:
    """Run `body` in a server process, and give what it says as it says it.

    The server is forked here, from the calling process with whatever threads it has; it uses nothing of theirs. Closing
    the iterator kills it.

    Raises:
        ProcessLost: it said nothing for so long, or ended by a signal.
    """

    def threadless(say: Say) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the caller does not mean the server
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a timer kills, from whichever thread it was set
        # What is there now is shared with every child: the collector must not touch, and so copy, all of it. What the
        # caller left for it to collect stays: to go through all of it takes as long as two kills.
        gc.freeze()
        body(say)

    server = Child(threadless)
    ended = False
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(server.reading, selectors.EVENT_READ)
            while not ended:
                if not selector.select(silence_max_seconds):
                    raise ProcessLost(f"the server process {server.pid} said nothing for {silence_max_seconds:g} s")
                ended = not server.read()
                yield from server.said()
    finally:
        if not ended:
            server.kill()
        killed_by = server.end()
    if killed_by:
        raise ProcessLost(f"the server process {server.pid} was killed by signal {killed_by}")
