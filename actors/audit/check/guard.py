"""What user code may not do while it is only asked what it would do: reach the network, start programs, write files.

An audit hook of Python's says what is about to be done, in whatever thread; it stays installed, and does nothing while
no guard is up. What C libraries do by themselves (a database driver's own sockets, gRPC) it does not hear of.
"""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, NoReturn, Self, final

from ...engine.effects import only_recorded

SOCKETS = frozenset(
    {
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"),
        *("socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
    }
)
PROGRAMS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.kill"}
)
FILES = frozenset(
    {
        *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod"),
        *("shutil.rmtree", "shutil.move", "shutil.copyfile", "tempfile.mkstemp", "tempfile.mkdtemp"),
    }
)
_WRITES = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND


class EffectRefused(BaseException):
    """User code was about to do something that is not on record. No `except Exception` takes it for a failure."""


@final
class Guard:
    """While it is up, code inside can reach nothing outside; what it tried is noted, whatever it made of the refusal.

    One at a time in a process: others wait. Code inside is what runs in this context or in a thread that began since.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        """What was tried and refused, in order."""
        self._before: set[int] = set()
        self._tokens: list[Token[Any]] = []
        self._bytecode = False

    def __enter__(self) -> Self:
        global _up
        _install()
        _one_at_a_time.acquire()
        self._before = {thread.ident for thread in threading.enumerate() if thread.ident is not None}
        self._bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        self._tokens = [_inside.set(True), only_recorded.set(self.refuse)]
        _up = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _up
        _up = None
        only_recorded.reset(self._tokens[1])
        _inside.reset(self._tokens[0])
        sys.dont_write_bytecode = self._bytecode
        _one_at_a_time.release()

    def refuse(self, what: str) -> NoReturn:
        """Note that this was about to be done, and keep it from being done."""
        self.refused.append(what)
        raise EffectRefused(f"{what} is not on record, and nothing new may be done here")

    def holds(self) -> bool:
        """True where the calling code is inside."""
        return _inside.get() or threading.get_ident() not in self._before


_inside: ContextVar[bool] = ContextVar("clew_inside_guard", default=False)
_one_at_a_time = threading.RLock()
_up: Guard | None = None
_installed = False


def _install() -> None:
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    guard = _up
    if guard is None:
        return
    what = _meant(event, arguments)
    if what and guard.holds():
        guard.refuse(what)


def _meant(event: str, arguments: tuple[Any, ...]) -> str:
    """What the event means in words; "" for what may be done."""
    if event == "open":
        path, mode, flags = arguments
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITES)
        return f"writing the file {path!r}" if writes and isinstance(path, (str, bytes)) else ""
    if event == "sqlite3.connect":
        return "" if arguments[0] == ":memory:" else f"opening the database {arguments[0]!r}"
    if event in SOCKETS:
        return f"the network ({event})"
    if event in PROGRAMS:
        return f"another program ({event})"
    return f"a change of files ({event})" if event in FILES else ""
