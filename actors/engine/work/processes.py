"""Which processes work on threads: each has a name that the log keeps, and by which others see whether it lives.

A name is `machine/pid/start/number`. A journal has one: two runtimes, or two savers, know as little of each other as
two processes do. Nothing is written to say that a process lives: the operating system knows.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from itertools import count
from pathlib import Path

LOOK_MIN_SECONDS, LOOK_MAX_SECONDS = 0.01, 1.0
"""How soon to look again at what another process does: a tenth of the time since its last commit, in these bounds."""
QUIET_SECONDS = 600.0
"""How long it may commit nothing before nobody waits for it any more, and readers take it for dead."""

_live: set[str] = set()
"""The names of this process that are in use."""
_numbers = count(1)
_prefix = ""


def new_name() -> str:
    """A name for what works on threads from here on; give it back with `forget`."""
    global _prefix
    if not _prefix:
        pid = os.getpid()
        _prefix = f"{_machine()}/{pid}/{_started(pid)}/"
    name = f"{_prefix}{next(_numbers)}"
    _live.add(name)
    return name


def forget(name: str) -> None:
    """Say that nothing works under this name any more."""
    _live.discard(name)


def lives(name: str) -> bool | None:
    """True while the process of this name works, False once it is gone; None for what cannot be seen from here."""
    machine, _, rest = name.partition("/")
    pid, _, rest = rest.partition("/")
    started, _, _ = rest.partition("/")
    if name in _live or (_prefix and name.startswith(_prefix)):
        return name in _live
    if machine != _machine() or not pid.isdigit() or sys.platform == "win32":
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return not started or _started(int(pid)) == started


def look_after(idle_seconds: float) -> float:
    """Seconds to wait before another look at a process that has committed nothing for so long."""
    return min(LOOK_MAX_SECONDS, max(LOOK_MIN_SECONDS, idle_seconds / 10))


@cache
def _machine() -> str:
    """What tells machines apart, and containers whose process ids are their own."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return blake2b("/".join(parts).encode(), digest_size=4).hexdigest()


def _started(pid: int) -> str:
    """When a process began, so that one that has its number later is told from it; "" where nobody says."""
    with suppress(OSError, IndexError):
        # Behind the command's name, which may have spaces and brackets in it. One that nobody waited for is dead.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "dead" if state in "ZX" else fields[18]
    return ""


def _forget_parent() -> None:
    """After a fork: the child has names of its own."""
    global _prefix
    _prefix = ""
    _live.clear()
    _machine.cache_clear()


os.register_at_fork(after_in_child=_forget_parent)
