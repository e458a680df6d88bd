"""A call that must come back: on a thread of its own, with a deadline, and with every thread's stack if it does not."""

from __future__ import annotations

import faulthandler
import tempfile
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
LIMIT_SECONDS = 20.0
"""Far beyond what any call here takes, on the slowest machine."""


class Hang(AssertionError):
    """A call did not come back in time; the message holds the stacks of all threads."""


def within(call: Callable[[], Result], seconds: float = LIMIT_SECONDS) -> Result:
    """What the call returns or raises; `Hang` if it does neither in time, and its thread is left behind."""
    outcome: list[tuple[bool, Any]] = []

    def make() -> None:
        try:
            outcome.append((True, call()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=make, name="watched call", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise Hang(f"no answer in {seconds:g} s; all threads:\n{stacks()}")
    returned, result = outcome[0]
    if returned:
        return result
    raise result


def raised(call: Callable[[], Any], seconds: float = LIMIT_SECONDS) -> BaseException | None:
    """What the call raises, None if it returns; `Hang` as `within`."""
    try:
        within(call, seconds)
    except Hang:
        raise
    except BaseException as error:
        return error
    return None


def stacks() -> str:
    """The stacks of all threads of this process."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        return file.read()
