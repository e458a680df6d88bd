"""A thread's lives: one that was erased is begun anew by the next call; what was under way in the old life ends."""

from __future__ import annotations

from typing import Any

from ....events.errors import ThreadErasedError
from ....projections.state.thread import ThreadState
from ...decider.commands import Report, Stop
from ..run import Run
from .messages import Part

_CONFLICTS_MAX = 3
"""How often a call is decided anew before another process's deletions win."""


class Lives:
    """What an actor does when it finds its thread erased."""

    def _look_whether_erased(self: Any, run: Run) -> None:
        """A run that is to be stored at its end stores each step if it begins a life: its first append says which."""
        if self.state.version >= 0 or self.log is None:
            return
        try:
            self.log.store.head(self.log.thread, self.log.tenant)
        except ThreadErasedError:
            run.at_end = False

    def _begins_anew(self: Any, part: Part, error: ThreadErasedError) -> bool:
        """Decide a call once more, as the first of the thread's next life; False for work of the life that is over."""
        self.forget()
        run, epoch = part.run, error.epoch
        if part.late or run.over or run.outer is not None or epoch is None or part.conflicts > _CONFLICTS_MAX:
            return False
        if isinstance(part.command, (Report, Stop)):
            return False
        self.fit(run)
        self.state = run.before = ThreadState(epoch=epoch + 1)
        self._decide(run, part.command, conflicts=part.conflicts + 1)
        return True
